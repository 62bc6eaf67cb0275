"""A tiny random BERT token classifier with reference logits, loss and gradients, from transformers.

usage: export_tokens.py OUTDIR [--layers 2] [--hidden 24] [--heads 3] [--vocab 50] [--labels 5]
Writes OUTDIR/config.json, model.safetensors (Hugging Face names) and reference.safetensors holding
input_ids, attention_mask, token_type_ids, labels (-100 where a token has no tag), logits (of the tokens with one),
loss, the loss with class weights, and grad.<parameter name>. Dropout is off, so that the figures can be reproduced.
"""
import argparse, os, torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForTokenClassification
a = argparse.ArgumentParser(); a.add_argument("out")
for n, d in (("layers", 2), ("hidden", 24), ("heads", 3), ("vocab", 50), ("labels", 5), ("seed", 0)):
    a.add_argument("--" + n, type=int, default=d)
a = a.parse_args(); torch.manual_seed(a.seed)
tags = ["O"] + ["%s-%s" % (p, t) for t in ("A", "B", "C") for p in "BI"]
m = BertForTokenClassification(BertConfig(vocab_size=a.vocab, hidden_size=a.hidden, num_hidden_layers=a.layers,
    num_attention_heads=a.heads, intermediate_size=2 * a.hidden, max_position_embeddings=24,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_labels=a.labels,
    id2label=dict(enumerate(tags[:a.labels])), label2id={t: i for i, t in enumerate(tags[:a.labels])}))
for p in m.parameters(): torch.nn.init.normal_(p, std=0.15)
m.train(); ids = torch.randint(1, a.vocab, (5, 12)); mask = torch.ones_like(ids)
for i, n in enumerate((12, 3, 7, 1, 9)): mask[i, n:] = 0; ids[i, n:] = 0
tt = (torch.arange(12)[None] >= 4).long().expand(5, 12) * mask
y = torch.randint(0, a.labels, (5, 12)); y[(torch.rand(5, 12) > 0.6) | (mask == 0)] = -100
y[1] = -100; y[0, 3] = 2  # A sequence without a tag.
o = m(input_ids=ids, attention_mask=mask, token_type_ids=tt, labels=y); o.loss.backward()
os.makedirs(a.out, exist_ok=True); m.save_pretrained(a.out)
w = torch.linspace(0.5, 2, a.labels)
weighted = torch.nn.functional.cross_entropy(o.logits.detach().view(-1, a.labels), y.view(-1), weight=w)
ref = dict(input_ids=ids, attention_mask=mask, token_type_ids=tt.contiguous(), labels=y,
           logits=o.logits.detach()[y != -100], loss=o.loss.detach()[None], weighted=weighted[None])
ref.update({"grad." + n: p.grad for n, p in m.named_parameters()})
save_file({k: v.contiguous() for k, v in ref.items()}, os.path.join(a.out, "reference.safetensors"))
