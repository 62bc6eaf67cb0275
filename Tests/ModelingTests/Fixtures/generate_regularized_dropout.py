"""Reference values of R-Drop (Liang et al. 2021): PyTorch, in double precision.

    python generate_regularized_dropout.py > regularized_dropout.json

Of each case the rows of the first pass come first, then those of the second. The divergence is that of the authors'
code: the mean of `F.kl_div` both ways.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

rng = np.random.default_rng(5)
torch.set_default_dtype(torch.float64)


def case(kind, rows, width, alpha, smoothing=0.0, weighted=False):
    logits = np.round(rng.normal(scale=2, size=(2 * rows, width)), 3).astype(np.float32)
    x = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    a, b = x[:rows], x[rows:]
    weights = np.round(rng.uniform(0.1, 3, size=width), 3) if weighted else None
    if kind == "labels":
        targets = rng.integers(0, 2, size=(rows, width))
        y = torch.tensor(targets, dtype=torch.float64)
        plain = (F.binary_cross_entropy_with_logits(a, y) + F.binary_cross_entropy_with_logits(b, y)) / 2
        # Each label is a distribution of two outcomes.
        def two(z):
            return torch.stack([F.logsigmoid(z), F.logsigmoid(-z)], -1)
        p, q = two(a), two(b)
        divergence = (F.kl_div(q, p.exp(), reduction="none") + F.kl_div(p, q.exp(), reduction="none")).sum(-1).mean() / 2
    else:
        targets = rng.integers(0, width, size=rows)
        y = torch.tensor(targets)
        w = torch.tensor(weights) if weighted else None
        loss = torch.nn.CrossEntropyLoss(weight=w, label_smoothing=smoothing)
        plain = (loss(a, y) + loss(b, y)) / 2
        p, q = F.log_softmax(a, -1), F.log_softmax(b, -1)
        both = (F.kl_div(q, p.exp(), reduction="none") + F.kl_div(p, q.exp(), reduction="none")).sum(-1) / 2
        share = torch.ones(rows) if w is None else w[y]
        divergence = (both * share).sum() / share.sum()
    total = plain + alpha * divergence
    total.backward()
    return {
        "kind": kind,
        "rows": rows,
        "width": width,
        "alpha": alpha,
        "smoothing": smoothing,
        "weights": None if weights is None else weights.tolist(),
        "outputs": logits.ravel().tolist(),
        "targets": targets.ravel().tolist(),
        "loss": total.item(),
        "gradient": x.grad.numpy().ravel().tolist(),
    }


print(json.dumps([
    case("classes", 3, 2, 1),
    case("classes", 4, 5, 0.5),
    case("classes", 4, 5, 5, smoothing=0.1),
    case("classes", 5, 4, 2, weighted=True),
    case("classes", 5, 4, 2, smoothing=0.2, weighted=True),
    case("labels", 3, 4, 1),
    case("labels", 5, 1, 4),
]))
