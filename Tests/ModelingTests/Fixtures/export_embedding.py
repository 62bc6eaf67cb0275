"""A tiny random BERT whose embeddings of pairs are compared, with reference embeddings, loss and gradients, from
CosineSimilarityLoss of sentence-transformers.

usage: export_embedding.py OUTDIR [--pooling mean] [--normalize] [--layers 2] [--seed 0]
Writes OUTDIR/config.json, model.safetensors (Hugging Face names) and reference.safetensors holding, of the first and
the second texts, input_ids.0, attention_mask.0, embeddings.0 and those of 1, and labels, loss and
grad.<parameter name>. Dropout is off, so that the figures can be reproduced.
"""
import argparse, os, shutil, torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.losses import CosineSimilarityLoss
from sentence_transformers.models import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast
a = argparse.ArgumentParser(); a.add_argument("out"); a.add_argument("--pooling", default="mean")
a.add_argument("--normalize", action="store_true")
for n, d in (("layers", 2), ("seed", 0)): a.add_argument("--" + n, type=int, default=d)
a = a.parse_args(); torch.manual_seed(a.seed); torch.set_num_threads(1)
words = "the a cod eel swims eats red blue in sea of deep fast slow and".split()
os.makedirs(a.out, exist_ok=True)
with open("work.txt", "w") as file: file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words))
BertTokenizerFast("work.txt", model_max_length=12).save_pretrained("work"); os.remove("work.txt")
m = BertModel(BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=a.layers, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
    add_pooling_layer=False)
for n, p in m.named_parameters():  # Around 1 for LayerNorms: else all texts are nearly alike.
    torch.nn.init.normal_(p, mean=float("LayerNorm.weight" in n), std=0.3)
m.save_pretrained("work")
modules = [Transformer("work", max_seq_length=12), Pooling(16, pooling_mode=a.pooling)]
s = SentenceTransformer(modules=modules + ([Normalize()] if a.normalize else []), device="cpu")
texts = [["the cod swims", "a red eel eats the blue cod in the deep sea", "slow", "eel eel whale"],
         ["the cod swims fast", "a fast eel", "and the sea of the deep blue", "eel"]]
features = [{k: v for k, v in s.tokenize(t).items() if torch.is_tensor(v)} for t in texts]
y = torch.tensor([0.9, 0.5, 0.0, 1.0]); s.train()
loss = CosineSimilarityLoss(s)([dict(f) for f in features], y); loss.backward()
ref = dict(labels=y, loss=loss.detach()[None])
for i, f in enumerate(features):
    ref[f"input_ids.{i}"], ref[f"attention_mask.{i}"] = f["input_ids"].long(), f["attention_mask"].long()
    ref[f"embeddings.{i}"] = s(dict(f))["sentence_embedding"].detach()
bert = s[0].auto_model if hasattr(s[0], "auto_model") else s[0].model
ref.update({"grad." + n: p.grad for n, p in bert.named_parameters() if p.grad is not None})
for n in ("config.json", "model.safetensors"): shutil.copy("work/" + n, os.path.join(a.out, n))
shutil.rmtree("work")
save_file({k: v.contiguous() for k, v in ref.items()}, os.path.join(a.out, "reference.safetensors"))
