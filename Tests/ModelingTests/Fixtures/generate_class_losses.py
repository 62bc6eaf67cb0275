"""Reference values of cross-entropy with class weights, and of the focal loss: PyTorch, in double precision.

    python generate_class_losses.py > class_losses.json
"""

import json

import numpy as np
import torch

rng = np.random.default_rng(11)
torch.set_default_dtype(torch.float64)


def case(rows, width, weighted, smoothing, gamma, scale):
    logits = np.round(rng.normal(scale=scale, size=(rows, width)), 3).astype(np.float32)
    labels = rng.integers(0, width, size=rows)
    weights = np.round(rng.uniform(0.1, 3, size=width), 3) if weighted else None
    if weighted and width > 3:
        weights[1] = 0  # a class that does not count
    x = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(labels)
    w = torch.tensor(weights) if weighted else None
    if gamma is None:
        loss = torch.nn.CrossEntropyLoss(weight=w, label_smoothing=smoothing)(x, y)
    else:
        factor = torch.ones(width) if w is None else w
        target = (1 - smoothing) * torch.nn.functional.one_hot(y, width) + smoothing / width
        log_p = torch.log_softmax(x, 1)
        terms = -factor * target * (1 - log_p.exp()) ** gamma * log_p
        loss = terms.sum() / factor[y].sum()
    loss.backward()
    return {
        "rows": rows,
        "width": width,
        "outputs": logits.ravel().tolist(),
        "labels": labels.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "smoothing": smoothing,
        "gamma": gamma,
        "loss": loss.item(),
        "gradient": x.grad.numpy().ravel().tolist(),
    }


cases = []
for gamma in (None, 0, 0.5, 1, 2, 5):
    for weighted in (False, True):
        for smoothing in (0.0, 0.1):
            for rows, width, scale in ((5, 2, 1), (6, 4, 5)):
                cases.append(case(rows, width, weighted, smoothing, gamma, scale))
print(json.dumps(cases))
