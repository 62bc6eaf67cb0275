#!/bin/sh
# What runs on a host, in plain sh: nothing else may be expected there. Called over ssh by the other scripts of this
# folder; all paths are relative to the home folder, or absolute.
#
#   check DIR KEYS KEY_SUM PROGRAM_SUMS SONAMES    says what the host is like, a line "name value" each; writes nothing
#   install DIR INCOMING PROGRAM KEYS              puts in place what was unpacked in INCOMING
#   start DIR PROGRAM JOB NAME OPTIONS…            a worker, until it ends or standard input does
#   list DIR JOB                                   the workers of a job ('*' for all jobs): NAME PID
#   stop DIR JOB                                   ends them
#
# DIR/programs/SUM is a program with all that belongs to it, DIR/keys/NAME a worker's keys, DIR/jobs/JOB/NAME the
# process of a worker: its id, and when it began.
set -u
umask 077

say() { printf '%s\n' "$*" >&2; }

# When a process began, in clock ticks: together with its id, no other process has it.
began() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# Whether a process that a file names is alive.
alive() {
    read -r pid start 2>/dev/null <"$1" || return 1
    [ -n "$start" ] && [ "$(began "$pid")" = "$start" ] && kill -0 "$pid" 2>/dev/null
}

# Ends the process that a file names: nicely, then not.
end() {
    if alive "$1"; then
        kill -TERM "$pid" 2>/dev/null
        turn=0
        while alive "$1"; do
            turn=$((turn + 1))
            [ "$turn" -ne 20 ] || kill -KILL "$pid" 2>/dev/null
            [ "$turn" -le 40 ] || return 1
            sleep 0.1
        done
    fi
    rm -f "$1"
}

# The file of a library, by the name that the program asks for; fails if there is none.
library() {
    for path in $( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null | awk -v name="$1" '$1 == name { print $NF }') \
        /lib/"$1" /usr/lib/"$1" /lib64/"$1" /usr/lib64/"$1" /usr/local/lib/"$1" /lib/*-linux-gnu/"$1" \
        /usr/lib/*-linux-gnu/"$1"; do
        if [ -e "$path" ]; then
            readlink -f "$path"
            return
        fi
    done
    return 1
}

# The widest instructions that matrix products can use here.
instructions() {
    for flag in amx_bf16 avx512_bf16 avx512f avx2; do
        if grep -qw -m 1 "$flag" /proc/cpuinfo; then
            echo "$flag"
            return
        fi
    done
    echo baseline
}

# Whether a program's folder is whole.
whole() { (cd "$1" 2>/dev/null && sha256sum -c --status SHA256SUMS 2>/dev/null); }

check() {
    dir=$1 keys=$2 key_sum=$3 programs=$4 sonames=$5
    # Where the folder is, or will be.
    place=$dir
    while [ ! -e "$place" ]; do
        case $place in */*) place=${place%/*} ;; *) place=. ;; esac
        [ -n "$place" ] || place=/
    done
    echo "now $(date +%s.%N)"
    echo "architecture $(uname -m)"
    # shellcheck disable=SC1091 # on the host
    echo "system $(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME-}")"
    echo "glibc $(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2)"
    echo "cpus $(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
    echo "instructions $(instructions)"
    echo "memory $(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)"
    echo "disk $(df -P -k "$place" 2>/dev/null | awk 'NR == 2 { print $4 }')"
    if [ ! -d "$place" ] || [ ! -w "$place" ]; then echo "unwritable $place"; fi
    for tool in tar sha256sum awk sed; do
        command -v "$tool" >/dev/null || echo "tool $tool"
    done
    for name in $sonames; do
        if file=$(library "$name"); then
            case $name in libdnnl.*) echo "dnnl ${file##*/}" ;; esac
        else
            echo "missing $name"
        fi
    done
    for sum in $programs; do
        if whole "$dir/programs/$sum"; then echo "program $sum"; fi
    done
    if [ "$(cat "$dir/keys/$keys/worker.key" "$dir/keys/$keys/coordinator.pub" 2>/dev/null | sha256sum |
        cut -d ' ' -f 1)" = "$key_sum" ]; then
        echo "keys there"
    fi
    echo "client ${SSH_CONNECTION%% *}"
}

