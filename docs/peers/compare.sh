#!/usr/bin/env bash
# Runs Shoal and its peers on the same work, by turns, on this machine, and prints what each reached.
#
#   PYTHON=~/peers/bin docs/peers/compare.sh training|long|allreduce|inference|links|scaling [ROUNDS]
#
# PYTHON is the folder of python and torchrun of an environment with torch, transformers, onnxruntime and onnx. `links`
# and `scaling` need root, iproute2 and no other work on the machine: they make hosts of network namespaces, see
# cluster/namespaces.sh.
set -euo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

what=${1:?what to compare; see the comment in this file} rounds=${2:-2}
python=${PYTHON:?the folder of python and torchrun}
# Within a job script these would choose slower kernels for the peers.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
shoal=.build/release/shoal
[[ -x $shoal ]] || ./launch.sh setup
model=$($shoal fetch all-MiniLM-L6-v2) reuters=$($shoal fetch reuters-r8)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The peer's data file: three lines of header, then label TAB text.
tab() {
    "$python/python" - "$1" "$2" <<'PYTHON'
import csv, sys
csv.field_size_limit(1 << 30)
with open(sys.argv[1], newline="") as rows, open(sys.argv[2], "w") as to:
    to.write("\n\n\n")
    for row in csv.DictReader(rows):
        to.write(row["label"] + "\t" + " ".join(row["text"].split()) + "\n")
PYTHON
}

# Tokens a second of a run without its first three steps, and memory.
speed() {
    "$python/python" - "$1" "$2" <<'PYTHON'
import json, sys
steps = [l for l in map(json.loads, open(sys.argv[2] + "/metrics.jsonl")) if "tokens" in l][3:]
seconds = sum(l["step_seconds"] for l in steps)
print(f"shoal {sys.argv[1]}: {sum(l['tokens'] for l in steps) / seconds:.0f} tokens/s, "
      f"{sum(l['allreduce_seconds'] for l in steps) / seconds:.1%} of the time waiting for the all-reduce, "
      f"{max(l['resident_bytes'] for l in steps) / 1e6:.0f} MB a worker", flush=True)
PYTHON
}

# shoal_training NAME DATA STEPS OPTIONS…
shoal_training() {
    rm -rf "$work/run"
    $shoal train --model "$model" --train "$2" --output "$work/run" --steps "$3" --schedule constant "${@:4}" \
        >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    speed "$1" "$work/run"
}

# ddp NAME PROCESSES THREADS BATCH LENGTH STEPS BF16 DATA
ddp() {
    MODEL=$model DATA=$8 THREADS=$3 BS=$4 ML=$5 STEPS=$6 BF16=$7 OMP_NUM_THREADS=$3 \
        "$python/torchrun" --nproc-per-node "$2" docs/peers/ddp_train.py 2>"$work/log" |
            sed -n "s/^world/PyTorch $1: &/p"
}

# On host HOST of the namespaces: a command.
on() { cluster/namespaces.sh exec "$@"; }

# all_reduce HOSTS OPTIONS…: of 91 MB between hosts, through sockets.
all_reduce() {
    local hosts=$1 endpoints=() host
    for ((host = 1; host <= hosts; host++)); do endpoints+=("tcp://10.77.0.$host:7100"); done
    for ((host = hosts; host >= 1; host--)); do
        on "$host" $shoal benchmark allreduce --no-shared-memory --insecure --rank $((host - 1)) \
            --endpoints "${endpoints[@]}" --floats 22713216 --repetitions 3 "${@:2}" >"$work/all-reduce-$host" &
    done
    wait
    printf 'shoal all-reduce, %s hosts%s: ' "$hosts" "${2:+ ${*:2}}"
    awk 'NR == 2 { print $5 " ms" }' "$work/all-reduce-1"
}

# hosts_training NAME HOSTS STEPS OPTIONS…: a worker of one thread on each host, the coordinator beside the first.
hosts_training() {
    local name=$1 hosts=$2 host
    rm -rf "$work/run"
    on 1 $shoal coordinator --insecure --bind tcp://10.77.0.1:7300 --workers "$hosts" --model "$model" \
        --train "$reuters/train.csv" --output "$work/run" --steps "$3" --schedule constant "${@:4}" >"$work/log" 2>&1 &
    local coordinator=$!
    for ((host = 1; host <= hosts; host++)); do
        on "$host" $shoal worker --no-shared-memory --insecure --coordinator tcp://10.77.0.1:7300 \
            >"$work/worker-$host" 2>&1 &
    done
    wait $coordinator || { cat "$work/log"; exit 1; }
    wait
    speed "$name" "$work/run"
}

hosts_ddp() {
    local host
    for host in 2 1; do
        MODEL=$model DATA=$work/r8.tab THREADS=1 OMP_NUM_THREADS=1 BS=16 ML=128 STEPS=$1 MASTER_ADDR=10.77.0.1 \
            MASTER_PORT=7200 RANK=$((host - 1)) WORLD_SIZE=2 GLOO_SOCKET_IFNAME=eth0 \
            on "$host" "$python/python" docs/peers/ddp_train.py >"$work/ddp-$host" 2>"$work/ddp-log-$host" &
    done
    wait
    sed -n 's/^world/PyTorch DDP, 2 hosts: &/p' "$work/ddp-1"
}

