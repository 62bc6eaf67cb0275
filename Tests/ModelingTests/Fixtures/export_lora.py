"""A tiny random BERT classifier with a peft adapter (LoRA), and its reference logits, loss and gradients.

usage: export_lora.py OUTDIR    (needs torch, transformers, peft)
Writes OUTDIR/config.json and model.safetensors, the base; OUTDIR/adapter, as peft saves it; and reference.safetensors
with input_ids, attention_mask, token_type_ids, labels, logits, loss, the adapter at work, and grad.<name> for each
trained parameter, named as peft saves it. Dropout is off, so that the figures can be reproduced.
"""
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

out = sys.argv[1]
torch.manual_seed(3)
model = BertForSequenceClassification(BertConfig(
    vocab_size=60, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48,
    max_position_embeddings=16, num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
for p in model.parameters():
    torch.nn.init.normal_(p, std=0.15)
os.makedirs(out, exist_ok=True)
model.save_pretrained(out)
config = LoraConfig(
    task_type="SEQ_CLS", r=4, lora_alpha=6, lora_dropout=0.0, modules_to_save=["pooler"],
    target_modules=["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"])
lora = get_peft_model(model, config)
for name, p in lora.named_parameters():
    # B begins as zeros, which would leave no gradient for A.
    if p.requires_grad:
        torch.nn.init.normal_(p, std=0.2)
lora.train()
ids = torch.randint(1, 60, (5, 12))
mask = torch.ones_like(ids)
for i, n in enumerate((12, 3, 7, 1, 9)):
    mask[i, n:] = 0
    ids[i, n:] = 0
types = (torch.arange(12)[None] >= 4).long().expand(5, 12) * mask
labels = torch.randint(0, 3, (5,))
o = lora(input_ids=ids, attention_mask=mask, token_type_ids=types, labels=labels)
o.loss.backward()
lora.peft_config["default"].base_model_name_or_path = "lora"
lora.save_pretrained(os.path.join(out, "adapter"))
os.remove(os.path.join(out, "adapter", "README.md"))
ref = dict(input_ids=ids, attention_mask=mask, token_type_ids=types.contiguous(), labels=labels,
           logits=o.logits.detach(), loss=o.loss.detach()[None])
for name, p in lora.named_parameters():
    if p.requires_grad:
        ref["grad." + name.replace(".modules_to_save.default", "").replace(".default", "")] = p.grad
save_file({k: v.contiguous() for k, v in ref.items()}, os.path.join(out, "reference.safetensors"))
