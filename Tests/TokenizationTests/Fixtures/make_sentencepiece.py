"""Small models of SentencePiece, with the ids that `transformers` gives for them.

    python make_sentencepiece.py FOLDER TEXTS...

They are trained on TEXTS. FOLDER gets a folder for each class, and sentencepiece.json. Needs `sentencepiece` and
`transformers`.
"""

import json
import pathlib
import sys
import tempfile

import sentencepiece
from hostile_text import strings
from transformers import AutoTokenizer

CHINESE = ["今天天气很好，我们去公园散步。", "这部电影太好看了！", "股市大幅下跌，投资者担心。", "人工智能改变了世界"] * 20
# What the normalizer replaces, in hexadecimal code points: a small part of NFKC.
RULES = ["A\t61", "FF21\t61", "E9\t65", "65 301\t65", "3000\t20", "9\t20", "FB01\t66 69", "200B\t", "BD\t31 2044 32"]


def main() -> None:
    target = pathlib.Path(sys.argv[1])
    texts = [line for name in sys.argv[2:] for line in pathlib.Path(name).read_text().splitlines() if line] + CHINESE
    inputs = list(strings(120, 15)) + [
        "", " ", "Hello world", "The coordinator shards the data.", "  two  spaces ", "naïve café", "cafe\u0301 ½ ﬁn",
        "今天天气很好，我们去公园散步。", "a<mask>b <mask> c", "</s><s>", "a [X] b[X]", "x▁foo foo ▁foo", "tabs\tand\nlines",
        "<s>NOTUSED </s>NOTUSED <unk>NOTUSED", "<unk> <pad>", "Ａ\u3000Ｂ", "zero\u200bwidth", "q" * 200,
    ]
    cases = {}
    for name, kind in (("sentencepiece", "XLMRobertaTokenizer"), ("sentencepiece-camembert", "CamembertTokenizer")):
        folder = target / name
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            rules = pathlib.Path(scratch, "rules.tsv")
            rules.write_text("\n".join(RULES) + "\n")
            lines = pathlib.Path(scratch, "texts.txt")
            lines.write_text("\n".join(texts))
            sentencepiece.SentencePieceTrainer.train(
                input=str(lines), model_prefix=scratch + "/model", vocab_size=500, model_type="unigram",
                normalization_rule_tsv=str(rules), user_defined_symbols="[X],▁foo", num_threads=1, minloglevel=2)
            (folder / "sentencepiece.bpe.model").write_bytes(pathlib.Path(scratch, "model.model").read_bytes())
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        cases[name] = {
            "size": len(tokenizer),
            "single": tokenizer(inputs).input_ids,
            "pair": tokenizer(inputs, inputs[::-1]).input_ids,
        }
    (target / "sentencepiece.json").write_text(json.dumps({"inputs": inputs, "tokenizers": cases}))


if __name__ == "__main__":
    main()
