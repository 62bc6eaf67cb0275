# shellcheck shell=bash
# What launch.sh and job.sh share: reading the part of the command line after the --.

# shellcheck source-path=SCRIPTDIR source=../options.sh
. "$(dirname "${BASH_SOURCE[0]}")/../options.sh"

fail() {
    printf 'launch.sh --slurm: error: %s\n' "$1" >&2
    exit "${2:-1}"
}

say() { printf '%s\n' "slurm: $*" >&2; }

# Reads `train …` or `resume RUN …` into these.
command='' # train or resume
run=''     # the run directory
arguments=()

parse() {
    local reason
    command=${1-}
    [[ -n $command ]] || fail 'nothing comes after the --: give train … or resume RUN' 64
    [[ $command == train || $command == resume ]] ||
        fail "$command does not run on Slurm: give train … or resume RUN after the --" 64
    shift
    if [[ $command == resume ]]; then
        [[ -n ${1-} && $1 != -* ]] || fail 'give the run directory right after resume: -- resume RUN …' 64
        run=$1
        shift
    fi
    while (($# > 0)); do
        case $1 in
            --output)
                (($# > 1)) || fail '--output has no value' 64
                run=$2
                shift
                ;;
            --output=*) run=${1#*=} ;;
            *)
                ! reason=$(set_by_launcher slurm "$1") || fail "$reason" 64
                arguments+=("$1")
                ;;
        esac
        shift
    done
    [[ -n $run ]] || fail 'give --output RUN after the --: a job that is requeued finds its run there' 64
    while [[ $run == ?*/ ]]; do run=${run%/}; done
}

# In a task of a job array: a run directory of its own, and %a in any argument is the task's number.
for_array_task() {
    local task=$1 i
    if [[ $command == train && $run != *%a* ]]; then run+=-%a; fi
    run=${run//%a/$task}
    for i in "${!arguments[@]}"; do arguments[i]=${arguments[i]//%a/$task}; done
}

# Fails unless files can be made where the run directory is to be.
check_writable() {
    local folder=$1
    while [[ ! -e $folder && $folder == */* ]]; do folder=${folder%/*}; done
    [[ -n $folder ]] || folder=/
    [[ -e $folder ]] || folder=.
    [[ -d $folder ]] || fail "$folder is no folder: choose another run directory than $run"
    [[ -w $folder && -x $folder ]] ||
        fail "cannot write in $folder: choose a run directory on a file system that all nodes share, not $run"
}
