"""Reference values of the loss of FastFit with tokens as this project defines it: PyTorch, in double precision.

    python generate_token_contrastive.py > token_contrastive.json

The similarity of sequence j to sequence i is the mean over the tokens of i of the largest product with a token of j;
the loss is the supervised contrastive one over all sequences, of which the sum is written.
"""

import json

import numpy as np
import torch

rng = np.random.default_rng(9)
torch.set_default_dtype(torch.float64)


def case(lengths, classes, width, temperature):
    rows = rng.normal(size=(sum(lengths), width))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).round(5).astype(np.float32)
    v = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    starts = np.cumsum([0] + lengths)
    parts = [v[starts[i]:starts[i + 1]] for i in range(len(lengths))]
    n = len(parts)
    similarity = torch.stack([
        torch.stack([(parts[i] @ parts[j].T).max(1).values.mean() for j in range(n)]) for i in range(n)])
    logits = (similarity / temperature).masked_fill(torch.eye(n, dtype=torch.bool), -torch.inf)
    log_share = torch.log_softmax(logits, 1)
    loss = torch.zeros(())
    for i in range(n):
        partners = [j for j in range(n) if j != i and classes[j] == classes[i]]
        if partners:
            loss = loss - log_share[i, partners].mean()
    loss.backward()
    return {
        "lengths": lengths,
        "classes": classes,
        "width": width,
        "temperature": temperature,
        "outputs": rows.ravel().tolist(),
        "loss": loss.item(),
        "gradient": v.grad.numpy().ravel().tolist(),
    }


print(json.dumps([
    case([2, 3, 1, 2], [0, 0, 1, 1], 3, 0.5),
    case([4, 2, 3, 1, 5, 2, 2], [0, 0, 1, 1, 2, 0, 3], 6, 0.07),
    # More tokens than a block of products has.
    case([40, 3, 37, 2], [0, 0, 1, 1], 4, 0.1),
]))
