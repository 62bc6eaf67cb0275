"""A real model with a new head of 8 labels, and its logits, loss and gradients from `transformers`.

usage: export_real_parity.py MODELDIR OUTDIR
Then: SHOAL_PARITY=OUTDIR swift test --filter FamilyParityTests
"""
import os, sys, torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer
source, out = sys.argv[1:]; torch.manual_seed(0)
# Without dropout, whatever it is called.
m = AutoModelForSequenceClassification.from_pretrained(source, num_labels=8, attn_implementation="eager").eval()
tok = AutoTokenizer.from_pretrained(source)
texts = ["Wheat exports rose by 3 pct in March.", "Oil", "The Bank of Japan bought dollars against the yen " * 9,
         "Shr 31 cts vs 28 cts. Net 1,234,567 vs 987,654", "Ships queued at the port, says the union."]
b = tok(texts, padding=True, truncation=True, max_length=128, return_tensors="pt"); y = torch.tensor([3, 1, 5, 2, 6])
o = m(**b, labels=y); o.loss.backward()
os.makedirs(out, exist_ok=True); m.save_pretrained(out)
ref = dict(b, labels=y, logits=o.logits.detach(), loss=o.loss.detach()[None])
ref.setdefault("token_type_ids", torch.zeros_like(b["input_ids"]))
ref.update({"grad." + n: p.grad for n, p in m.named_parameters() if p.grad is not None})
save_file({k: v.contiguous() for k, v in ref.items()}, os.path.join(out, "reference.safetensors"))
