#!/usr/bin/env bash
# The Slurm scripts on a real Slurm: munge, slurmctld and two slurmd on this machine, in a folder that is removed
# afterwards. Exit code 77 with the reason on the last line where that cannot be.
#
# SHOAL_BINARY is what is tested (default: what ./launch.sh setup builds); SLURM_TEST_PORT the first of three ports.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
launch=$root/cluster/slurm/launch.sh
port=${SLURM_TEST_PORT:-17000}

skip() {
    printf 'SKIPPED: %s\n' "$1"
    exit 77
}
wrong() {
    printf 'WRONG: %s\n' "$1" >&2
    for file in "$work"/jobs/*.out; do
        [[ ! -e $file ]] || { echo "--- $file" && grep -v '^epoch' "$file" | tail -n 20; } >&2
    done
    tail -n 20 "$work"/slurmctld.log >&2 || true
    exit 1
}
ok() { printf 'ok (after %d s): %s\n' "$SECONDS" "$1"; }

((EUID == 0)) || skip 'needs root, to run munged as its own user and slurmd'
for tool in munged slurmctld slurmd srun sbatch salloc scancel scontrol squeue; do
    command -v "$tool" >/dev/null || skip "$tool is missing: apt-get install slurm-wlm munge"
done
command -v python3 >/dev/null || skip 'python3 is missing: apt-get install python3'
getent passwd munge >/dev/null || skip 'there is no user munge: apt-get install munge'

export SHOAL_BINARY=${SHOAL_BINARY:-$root/.build/release/shoal}
[[ -x $SHOAL_BINARY ]] || { echo "no $SHOAL_BINARY: run ./launch.sh setup first" >&2 && exit 1; }

work=$(mktemp -d)
daemons=()
# Ends what was started here, and nothing else.
finish() {
    local code=$? pid
    trap '' EXIT
    if ((${#daemons[@]} > 1)); then
        scancel --user=root --full --signal=KILL 2>/dev/null || true
        scancel --user=root 2>/dev/null || true
    fi
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do kill -TERM "${daemons[i]}" 2>/dev/null || true; done
    for pid in ${daemons[@]+"${daemons[@]}"}; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Waits up to $1 seconds for the rest to be true.
wait_for() {
    local i
    for ((i = 0; i < $1 * 10; i++)); do
        if "${@:2}"; then return; fi
        sleep 0.1
    done
    wrong "nothing came of this within $1 s: ${*:2}"
}

# --- A cluster of two nodes.
mkdir "$work"/{state,n1,n2,munge,jobs}
chmod 755 "$work"
head -c 1024 /dev/urandom >"$work/munge/key"
chown -R munge: "$work/munge"
chmod 711 "$work/munge"
chmod 400 "$work/munge/key"
cat >"$work/slurm.conf" <<END
ClusterName=shoal-test
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
# A requeued job begins again when its credential is sure to have expired; that is 120 s otherwise.
AuthInfo=socket=$work/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
ReturnToService=2
KillWait=20
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=2 State=UNKNOWN
PartitionName=main Nodes=n[1-2] Default=YES State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes=n[1-2] State=UP PriorityTier=10 PreemptMode=OFF
END
export SLURM_CONF=$work/slurm.conf
setpriv --reuid=munge --regid=munge --init-groups munged --foreground --key-file="$work/munge/key" \
    --socket="$work/munge/socket" --pid-file="$work/munge/pid" --seed-file="$work/munge/seed" \
    --log-file="$work/munge/log" >"$work/munged.out" 2>&1 &
daemons+=($!)
wait_for 10 test -S "$work/munge/socket"
slurmctld -D >"$work/slurmctld.out" 2>&1 &
daemons+=($!)
for node in n1 n2; do
    slurmd -D -N "$node" >"$work/slurmd-$node.out" 2>&1 &
    daemons+=($!)
done
both_idle() { [[ $(sinfo --noheader --partition=main --states=idle --format=%D 2>/dev/null) == 2 ]]; }
wait_for 30 both_idle
ok "$(sinfo --version): munged, slurmctld and two slurmd are at work"

# --- What is trained, and what comes of it without Slurm.
python3 "$root/cluster/tests/tiny.py" "$work/tiny"
options=(--model "$work/tiny/model" --train "$work/tiny/train.csv" --batch-size 20 --learning-rate 3e-3)
hash_of() { sed -n 's/.*"weights_sha256" : "\(.*\)".*/\1/p' "$1/result.json"; }
cd "$work/jobs"
"$SHOAL_BINARY" train "${options[@]}" --epochs 1000 --output "$work/local" --workers 1 >"$work/local.log" 2>&1 ||
    wrong "the run without Slurm failed: $(tail -n 1 "$work/local.log")"
expected=$(hash_of "$work/local")
same() {
    [[ $(hash_of "$1") == "$expected" ]] || wrong "$1 has weights $(hash_of "$1"), the run without Slurm $expected"
}
state() { scontrol --oneliner show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
restarts() { scontrol --oneliner show job "$1" | sed -n 's/.* Restarts=\([0-9]*\).*/\1/p'; }
steps() { [[ -e $1/metrics.jsonl ]] && (($(wc -l <"$1/metrics.jsonl") >= $2)); }
ended() { [[ $(state "$1") == "$2" && -z $(squeue --noheader --jobs="$1" 2>/dev/null) ]]; }
# No process of a job is left: all have this folder in their command line.
none_left() {
    local file line
    for file in /proc/[0-9]*/cmdline; do
        line=$({ tr '\0' ' ' <"$file"; } 2>/dev/null) || continue
        # Not this shell, nor those that it forks.
        [[ $line != *"$work/jobs/"* ]] || return 1
    done
}
pending() { [[ $(state "$1") == PENDING ]]; }
requeued_once() { (($(restarts "$1") >= 1)); }
submit() { "$launch" "$@" 2>>"$work/submitted.log"; }

# --- Bad input is reported before a job waits in a queue.
refused() {
    local expected=$1 message code=0
    message=$("${@:2}" 2>&1 >/dev/null) || code=$?
    [[ $code != 0 && $message == *"$expected"* && $message != *$'\n'* ]] ||
        wrong "expected \"$expected\" but got \"$message\""
}
refused 'there is no --' "$launch" --nodes=2
refused 'put a -- before train' "$launch" --nodes=2 train
refused 'give train … or resume RUN' "$launch" --nodes=2 --
refused 'give --output RUN' "$launch" -- train "${options[@]}"
refused '--workers comes from Slurm' "$launch" -- train --output x --workers 2
refused 'no run directory' "$launch" -- resume "$work/none"
refused 'is not empty' "$launch" -- train --output "$work/local" "${options[@]}"
mkdir "$work/bin"
ln -s "$(command -v bash)" "$(command -v dirname)" "$work/bin"
refused 'sbatch is not in PATH' env PATH="$work/bin" "$launch" -- train --output x
ok 'bad input gets one line'

# --- To the end.
job=$(submit --nodes=2 -- train "${options[@]}" --epochs 1000 --output runs/calm)
wait_for 60 ended "$job" COMPLETED
same runs/calm
[[ ! -e runs/calm.keys ]] || wrong 'the keys were not removed'
grep -q 'on n1 n2, 2 workers' "shoal-$job.out" || wrong 'it did not run on two nodes'
wait_for 10 none_left
ok 'a job on two nodes ends with the weights of a run without Slurm'

# --- SIGTERM to the batch shell, as --signal=B:TERM sends it before the time limit; and to the steps alone.
for flags in '--batch' ''; do
    job=$(submit --nodes=2 -- train "${options[@]}" --epochs 1000 --output "runs/term$flags")
    wait_for 60 steps "runs/term$flags" 200
    # shellcheck disable=SC2086 # none or one
    scancel --signal=TERM $flags "$job"
    wait_for 40 requeued_once "$job"
    [[ ! -e runs/term$flags/result.json ]] || wrong 'the run was at its end already'
    [[ -n $(ls "runs/term$flags/checkpoints") ]] || wrong 'there is no checkpoint'
    [[ $(stat -c %a "runs/term$flags.keys") == 700 ]] || wrong 'others can read the keys'
    wait_for 10 none_left
    wait_for 90 ended "$job" COMPLETED
    same "runs/term$flags"
    grep -q 'going on training' "shoal-$job.out" || wrong 'it did not go on from the checkpoint'
    ok "scancel --signal=TERM $flags: checkpoint, requeued, resumed, the same weights"
done

# --- A job of a partition with precedence takes the nodes.
job=$(submit --nodes=2 -- train "${options[@]}" --epochs 1000 --output runs/preempted)
wait_for 60 steps runs/preempted 200
srun --partition=urgent --nodes=2 --exclusive sleep 1
[[ ! -e runs/preempted/result.json ]] || wrong 'the run was at its end already'
[[ -n $(ls runs/preempted/checkpoints) ]] || wrong 'there is no checkpoint'
requeued_once "$job" || wrong 'it was not requeued'
wait_for 90 ended "$job" COMPLETED
same runs/preempted
grep -q 'going on training' "shoal-$job.out" || wrong 'it did not go on from the checkpoint'
ok 'preempted: checkpoint, requeued by Slurm, resumed, the same weights'

# --- scancel ends a job for good; resume goes on with its run in another.
job=$(submit --nodes=2 -- train "${options[@]}" --epochs 1000 --output runs/cancelled)
wait_for 60 steps runs/cancelled 200
scancel "$job"
wait_for 30 ended "$job" CANCELLED
wait_for 10 none_left
[[ -n $(ls runs/cancelled/checkpoints) ]] || wrong 'there is no checkpoint'
job=$(submit --ntasks=3 -- resume runs/cancelled)
wait_for 60 ended "$job" COMPLETED
same runs/cancelled
ok 'scancel: checkpoint, no process left, and resume ends with the same weights, with three workers'

# --- An array: a run a task, and a SIGTERM for the one whose number is that of the whole array.
job=$(submit --array=1-2 --nodes=1 --ntasks=1 -- train "${options[@]}" --epochs 1000 --seed 4%a --output runs/array)
wait_for 60 steps runs/array-2 200
scancel --signal=TERM --batch "${job}_2"
wait_for 90 ended "${job}_1" COMPLETED
wait_for 90 ended "${job}_2" COMPLETED
[[ $(restarts "${job}_1") == 0 && $(restarts "${job}_2") == 1 ]] || wrong 'not just the one task was requeued'
same runs/array-2
[[ $(hash_of runs/array-1) != "$expected" ]] || wrong 'the tasks had the same seed'
ok 'an array of two: separate runs, one of them requeued and resumed'

# --- Within an allocation, with the coordinator started by srun.
code=0
salloc --quiet --nodes=2 "$launch" --ntasks=2 -- train "${options[@]}" --epochs 1000 --output runs/salloc \
    >"$work/salloc.log" 2>&1 || code=$?
((code == 0)) || wrong "within salloc it ended with code $code: $(grep -v '^epoch' "$work/salloc.log" | tail -n 3)"
same runs/salloc
ok 'within salloc'

# --- What a node lacks is reported.
job=$(SHOAL_WORKER_OPTIONS=--nonsense submit --nodes=2 -- train "${options[@]}" --epochs 1000 --output runs/none)
wait_for 60 ended "$job" FAILED
grep -q 'no worker is left: stopping' "shoal-$job.out" || wrong 'workers that cannot start went unnoticed'
cp "$SHOAL_BINARY" "$work/gone"
job=$(SHOAL_BINARY=$work/gone submit --hold --nodes=2 -- train "${options[@]}" --output runs/gone)
rm "$work/gone"
scontrol release "$job"
wait_for 60 ended "$job" FAILED
grep -q "gone is not there" "shoal-$job.out" || wrong 'a program that is gone was not reported'
wait_for 10 none_left
ok 'a worker that cannot start, and a program that is not there, end the job with a line that says so'

echo "Slurm: all is well after $SECONDS s"
