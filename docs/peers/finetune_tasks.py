"""Fine-tunes with transformers on the same files and settings as `shoal train --task …`, and measures the test set.

usage: finetune_tasks.py TASK MODEL TRAIN TEST [--seed 0] [--epochs 3] [--batch 16] [--rate 5e-5] [--length 128] [--limit N]
TASK: token-classification (columns: word TAB tag; the first subword of a word learns, as in run_ner) | regression (a CSV of
sentence1, sentence2, score) | multi-label (TSV of text and numbers of labels with commas between them, no header).
AdamW without weight decay, a linear schedule without warmup, gradients clipped to 1, dropout as config.json says: the
defaults of the Trainer. (needs torch, transformers, seqeval, scipy, scikit-learn)
"""
import argparse
import csv
import random
import time

import numpy as np
import torch
from transformers import (AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer,
                          get_linear_schedule_with_warmup)

p = argparse.ArgumentParser()
p.add_argument("task"), p.add_argument("model"), p.add_argument("train"), p.add_argument("test")
for name, kind, default in [("seed", int, 0), ("epochs", int, 3), ("batch", int, 16), ("rate", float, 5e-5), ("length", int, 128), ("limit", int, 0), ("threads", int, 2)]:
    p.add_argument("--" + name, type=kind, default=default)
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
tok = AutoTokenizer.from_pretrained(a.model)


def read(path):
    if a.task == "token-classification":
        rows, words, tags = [], [], []
        for line in open(path, encoding="utf-8"):
            if not line.strip():
                if words: rows.append((words, tags))
                words, tags = [], []
            else:
                word, tag = line.rstrip("\n").split("\t")[:2]
                words.append(word), tags.append(tag)
        return rows + ([(words, tags)] if words else [])
    if a.task == "regression":
        return [((r["sentence1"], r["sentence2"]), float(r["score"])) for r in csv.DictReader(open(path, newline="", encoding="utf-8"))]
    return [(line.split("\t")[0], [int(n) for n in line.split("\t")[1].split(",")]) for line in open(path, encoding="utf-8") if line.strip()]


train, test = read(a.train), read(a.test)
if a.limit: train = train[:a.limit]
if a.task == "token-classification":
    types = sorted({t[2:] for _, tags in train for t in tags if t != "O"})
    names = ["O"] + [x + t for t in types for x in ("B-", "I-")]
    model = AutoModelForTokenClassification.from_pretrained(a.model, num_labels=len(names))
elif a.task == "regression":
    model = AutoModelForSequenceClassification.from_pretrained(a.model, num_labels=1, problem_type="regression")
else:
    count = 1 + max(n for _, ns in train for n in ns)
    model = AutoModelForSequenceClassification.from_pretrained(a.model, num_labels=count, problem_type="multi_label_classification")


def batch(rows):
    options = dict(padding=True, truncation=True, max_length=a.length, return_tensors="pt")
    if a.task != "token-classification":
        texts = [x for x, _ in rows]
        x = tok([t[0] for t in texts], [t[1] for t in texts], **options) if a.task == "regression" else tok(texts, **options)
        if a.task == "regression":
            y = torch.tensor([[v] for _, v in rows])
        else:
            y = torch.zeros(len(rows), count)
            for i, (_, ns) in enumerate(rows): y[i, ns] = 1
        return x, y
    x = tok([w for w, _ in rows], is_split_into_words=True, **options)
    y = torch.full(x["input_ids"].shape, -100)
    for i, (_, tags) in enumerate(rows):
        last = None
        for j, word in enumerate(x.word_ids(i)):
            if word is not None and word != last: y[i, j] = names.index(tags[word])
            last = word
    return x, y


model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=a.rate, weight_decay=0.0)
steps = a.epochs * ((len(train) + a.batch - 1) // a.batch)
schedule = get_linear_schedule_with_warmup(optimizer, 0, steps)
order, began = random.Random(a.seed), time.time()
for _ in range(a.epochs):
    order.shuffle(train)
    for i in range(0, len(train), a.batch):
        x, y = batch(train[i:i + a.batch])
        model(**x, labels=y).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(), schedule.step(), optimizer.zero_grad()
seconds = time.time() - began
model.eval()
predicted, expected = [], []
with torch.no_grad():
    for i in range(0, len(test), 32):
        x, y = batch(test[i:i + 32])
        logits = model(**x).logits
        if a.task == "token-classification":
            for row, labels, best in zip(test[i:i + 32], y, logits.argmax(-1)):
                kept = labels != -100
                found = [names[n] for n in best[kept]]
                # Words beyond the length count as outside.
                predicted.append(found + ["O"] * (len(row[1]) - len(found))), expected.append(row[1])
        else:
            predicted.append(logits.numpy()), expected.append(y.numpy())
if a.task == "token-classification":
    from seqeval.metrics import f1_score
    score = f"f1 {f1_score(expected, predicted):.4f}"
elif a.task == "regression":
    from scipy.stats import pearsonr, spearmanr
    x, y = np.concatenate(predicted)[:, 0], np.concatenate(expected)[:, 0]
    score = f"spearman {spearmanr(x, y)[0]:.4f} pearson {pearsonr(x, y)[0]:.4f}"
else:
    from sklearn.metrics import f1_score
    x, y = np.concatenate(predicted) > 0, np.concatenate(expected)
    score = f"macro_f1 {f1_score(y, x, average='macro', zero_division=0):.4f} micro_f1 {f1_score(y, x, average='micro'):.4f}"
print(f"transformers {a.task} seed {a.seed}: {score}, {steps} steps in {seconds:.0f} s", flush=True)
