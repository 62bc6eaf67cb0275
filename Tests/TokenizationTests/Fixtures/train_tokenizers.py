"""Trains tokenizers of the kinds of which no real one is at hand, for compare_tokenizers.py.

    python train_tokenizers.py FOLDER TEXTS...

FOLDER gets a folder for each kind; of TEXTS every line is a text. Needs `tokenizers` and `sentencepiece`.
"""

import json
import pathlib
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

ROLES = dict(bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>", mask_token="<mask>")
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def special():
    return [AddedToken(text, special=True, normalized=False, lstrip=text == "<mask>") for text in ROLES.values()]


def template(tokenizer):
    ids = [(text, tokenizer.token_to_id(text)) for text in ("<s>", "</s>")]
    return processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ids)


def byte_pairs(texts, pre_tokenizer, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=20000, special_tokens=special(), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    return tokenizer


def unigram(texts, normalizer):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=24000, special_tokens=list(ROLES.values()), unk_token="<unk>", show_progress=False))
    return tokenizer


def sentence_pieces(folder, texts, rules):
    with tempfile.TemporaryDirectory() as scratch:
        lines = pathlib.Path(scratch, "texts.txt")
        lines.write_text("\n".join(texts))
        sentencepiece.SentencePieceTrainer.train(
            input=str(lines), model_prefix=scratch + "/model", vocab_size=8000, model_type="unigram",
            normalization_rule_name=rules, user_defined_symbols="[X]", num_threads=1, minloglevel=2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sentencepiece.bpe.model").write_bytes(pathlib.Path(scratch, "model.model").read_bytes())


def main():
    target = pathlib.Path(sys.argv[1])
    texts = [line for name in sys.argv[2:] for line in pathlib.Path(name).read_text().splitlines() if line]
    classes = {
        "roberta": "RobertaTokenizer", "modernbert": "PreTrainedTokenizerFast", "gpt4": "PreTrainedTokenizerFast",
        "xlm-roberta": "XLMRobertaTokenizer", "unigram": "PreTrainedTokenizerFast",
        "sentencepiece": "XLMRobertaTokenizer", "camembert": "CamembertTokenizer",
    }
    sentence_pieces(target / "sentencepiece", texts, "nmt_nfkc")
    sentence_pieces(target / "camembert", texts, "nmt_nfkc_cf")
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString((target / "sentencepiece/sentencepiece.bpe.model").read_bytes())
    rules = normalizers.Precompiled(model.normalizer_spec.precompiled_charsmap)
    made = {
        "roberta": byte_pairs(texts, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "modernbert": byte_pairs(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.NFC()),
        "gpt4": byte_pairs(texts, pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(GPT4), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])),
        "xlm-roberta": unigram(texts, rules),
        "unigram": unigram(texts, normalizers.Sequence([rules, normalizers.Replace(Regex(" {2,}"), " ")])),
    }
    # Tokens that are sought in the normalized text, as ModernBERT has them.
    made["modernbert"].add_tokens([
        AddedToken("  ", normalized=True), AddedToken("   ", normalized=True), AddedToken("café", normalized=True),
        AddedToken("new", single_word=True, normalized=True), AddedToken("fox", lstrip=True, rstrip=True),
    ])
    for name, tokenizer in made.items():
        tokenizer.post_processor = template(tokenizer)
        (target / name).mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(target / name / "tokenizer.json"))
    for name, kind in classes.items():
        (target / name / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **ROLES}))


if __name__ == "__main__":
    main()
