#!/usr/bin/env bash
# Keeps the workers of one host going, until the run ends: checks the host and sends what it lacks, starts its workers,
# brings their output back, and starts them again when they, or the connection, are lost. Started by job.sh in a session
# of its own, so that a Ctrl-C meant for the coordinator does not cut the connections under it:
#   supervise.sh HOSTS_FILE INDEX PREFIX      PREFIX: of the workers' names, other for each launcher of a job
# In the environment: all that SUPERVISE_VARIABLES of job.sh lists.
set -uo pipefail
SSH_FOLDER=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$SSH_FOLDER/common.sh"
# shellcheck source-path=SCRIPTDIR source=program.sh
. "$SSH_FOLDER/program.sh"
# shellcheck source-path=SCRIPTDIR source=check.sh
. "$SSH_FOLDER/check.sh"

# Seconds between two attempts at a host that failed, and to start a worker again: at first, and at most.
RETRY=5
LONGEST_RETRY=20

read_hosts "$1" "$HOSTS_SHOWN"
host=$2 prefix=$3
label=${LABELS[host]}
read -r PROGRAM PROGRAM_SUM BUNDLE BUNDLE_SUM GLIBC DNNL <<<"$STAGED"

# The run is over, or its launcher has ended.
over() { [[ -e $WORK/over ]] || ! kill -0 "$LAUNCHER" 2>/dev/null; }

rest() {
    local turn
    for ((turn = 0; turn < $1 * 5; turn++)); do
        over && return
        sleep 0.2
    done
}

# Says a thing once, until another thing is said.
last=$(cat "$WORK/reported-$host" 2>/dev/null)
say_once() {
    [[ $1 == "$last" ]] || say "[$label] $1"
    last=$1
}

# Makes the host ready; tries again for as long as the run goes on.
ready() {
    local asked=$1
    until over; do
        if [[ $asked == asked ]]; then asked=''; else ask_host "$host"; fi
        judge_host "$host"
        if [[ -z $OBSTACLE ]]; then
            [[ -z $NEEDS_BUNDLE || -z $NEEDS_PROGRAM ]] || say "[$label] $NEEDS_BUNDLE"
            if install_host "$host"; then return; fi
            OBSTACLE="it cannot be set up: $(tail -n 1 "$WORK/error-$host")"
        fi
        say_once "$OBSTACLE"
        rest "$RETRY"
    done
    return 1
}

# What a worker is given. Where its peers reach it is said here, and only here.
worker_options() {
    local coordinator=$ENDPOINT address=${ADDRESSES[host]}
    # Where the coordinator listens everywhere, each host has its own way to it.
    if [[ $ENDPOINT == *'//*:'* ]]; then coordinator=${ENDPOINT/\*/$(bracketed "${HOST[client]}")}; fi
    OPTIONS=(--coordinator "$coordinator" --keys "${DIRS[host]}/keys/${KEY_NAMES[host]}")
    OPTIONS+=(--threads "$(threads_of "$host")")
    if [[ -n $address ]]; then OPTIONS+=(--address "$address"); fi
}

bracketed() { if [[ $1 == *:* ]]; then printf '[%s]' "$1"; else printf '%s' "$1"; fi; }

# Puts the host's name before each line. That a host is away, which ssh says at each attempt, is said once.
prefixed() {
    local line
    while IFS= read -r line || [[ -n $line ]]; do
        [[ $line != 'ssh: connect to host'* || ! -e $WORK/away-$host ]] || continue
        [[ $line != 'ssh: connect to host'* ]] || touch "$WORK/away-$host"
        printf '%s[%s] %s\n' "$CLEAR" "$1" "${line%$'\r'}" >&2
    done
}

# One worker, over and over.
keep_worker() {
    local name=$prefix${KEY_NAMES[host]}-$1 title=$label word line status failures=0 delay begin fifo
    ((WORKERS[host] == 1)) || title+=" $1"
    line="exec sh '${DIRS[host]}/programs/${HOST[sum]}/remote.sh' start '${DIRS[host]}' '${HOST[sum]}' '$JOB' '$name'"
    for word in "${OPTIONS[@]}"; do line+=" '$word'"; done
    # Standard input of ssh: open as long as this process is, for its end is the worker's.
    fifo=$(mktemp -u "$WORK/hold-XXXXXX")
    mkfifo -m 600 "$fifo"
    exec 4<>"$fifo"
    rm "$fifo"
    until over; do
        begin=$SECONDS
        rm -f "$WORK/ended-$host-$1"
        ssh_words "$host"
        "${SSH[@]}" "$line" <&4 2>&1 | prefixed "$title"
        status=${PIPESTATUS[0]}
        if ((status == 0)); then
            touch "$WORK/ended-$host-$1"
            return
        fi
        # There is no coordinator, or the run has ended before it was complete: nothing of it is left there.
        if ((status == 75)); then touch "$WORK/ended-$host-$1"; fi
        over && return
        # A worker that computed for a while has not failed at once.
        if ((SECONDS - begin > 60)); then
            failures=0
            rm -f "$WORK/away-$host"
        fi
        failures=$((failures + 1))
        if ((status != 255 && failures > MAX_RESTARTS)); then
            say "[$title] lost $failures times; it is not started again (--max-restarts $MAX_RESTARTS)"
            return
        fi
        # The coordinator's end may be known here a little later than to its workers.
        rest 1
        over && return
        delay=$((failures > 4 ? LONGEST_RETRY : 1 << (failures - 1)))
        # A host that is gone is reported once, by what ssh says.
        if ((status != 255)); then
            say "[$title] the worker ended (exit code $status); it is started again"
        elif ((failures == 1)); then
            say "[$title] the connection is lost; trying again until the run ends"
        fi
        rest "$((delay - 1))"
    done
}

ready "${4-}" || exit 0
over && exit 0
worker_options
touch "$WORK/started-$host"
for ((worker = 1; worker <= WORKERS[host]; worker++)); do keep_worker "$worker" & done
wait
