"""Tiny random ModernBERT classifiers with a peft adapter of Wqkv, and their reference logits, loss and gradients.

usage: export_lora_packed.py OUTDIR    (needs torch, transformers, peft)
Writes OUTDIR/lora-packed (one class for each text) and OUTDIR/lora-packed-tokens (one for each word), which have the
files that export_lora.py writes. The adapters do not name their labels.
"""
import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import ModernBertConfig, ModernBertForSequenceClassification, ModernBertForTokenClassification

IDS = torch.Generator().manual_seed(5)


def export(out, cls, task, saved):
    torch.manual_seed(4)
    model = cls(ModernBertConfig(
        vocab_size=60, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
        max_position_embeddings=32, global_attn_every_n_layers=2, local_attention=6, num_labels=3, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, attn_implementation="eager"))
    for name, p in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(p, std=0.15)
    os.makedirs(out, exist_ok=True)
    model.save_pretrained(out)
    lora = get_peft_model(model, LoraConfig(
        task_type=task, r=4, lora_alpha=6, lora_dropout=0.0, modules_to_save=saved, target_modules=["Wqkv"]))
    for name, p in lora.named_parameters():
        # B begins as zeros, which would leave no gradient for A.
        if p.requires_grad:
            torch.nn.init.normal_(p, std=0.2)
    lora.train()
    ids = torch.randint(3, 60, (5, 12), generator=IDS)
    mask = torch.ones_like(ids)
    for i, n in enumerate((12, 3, 7, 1, 9)):
        mask[i, n:] = 0
        ids[i, n:] = 0
    if task == "TOKEN_CLS":
        labels = torch.randint(0, 3, (5, 12), generator=IDS)
        labels[mask == 0] = -100
        labels[:, ::3] = -100
        labels[3, 0] = 2
    else:
        labels = torch.randint(0, 3, (5,), generator=IDS)
    o = lora(input_ids=ids, attention_mask=mask, labels=labels)
    o.loss.backward()
    lora.peft_config["default"].base_model_name_or_path = os.path.basename(out)
    lora.save_pretrained(os.path.join(out, "adapter"))
    os.remove(os.path.join(out, "adapter", "README.md"))
    logits = o.logits.detach()
    if task == "TOKEN_CLS":
        logits = logits[labels != -100]
    ref = dict(input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids), labels=labels, logits=logits,
               loss=o.loss.detach()[None])
    for name, p in lora.named_parameters():
        if p.requires_grad:
            ref["grad." + name.replace(".modules_to_save.default", "").replace(".default", "")] = p.grad
    save_file({k: v.contiguous() for k, v in ref.items()}, os.path.join(out, "reference.safetensors"))


export(os.path.join(sys.argv[1], "lora-packed"), ModernBertForSequenceClassification, "SEQ_CLS", ["head"])
export(os.path.join(sys.argv[1], "lora-packed-tokens"), ModernBertForTokenClassification, "TOKEN_CLS", ["head"])
