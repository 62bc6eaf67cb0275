#!/usr/bin/env bash
# Within a Slurm job: the coordinator on the first node, a worker in each task, and what becomes of the job afterwards.
# launch.sh calls it: job.sh [OPTIONS OF SRUN] -- train … or resume RUN …
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=cluster/slurm/common.sh
source "$here/common.sh"

options=()
while [[ $1 != -- ]]; do
    options+=("$1")
    shift
done
shift

for tool in srun scontrol scancel squeue; do
    command -v "$tool" >/dev/null || fail "$tool is not in PATH on $(hostname): load Slurm's module in the job" 2
done
[[ -x $SHOAL_BINARY ]] ||
    fail "$SHOAL_BINARY is not there on $(hostname): run ./launch.sh setup on a file system that all nodes share" 2

parse "$@"
# The id of an array's last task is that of the whole array: this names the one task.
SHOAL_JOB=$SLURM_JOB_ID
if [[ -n ${SLURM_ARRAY_TASK_ID-} ]]; then
    SHOAL_JOB=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
    for_array_task "$SLURM_ARRAY_TASK_ID"
fi
export SHOAL_JOB
# Tasks of srun begin in this folder too, but paths are passed on.
[[ $run == /* ]] || run=$PWD/$run
keys=$run.keys

coordinator=''
workers=''
signals=0
# shellcheck disable=SC2317 # called by the trap
on_signal() {
    signals=$((signals + 1))
    # Once: a second SIGTERM ends the coordinator without a checkpoint.
    if ((signals == 1)); then
        say 'asked to stop: writing a checkpoint'
        [[ -z $coordinator ]] || kill -TERM "$coordinator" 2>/dev/null || true
    fi
}
trap on_signal TERM INT

# Waits for a child, however many signals come meanwhile; its exit code is in `code`.
await() {
    local before
    while :; do
        before=$signals
        code=0
        wait "$1" || code=$?
        ((signals != before)) || return 0
    done
}

lives() { [[ -n $1 ]] && kill -0 "$1" 2>/dev/null; }

# Ends what is left of this job's steps that carry our names.
end_steps() {
    local step
    for step in $(squeue --noheader --steps --jobs="$SHOAL_JOB" --format='%i %j' 2>/dev/null |
        awk '$2 ~ /^shoal-(workers|coordinator)$/ { print $1 }'); do
        scancel --signal=KILL "$step" 2>/dev/null || true
    done
}

# However this ends: nothing is left.
cleanup() {
    trap '' TERM INT
    if lives "$coordinator"; then kill -KILL "$coordinator" 2>/dev/null || true; fi
    if lives "$workers"; then
        end_steps
        kill -KILL "$workers" 2>/dev/null || true
    fi
}
trap cleanup EXIT

# Tasks that fail or end do not take the others with them. Steps may overlap with that of an interactive shell.
step=(srun --overlap --kill-on-bad-exit=0 --wait=0 --no-kill --input=none)
layout=()
[[ -z ${SLURM_CPUS_PER_TASK-} ]] || layout+=(--cpus-per-task="$SLURM_CPUS_PER_TASK")
layout+=(${options[@]+"${options[@]}"})

# Removes what keygen makes, and nothing else.
remove_keys() {
    rm -rf "$keys/workers/worker"
    rm -f "$keys"/{coordinator.key,coordinator.pub,workers.allow,port}
    rmdir "$keys/workers" "$keys" 2>/dev/null || true
}

make_keys() {
    check_writable "$run"
    mkdir -p "$(dirname "$run")"
    # Of a former start of this run; or new ones: no worker can have begun with a folder that is not whole.
    if [[ ! -r $keys/workers/worker/worker.key ]]; then
        remove_keys
        [[ ! -e $keys || -z $(ls -A "$keys") ]] ||
            fail "$keys is where the run's keys go, but it has other things in it: move it away"
        "$SHOAL_BINARY" keygen "$keys" >/dev/null || fail "no keys could be made in $keys; see the line above"
    fi
    chmod 700 "$keys"
}

# Whether every task can do its work; counts them in `tasks`.
check_tasks() {
    local answers
    answers=$("${step[@]}" ${layout[@]+"${layout[@]}"} --job-name=shoal-check "$here/task.sh" check "$keys") ||
        fail 'srun could not start a task on every node; see the lines above'
    tasks=$(grep -cx ok <<<"$answers" || true)
    if grep -qvx ok <<<"$answers"; then
        grep -vx ok <<<"$answers" | sort -u >&2
        fail 'not all nodes can take part; see the lines above'
    fi
}

# By what address the other nodes reach the first one.
address() {
    local name resolved
    name=${SHOAL_ADDRESS-}
    if [[ -z $name ]]; then
        name=$(scontrol --oneliner show node "$1" | sed -n 's/.* NodeAddr=\([^ ]*\).*/\1/p')
        name=${name:-$1}
        # Debian gives a machine's own name a loopback address in /etc/hosts, which no other machine reaches.
        resolved=$(getent ahosts "$name" | awk 'NR == 1 { print $1 }' || true)
        if [[ $resolved == 127.* && $resolved != "$name" && $1 == "${SLURMD_NODENAME-}" ]]; then
            name=$(hostname -I | awk '{ print $1 }')
            [[ -n $name ]] || name=$resolved
        fi
    fi
    if [[ $name == *:* && $name != \[* ]]; then name=[$name]; fi
    printf '%s\n' "$name"
}

start_coordinator() {
    local first=$1 bind=${SHOAL_BIND:-'tcp://0.0.0.0:*'} place=()
    [[ $first == "${SLURMD_NODENAME-}" ]] ||
        place=(srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" --input=none --job-name=shoal-coordinator)
    local common=(--bind "$bind" --keys "$keys" --workers "$tasks")
    if [[ $command == resume ]]; then
        common=(resume "$run" "${common[@]}")
    else
        common=(coordinator --output "$run" "${common[@]}")
    fi
    # Not of a former start: all nodes see this folder, wherever the coordinator is.
    rm -f "$keys/port"
    common+=(--port-file "$keys/port")
    # It need not say how to start workers.
    SHOAL_LAUNCHER=slurm ${place[@]+"${place[@]}"} "$SHOAL_BINARY" "${common[@]}" \
        ${arguments[@]+"${arguments[@]}"} &
    coordinator=$!
    # It may have come in between.
    if ((signals > 0)); then kill -TERM "$coordinator" 2>/dev/null || true; fi
}

# The port that the coordinator listens at, in `port`; empty if it has ended.
find_port() {
    port=''
    while lives "$coordinator"; do
        # Listing the folder makes a network file system look again.
        if [[ $(ls "$keys") == *port* ]]; then
            port=$(<"$keys/port")
            return 0
        fi
        sleep 0.1
    done
}

# Workers end with the coordinator, or long before it if none can work at all.
run_workers() {
    local endpoint=$1 i
    # Cancelling a job signals all of its processes; these must see the checkpoint through.
    trap '' TERM INT
    "${step[@]}" ${layout[@]+"${layout[@]}"} --job-name=shoal-workers --label \
        "$here/task.sh" work "$keys" "$endpoint" || true
    for ((i = 0; i < 100; i++)); do
        lives "$coordinator" || return 0
        sleep 0.1
    done
    say 'no worker is left: stopping the coordinator'
    kill -TERM "$coordinator" 2>/dev/null || true
}

# The newest checkpoint's name.
newest() {
    if [[ -d $run/checkpoints ]]; then
        find "$run/checkpoints" -maxdepth 1 -name 'step-*' -printf '%f\n' | sort | tail -n 1
    fi
}

# After a checkpoint on SIGTERM. Slurm requeues what it preempts by itself, and what was cancelled is to end; but a job
# whose time is up, or that was asked to stop, is still "running".
requeue() {
    local job state
    job=$(scontrol --oneliner show job "$SHOAL_JOB" 2>/dev/null || true)
    state=$(sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' <<<"$job")
    if [[ $state != RUNNING ]]; then
        say "the job is ${state:-gone}: nothing more to do here"
    elif [[ ${SHOAL_REQUEUE-} == no || $job != *BatchFlag=1* ]]; then
        say "to go on: ./launch.sh --slurm … -- resume $run"
    elif ((${SLURM_RESTART_COUNT:-0} > 0)) && [[ $(newest) == "$began_with" ]]; then
        say "no step was finished since the job was last requeued: not again; give it more time (--time)"
    elif scontrol requeue "$SHOAL_JOB"; then
        say 'requeued: the job goes on when Slurm starts it again'
        # Slurm ends this shell.
        sleep 60
    else
        say "Slurm does not requeue this job (see the line above); to go on: ./launch.sh --slurm … -- resume $run"
    fi
}

nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
first=${nodes%%$'\n'*}
if ((${SLURM_RESTART_COUNT:-0} > 0)) && [[ $command == train ]]; then
    if [[ -e $run/result.json ]]; then
        say "$run is complete: nothing to do"
        exit 0
    fi
    # A run that never began to write begins anew. What it was given is in its run.yaml.
    if [[ -e $run/run.yaml ]]; then
        command=resume
        arguments=()
    fi
fi
began_with=$(newest)
make_keys
tasks=0
check_tasks
say "$command $run: job $SHOAL_JOB on ${nodes//$'\n'/ }, $tasks workers of ${SLURM_CPUS_PER_TASK:-1} thread(s)"
start_coordinator "$first"
find_port
if [[ -n $port ]]; then
    run_workers "tcp://$(address "$first"):$port" &
    workers=$!
fi
await "$coordinator"
ended=$code
coordinator=''
if [[ -n $workers ]]; then
    # They were asked to end.
    for ((i = 0; i < 100; i++)); do
        lives "$workers" || break
        sleep 0.1
    done
fi
cleanup
trap on_signal TERM INT

if ((ended == 0)); then
    # They open nothing any more.
    remove_keys
elif ((ended == 130 && signals > 0)); then
    requeue
elif ((signals > 0)); then
    say "the coordinator ended with code $ended; to go on: ./launch.sh --slurm … -- resume $run"
fi
exit "$ended"
