#!/usr/bin/env bash
# Trains on hosts that ssh reaches; see usage() below, or ./launch.sh --hosts --help. Called by launch.sh.
# shellcheck disable=SC2034 # variables are those of all the scripts here
set -uo pipefail
BEGAN=$EPOCHREALTIME
SSH_FOLDER=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
for part in ../options common program check manage job; do
    # shellcheck source-path=SCRIPTDIR disable=SC1090
    . "$SSH_FOLDER/$part.sh"
done

usage() {
    cat <<END_OF_USAGE
Usage:
  ./launch.sh --hosts FILE [OPTIONS] -- train …        trains: the coordinator runs here, workers on the hosts of FILE.
                                                       What follows are options of \`shoal train\`, without --workers
  ./launch.sh --hosts FILE [OPTIONS] -- resume RUN …   goes on with a run that was stopped
  ./launch.sh --hosts FILE check                       checks the hosts; starts and copies nothing
  ./launch.sh --hosts FILE status [RUN]                how the run goes, and what runs on each host
  ./launch.sh --hosts FILE stop [RUN | --all]          ends the run and all that belongs to it; --all: whatever workers
                                                       there are in the hosts' folders, of any run
  ./launch.sh --hosts FILE join [RUN]                  adds the hosts of FILE to a run that was started with another
                                                       file; without RUN, to the only one that is being trained

FILE lists a host a line: host [workers=N] [threads=T] [user=…] [port=…] [dir=…] [address=…]; cluster/hosts.example
explains it. The hosts are reached by ssh, with keys that are no question asked; nothing needs to be installed on them.

Options:
  --keys DIR             the folder of this cluster's keys, made if not there
                         (default: \$XDG_CONFIG_HOME/shoal/keys, or ~/.config/shoal/keys)
  --address ADDRESS      where the hosts reach this machine (default: from where they see it coming)
  --port PORT            the coordinator's port (default: 5555, or the next free one)
  --bind ENDPOINT        where the coordinator listens, if that is not where it is reached: tcp://ADDRESS:PORT
  --libraries WHEN       whether libraries are sent along with the program: missing (for hosts that lack some, or have
                         another oneDNN), always, or never (default: missing)
  --ssh-config FILE      passed to ssh as -F
  --min-workers N        (of train) goes on without hosts that fail their check, if N workers are left

Ctrl-C writes a checkpoint and ends the run and all workers; a second one does so at once, without a checkpoint.
END_OF_USAGE
}

value_of() {
    [[ -n ${2-} ]] || fail "$1 needs a value; see $CALLED_AS --hosts --help" 64
    printf '%s' "$2"
}

check_hosts() {
    local host status=0
    JOB=check
    stage_program "$BINARY"
    ask_all
    for host in "${!HOSTS[@]}"; do
        judge_host "$host"
        if [[ -n $OBSTACLE ]]; then
            printf '[%s] failed: %s\n' "${LABELS[host]}" "$OBSTACLE"
            status=1
            continue
        fi
        printf '[%s] ready for %s workers: %s\n' "${LABELS[host]}" "${WORKERS[host]}" "$(describe_host)"
        [[ -z $NEEDS_BUNDLE ]] || printf '[%s] note: %s\n' "${LABELS[host]}" "$NEEDS_BUNDLE"
        local warning
        for warning in "${WARNINGS[@]}"; do printf '[%s] warning: %s\n' "${LABELS[host]}" "$warning"; done
    done
    return "$status"
}

# In a function, and the end below it: bash has read all of it before it begins, and the file may change meanwhile.
main() {
    [[ ${1-} != --help && ${1-} != -h ]] || {
        usage
        exit
    }
    [[ -n ${HOME-} ]] || fail "HOME is not set; set it to your home folder" 64
    BINARY=${SHOAL_BINARY:-$(cd "$SSH_FOLDER/../.." && pwd)/.build/release/shoal}
    JOBS=${XDG_STATE_HOME:-$HOME/.local/state}/shoal/jobs
    KEYS=${XDG_CONFIG_HOME:-$HOME/.config}/shoal/keys
    ADDRESS='' BIND='' PORT='' BUNDLING=missing SSH_CONFIG='' MODEL_KB=0 DEFAULT_THREADS=''
    [[ -n ${1-} ]] || fail "--hosts needs a file; see $CALLED_AS --hosts --help" 64
    HOSTS_FILE=$1 HOSTS_SHOWN=$1
    shift

    action=''
    while (($# > 0)); do
        case $1 in
        --help | -h)
            usage
            exit
            ;;
        --keys) KEYS=$(value_of "$@") && shift 2 || exit ;;
        --address)
            ADDRESS=$(value_of "$@") && shift 2 || exit
            ADDRESS=${ADDRESS#[} ADDRESS=${ADDRESS%]}
            [[ $ADDRESS =~ ^[A-Za-z0-9:][A-Za-z0-9_.:%-]*$ ]] || fail "--address $ADDRESS is no address and no name" 64
            ;;
        --port)
            PORT=$(value_of "$@") && shift 2 || exit
            number_between "$PORT" 1 65535 || fail "--port is $PORT, but must be a number from 1 to 65535" 64
            ;;
        --bind)
            BIND=$(value_of "$@") && shift 2 || exit
            [[ $BIND =~ ^tcp://.+:([0-9]+)$ ]] || fail "--bind is $BIND, but must be tcp://ADDRESS:PORT" 64
            PORT=${PORT:-${BASH_REMATCH[1]}}
            ;;
        --libraries)
            BUNDLING=$(value_of "$@") && shift 2 || exit
            [[ $BUNDLING =~ ^(missing|always|never)$ ]] ||
                fail "--libraries is $BUNDLING, but must be missing, always or never" 64
            ;;
        --ssh-config)
            SSH_CONFIG=$(value_of "$@") && shift 2 || exit
            [[ -r $SSH_CONFIG ]] || fail "--ssh-config $SSH_CONFIG cannot be read" 64
            ;;
        --)
            action=run
            shift
            break
            ;;
        check | status | stop | join)
            action=$1
            shift
            break
            ;;
        *) fail "'$1' is not known here; options of train go after a --: $CALLED_AS --hosts FILE -- train …" 64 ;;
        esac
    done
    [[ -n $action ]] ||
        fail "what is to be done with the hosts? -- train …, -- resume RUN, check, status, stop or join" 64
    [[ $action == run || $# -le 1 ]] || fail "'$2' is one word too many after $action" 64
    [[ $action != check || $# == 0 ]] || fail "check takes no run, so not '$1'" 64
    [[ $action != run || $# -gt 0 ]] || fail "a command goes after the --: -- train OPTIONS, or -- resume RUN" 64
    for command in ssh flock setsid setpriv ss; do
        command -v "$command" >/dev/null ||
            fail "$command is missing here: sudo apt-get install openssh-client util-linux iproute2" 2
    done

    read_hosts "$HOSTS_FILE"
    HOSTS_FILE=$(realpath -- "$HOSTS_FILE")
    KEYS=$(realpath -m -- "$KEYS")
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT

    case $action in
    run) launch "$@" ;;
    join) join "$@" ;;
    check) check_hosts ;;
    status) show_status "$@" ;;
    stop) stop_job "$@" ;;
    esac
}

main "$@"
exit
