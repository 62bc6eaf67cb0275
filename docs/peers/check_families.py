"""Checks that folders written by `shoal train` load in transformers, for every family and task, and say the same there.

usage: check_families.py SHOAL WORKDIR [--families roberta,mpnet] [--tasks classification,regression] [--wordpiece]
(needs torch, transformers 5, tokenizers, peft; WORKDIR is created anew)

For each family a tiny random model with a tokenizer of the family's kind (with --wordpiece: WordPiece) is written by
transformers, and trained for a few steps with two workers. Then the AutoModelFor... class must load the folder without
missing or unexpected tensors; and the outputs of transformers, for texts of different lengths in one padded batch that
its own tokenizer makes, must be those of `shoal predict`. What else tasks check:
- masked-lm: AutoModelForMaskedLM loads the folder, and a classifier is trained from it, whose outputs are compared.
- lora: peft loads the base with the run's adapter/; model/, where the adapter is merged, is compared as well.
- frozen: what was frozen is as it was, all else is not.
- bits: any number of workers gives the same weights, in either precision, with --recompute or without.
"""
import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

transformers.utils.logging.disable_progress_bar()
COMMON = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40, max_position_embeddings=64,
    hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
# name: (what classes begin with, kind of tokenizer, configuration)
FAMILIES = {
    "bert": ("Bert", "wordpiece", COMMON),
    "distilbert": ("DistilBert", "wordpiece", dict(
        dim=24, n_layers=2, n_heads=2, hidden_dim=40, max_position_embeddings=64)),
    "roberta": ("Roberta", "bytes", {**COMMON, "type_vocab_size": 1}),
    "xlm-roberta": ("XLMRoberta", "unigram", {**COMMON, "type_vocab_size": 1}),
    "camembert": ("Camembert", "unigram", {**COMMON, "type_vocab_size": 1}),
    "electra": ("Electra", "wordpiece", {**COMMON, "embedding_size": 16}),
    "mpnet": ("MPNet", "wordpiece-roberta", COMMON),
    "modernbert": ("ModernBert", "bytes-modern", dict(
        hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=28, max_position_embeddings=64,
        local_attention=8)),
}
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
WORDS = {
    "sport": "goal match team coach league striker defender season stadium penalty".split(),
    "food": "soup bread cheese oven recipe butter garlic pepper kitchen flavour".split(),
    "money": "bank market shares profit dollar rates trade budget loan invoice".split(),
}
FILLERS = "the a of and to in was for it with on as that by at from, their; don't Éclair (new) 1999".split()


def text(rng, topic, most=40):
    count = rng.randint(1, most)
    words = [rng.choice(WORDS[topic] if rng.random() < 0.5 else FILLERS) for _ in range(count)]
    return " ".join(words).capitalize() + rng.choice([".", "!", ""])


def build_tokenizer(kind, corpus, has_types):
    """A fast tokenizer; `has_types` if the model tells the texts of a pair apart."""
    roberta = kind in ("bytes", "unigram", "wordpiece-roberta")
    special = ROBERTA_TOKENS if roberta else BERT_TOKENS
    pad, unk, cls, sep, mask = (
        ("<pad>", "<unk>", "<s>", "</s>", "<mask>") if roberta else ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"))
    if kind.startswith("bytes"):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=special, unk_token=unk)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token=unk))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special)
    tokenizer.train_from_iterator(corpus, trainer)
    ids = {token: tokenizer.token_to_id(token) for token in special}
    if kind.startswith("bytes") and roberta:
        tokenizer.post_processor = processors.RobertaProcessing(
            (sep, ids[sep]), (cls, ids[cls]), trim_offsets=True, add_prefix_space=False)
    elif roberta:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} {sep} $B {sep}",
            special_tokens=[(cls, ids[cls]), (sep, ids[sep])])
    else:
        segment = 0 if kind == "bytes-modern" else 1
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B:{segment} {sep}:{segment}",
            special_tokens=[(cls, ids[cls]), (sep, ids[sep])])
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token=unk, cls_token=cls, sep_token=sep, mask_token=mask,
        model_input_names=["input_ids", *(["token_type_ids"] if has_types else []), "attention_mask"],
        bos_token=cls if roberta else None, eos_token=sep if roberta else None, model_max_length=48)
    return fast


