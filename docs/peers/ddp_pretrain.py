"""PyTorch DDP over gloo pretraining a masked language model on the same work as `shoal pretrain`.

MODEL=dir DATA=texts.txt THREADS=1 BS=16 ML=128 BF16=0|1 STEPS=30 torchrun --nproc-per-node 2 ddp_pretrain.py
DATA has one document per line; documents are joined and cut to ML tokens. BS is the sequences of a process in a step.
"""
import os, time, resource, torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel as DDP
from transformers import AutoTokenizer, BertForMaskedLM
M = os.environ["MODEL"]
rank = int(os.environ.get("RANK", 0)); world = int(os.environ.get("WORLD_SIZE", 1))
threads = int(os.environ.get("THREADS", 1)); torch.set_num_threads(threads)
bs = int(os.environ.get("BS", 16)); ml = int(os.environ.get("ML", 128)); steps = int(os.environ.get("STEPS", 30))
bf = os.environ.get("BF16") == "1"
if world > 1: dist.init_process_group("gloo")
tok = AutoTokenizer.from_pretrained(M)
stream = []
for line in open(os.environ["DATA"]):
    stream += tok(line, add_special_tokens=False)["input_ids"] + [tok.sep_token_id]
    if len(stream) > (steps + 3) * bs * world * ml: break
body = ml - 2
seqs = [[tok.cls_token_id] + stream[i:i + body] + [tok.sep_token_id] for i in range(0, len(stream) - body, body)]
torch.manual_seed(0)
model = BertForMaskedLM.from_pretrained(M); model.train()
ddp = DDP(model) if world > 1 else model
opt = torch.optim.AdamW(model.parameters(), lr=5e-5)
torch.manual_seed(rank)
def batch(i):
    start = (i * world + rank) * bs
    x = torch.tensor([seqs[j % len(seqs)] for j in range(start, start + bs)])
    y = x.clone(); drawn = (torch.rand(x.shape) < 0.15) & (x != tok.cls_token_id) & (x != tok.sep_token_id)
    y[~drawn] = -100; how = torch.rand(x.shape)
    x = torch.where(drawn & (how < 0.8), torch.tensor(tok.mask_token_id), x)
    x = torch.where(drawn & (how >= 0.9), torch.randint(len(tok), x.shape), x)
    return x, y
for s in range(steps + 3):
    if s == 3: t0 = time.time()
    x, y = batch(s)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf): l = ddp(input_ids=x, labels=y).loss
    l.backward(); torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0); opt.step(); opt.zero_grad()
dt = time.time() - t0
if rank == 0:
    print(f"world {world} threads {threads} bs {bs} ml {ml} bf16 {bf}: {steps * bs * world * ml / dt:.0f} tok/s, "
          f"{dt / steps * 1e3:.0f} ms/step, loss {l.item():.3f} "
          f"maxrss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
if world > 1: dist.destroy_process_group()
