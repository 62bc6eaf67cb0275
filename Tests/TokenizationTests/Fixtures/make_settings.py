"""Writes `settings.json` beside it: small tokenizer folders with all sorts of settings, and the ids that `AutoTokenizer` gives.

Usage: HF_HUB_OFFLINE=1 python make_settings.py   (needs `transformers` and `tokenizers`; made with 5.24.0 and 0.23.3)
"""

import json
import os
import tempfile

from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = SPECIAL + ["a", "A", "e", "é", "b", "c", "d", "##b", "##c", "good", "[E1]", "x", "new", "##s", "n", "##e", "##w"]
SIZE = len(VOCABULARY)
CONFIG = {"model_type": "bert", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4}
TEXTS = [
    ["A é good newxy a [E1] x [E9] [MASK] [mask]", None, 1000], ["NewXY newxyz NEWXY. newxy's", None, 1000],
    ["ab abc [e9][E9] [ENT]x", "b c d", 8], ["a b c d e x good", None, 5], ["", None, 9],
]  # fmt: skip
TEXT = "\n".join(VOCABULARY) + "\n"
BERT, GENERAL = {"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "PreTrainedTokenizerFast"}


def token(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} | flags  # fmt: skip


def decoder(*tokens):
    all = [token(i, t) for i, t in enumerate(SPECIAL)] + list(tokens)
    return {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in all}


def special(name, type):
    return {"SpecialToken": {"id": name, "type_id": type}}


def text(name, type):
    return {"Sequence": {"id": name, "type_id": type}}


TEMPLATE = {
    "type": "TemplateProcessing", "single": [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)],
    "pair": [special("[CLS]", 0), text("A", 0), special("[SEP]", 0), text("B", 1), special("[SEP]", 1)],
    "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in [("[CLS]", 2), ("[SEP]", 3)]},
}  # fmt: skip


def tokenizer(added=(), normalizer={}, processor=TEMPLATE, truncation=None, model={}, padding=None):
    base = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}  # fmt: skip
    return {
        "version": "1.0", "truncation": truncation, "padding": padding,
        "added_tokens": [token(i, t) for i, t in enumerate(SPECIAL)] + list(added),
        "normalizer": None if normalizer is None else base | normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": processor, "decoder": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {t: i for i, t in enumerate(VOCABULARY)}} | model,
    }  # fmt: skip


def left(length):
    return {"direction": "Left", "max_length": length, "strategy": "LongestFirst", "stride": 0}


