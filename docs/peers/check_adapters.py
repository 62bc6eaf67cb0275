"""Checks that peft loads the adapters that `shoal train --lora` writes, for every family and kind of head.

usage: check_adapters.py SHOAL WORKDIR [--families roberta,mpnet] [--tasks classification,embedding]
(needs torch, transformers 5, tokenizers, peft, sentence-transformers; WORKDIR is created anew)

For each family a tiny random model is trained for a few steps with an adapter at the family's default targets. Then peft
loads adapter/ beside that model into the class that goes with the task, with every tensor of the file and with no
other, and its outputs must be those that transformers computes of model/, where the adapter is merged. `shoal predict`
must say the same of both. Of embeddings, SentenceTransformer.load_adapter is checked as well. At last an adapter that
peft itself made (query and value of a token classifier, without names of labels) must give what peft computes.
"""
import argparse
import json
import math
import os
import random
import shutil
import sys
import warnings

import peft
import torch
import transformers
from safetensors import safe_open

from check_families import FAMILIES, WORDS, run, text, write_csv, write_model

warnings.filterwarnings("ignore")
transformers.utils.logging.set_verbosity_error()
TASKS = {
    "classification": ("SequenceClassification", "SEQ_CLS"), "multi-label": ("SequenceClassification", "SEQ_CLS"),
    "regression": ("SequenceClassification", "SEQ_CLS"), "token-classification": ("TokenClassification", "TOKEN_CLS"),
    "masked-lm": ("MaskedLM", None), "embedding": (None, "FEATURE_EXTRACTION"),
}


def auto(task):
    name = TASKS[task][0]
    return getattr(transformers, f"AutoModelFor{name}" if name else "AutoModel")


def write_data(folder, task, rng, count=120):
    topics = list(WORDS)
    if task == "token-classification":
        path = os.path.join(folder, "train.conll")
        with open(path, "w", encoding="utf-8") as file:
            for _ in range(count):
                for word in text(rng, rng.choice(topics), 15).split():
                    kind = next((t for t in topics if word.lower().strip(".!") in WORDS[t]), None)
                    file.write(f"{word} {'B-' + kind if kind else 'O'}\n")
                file.write("\n")
        return path
    rows, path = [], os.path.join(folder, "train.csv")
    for _ in range(count):
        topic, other = rng.choice(topics), rng.choice(topics)
        row = {"classification": (text(rng, topic), topic),
               "multi-label": (text(rng, topic, 15) + " " + text(rng, other, 15), json.dumps(sorted({topic, other}))),
               "regression": (text(rng, topic), topics.index(topic) + rng.random()),
               "masked-lm": (text(rng, topic),),
               "embedding": (text(rng, topic), text(rng, other), 0.9 if topic == other else 0.1 + 0.1 * rng.random())}
        rows.append(row[task])
    columns = {"masked-lm": ("text",), "embedding": ("sentence1", "sentence2", "score")}
    write_csv(path, rows, columns.get(task, ("text", "label")))
    return path


def outputs(model, tokenizer, texts):
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=48, return_tensors="pt")
    with torch.no_grad():
        found = model.eval()(**inputs)
    values = found.logits if hasattr(found, "logits") else found.last_hidden_state
    return values if values.dim() == 2 else values[inputs["attention_mask"] == 1]


