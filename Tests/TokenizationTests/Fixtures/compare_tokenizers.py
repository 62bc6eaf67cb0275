"""Compares `shoal tokenize` with the reference tokenizer, text by text.

Usage: python compare_tokenizers.py [--shoal PROGRAM] --model DIR [--max-length L] [--hostile N] [FILE...]

Files are CSV, TSV or JSON Lines with a column `text`; `--hostile N` adds N generated strings and every code point, alone
and inside a word. Exits with 1 if any text has other ids. Needs `transformers`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile

from transformers import AutoTokenizer

from hostile_text import strings

csv.field_size_limit(1 << 30)


def texts_of(path):
    with open(path, encoding="utf-8-sig", newline="") as lines:
        if path.endswith((".jsonl", ".json")):
            return [json.loads(line)["text"] for line in lines if line.strip()]
        return [row["text"] for row in csv.DictReader(lines, delimiter="\t" if path.endswith(".tsv") else ",")]


def every_code_point():
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    for i in range(0, len(scalars), 64):
        yield " ".join(scalars[i : i + 64])
        yield " ".join(f"a{c}b" for c in scalars[i : i + 64])


def shoal(program, model, max_length, texts):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "texts.jsonl")
        with open(path, "w") as out:
            out.writelines(json.dumps({"text": t}) + "\n" for t in texts)
        command = [program, "tokenize", "--model", model, "--max-length", str(max_length), path]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    return [json.loads(line) for line in lines if line]


def compare(name, tokenizer, options, texts):
    # Shoal's file reader refuses NUL; the unit tests see to what the tokenizer itself does with it.
    texts = [text.replace("\0", "") for text in texts]
    ours = shoal(options.shoal, options.model, options.max_length, texts)
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
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    different = sum(compare(path, tokenizer, options, texts_of(path)) for path in options.files)
    if options.hostile:
        different += compare("hostile", tokenizer, options, list(strings(options.hostile, 1)))
        different += compare("every code point", tokenizer, options, list(every_code_point()))
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