def cases():
    """Names and files. A name that ends in "!" is refused: transformers ignores something, or versions of it disagree."""
    plain = {"vocab.txt": TEXT}
    yield "vocab.txt alone", plain
    yield "a word twice", {"vocab.txt": TEXT + "good\n"}
    yield "a name that is an object", plain | {"special_tokens_map.json": {"unk_token": {"content": "x", "normalized": True}}}
    yield "names in both, the map wins", plain | {
        "tokenizer_config.json": {"cls_token": "a"}, "special_tokens_map.json": {"cls_token": "b"}}  # fmt: skip
    for name, config in [("BERT", BERT), ("general", GENERAL)]:
        json = {"tokenizer.json": tokenizer()}

        def both(extra={}, map=None, added=None, files=json):
            more = {"tokenizer_config.json": config | extra}
            if map:
                more["special_tokens_map.json"] = map
            if added:
                more["added_tokens.json"] = added
            return files | more

        yield f"{name}: tokenizer.json", both()
        for settings in [{"do_lower_case": False}, {"strip_accents": False}, {"do_lower_case": False, "strip_accents": True},
                         {"do_lower_case": False, "strip_accents": None}, {"tokenize_chinese_chars": False}]:  # fmt: skip
            yield f"{name}: {settings}", both(settings)
        for settings in [{"lowercase": False}, {"strip_accents": False}, {"lowercase": False, "strip_accents": True}]:
            yield f"{name}: normalizer {settings}", both(files={"tokenizer.json": tokenizer(normalizer=settings)})
        new = token(SIZE, "newxy", special=False, normalized=True)
        yield f"{name}: added_tokens_decoder beside tokenizer.json", both({"added_tokens_decoder": decoder(new)})
        lacks = {"tokenizer.json": tokenizer(added=[new])}
        yield f"{name}: added_tokens", both(files=lacks)
        mark = "!" if config == BERT else ""
        yield f"{name}: added_tokens that the decoder lacks{mark}", both({"added_tokens_decoder": decoder()}, files=lacks)
        single = token(SIZE, "newxy", single_word=True)
        yield f"{name}: the decoder's flags count", both({"added_tokens_decoder": decoder(single)}, files=lacks)
        yield f"{name}: added_tokens.json", both(added={"newxy": SIZE, "[E9]": SIZE + 1})
        yield f"{name}: tokens that are one when normalized!", both(added={"newxy": SIZE, "NewXY": SIZE + 1})
        yield f"{name}: added_tokens.json with special ones", both({"extra_special_tokens": ["[E9]"]}, added={"[E9]": SIZE})
        yield f"{name}: added_tokens.json with a gap!", both(added={"newxy": SIZE + 4})
        yield f"{name}: added_tokens.json beside a decoder!", both({"added_tokens_decoder": decoder()}, added={"newxy": SIZE})
        for key in ["additional_special_tokens", "extra_special_tokens"]:
            yield f"{name}: {key}", both({key: ["[E1]", "[E9]"]})
            yield f"{name}: {key} in the map", both(map={key: ["[E1]", "[E9]"]})
            yield f"{name}: {key} in the map beside a decoder!", both({"added_tokens_decoder": decoder()}, map={key: ["[E9]"]})
        yield f"{name}: additional and extra!", both({"additional_special_tokens": ["[E9]"], "extra_special_tokens": ["[E1]"]})
        yield f"{name}: a dictionary of extra ones", both({"extra_special_tokens": {"ent_token": "[ENT]"}})
        yield f"{name}: a dictionary in the map, a list beside it!", both(
            {"extra_special_tokens": ["[E9]"]}, map={"extra_special_tokens": {"ent_token": "[ENT]"}})
        yield f"{name}: a token of the model's own", both({"ent_token": "[ENT]"})
        yield f"{name}: the same in the map", both(map={"ent_token": "[ENT]"})
        yield f"{name}: bos and eos", both({"bos_token": "[E1]", "eos_token": "[E9]"})
        yield f"{name}: truncation_side", both({"truncation_side": "left"})
        cut = {"tokenizer.json": tokenizer(truncation=left(6))}
        yield f"{name}: truncation.direction", both(files=cut)
        yield f"{name}: truncation_side wins", both({"truncation_side": "right"}, files=cut)
        for what, made in [
            ("no post_processor", tokenizer(processor=None)), ("no normalizer", tokenizer(normalizer=None)),
            ("clean_text", tokenizer(normalizer={"clean_text": False})),
            ("another prefix", tokenizer(model={"continuing_subword_prefix": "#"})),
            ("short words", tokenizer(model={"max_input_chars_per_word": 2})),
        ]:  # fmt: skip
            yield f"{name}: {what}{mark}", both(files={"tokenizer.json": made})
        yield f"{name}: settings of the general kind", both(
            {"padding_side": "left", "model_max_length": 512, "clean_up_tokenization_spaces": True, "never_split": None})
        for refused in [{"split_special_tokens": True}, {"never_split": ["x.y"]}, {"do_basic_tokenize": False},
                        {"auto_map": {"AutoTokenizer": ["a.B", None]}}, {"truncation_side": "middle"}]:  # fmt: skip
            yield f"{name}: {refused}!", both(refused)
    for name in ["BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizerFast", "LayoutLMTokenizer"]:
        yield name, plain | {"tokenizer_config.json": {"tokenizer_class": name}}
    for name in ["RobertaTokenizer", "BertJapaneseTokenizer", "MPNetTokenizerFast", "Foo"]:
        yield name + "!", plain | {"tokenizer_config.json": {"tokenizer_class": name}}
    yield "the class in config.json!", plain | {"config.json": CONFIG | {"tokenizer_class": "RobertaTokenizer"}}
    yield "the general class without tokenizer.json!", plain | {"tokenizer_config.json": GENERAL}


def main():
    out = []
    for name, files in cases():
        refused = name.endswith("!")
        results = []
        with tempfile.TemporaryDirectory() as folder:
            for file, content in ({"config.json": CONFIG} | files).items():
                with open(os.path.join(folder, file), "w", encoding="utf-8") as f:
                    f.write(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
            if not refused:
                loaded = AutoTokenizer.from_pretrained(folder)
                for first, second, length in TEXTS:
                    e = loaded(first, second, truncation=True, max_length=length, return_token_type_ids=True)
                    results.append({"ids": e.input_ids, "types": e.token_type_ids})
        out.append({
            "name": name.removesuffix("!"), "refused": refused, "results": results,
            "files": {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, separators=(",", ":")) for k, v in files.items()},
        })  # fmt: skip
    with open(os.path.join(HERE, "settings.json"), "w", encoding="utf-8") as f:
        json.dump({"texts": [{"first": a, "second": b, "length": n} for a, b, n in TEXTS], "cases": out}, f,
                  ensure_ascii=False, separators=(",", ":"))  # fmt: skip


if __name__ == "__main__":
    main()
