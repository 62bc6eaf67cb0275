"""Writes the reference values that the tests of Training compare with: PyTorch, transformers, scikit-learn.

Usage: python make_fixtures.py    (writes *.json beside itself; needs torch, transformers, scikit-learn)

Inputs are drawn from a fixed seed. Inputs that the tests need are stored too, so the tests draw nothing.
"""

import json
import math
import pathlib
import random
import warnings

import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

HERE = pathlib.Path(__file__).parent
STEPS = 200
KEEP = (0, 1, 2, 9, 49, 99, 199)  # the steps after which the weights are stored

warnings.filterwarnings("ignore")
torch.set_num_threads(1)


def numbers(tensor):
    """The float32 values in the fewest digits that give them back (9 are always enough)."""
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


def write(name, value):
    path = HERE / name
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")
    print(f"{name}: {path.stat().st_size} bytes")


# The flat vector: two dense tensors (the second does not decay) with a gap, then a table of 6 rows of 3 floats.
DECAYING, PLAIN, ROWS, WIDTH = 7, 5, 6, 3


def gradients(generator):
    """Per step: the dense gradients and those of a few rows. Row 5 never has one; row 4 only once, early."""
    steps = []
    for step in range(STEPS):
        scale = 10 ** random.uniform(-4, 1)
        dense = torch.randn(DECAYING + PLAIN, generator=generator) * scale
        dense[3] = 0.0
        rows = sorted(random.sample(range(4), random.randint(0, 3)))
        if step == 5:
            rows.append(4)
        table = torch.randn(len(rows), WIDTH, generator=generator) * scale
        steps.append((torch.round(dense, decimals=6), rows, torch.round(table, decimals=6)))
    return steps


def run_optimizer(steps, start, make, clip):
    a, b, table = (torch.nn.Parameter(t.clone()) for t in start)
    optimizer = make([a, b, table])
    kept, norms = [], []
    for step, (dense, rows, values) in enumerate(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        a.grad = dense[:DECAYING].clone()
        b.grad = dense[DECAYING:].clone()
        table.grad = torch.zeros(ROWS, WIDTH)
        for i, row in enumerate(rows):
            table.grad[row] = values[i]
        if clip is not None:
            norms.append(float(torch.nn.utils.clip_grad_norm_([a, b, table], clip)))
        optimizer.step()
        if step in KEEP:
            kept.append(numbers(torch.cat([a.detach(), b.detach(), table.detach().flatten()])))
    return kept, norms


def learning_rate(step):
    return 0.02 * (1 + math.sin(step)) + 1e-4


def groups(params, decay):
    a, b, table = params
    return [{"params": [a, table], "weight_decay": decay}, {"params": [b], "weight_decay": 0.0}]


def layer_decay():
    """AdamW with a parameter group for each part of a model of two layers, and for what decays and does not.

    The tensors are those of the tests' tiny model, in the order of its parts from the head on; each step's gradient is
    the same for all elements of a tensor.
    """
    decay, rate = 0.8, 0.01
    # (distance from the head, whether weight decay applies): as in BEiT's parameter groups.
    tensors = [(distance, decays) for distance in range(4) for decays in (True, False)]
    start = [0.5 - 0.1 * i for i in range(len(tensors))]
    params = [torch.nn.Parameter(torch.tensor([x])) for x in start]
    optimizer = torch.optim.AdamW(
        [{"params": [p], "lr": rate * decay ** distance, "weight_decay": 0.1 if decays else 0.0}
         for p, (distance, decays) in zip(params, tensors)], foreach=False)
    gradients, kept = [], []
    for step in range(10):
        gradients.append([round(math.sin(1.7 * step + i), 4) for i in range(len(tensors))])
        for p, g in zip(params, gradients[-1]):
            p.grad = torch.tensor([g])
        optimizer.step()
        kept.append([p.item() for p in params])
    write("layer_decay.json", {
        "decay": decay, "rate": rate, "weightDecay": 0.1, "layers": 2,
        "distances": [d for d, _ in tensors], "decays": [d for _, d in tensors],
        "start": start, "gradients": gradients, "kept": kept})


def optimizers():
    generator = torch.Generator().manual_seed(20)
    random.seed(20)
    steps = gradients(generator)
    start = [
        torch.round(torch.randn(n, generator=generator), decimals=4)
        for n in (DECAYING, PLAIN, ROWS * WIDTH)
    ]
    start[2] = start[2].reshape(ROWS, WIDTH)
    cases = []
    for beta1, beta2, epsilon, decay, clip in [
        (0.9, 0.999, 1e-8, 0.01, None),
        (0.9, 0.999, 1e-8, 0.0, None),
        (0.9, 0.98, 1e-6, 0.1, 1.0),
        (0.8, 0.95, 1e-3, 0.3, 0.5),
        (0.3, 0.9, 1e-8, 0.01, None),
        (0.0, 0.99, 1e-8, 0.01, 1.0),
    ]:
        kept, norms = run_optimizer(
            steps, start, lambda p: torch.optim.AdamW(groups(p, decay), lr=1, betas=(beta1, beta2), eps=epsilon,
                                                      foreach=False), clip)
        cases.append({"hyperparameters": {
            "optimizer": {"name": "adamw", "beta1": beta1, "beta2": beta2, "epsilon": epsilon},
            "weight_decay": decay, "clip_norm": clip, "label_smoothing": 0}, "kept": kept, "norms": norms})
    for momentum, nesterov, decay, clip in [
        (0.0, False, 0.0, None),
        (0.0, False, 0.05, 2.0),
        (0.9, False, 0.0, None),
        (0.9, False, 0.05, 1.0),
        (0.9, True, 0.0, 1.0),
        (0.7, True, 0.05, None),
    ]:
        kept, norms = run_optimizer(
            steps, start, lambda p: torch.optim.SGD(groups(p, decay), lr=1, momentum=momentum, nesterov=nesterov,
                                                    foreach=False), clip)
        cases.append({"hyperparameters": {
            "optimizer": {"name": "sgd", "momentum": momentum, "nesterov": nesterov},
            "weight_decay": decay, "clip_norm": clip, "label_smoothing": 0}, "kept": kept, "norms": norms})
    write("optimizers.json", {
        "start": [numbers(t) for t in start],
        "learningRates": [learning_rate(s) for s in range(STEPS)],
        "dense": [[round(x, 6) for x in d.tolist()] for d, _, _ in steps],
        "rows": [rows for _, rows, _ in steps],
        "table": [[round(x, 6) for x in t.flatten().tolist()] for _, _, t in steps],
        "keptSteps": KEEP,
        "cases": cases,
    })


def schedules():
    cases = []
    for kind, make in [
        ("constant", lambda o, w, t: get_constant_schedule_with_warmup(o, w)),
        ("linear", get_linear_schedule_with_warmup),
        ("cosine", get_cosine_schedule_with_warmup),
    ]:
        for warmup, total in [(0, 200), (20, 200), (7, 150), (250, 200), (200, 200)]:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-4)
            schedule = make(optimizer, warmup, total)
            rates = []
            for _ in range(STEPS):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            cases.append({"kind": kind, "rate": 3e-4, "warmup": warmup, "total": total, "rates": rates})
    random.seed(7)
    falling = [2.0 * 0.97**i + random.uniform(-0.02, 0.02) for i in range(STEPS)]
    stuck = [1.0] * STEPS
    noisy = [random.uniform(0.2, 1.0) for _ in range(STEPS)]
    rising = [0.5 + 0.01 * i for i in range(STEPS)]
    negative = [-0.5 - 0.001 * random.random() * i for i in range(STEPS)]
    sequences = {"falling": falling, "stuck": stuck, "noisy": noisy, "rising": rising, "negative": negative}
    sequences = {k: [round(x, 6) for x in v] for k, v in sequences.items()}
    plateaus = []
    for name, losses in sequences.items():
        for patience, factor, threshold, cooldown, least in [
            (10, 0.1, 1e-4, 0, 0.0),
            (0, 0.9, 0.0, 0, 1e-5),
            (2, 0.5, 1e-2, 3, 1e-6),
            (5, 0.7, 0.05, 1, 0.0),
        ]:
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
            schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, mode="min", factor=factor, patience=patience, threshold=threshold, cooldown=cooldown,
                min_lr=least)
            # The rates as runs of [rate, repeats].
            runs = []
            for loss in losses:
                schedule.step(loss)
                rate = optimizer.param_groups[0]["lr"]
                if runs and runs[-1][0] == rate:
                    runs[-1][1] += 1
                else:
                    runs.append([rate, 1])
            plateaus.append({
                "losses": name, "settings": {"patience": patience, "factor": factor, "threshold": threshold,
                                             "cooldown": cooldown, "minimum_rate": least}, "runs": runs})
    write("schedules.json", {"cases": cases, "sequences": sequences, "plateaus": plateaus})


