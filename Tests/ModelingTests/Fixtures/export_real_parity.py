"""A real BERT with a new head of 8 labels, and its logits, loss and gradients from `transformers`, for ParityTests.

usage: export_real_parity.py MODELDIR OUTDIR
Then: SHOAL_PARITY=OUTDIR swift test --filter ParityTests
"""
import os, sys, torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertForSequenceClassification
source, out = sys.argv[1:]; torch.manual_seed(0)
m = BertForSequenceClassification.from_pretrained(
    source, num_labels=8, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager")
m.train(); tok = AutoTokenizer.from_pretrained(source)
texts = ["Wheat exports rose by 3 pct in March.", "Oil", "The Bank of Japan bought dollars against the yen " * 9,
         "Shr 31 cts vs 28 cts. Net 1,234,567 vs 987,654", "Ships queued at the port, says the union."]
b = tok(texts, padding=True, truncation=True, max_length=128, return_tensors="pt"); y = torch.tensor([3, 1, 5, 2, 6])
o = m(**b, labels=y); o.loss.backward()
os.makedirs(out, exist_ok=True); m.save_pretrained(out)
ref = dict(b, labels=y, logits=o.logits.detach(), loss=o.loss.detach()[None])
ref.update({"grad." + n: p.grad for n, p in m.named_parameters()})
save_file({k: v.contiguous() for k, v in ref.items()}, os.path.join(out, "reference.safetensors"))
