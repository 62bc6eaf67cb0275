"""Reference values of objectives and metrics: PyTorch, scikit-learn and SciPy.

    python generate_objectives.py > objectives.json
"""

import json

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score, f1_score

rng = np.random.default_rng(5)


def case(rows, width, kind):
    logits = np.round(rng.normal(scale=2, size=(rows, width)), 2).astype(np.float32)
    if kind == "multi_label":
        targets = (rng.random((rows, width)) < 0.3).astype(np.float32)
        if width > 2:
            targets[:, 2] = 0  # a label that no text has
        loss = torch.nn.BCEWithLogitsLoss()
    else:
        targets = np.round(rng.normal(size=(rows, width)) * 2) / 2  # with ties
        targets = targets.astype(np.float32)
        loss = torch.nn.MSELoss()
    x = torch.tensor(logits, requires_grad=True)
    value = loss(x, torch.tensor(targets))
    value.backward()
    out = {
        "rows": rows,
        "width": width,
        "outputs": logits.ravel().tolist(),
        "targets": targets.ravel().tolist(),
        "loss": value.item(),
        "gradient": x.grad.numpy().ravel().tolist(),
    }
    if kind == "multi_label":
        probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
        scores = {}
        for threshold in (0.5, 0.3):
            found = (probabilities >= threshold).astype(int)
            scores[str(threshold)] = [
                f1_score(targets, found, average=average, zero_division=0) for average in ("macro", "micro", "samples")
            ]
        out["f1"] = scores
        precisions = [
            average_precision_score(targets[:, i], logits[:, i]) if targets[:, i].any() else 0.0 for i in range(width)
        ]
        out["average_precision"] = float(np.mean(precisions))
        best = max(
            (f1_score(targets, (probabilities >= t / 100).astype(int), average="macro", zero_division=0), -abs(t - 50), t)
            for t in range(1, 100)
        )
        out["best_macro_f1"] = best[0]
    else:
        out["spearman"] = float(np.mean([spearmanr(logits[:, i].astype(float), targets[:, i].astype(float))[0] for i in range(width)]))
        out["pearson"] = float(np.mean([pearsonr(logits[:, i].astype(float), targets[:, i].astype(float))[0] for i in range(width)]))
        out["mae"] = float(np.abs(logits.astype(float) - targets).mean())
        out["mse"] = float(((logits.astype(float) - targets) ** 2).mean())
    return out


print(
    json.dumps(
        {
            "multi_label": [case(r, w, "multi_label") for r, w in [(7, 3), (40, 5)]],
            "regression": [case(r, w, "regression") for r, w in [(9, 1), (30, 3)]],
        }
    )
)
