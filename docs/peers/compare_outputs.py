"""Compares the predictions of a model folder with those of transformers.

    ./launch.sh predict --model MODEL DATA.jsonl > PREDICTIONS
    python compare_outputs.py MODEL DATA.jsonl PREDICTIONS

DATA.jsonl has the keys text, or sentence1 and sentence2. Prints the greatest difference of a probability (of a
regression: of a number relative to the greater of 1 and itself), and fails above 1e-4.
"""

import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, data, predictions = sys.argv[1:]
torch.set_num_threads(1)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
problem = model.config.problem_type
names = [model.config.id2label[i] for i in range(model.config.num_labels)]
worst, count = 0.0, 0
for record, prediction in zip(map(json.loads, open(data)), map(json.loads, open(predictions)), strict=True):
    texts = [record["text"]] if "text" in record else [record["sentence1"], record["sentence2"]]
    inputs = tokenizer(*texts, return_tensors="pt", truncation=True)
    with torch.no_grad():
        logits = model(**inputs).logits[0].double()
    if problem == "regression":
        expected, found = logits, [prediction[name] for name in names]
    else:
        expected = logits.sigmoid() if problem == "multi_label_classification" else logits.softmax(0)
        found = [prediction["probabilities"][name] for name in names]
    for a, b in zip(expected.tolist(), found, strict=True):
        worst = max(worst, abs(a - b) / max(1, abs(a)))
    count += 1
print(f"{problem}: {count} texts, greatest difference {worst:.2e}")
sys.exit(worst > 1e-4)
