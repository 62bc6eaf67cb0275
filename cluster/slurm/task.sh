#!/usr/bin/env bash
# What srun runs in each task, for job.sh: task.sh check KEYS, or task.sh work KEYS ENDPOINT.
set -uo pipefail

binary=$SHOAL_BINARY
node=${SLURMD_NODENAME:-$(hostname)}
keys=$2

# Prints "ok", or what this node lacks.
check() {
    local missing
    if [[ ! -x $binary ]]; then
        echo "node $node: $binary is not there: put it on a file system that all nodes share, or set SHOAL_BINARY"
        return
    fi
    missing=$(ldd "$binary" 2>/dev/null | awk '/not found/ { print $1 }' | tr '\n' ' ')
    if [[ -n $missing ]]; then
        echo "node $node: missing ${missing% }; on Debian: apt-get install libzmq5 libdnnl2 (or libdnnl3) libzstd1"
    elif ! "$binary" --version >/dev/null 2>&1; then
        echo "node $node: $binary does not run here (another architecture?)"
    elif [[ ! -r $keys/workers/worker/worker.key ]]; then
        echo "node $node: cannot read $keys/workers/worker: put the run directory on a file system that all nodes share"
    else
        echo ok
    fi
}

# A signal to the steps of a job reaches the tasks, but not the batch shell, which is who can do something about it.
signal_batch_shell() {
    ((signals++)) || [[ ${SLURM_PROCID:-0} != 0 ]] ||
        scancel --batch --signal=TERM "$SHOAL_JOB" 2>/dev/null || true
}

work() {
    local restarts=0 before code worker
    # Split into words on purpose.
    # shellcheck disable=SC2206
    local more=(${SHOAL_WORKER_OPTIONS-})
    trap signal_batch_shell TERM
    while :; do
        # The worker must outlive the signal: the checkpoint is fetched from it. It ends when the coordinator says so.
        (
            trap '' TERM INT
            exec "$binary" worker --coordinator "$1" --keys "$keys/workers/worker" \
                --threads "${SLURM_CPUS_PER_TASK:-1}" ${more[@]+"${more[@]}"}
        ) &
        worker=$!
        while :; do
            before=$signals
            wait "$worker"
            code=$?
            ((signals == before)) && break
        done
        # Killed, by want of memory, say: it joins again, and the run goes on meanwhile.
        # The run was interrupted, say (75): its lines say why, and the coordinator's exit code is that of the job.
        ((code != 75)) || exit 0
        ((code > 128 && signals == 0 && restarts < 10)) || exit "$code"
        restarts=$((restarts + 1))
        echo "slurm: node $node: the worker was killed by signal $((code - 128)); starting it again" >&2
    done
}

signals=0
case $1 in
    check) check ;;
    work) work "$3" ;;
esac
