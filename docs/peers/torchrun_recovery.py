"""How long torchrun takes to go on after a worker was killed or stopped: DDP over gloo, 2 processes of one thread.

    python torchrun_recovery.py MODEL_DIR TRAIN_CSV            # the driver: starts torchrun, strikes, measures
    (torchrun runs this same file as the worker, as in PyTorch's elastic tutorial: snapshot every 20 steps, loaded at start)
"""
import csv, json, os, signal, statistics, subprocess, sys, tempfile, time

STEPS, BATCH, LENGTH, EVERY = 200, 16, 128, 20  # BATCH a process: 32 in all


def worker(model_dir, data, log, snapshot):
    import torch, torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    from transformers import AutoTokenizer, BertForSequenceClassification
    torch.set_num_threads(1)
    dist.init_process_group('gloo')
    rank, world = dist.get_rank(), dist.get_world_size()
    rows = list(csv.DictReader(open(data)))
    labels = sorted({r['label'] for r in rows})
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    model = BertForSequenceClassification.from_pretrained(model_dir, num_labels=len(labels))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
    start = 0
    if os.path.exists(snapshot):
        state = torch.load(snapshot, weights_only=True)
        model.load_state_dict(state['model']); optimizer.load_state_dict(state['optimizer']); start = state['step']
    ddp = DistributedDataParallel(model.train())
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(1)).tolist()
    for step in range(start, STEPS):
        picked = [rows[order[(step * world + rank) * BATCH + i]] for i in range(BATCH)]
        x = tokenizer([r['text'] for r in picked], truncation=True, max_length=LENGTH, padding=True, return_tensors='pt')
        ddp(**x, labels=torch.tensor([labels.index(r['label']) for r in picked])).loss.backward()
        optimizer.step(); optimizer.zero_grad()
        with open(f'{log}.{rank}', 'a') as f: f.write(f'{time.time()} {step + 1} {os.getpid()}\n')
        if rank == 0 and (step + 1) % EVERY == 0:
            torch.save({'model': model.state_dict(), 'optimizer': optimizer.state_dict(), 'step': step + 1}, snapshot + '.new')
            os.replace(snapshot + '.new', snapshot)


def lines(log):
    try: return [(float(t), int(s), int(p)) for t, s, p in (l.split() for l in open(log).read().split('\n')[:-1])]
    except OSError: return []


def drive(model_dir, data, sig, strike_at=30, limit=60):
    folder = tempfile.mkdtemp(); log = folder + '/log'
    command = [os.path.dirname(sys.executable) + '/torchrun', '--standalone', '--nproc-per-node', '2', '--max-restarts', '3',
               __file__, '--worker', model_dir, data, log, folder + '/snapshot']
    run = subprocess.Popen(command, stdout=open(folder + '/out', 'w'), stderr=subprocess.STDOUT, start_new_session=True)
    while len(lines(log + '.1')) < strike_at:
        if run.poll() is not None: raise SystemExit(open(folder + '/out').read()[-2000:])
        time.sleep(0.01)
    before = lines(log + '.1'); pid = before[-1][2]
    normal = statistics.median(b[0] - a[0] for a, b in zip(before[4:], before[5:]))
    time.sleep(normal / 2)
    struck = time.time(); done = lines(log + '.0')[-1][1]
    os.kill(pid, sig)
    first = again = None
    while time.time() - struck < limit and again is None:
        after = [l for l in lines(log + '.0') if l[0] > struck and l[2] != before[0][2]]
        new = [l for l in lines(log + '.1') if l[2] != pid]
        if new and first is None: first = (new[0][0] - struck, new[0][1])
        match = [l for l in new if l[1] == done + 1]
        if match: again = match[0][0] - struck
        time.sleep(0.01)
    print(json.dumps({'signal': sig.name, 'normal_step': round(normal, 3), 'struck_after_step': done,
                      'first_step_after': first and round(first[0], 2), 'which_is_step': first and first[1],
                      'steps_lost': first and done - first[1] + 1,
                      'back_where_it_was_after': again and round(again, 2)}), flush=True)
    os.kill(pid, signal.SIGCONT) if sig == signal.SIGSTOP else None
    os.killpg(run.pid, signal.SIGKILL); run.wait()


if __name__ == '__main__':
    if sys.argv[1] == '--worker': worker(*sys.argv[2:6])
    else:
        for s in (signal.SIGKILL, signal.SIGSTOP): drive(sys.argv[1], sys.argv[2], s)