def cross_entropy():
    generator = torch.Generator().manual_seed(3)
    cases = []
    for classes in (1, 2, 3, 8, 52):
        for smoothing in (0.0, 0.1, 0.5):
            for scale in (0.1, 3.0, 80.0, 1e4):
                if classes > 8 and scale != 3.0:
                    continue
                logits = torch.round(torch.randn(1, classes, generator=generator) * scale, decimals=3)
                logits = logits.double().requires_grad_()
                label = int(torch.randint(classes, (1,), generator=generator))
                loss = torch.nn.functional.cross_entropy(
                    logits, torch.tensor([label]), label_smoothing=smoothing, reduction="sum")
                loss.backward()
                cases.append({
                    "logits": [round(x, 3) for x in logits.flatten().tolist()], "label": label,
                    "smoothing": smoothing, "loss": float(loss), "gradient": numbers(logits.grad)})
    write("cross_entropy.json", cases)


def metrics():
    random.seed(11)
    cases = []
    for classes, count, absent_truth, absent_prediction in [
        (2, 50, [], []),
        (4, 100, [], []),
        (5, 60, [3], []),
        (5, 60, [], [0, 2]),
        (6, 40, [1, 5], [1, 4]),
        (3, 1, [], []),
        (8, 12, [], []),
    ]:
        def draw(absent):
            return random.choice([c for c in range(classes) if c not in absent])
        truth = [draw(absent_truth) for _ in range(count)]
        predictions = [t if random.random() < 0.6 and t not in absent_prediction else draw(absent_prediction)
                       for t in truth]
        labels = list(range(classes))
        precision, recall, f1, support = precision_recall_fscore_support(
            truth, predictions, labels=labels, zero_division=0)
        cases.append({
            "classes": classes, "truth": truth, "predictions": predictions,
            "accuracy": accuracy_score(truth, predictions),
            "macroF1": f1_score(truth, predictions, average="macro", zero_division=0),
            "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(),
            "support": support.tolist(),
            "confusion": confusion_matrix(truth, predictions, labels=labels).tolist()})
    write("metrics.json", cases)


optimizers()
schedules()
cross_entropy()
metrics()
layer_decay()