hosts_gloo() {
    local host
    for host in 2 1; do
        MASTER_ADDR=10.77.0.1 MASTER_PORT=7200 RANK=$((host - 1)) WORLD_SIZE=2 GLOO_SOCKET_IFNAME=eth0 \
            on "$host" "$python/python" docs/peers/gloo_allreduce.py 22713216 >"$work/gloo-$host" 2>/dev/null &
    done
    wait
    cat "$work/gloo-1"
}

case $what in
training)
    tab "$reuters/train.csv" "$work/r8.tab"
    for ((round = 0; round < rounds; round++)); do
        shoal_training 'float32, 2 workers x 1 thread' "$reuters/train.csv" 23 --workers 2
        ddp 'DDP float32, 2 processes x 1 thread' 2 1 16 128 10 0 "$work/r8.tab"
        shoal_training 'float32, 1 worker x 1 thread' "$reuters/train.csv" 15 --workers 1
        shoal_training 'float32, 1 worker x 2 threads' "$reuters/train.csv" 23 --workers 1 --threads-per-worker 2
        ddp 'float32, 1 process x 2 threads' 1 2 32 128 10 0 "$work/r8.tab"
        shoal_training 'bf16, 2 workers x 1 thread' "$reuters/train.csv" 33 --workers 2 --precision bf16
        ddp 'DDP bfloat16 autocast, 2 processes x 1 thread' 2 1 16 128 10 1 "$work/r8.tab"
        shoal_training 'bf16, 1 worker x 1 thread' "$reuters/train.csv" 23 --workers 1 --precision bf16
    done
    $shoal benchmark step
    ;;
long)
    news=$($shoal fetch 20-newsgroups)
    tab "$news/train.csv" "$work/news.tab"
    for ((round = 0; round < rounds; round++)); do
        for precision in float32 bf16; do
            shoal_training "$precision, length 512" "$news/train.csv" 9 --workers 2 --max-length 512 --batch-size 16 \
                --precision $precision
        done
        ddp 'DDP float32, length 512' 2 1 8 512 3 0 "$work/news.tab"
    done
    ;;
allreduce)
    for ((round = 0; round < rounds; round++)); do
        for ranks in 2 4; do
            $shoal benchmark allreduce --ranks $ranks
            "$python/torchrun" --nproc-per-node $ranks docs/peers/gloo_allreduce.py 2>/dev/null | grep gloo
        done
    done
    ;;
inference)
    # Any classifier does: what it says does not change how long it takes.
    $shoal train --model "$model" --train "$reuters/train.csv" --output "$work/r8" --shots 8 --steps 3 >"$work/log" 2>&1
    for ((round = 0; round < rounds; round++)); do
        for precision in float32 bf16; do
            $shoal benchmark predict --model "$work/r8/model" --data "$reuters/test.csv" --max-length 128 \
                --precision $precision | tail -n 1
        done
        MODEL=$work/r8/model DATA=$reuters/test.csv ONNX=1 OMP_NUM_THREADS=2 \
            "$python/python" docs/peers/predict.py 2>/dev/null
    done
    $shoal benchmark tokenize --model "$model" --data "$reuters/train.csv"
    ;;
links)
    tab "$reuters/train.csv" "$work/r8.tab"
    cluster/namespaces.sh up 2
    trap 'cluster/namespaces.sh down; rm -rf "$work"' EXIT
    for rate in 1gbit 100mbit; do
        cluster/namespaces.sh rate 2 $rate
        echo "links of $rate"
        for ((round = 0; round < rounds; round++)); do
            all_reduce 2
            hosts_gloo
            # By default, and with one micro-batch a host, as DDP has it.
            for batches in 8 2; do
                hosts_training "float32, $batches micro-batches" 2 13 --micro-batches $batches
                hosts_training "float32, compressed wire, $batches micro-batches" 2 13 --compress-wire \
                    --micro-batches $batches
                hosts_training "bf16 wire, $batches micro-batches" 2 13 --wire bf16 --micro-batches $batches
                hosts_training "bf16 wire, compressed, $batches micro-batches" 2 13 --wire bf16 --compress-wire \
                    --micro-batches $batches
            done
            hosts_ddp 6
        done
    done
    ;;
scaling)
    cluster/namespaces.sh up 4
    trap 'cluster/namespaces.sh down; rm -rf "$work"' EXIT
    for rate in 1 0.1; do
        cluster/namespaces.sh rate 4 "$(awk -v r=$rate 'BEGIN { print r * 1000 }')mbit"
        for hosts in 2 3 4; do
            # The batch grows with the hosts, as it would with more machines: 16 samples each. This machine's cores are
            # shared by all hosts, so the prediction is given the time that a host computed here.
            hosts_training "$hosts hosts at $rate Gbit/s" $hosts 11 --batch-size $((16 * hosts)) \
                --micro-batches $((4 * hosts))
            seconds=$("$python/python" - "$work/run" <<'PYTHON'
import json, sys
steps = [l for l in map(json.loads, open(sys.argv[1] + "/metrics.jsonl")) if "tokens" in l][3:]
print(sum(l["compute_seconds"] for l in steps) / len(steps), sum(l["step_seconds"] for l in steps) / len(steps),
      round(sum(l["tokens"] for l in steps) / len(steps)))
PYTHON
            )
            read -r compute step tokens <<<"$seconds"
            printf 'measured %.3f s a step; predicted:\n' "$step"
            $shoal benchmark scaling --hosts $hosts --links $rate --compute-seconds "$compute" \
                --tokens-per-host $((tokens / hosts))
        done
    done
    ;;
*)
    echo "compare.sh: error: '$what' is none of training, long, allreduce, inference, links, scaling" >&2
    exit 64
    ;;
esac
