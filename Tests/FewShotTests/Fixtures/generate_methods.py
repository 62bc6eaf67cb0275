"""Writes methods.json: what scikit-learn and SciPy find for the methods of few examples.

usage: generate_methods.py > methods.json (needs numpy, scipy, scikit-learn)
"""
import json

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.covariance import ledoit_wolf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

rng = np.random.default_rng(7)
rows, width, classes = 30, 7, 3
labels = np.arange(rows) % classes
x = rng.normal(size=(rows, width)) + labels[:, None] * 0.4
x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
weights = rng.uniform(0.2, 2, size=rows)
numbers = lambda a: [float(v) for v in np.asarray(a, dtype=np.float64).ravel()]
out = dict(rows=rows, width=width, classes=classes, features=numbers(x), labels=[int(v) for v in labels], weights=numbers(weights))


def regression(c, w=None):
    m = LogisticRegression(C=c, tol=1e-10, max_iter=10000).fit(x.astype(np.float64), labels, w)
    return dict(c=c, coefficients=numbers(m.coef_), intercept=numbers(m.intercept_ - m.intercept_.mean()))


out["regressions"] = [regression(0.5), regression(10)]
out["weighted"] = regression(10, weights)
prior = rng.normal(size=(classes, width)) * 3


def objective(p):
    w, b = p[: classes * width].reshape(classes, width), p[classes * width:]
    logits = x @ w.T + b
    loss = -log_softmax(logits, axis=1)[np.arange(rows), labels].sum() * 2
    d = softmax(logits, axis=1)
    d[np.arange(rows), labels] -= 1
    return loss + ((w - prior) ** 2).sum() / 2, np.concatenate([(2 * d.T @ x + w - prior).ravel(), 2 * d.sum(0)])


found = minimize(objective, np.zeros(classes * (width + 1)), jac=True, method="L-BFGS-B", options=dict(ftol=1e-15, gtol=1e-9, maxiter=10000))
b = found.x[classes * width:]
out["prior"] = dict(c=2, mean=numbers(prior), coefficients=numbers(found.x[: classes * width]), intercept=numbers(b - b.mean()))

means = np.stack([x[labels == k].mean(0) for k in range(classes)]).astype(np.float64)
covariance, shrinkage = ledoit_wolf(x - means[labels], assume_centered=True)
solved = np.linalg.solve(covariance, means.T).T
out["discriminant"] = dict(shrinkage=float(shrinkage), coefficients=numbers(solved), bias=numbers(-(solved * means).sum(1) / 2))

texts = ["the ship sails to a port, the ship", "grain prices and wheat", "wheat wheat grain of the port", "profit rose 12 percent", "net profit of the ship"]
targets = np.eye(3)[[0, 1, 1, 2, 2]]
text_weights = np.array([1, 1, 0.3, 1, 0.5])
v = TfidfVectorizer(sublinear_tf=True, stop_words=["the", "of", "and", "to"])
t = v.fit_transform(texts)
r = Ridge(alpha=0.3, tol=1e-12).fit(t.toarray(), targets, sample_weight=text_weights)
out["lexical"] = dict(
    texts=texts, terms=list(v.get_feature_names_out()), idf=numbers(v.idf_), rows=numbers(t.toarray()), targets=numbers(targets),
    weights=numbers(text_weights), coefficients=numbers(r.coef_), intercept=numbers(r.intercept_),
    unseen=numbers(v.transform(["wheat of a new port"]).toarray()))
print(json.dumps(out))
