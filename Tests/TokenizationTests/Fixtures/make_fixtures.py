"""Writes the model folders and `reference.json` beside it: small vocabularies of our own and the reference's ids.

Usage: python make_fixtures.py   (needs `transformers` and `tokenizers`; made with 5.23.0 and 0.23.3)
"""

import collections
import json
import os
import random

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

from hostile_text import LATIN, WORDS, strings

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
COUNT = 480
ADDED = [
    AddedToken("newtoken", normalized=True),
    AddedToken("new", normalized=True, single_word=True),
    AddedToken("Façade漢", normalized=True),
    AddedToken("<x>", special=True),
    AddedToken("<x><y>", special=True),
    AddedToken("fox", normalized=False, single_word=True),
    AddedToken("é ", normalized=False, lstrip=True, rstrip=True),
]
ADDED_TEXTS = [
    "a newtoken here", "NewTokens", "né\u0301wtoken", "new NEW renew new. newnew", "FAÇADE 漢字", "façade漢", "<x><y><x>",
    "<x<x><y", "fox foxes fox. éfox fox\u0301 fox", "foxfox fox_ fox-", "é é  é a é", "caf\u00e9  x", "[MASK]new[SEP]newtoken<x>",
    "new\u200dtoken new\x00token", "ＮＥＷ new\u3000newtoken", "", " ", "한국어 newtoken 한\u302e\u302f", "a\u0345\u302f\u302enewtoken",
]  # fmt: skip


def vocabulary(texts, lowercase):
    """Special tokens, whole words, pieces, and every character that the texts come to."""
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    split = pre_tokenizers.BertPreTokenizer()
    characters = collections.Counter(c for t in texts for c in normalizer.normalize_str(t) if not c.isspace())
    # A few characters are left out, so that some words cannot be spelled.
    characters = [c for i, c in enumerate(sorted(characters)) if i % 23 != 7]
    words = [w for t in WORDS + [LATIN] for w, _ in split.pre_tokenize_str(normalizer.normalize_str(t)) if len(w) > 1]
    pieces = ["##ick", "##on", "##ab", "##abab", "ab", "abababab", "##und", "th", "##e", "##\u0301", "##\u200d"]
    tokens = SPECIAL + ["[unused1]"] + words + pieces + characters + ["##" + c for c in characters]
    return list(dict.fromkeys(tokens))


def backend(tokens, lowercase):
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", tokens.index("[CLS]")), ("[SEP]", tokens.index("[SEP]"))],
    )
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def pairs(tokenizer, texts, rng):
    """Both kinds of input at all sorts of lengths, through `transformers`, with its own truncation."""
    out = []
    for n in range(80):
        first, second = rng.choice(texts), rng.choice(texts) if n % 3 else None
        length = rng.choice([2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 1000] if second is None else [3, 4, 5, 6, 7, 8, 9, 12, 16, 24, 31, 1000])
        e = tokenizer(first, second, truncation="longest_first", max_length=length)
        out.append([first, second, length, e.input_ids, e.token_type_ids])
    return out


def main():
    rng = random.Random(7)
    texts = list(strings(COUNT, 2))
    reference = {"texts": texts, "addedTexts": ADDED_TEXTS}
    for name, lowercase in [("uncased", True), ("cased", False)]:
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        tokens = [t for t in vocabulary(texts, lowercase) if t.strip() == t]
        if lowercase:
            tokenizer = backend(tokens, lowercase)
            tokenizer.enable_truncation(8)  # To be ignored.
            tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
        else:
            with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8", newline="\n") as out:
                out.write("\n".join(tokens) + "\n")
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as out:
            json.dump({"do_lower_case": lowercase, "tokenizer_class": "BertTokenizer"}, out)
        with open(os.path.join(folder, "config.json"), "w") as out:
            json.dump({"model_type": "bert"}, out)
        transformer = AutoTokenizer.from_pretrained(folder)
        os.remove(os.path.join(folder, "config.json"))
        transformer.backend_tokenizer.no_truncation()
        reference[name] = [e.ids for e in transformer.backend_tokenizer.encode_batch(texts)]
        reference[name + "Pairs"] = pairs(transformer, texts[:200], rng)

    tokenizer = backend(vocabulary(ADDED_TEXTS, True), True)
    tokenizer.add_tokens(ADDED)
    os.makedirs(os.path.join(HERE, "added"), exist_ok=True)
    tokenizer.save(os.path.join(HERE, "added", "tokenizer.json"), pretty=True)
    reference["added"] = [tokenizer.encode(t).ids for t in ADDED_TEXTS]
    with open(os.path.join(HERE, "reference.json"), "w") as out:
        json.dump(reference, out, separators=(",", ":"))


if __name__ == "__main__":
    main()
