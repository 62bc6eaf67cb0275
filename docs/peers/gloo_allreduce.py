"""gloo's all-reduce by size: torchrun --nproc-per-node 2 gloo_allreduce.py [FLOATS...]

Between hosts: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT and GLOO_SOCKET_IFNAME as torch.distributed has them. Rank 0 prints
the medians.
"""
import sys
import time

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
torch.set_num_threads(1)
for count in [int(a) for a in sys.argv[1:]] or [1000, 100_000, 1_000_000, 22_713_216]:
    vector, times = torch.ones(count), []
    for _ in range(5 if count > 10_000_000 else 25):
        dist.barrier()
        start = time.time()
        dist.all_reduce(vector)
        times.append(time.time() - start)
    if dist.get_rank() == 0:
        median = sorted(times)[len(times) // 2]
        print(f"gloo  {dist.get_world_size()}  {4 * count}  {median * 1e3:.3f} ms", flush=True)
dist.destroy_process_group()