def write_model(folder, family, kind, corpus):
    prefix, own, settings = FAMILIES[family]
    tokenizer = build_tokenizer(kind or own, corpus, family in ("bert", "electra"))
    ids = dict(pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.cls_token_id,
               eos_token_id=tokenizer.sep_token_id)
    if family == "modernbert":
        ids.update(cls_token_id=tokenizer.cls_token_id, sep_token_id=tokenizer.sep_token_id)
    config = getattr(transformers, prefix + "Config")(vocab_size=len(tokenizer), **settings, **ids)
    torch.manual_seed(1)
    model = getattr(transformers, prefix + "ForMaskedLM")(config)
    for name, p in model.named_parameters():
        if "norm" not in name.lower():
            torch.nn.init.normal_(p, std=0.15)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_csv(path, rows, columns):
    import csv
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def write_data(folder, task, rng, count):
    topics = list(WORDS)
    rows = []
    for _ in range(count):
        topic = rng.choice(topics)
        if task in ("classification", "lora", "frozen"):
            rows.append((text(rng, topic), topic))
        elif task == "pairs":
            other = rng.choice(topics)
            rows.append((text(rng, topic, 12), text(rng, other, 12), "same" if topic == other else "other"))
        elif task == "multi-label":
            other = rng.choice(topics)
            rows.append((text(rng, topic, 15) + " " + text(rng, other, 15), json.dumps(sorted({topic, other}))))
        elif task == "regression":
            rows.append((text(rng, topic), topics.index(topic) + rng.random()))
        else:
            rows.append((text(rng, topic),))
    columns = {"pairs": ("text", "text_pair", "label"), "masked-lm": ("text",)}.get(task, ("text", "label"))
    path = os.path.join(folder, "train.csv")
    write_csv(path, rows, columns)
    return path


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(" ".join(command) + "\n" + result.stderr.strip()[-1500:])
    return result.stdout


def load(folder, task):
    name = {"masked-lm": "AutoModelForMaskedLM"}.get(task, "AutoModelForSequenceClassification")
    model, info = getattr(transformers, name).from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager")
    bad = {key: sorted(map(str, value)) for key, value in info.items() if value}
    if bad:
        raise RuntimeError(f"loading says {bad}")
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


def load_adapter(base, adapter):
    """The base with the adapter, by peft; the classifier of the base is new, and comes from the adapter."""
    import peft
    config = transformers.AutoConfig.from_pretrained(os.path.join(os.path.dirname(adapter), "model"))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        base, config=config, attn_implementation="eager")
    model = peft.PeftModel.from_pretrained(model, adapter)
    missing = [n for n, _ in model.named_parameters() if "lora_" in n and ".default." not in n]
    if missing:
        raise RuntimeError(f"peft has no {missing}")
    return model.eval(), transformers.AutoTokenizer.from_pretrained(base)