def load_with_peft(base, adapter, task, config):
    model = auto(task).from_pretrained(base, config=config, attn_implementation="eager")
    model = peft.PeftModel.from_pretrained(model, adapter)
    with safe_open(os.path.join(adapter, "adapter_model.safetensors"), "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}
    loaded = peft.get_peft_model_state_dict(model)
    if set(loaded) != set(stored) or any(not torch.equal(loaded[name], stored[name]) for name in stored):
        raise RuntimeError(f"peft has other tensors: {sorted(set(loaded) ^ set(stored))}")
    return model


def check(shoal, folder, family, task):
    rng = random.Random(family + task)
    os.makedirs(folder)
    base, output = os.path.join(folder, "base"), os.path.join(folder, "run")
    write_model(base, family, None, [text(rng, rng.choice(list(WORDS))) for _ in range(400)])
    run([shoal, "train", "--model", base, "--train", write_data(folder, task, rng), "--task", task, "--output", output,
         "--batch-size", "16", "--micro-batches", "4", "--steps", "12", "--workers", "2", "--max-length", "48",
         "--lora", "rank=3,alpha=5,dropout=0.1", "--learning-rate", "0.02"])
    adapter, merged = os.path.join(output, "adapter"), os.path.join(output, "model")
    with open(os.path.join(adapter, "adapter_config.json")) as file:
        found = json.load(file)["task_type"]
    if found != TASKS[task][1]:
        raise RuntimeError(f"task_type is {found}")
    texts = [text(rng, rng.choice(list(WORDS))) for _ in range(12)] + ["A", "goal"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    plain = auto(task).from_pretrained(merged, attn_implementation="eager")
    expected = outputs(plain, tokenizer, texts)
    worst = (outputs(load_with_peft(base, adapter, task, plain.config), tokenizer, texts) - expected).abs().max().item()
    untrained = outputs(auto(task).from_pretrained(base, config=plain.config), tokenizer, texts)
    if (untrained - expected).abs().max() < 1e-3:
        raise RuntimeError("the adapter changes nothing")
    if task == "embedding":
        return max(worst, check_sentences(base, adapter, merged, texts))
    file = os.path.join(folder, "predict.csv")
    mask = tokenizer.mask_token + " " if task == "masked-lm" else ""
    write_csv(file, [(mask + t,) for t in texts], ("text",))
    beside = run([shoal, "predict", "--model", base, "--adapter", adapter, "--max-length", "48", file])
    if beside != run([shoal, "predict", "--model", merged, "--max-length", "48", file]) or not beside:
        raise RuntimeError("predict says other things of model and adapter than of the merged model")
    return worst


def check_sentences(base, adapter, merged, texts):
    from sentence_transformers import SentenceTransformer
    with_adapter = SentenceTransformer(base, device="cpu")
    with_adapter.load_adapter(adapter)
    difference = with_adapter.encode(texts) - SentenceTransformer(merged, device="cpu").encode(texts)
    return float(abs(difference).max())


def check_own(shoal, folder, family):
    """An adapter of peft's making; words are told apart by their labels' probabilities, in `score` of the spans."""
    rng = random.Random(family)
    os.makedirs(folder)
    base, adapter = os.path.join(folder, "base"), os.path.join(folder, "adapter")
    write_model(base, family, None, [text(rng, rng.choice(list(WORDS))) for _ in range(400)])
    torch.manual_seed(2)
    model = transformers.AutoModelForTokenClassification.from_pretrained(base, num_labels=3)
    targets = {"modernbert": ["Wqkv"], "distilbert": ["q_lin", "v_lin"], "mpnet": ["q", "v"]}
    model = peft.get_peft_model(model, peft.LoraConfig(
        task_type="TOKEN_CLS", r=2, target_modules=targets.get(family, ["query", "value"]),
        modules_to_save=["head"] if family == "modernbert" else None))
    for p in model.parameters():
        if p.requires_grad:
            torch.nn.init.normal_(p, std=0.3)
    model.save_pretrained(adapter)
    words = [w for w in text(rng, "food", 20).replace("-", "").split() if w.isalpha()] + ["goal"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    # Words of byte pairs begin with their space.
    space = " " if FAMILIES[family][1].startswith("bytes") else ""
    inputs = tokenizer([space + word for word in words], is_split_into_words=True, return_tensors="pt")
    with torch.no_grad():
        probabilities = model.eval()(**inputs).logits[0].softmax(-1)
    places = inputs.word_ids()
    rows = probabilities[[places.index(i) for i in range(len(words))]]
    # Tags without prefixes are spans of a word each.
    expected = [(f"LABEL_{int(row.argmax())}", float(row.max())) for row in rows]
    line = json.loads(run([shoal, "predict", "--model", base, "--adapter", adapter, "--text", " ".join(words)]))
    found = [(span["label"], span["score"]) for span in line["spans"]]
    if [label for label, _ in found] != [label for label, _ in expected]:
        raise RuntimeError(f"{found} is not {expected}")
    return max(abs(a - b) for (_, a), (_, b) in zip(found, expected, strict=True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shoal")
    parser.add_argument("work")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--tasks", default=",".join([*TASKS, "own"]))
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    failures = 0
    for family in options.families.split(","):
        for task in options.tasks.split(","):
            folder = os.path.join(options.work, f"{family}-{task}")
            try:
                shoal = os.path.abspath(options.shoal)
                worst = check_own(shoal, folder, family) if task == "own" else check(shoal, folder, family, task)
                good, note = worst < 1e-4, f"largest difference {worst:.1e}"
            except Exception as error:
                good, note = False, f"{type(error).__name__}: {error}"
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {family} {task}: {note}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
