"""Small tokenizers of byte pairs and of Unigram pieces, with the ids that the `tokenizers` library gives.

    python make_pipelines.py FOLDER TEXTS...

They are trained on TEXTS, the documents of this repository. FOLDER gets a folder for each kind, and pipelines.json.
"""

import json
import pathlib
import sys

from hostile_text import strings
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CHINESE = ["今天天气很好，我们去公园散步。", "这部电影太好看了！", "股市大幅下跌，投资者担心。", "人工智能改变了世界"] * 20


def special() -> list[AddedToken]:
    return [AddedToken(text, special=True, normalized=False, lstrip=text == "<mask>") for text in SPECIAL]


def template(tokenizer: Tokenizer) -> processors.TemplateProcessing:
    ids = [(text, tokenizer.token_to_id(text)) for text in ("<s>", "</s>")]
    return processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ids)


def byte_pairs(texts: list[str], normalizer=None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=700, special_tokens=special(), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    return tokenizer


def unigram(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always", split=True)])
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=500, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False))
    tokenizer.post_processor = template(tokenizer)
    return tokenizer


def main() -> None:
    target = pathlib.Path(sys.argv[1])
    texts = [line for name in sys.argv[2:] for line in pathlib.Path(name).read_text().splitlines() if line] + CHINESE
    made = {"byte-pairs": byte_pairs(texts), "byte-pairs-nfc": byte_pairs(texts, normalizers.NFC()), "unigram": unigram(texts)}
    tokenizer = made["byte-pairs"]
    ends = [(text, tokenizer.token_to_id(text)) for text in ("</s>", "<s>")]
    tokenizer.post_processor = processors.RobertaProcessing(*ends)
    made["byte-pairs-nfc"].post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=True), template(made["byte-pairs-nfc"])])
    classes = {"byte-pairs": "RobertaTokenizer", "byte-pairs-nfc": "PreTrainedTokenizerFast", "unigram": "PreTrainedTokenizerFast"}
    inputs = list(strings(150, 14)) + [
        "", " ", "Hello world", "The coordinator shards the data.", "  two  spaces ", "don't, they're I'll", "naïve café",
        "今天天气很好，我们去公园散步。", "a<mask>b <mask> c", "</s><s>", "tabs\tand\nlines\r\n", "1234 5,678.90", "🙂👍🏽 emoji",
        "ﬁ ligature ½ Ⅷ", "e\u0301 é", "\u200bzero\u00a0width", "İstanbul ẞ", "한국어 텍스트", "x" * 300,
    ]
    cases = {}
    for name, tokenizer in made.items():
        folder = target / name
        folder.mkdir(exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        roles = ["bos_token", "pad_token", "eos_token", "unk_token", "mask_token"]
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": classes[name], **dict(zip(roles, SPECIAL))}))
        cases[name] = {
            "size": tokenizer.get_vocab_size(),
            "single": [tokenizer.encode(text).ids for text in inputs],
            "pair": [tokenizer.encode(text, other).ids for text, other in zip(inputs, reversed(inputs))],
        }
    folder = target / "byte-pairs-files"
    folder.mkdir(exist_ok=True)
    made["byte-pairs"].model.save(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))
    (target / "pipelines.json").write_text(json.dumps({"inputs": inputs, "tokenizers": cases}, ensure_ascii=True))


if __name__ == "__main__":
    main()
