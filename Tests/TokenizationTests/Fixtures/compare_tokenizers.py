"""Compares `shoal tokenize` with the reference tokenizer, text by text, and its speed with `--speed`.

Usage: python compare_tokenizers.py [--shoal PROGRAM] --model DIR [--max-length L] [--hostile N] [--data FOLDER] [--speed]
    [FILE...]

Files are CSV, TSV or JSON Lines with a column `text`; of all files below a `--data FOLDER` every line is a text, and of
JSON every string; `--hostile N` adds N generated strings and every code point, alone and inside a word. Exits with 1 if
any text has other ids. `--speed` measures both sides on one thread, by turns. Needs `transformers`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1", HF_HUB_OFFLINE="1")

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from hostile_text import strings

csv.field_size_limit(1 << 30)


def texts_of(path):
    with open(path, encoding="utf-8-sig", newline="") as lines:
        if path.endswith((".jsonl", ".json")):
            return [json.loads(line)["text"] for line in lines if line.strip()]
        return [row["text"] for row in csv.DictReader(lines, delimiter="\t" if path.endswith(".tsv") else ",")]


def strings_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings_of(part)


def lines_of(folder):
    for root, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            with open(os.path.join(root, name), encoding="utf-8") as file:
                if name.endswith(".json"):
                    yield from strings_of(json.load(file))
                else:
                    yield from (line.rstrip("\n") for line in file)


def every_code_point():
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    for i in range(0, len(scalars), 64):
        yield " ".join(scalars[i : i + 64])
        yield " ".join(f"a{c}b" for c in scalars[i : i + 64])


def shoal(program, texts, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "texts.jsonl")
        with open(path, "w") as out:
            out.writelines(json.dumps({"text": t}) + "\n" for t in texts)
        command = [program, *(path if argument is None else argument for argument in arguments)]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")


def library_seconds(model, texts):
    """The first pass of a new tokenizer: it keeps words that it met, as Shoal does."""
    tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    start = time.perf_counter()
    tokenizer.encode_batch(texts)
    return time.perf_counter() - start


def speed(name, options, texts):
    """Prints the megabytes a second of both on one thread, and the ratio: the best of three turns each."""
    texts = [text.replace("\0", "") for text in texts]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    theirs = ours = float("inf")
    for _ in range(3):
        theirs = min(theirs, library_seconds(options.model, texts))
        arguments = ["benchmark", "tokenize", "--model", options.model, "--data", None, "--json"]
        ours = min(ours, json.loads("".join(shoal(options.shoal, texts, *arguments)))[0]["first_seconds"])
    print(
        f"{name}: {megabytes:.1f} MB, shoal {megabytes / ours:.1f} MB/s, tokenizers {megabytes / theirs:.2f} MB/s, "
        f"ratio {theirs / ours:.1f}", flush=True)


def compare(name, tokenizer, options, texts):
    # Shoal's file reader refuses NUL; the unit tests see to what the tokenizer itself does with it.
    texts = [text.replace("\0", "") for text in texts]
    arguments = ["tokenize", "--model", options.model, "--max-length", str(options.max_length), None]
    ours = [json.loads(line) for line in shoal(options.shoal, texts, *arguments) if line]
    if len(ours) != len(texts):
        sys.exit(f"{name}: {len(texts)} texts, but shoal printed {len(ours)} lines")
    different = tokens = 0
    for start in range(0, len(texts), 1000):
        batch = texts[start : start + 1000]
        theirs = tokenizer(batch, truncation=True, max_length=options.max_length).input_ids
        for text, mine, ids in zip(batch, ours[start : start + 1000], theirs):
            tokens += len(ids)
            if mine["input_ids"] != ids or mine["tokens"] != tokenizer.convert_ids_to_tokens(ids):
                different += 1
                if different <= 5:
                    print(f"  {ascii(text[:200])}\n    shoal     {mine['input_ids'][:40]}\n    reference {ids[:40]}")
    print(f"{name}: {len(texts)} texts, {tokens} tokens, {different} different", flush=True)
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shoal", default="shoal")
    parser.add_argument("--model", required=True)
    parser.add_argument("--max-length", type=int, default=100_000)
    parser.add_argument("--hostile", type=int, default=0)
    parser.add_argument("--data", action="append", default=[])
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    sets = [(path, texts_of(path)) for path in options.files]
    sets += [(folder, list(lines_of(folder))) for folder in options.data]
    if options.hostile:
        sets += [("hostile", list(strings(options.hostile, 1))), ("every code point", list(every_code_point()))]
    different = 0
    for name, texts in sets:
        different += compare(name, tokenizer, options, texts)
        if options.speed:
            speed(name, options, texts)
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
