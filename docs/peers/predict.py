"""Inference on the same texts with `transformers` and onnxruntime.

MODEL=dir DATA=test.csv [ML=128] [BATCH=32] [THREADS=2] [ONNX=1] python predict.py

Prints real tokens a second (padding not counted), tokenization included, the better of two passes; `sorted` puts texts of
a length together, as Shoal does.
"""
import csv
import os
import time

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

threads = int(os.environ.get("THREADS", 2))
torch.set_num_threads(threads)
folder, length = os.environ["MODEL"], int(os.environ.get("ML", 128))
size = int(os.environ.get("BATCH", 32))
with open(os.environ["DATA"], newline="") as file:
    texts = [row["text"] for row in csv.DictReader(file)]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()


def batches(by_length):
    encoded = tokenizer(texts, truncation=True, max_length=length)["input_ids"]
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i])) if by_length else range(len(encoded))
    order = list(order)
    for start in range(0, len(order), size):
        ids = [encoded[i] for i in order[start : start + size]]
        longest = max(map(len, ids))
        x = torch.zeros(len(ids), longest, dtype=torch.long)
        mask = torch.zeros(len(ids), longest, dtype=torch.long)
        for row, one in enumerate(ids):
            x[row, : len(one)] = torch.tensor(one)
            mask[row, : len(one)] = 1
        yield x, mask


def measure(name, run):
    for by_length in (False, True):
        best, tokens = float("inf"), 0
        for _ in range(2):
            start, tokens = time.time(), 0
            for x, mask in batches(by_length):
                run(x, mask)
                tokens += int(mask.sum())
            best = min(best, time.time() - start)
        print(f"{name}{', sorted' if by_length else ''}: {tokens / best:.0f} tokens/s", flush=True)


with torch.inference_mode():
    measure("transformers float32", lambda x, mask: model(input_ids=x, attention_mask=mask).logits)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        measure("transformers bf16 autocast", lambda x, mask: model(input_ids=x, attention_mask=mask).logits)
    half = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).eval()
    measure("transformers bf16 weights", lambda x, mask: half(input_ids=x, attention_mask=mask).logits)

if os.environ.get("ONNX") == "1":
    import onnxruntime

    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), "shoal-peer.onnx")
    x = torch.ones(2, 16, dtype=torch.long)
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        model, (x, x), path, input_names=["input_ids", "attention_mask"], output_names=["logits"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}}, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    measure(
        "onnxruntime float32",
        lambda x, mask: session.run(None, {"input_ids": x.numpy(), "attention_mask": mask.numpy()}))