install() {
    dir=$1 incoming=$2 program=$3 keys=$4
    if [ -d "$incoming/program" ]; then
        whole "$incoming/program" || {
            say "the copy of the program was damaged on its way"
            exit 1
        }
        mkdir -p "$dir/programs"
        # A damaged one makes room; what runs from it keeps its files.
        rm -rf "$dir/programs/$program"
        mv "$incoming/program" "$dir/programs/$program" || exit 1
        touch "$dir/programs/$program"
        # The three newest stay: older ones are of versions that are not started any more.
        # shellcheck disable=SC2010,SC2012 # names are checksums
        ls -t "$dir/programs" | grep -Ex '[0-9a-f]{64}' | tail -n +4 | while read -r old; do
            rm -rf "$dir/programs/$old"
        done
    fi
    if [ -d "$incoming/keys" ]; then
        mkdir -p "$dir/keys/$keys"
        chmod 700 "$dir/keys" "$dir/keys/$keys"
        chmod 600 "$incoming"/keys/*
        # By renaming: a reader has the old file or the new one.
        mv -f "$incoming"/keys/* "$dir/keys/$keys/" || exit 1
    fi
    rm -rf "$incoming"
    # What is still missing shows when it is started, not in the middle of a run.
    if ! trial=$(run "$dir/programs/$program" --version 2>&1); then
        say "the program does not start: $trial (--libraries always brings ours along)"
        exit 1
    fi
}

# Replaces this process by the program of a folder, with the libraries beside it if there are some.
run() (
    program=$1
    shift
    if [ -d "$program/lib" ]; then
        LD_LIBRARY_PATH=$(cd "$program/lib" && pwd)
        export LD_LIBRARY_PATH
    fi
    exec "$program/shoal" "$@"
)

start() {
    dir=$1 program=$2 job=$3 name=$4
    shift 4
    mkdir -p "$dir/jobs/$job"
    file=$dir/jobs/$job/$name
    # One of the same name is left where the connection to it was cut.
    end "$file" || say "cannot end process $pid, which had this worker's place before"
    exec 3<&0
    if [ -d "$dir/programs/$program/lib" ]; then
        LD_LIBRARY_PATH=$(cd "$dir/programs/$program/lib" && pwd)
        export LD_LIBRARY_PATH
    fi
    "$dir/programs/$program/shoal" worker "$@" </dev/null 3<&- &
    worker=$!
    echo "$worker $(began "$worker")" >"$file"
    # Standard input ends when ssh does, however that comes about.
    (
        while read -r _; do :; done <&3
        end "$file"
    ) &
    watcher=$!
    trap 'kill -TERM "$worker"' HUP INT TERM
    wait "$worker"
    status=$?
    kill "$watcher" 2>/dev/null
    rm -f "$file"
    rmdir "$dir/jobs/$job" 2>/dev/null
    exit "$status"
}

list() {
    # shellcheck disable=SC2231 # the job may be a pattern
    for file in "$1"/jobs/$2/*; do
        if [ -e "$file" ] && alive "$file"; then echo "${file##*/} $pid"; fi
    done
}

stop() {
    status=0
    # shellcheck disable=SC2231 # the job may be a pattern
    for file in "$1"/jobs/$2/*; do
        [ -e "$file" ] || continue
        if alive "$file"; then echo "${file##*/} $pid"; fi
        end "$file" || {
            say "cannot end process $pid"
            status=1
        }
    done
    # shellcheck disable=SC2086 # the job may be a pattern
    rmdir "$1"/jobs/$2 2>/dev/null
    return "$status"
}

command=$1
shift
case $command in
check | install | start | list | stop) "$command" "$@" ;;
*)
    say "remote.sh: unknown command $command"
    exit 64
    ;;
esac
