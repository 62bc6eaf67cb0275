#!/usr/bin/env bash
# Trains on a Slurm cluster: see usage() below, and README.md beside this.
set -euo pipefail

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=cluster/slurm/common.sh
source "$here/common.sh"

usage() {
    cat <<END
Usage:
  ./launch.sh --slurm [OPTIONS OF SBATCH] -- train --model DIR --train FILE --output RUN …
  ./launch.sh --slurm [OPTIONS OF SBATCH] -- resume RUN …

Submits a job with one worker a task, --cpus-per-task threads each, and the coordinator on the first node. The output is
in shoal-JOB.out. Within a job (a script of your own, salloc) it runs there at once; options are those of srun then.
On SIGTERM the job writes a checkpoint, is requeued, and goes on from it.

Environment:
  SHOAL_BINARY          the program (default: what ./launch.sh setup builds; it is built if need be)
  SHOAL_BIND            where the coordinator listens (default: tcp://0.0.0.0:*)
  SHOAL_ADDRESS         the address by which workers reach it (default: that of the first node, as Slurm knows it)
  SHOAL_WORKER_OPTIONS  more options for each \`shoal worker\`
  SHOAL_REQUEUE=no      after SIGTERM, only writes the checkpoint
END
}

options=()
while (($# > 0)) && [[ $1 != -- ]]; do
    case $1 in
        -h | --help)
            usage
            exit
            ;;
        train | resume) fail "put a -- before $1: what is before it is for Slurm, what follows is for shoal" 64 ;;
    esac
    options+=("$1")
    shift
done
(($# > 0)) || fail 'there is no --: ./launch.sh --slurm [OPTIONS OF SBATCH] -- train … (see --slurm --help)' 64
shift

parse "$@"
export SHOAL_BINARY=${SHOAL_BINARY:-$root/.build/release/shoal}

if [[ -n ${SLURM_JOB_ID-} ]]; then
    exec "$here/job.sh" ${options[@]+"${options[@]}"} -- "$@"
fi

command -v sbatch >/dev/null ||
    fail 'sbatch is not in PATH: this machine is no login node of a Slurm cluster (or load its module first)' 2
check_writable "$run"
if [[ $command == resume ]]; then
    # With %a, each task of an array has its own.
    [[ $run == *%a* || -e $run/run.yaml ]] ||
        fail "$run is no run directory: it has no run.yaml; give the --output of a run"
elif [[ $run != *%a* && -d $run && -n $(ls -A "$run") ]]; then
    fail "the folder $run is not empty: go on with that run by -- resume $run, or choose another --output"
fi
if [[ $SHOAL_BINARY == "$root/.build/release/shoal" ]]; then
    "$root/launch.sh" setup >/dev/null
fi
[[ -x $SHOAL_BINARY ]] || fail "$SHOAL_BINARY cannot be run: build it with ./launch.sh setup, or set SHOAL_BINARY"

sinfo --noheader >/dev/null 2>&1 ||
    fail 'Slurm does not answer here: run this where sinfo works, such as a login node of the cluster'
# Where the batch script finds job.sh: Slurm runs a copy of it from a folder of its own.
export SHOAL_ROOT=$root
# sbatch --wait goes on after it has printed the job's number, and ends with the job's exit code.
sbatch --parsable ${options[@]+"${options[@]}"} "$here/train.sbatch" "$@" | {
    read -r job || exit 0
    job=${job%%;*}
    cat >&2 <<END
submitted job $job; unless an option says otherwise, its output is in shoal-JOB.out here (an array's tasks are jobs)
  squeue --jobs=$job                        how it stands
  scancel --signal=TERM --batch $job        has it write a checkpoint and be requeued
  scancel $job                              ends it
END
    echo "$job"
}