def compare(shoal, folder, task, rng, adapter=None):
    """The largest difference of outputs."""
    model, tokenizer = load_adapter(folder, adapter) if adapter else load(folder, task)
    topics = list(WORDS)
    pairs = task == "pairs"
    texts = [text(rng, rng.choice(topics), 12 if pairs else 40) for _ in range(16)] + ["A", "goal"]
    others = [text(rng, rng.choice(topics), 12) for _ in texts] if pairs else None
    file = os.path.join(os.path.dirname(folder), "predict.csv")
    write_csv(file, list(zip(texts, others)) if pairs else [(t,) for t in texts],
              ("text", "text_pair") if pairs else ("text",))
    command = [shoal, "predict", "--model", folder, file] + (["--adapter", adapter] if adapter else [])
    found = [json.loads(line) for line in run(command).splitlines()]
    inputs = tokenizer(texts, others, padding=True, truncation=True, max_length=48, return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits
    labels = [model.config.id2label[i] for i in range(logits.shape[1])]
    worst = 0.0
    for row, line in zip(logits, found, strict=True):
        if task == "regression":
            expected, got = row.tolist(), [line[label] for label in labels]
        else:
            # As logits, up to what softmax does not see.
            got = [line["probabilities"][label] for label in labels]
            if task == "multi-label":
                got = [math.log(p / (1 - p)) for p in got]
                expected = row.tolist()
            else:
                got = [math.log(p) for p in got]
                expected = row.log_softmax(0).tolist()
        worst = max([worst] + [abs(a - b) for a, b in zip(expected, got)])
    return worst


def check(shoal, work, family, task, kind):
    rng = random.Random(family + task)
    folder = os.path.join(work, f"{family}-{task}")
    os.makedirs(folder)
    corpus = [text(rng, rng.choice(list(WORDS))) for _ in range(400)]
    base = os.path.join(folder, "base")
    write_model(base, family, kind, corpus)
    output = os.path.join(folder, "run")
    if task == "bits":
        return check_bits(shoal, folder, base, rng)
    command = [shoal, "train", "--model", base, "--train", write_data(folder, task, rng, 160), "--output", output,
               "--batch-size", "16", "--micro-batches", "4", "--steps", "12", "--workers", "2",
               "--max-length", "48", "--learning-rate", "0.003"]
    if task == "lora":
        # In ModernBERT's files query, key and value are one module.
        targets = "Wqkv,intermediate" if family == "modernbert" else "query,value,intermediate"
        command += ["--lora", f"rank=3,alpha=5,targets={targets},dropout=0.1", "--learning-rate", "0.02"]
    elif task == "frozen":
        command += ["--freeze", "embeddings,0"]
    elif task != "pairs":
        command += ["--task", task]
    run(command)
    model = os.path.join(output, "model")
    if task == "masked-lm":
        # What a masked language model says is compared by its tensors, and by fine-tuning from it.
        load(model, task)
        run([shoal, "train", "--model", model, "--train", write_data(folder, "classification", rng, 64), "--output",
             output + "2", "--steps", "2", "--max-length", "48"])
        return compare(shoal, os.path.join(output + "2", "model"), "classification", rng)
    if task == "lora":
        return max(compare(shoal, base, task, rng, adapter=os.path.join(output, "adapter")),
                   compare(shoal, model, task, rng))
    if task == "frozen":
        check_frozen(base, model)
    return compare(shoal, model, task, rng)


def check_bits(shoal, folder, base, rng):
    """0 if any number of workers gives the same weights, in either precision, computing activations again or not."""
    data = write_data(folder, "classification", rng, 120)
    for precision in ("float32", "bf16"):
        hashes = {}
        for workers, more in ((1, []), (2, []), (3, ["--recompute"]), (7, []), (1, ["--threads-per-worker", "2"])):
            output = os.path.join(folder, f"run-{precision}-{workers}-{len(more)}-{len(hashes)}")
            run([shoal, "train", "--model", base, "--train", data, "--output", output, "--batch-size", "16",
                 "--micro-batches", "8", "--steps", "4", "--max-length", "48", "--workers", str(workers),
                 "--precision", precision, *more])
            with open(os.path.join(output, "result.json")) as file:
                hashes[output] = json.load(file)["weights_sha256"]
        if len(set(hashes.values())) != 1:
            raise RuntimeError(f"other weights: {hashes}")
    return 0.0


def check_frozen(base, trained):
    """What was frozen is as it was; all else is not."""
    from safetensors.torch import load_file
    old, new = (load_file(os.path.join(folder, "model.safetensors")) for folder in (base, trained))
    for name in set(old) & set(new):
        # Layers have numbers; a zero is in no other name.
        frozen = "embeddings" in name or ".0." in name or "relative_attention_bias" in name
        same = torch.equal(old[name], new[name])
        if same != frozen:
            raise RuntimeError(f"{name} is {'the same' if same else 'changed'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shoal")
    parser.add_argument("work")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--tasks", default="classification,pairs,multi-label,regression,masked-lm,lora,frozen,bits")
    parser.add_argument("--wordpiece", action="store_true")
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    failures = 0
    for family in options.families.split(","):
        kind = None
        if options.wordpiece:
            kind = "wordpiece-roberta" if FAMILIES[family][1] in ("bytes", "unigram") else "wordpiece"
            if family == "mpnet":
                kind = "wordpiece-roberta"
        for task in options.tasks.split(","):
            try:
                worst = check(os.path.abspath(options.shoal), options.work, family, task, kind)
                good = worst < 1e-4
                note = f"largest difference {worst:.1e}"
            except Exception as error:
                good, note = False, str(error)
            failures += not good
            print(f"{'ok  ' if good else 'FAIL'} {family} {task}: {note}", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
