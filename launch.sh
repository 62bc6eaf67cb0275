#!/usr/bin/env bash
# Shoal in two commands: see usage() below, or run ./launch.sh --help.
# Works as `sh launch.sh` too, where sh is another shell, or bash that imitates it.
if [ -z "${BASH_VERSION-}" ]; then exec bash "$0" "$@"; fi
set +o posix
set -euo pipefail

# The quickstart: what ./launch.sh trains, on 32 documents of each of the 8 classes of Reuters R8. Options that are
# given replace those of the same name.
QUICKSTART_MODEL=all-MiniLM-L6-v2
QUICKSTART_DATA=reuters-r8
QUICKSTART_OPTIONS=(
    --workers 2
    --shots 32
    --max-length 128
)

# What the build and the program need beside Swift, by the names of Debian 12 and Ubuntu.
LIBRARIES=(libzmq3-dev libdnnl-dev libzstd-dev)
# Commands, each with the package it comes from.
COMMANDS=(git:git curl:curl unzip:unzip)
# The oldest Swift that builds it.
SWIFT_MAJOR=6
SWIFT_MINOR=2
# Megabytes of disk that the first build takes.
BUILD_SPACE=700

# The folder of this file, also where it was called through a link.
root=$(readlink -f -- "${BASH_SOURCE[0]-}" || true)
root=${root%/*}
# The program; see choose_binary.
binary=$root/.build/release/shoal
# Written when it has been built; see toolchain.
stamp=$root/.build/launch-stamp

usage() {
    cat <<END
Usage:
  ./launch.sh                      the quickstart: installs what is missing, builds, fetches a model and data, trains
                                   with two workers on ${QUICKSTART_DATA}, evaluates on its whole test set
  ./launch.sh quickstart OPTIONS   the same, with options for \`shoal train\` in place of its own (such as --steps 20)
  ./launch.sh test [OPTIONS]       builds and runs all the tests; options go to \`swift test\`
  ./launch.sh test chaos           kills, stops and starts processes at random, for minutes; see docs/fault-tolerance.md
  ./launch.sh test cluster [short] trains on hosts that are network namespaces, and more; see cluster/tests
  ./launch.sh --hosts FILE …       trains on the hosts that FILE lists, by ssh: see cluster/README.md, --hosts --help
  ./launch.sh --slurm …            trains as a Slurm job: ./launch.sh --slurm --help
  ./launch.sh setup                only installs the missing packages and builds the release binary
  ./launch.sh [shoal] ARGUMENTS    runs the program: ./launch.sh predict --model DIR --text "..."
                                   ./launch.sh shoal --help lists what it can do
  ./launch.sh --help               prints this

Needs a Linux machine with Swift ${SWIFT_MAJOR}.${SWIFT_MINOR} or newer. On Debian and Ubuntu, missing packages are
installed as root or by sudo; where neither is possible, the command to run is printed.

Environment:
  SHOAL_CACHE    where models and data are kept (default: \$XDG_CACHE_HOME/shoal, or ~/.cache/shoal)
  SHOAL_BINARY   the program to use, in place of building one
  NO_COLOR       if set and not empty, nothing is coloured

Exit codes: 0 it worked; 1 it failed; 2 something must be installed first; 64 the command line or SHOAL_BINARY is wrong;
130 interrupted. The program's own are the same but for 2; see docs/exit-codes.md.
END
}

say() { printf '%s\n' "$*" >&2; }

# fail MESSAGE [EXIT_CODE]
fail() {
    # What comes from outside may have anything in it.
    say "launch.sh: error: ${1//[[:cntrl:]]/?}"
    exit "${2:-1}"
}

# Prints the Debian packages that are missing, one per line.
missing_packages() {
    local entry installed package
    for entry in "${COMMANDS[@]}"; do
        command -v "${entry%%:*}" >/dev/null || printf '%s\n' "${entry#*:}"
    done
    # Fails where some are unknown, but still lists the others.
    # shellcheck disable=SC2016 # the braces are dpkg-query's
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${LIBRARIES[@]}" 2>/dev/null || true)
    for package in "${LIBRARIES[@]}"; do
        [[ $'\n'$installed$'\n' == *$'\n'"$package installed"$'\n'* ]] || printf '%s\n' "$package"
    done
}

# Installs what is missing of the packages.
install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        check_without_apt
        return
    fi
    local missing as_root=()
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} > 0)) || return 0
    if ((EUID != 0)); then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            local command="apt-get install -y --no-install-recommends ${missing[*]}"
            fail "packages are missing; run this, then launch.sh again: sudo apt-get update && sudo $command" 2
        fi
    fi
    say "Installing ${missing[*]}"
    # A source of packages that nothing is wanted from may be what fails: the installation decides.
    local updated=yes
    "${as_root[@]}" apt-get update -qq >&2 || updated=no
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >&2 || {
        [[ $updated == yes ]] ||
            fail "apt-get update failed, and then the installation of ${missing[*]}; see the lines above"
        fail "apt-get could not install ${missing[*]}; see the lines above (is the network there?)"
    }
}

# On other systems nothing is installed: looks whether the headers and commands are there.
check_without_apt() {
    local entry missing=()
    for entry in "${COMMANDS[@]}"; do
        command -v "${entry%%:*}" >/dev/null || missing+=("${entry%%:*}")
    done
    [[ -e /usr/include/zmq.h || -e /usr/local/include/zmq.h ]] ||
        missing+=("ZeroMQ 4.3 with its headers (libzmq3-dev, zeromq-devel)")
    [[ -e /usr/include/dnnl.h || -e /usr/include/oneapi/dnnl/dnnl.h || -e /usr/local/include/oneapi/dnnl/dnnl.h ]] ||
        missing+=("oneDNN with its headers (libdnnl-dev, onednn-devel)")
    [[ -e /usr/include/zstd.h || -e /usr/local/include/zstd.h ]] ||
        missing+=("Zstandard with its headers (libzstd-dev, libzstd-devel)")
    ((${#missing[@]} > 0)) || return 0
    say "This system has no apt-get. Install these with its own package manager, then run ./launch.sh again:"
    printf '  %s\n' "${missing[@]}" >&2
    exit 2
}

# Fails unless there is a Swift that is new enough.
check_swift() {
    local where said least=$SWIFT_MAJOR.$SWIFT_MINOR
    local advice="install Swift $least or newer (https://www.swift.org/install/linux/), its usr/bin first in PATH"
    where=$(command -v swift) || fail "Swift is not installed, or not in PATH: $advice" 2
    # OpenStack has a command of this name, too.
    said=$(swift -print-target-info 2>&1 </dev/null) || true
    [[ $said =~ \"compilerVersion\":[^,]*Swift\ version\ ([0-9]{1,4})\.([0-9]{1,4}) ]] ||
        fail "$where is no Swift that works (it says: $(tail -n 1 <<<"${said:-nothing}" | cut -c -150)): $advice" 2
    ((BASH_REMATCH[1] > SWIFT_MAJOR || (BASH_REMATCH[1] == SWIFT_MAJOR && BASH_REMATCH[2] >= SWIFT_MINOR))) ||
        fail "$where is Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]}, which is too old: $advice" 2
}

# What a build depends on beside the sources.
toolchain() { stat -L -c '%n %Y static' "$(command -v swift)"; }

# Prints the option by which Swift's libraries become part of the program, so that it runs on hosts without Swift;
# nothing where this Swift came without what that takes.
static_option() {
    local libraries
    libraries=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": *"\(.*\)".*/\1/p')
    if [[ -d ${libraries}_static ]]; then printf '%s\n' --static-swift-stdlib; fi
}

# Whether nothing has changed since the program was built: asking SwiftPM takes seconds, `find` none. Swift itself need
# not be there any more.
is_built() {
    [[ -x $binary && -e $stamp ]] || return 1
    ! command -v swift >/dev/null || [[ $(<"$stamp") == "$(toolchain)" ]] || return 1
    [[ -z $(find "$root/Package.swift" "$root/Sources" -newer "$stamp" -print -quit) ]]
}

# Fails unless files can be written where the build goes.
check_build_folder() {
    local folder=$root/.build reason foreign quoted user advice='build in a clone of your own'
    printf -v quoted '%q' "$binary"
    [[ ! -x $binary ]] || advice+=", or use what was built, though it is out of date, by SHOAL_BINARY=$quoted"
    user=$(id -un 2>/dev/null) || user=$EUID
    # By trying: there are rights, quotas, and file systems that are full or read-only.
    if ! reason=$({ LC_ALL=C mkdir -p "$folder" && LC_ALL=C touch "$stamp.$$" && rm "$stamp.$$"; } 2>&1); then
        reason=${reason##*: }
        case $reason in
            'Permission denied')
                while [[ ! -e $folder ]]; do folder=${folder%/*}; done
                printf -v quoted '%q' "$folder"
                [[ ! -O $folder ]] ||
                    fail "cannot build in $root/.build: $folder is write-protected; chmod u+rwx $quoted"
                reason="$folder belongs to $(stat -c %U "$folder"), and you are $user"
                fail "cannot build in $root/.build: $reason; $advice"
                ;;
            'Read-only file system') fail "cannot build in $folder: the file system is read-only; $advice" ;;
            'No space left on device' | 'Disk quota exceeded')
                fail "cannot build in $folder: ${reason,}; make room there"
                ;;
            *) fail "cannot build in $folder: ${reason,}; $advice" ;;
        esac
    fi
    # As left by one start with sudo.
    foreign=$(find "$folder" -maxdepth 2 ! -user "$EUID" ! -writable -print -quit)
    if [[ -n $foreign ]]; then
        reason="$foreign belongs to $(stat -c %U "$foreign"), and you are $user"
        fail "cannot build in $folder: $reason; remove $folder as that user, or $advice"
    fi
    # SwiftPM has a lock for each build folder there, which it does not remove.
    local lock=$folder.lock
    lock=${TMPDIR:-/tmp}/${lock//\//_}
    [[ ! -e $lock || -w $lock ]] ||
        fail "cannot build: $lock, which is Swift's, belongs to $(stat -c %U "$lock"); remove it as that user"
    if [[ ! -e $binary ]]; then
        local free
        free=$(df -Pm "$folder" 2>/dev/null | awk 'NR == 2 { print $4 }')
        [[ ! $free =~ ^[0-9]+$ ]] || ((free >= BUILD_SPACE)) ||
            fail "a build takes $BUILD_SPACE MB, but $free MB are free in $folder; make room there"
    fi
}

# Builds the release binary, unless it is there.
build() {
    local status=0
    if is_built; then return; fi
    check_swift
    check_build_folder
    # One at a time: the second finds what the first has built. Not everywhere are there locks.
    if command -v flock >/dev/null && { exec 9>>"$root/.build/launch-lock"; } 2>/dev/null; then
        flock -n -E 75 9 || status=$?
        if ((status == 75)); then
            say "Another launch.sh builds in $root/.build; waiting for it"
            flock 9 || true
            if is_built; then
                exec 9>&-
                return
            fi
        fi
    fi
    [[ -x $binary ]] || say "Building shoal (the first time takes some minutes)"
    # Dated before the build, so that a file that changes while it runs counts as newer.
    { toolchain >"$stamp.new"; } 2>/dev/null || fail "cannot write $stamp.new; is there no space left?"
    local options=(--package-path "$root" -c release --product shoal) static hint=''
    [[ -d $root/.build/checkouts ]] ||
        hint=' (the first build fetches Swift packages from github.com: is the network there?)'
    static=$(static_option)
    swift build "${options[@]}" ${static:+"$static"} >&2 9>&- || fail "the build failed; see the lines above$hint"
    mv "$stamp.new" "$stamp"
    exec 9>&-
}

# Takes the program that SHOAL_BINARY names, which is a path, or a command that PATH leads to.
choose_binary() {
    local said advice='correct SHOAL_BINARY, or unset it and launch.sh builds the program'
    binary=$SHOAL_BINARY
    if [[ $binary != */* && ! -e $binary ]]; then binary=$(type -P -- "$binary") || binary=$SHOAL_BINARY; fi
    [[ -e $binary ]] || fail "SHOAL_BINARY is $SHOAL_BINARY, which is not there; $advice" 64
    [[ ! -d $binary ]] || fail "SHOAL_BINARY is $SHOAL_BINARY, which is a folder, not the program; $advice" 64
    [[ -x $binary ]] || fail "SHOAL_BINARY is $SHOAL_BINARY, which you may not execute; $advice" 64
    # For another architecture, or without its libraries.
    if ! said=$("$binary" --version 2>&1 </dev/null); then
        said=${said##*$'\n'} said=${said##*"$binary: "}
        fail "SHOAL_BINARY is $SHOAL_BINARY, which does not run here (${said:-it fails}); $advice" 64
    fi
    binary=$(realpath -s -- "$binary")
    export SHOAL_BINARY=$binary
}

prepare() {
    if [[ -n ${SHOAL_BINARY-} ]]; then
        choose_binary
        return
    fi
    install_packages
    build
}

# The path as one would type it from here.
shorten() {
    case $1 in
        "$PWD"/*) printf '%s\n' "${1#"$PWD"/}" ;;
        *) printf '%s\n' "$1" ;;
    esac
}

quickstart() {
    local model data output word i suffix=''
    local -A given=()
    for word in "$@"; do
        case $word in
            -h | --help)
                usage
                say 'The options of train: ./launch.sh train --help'
                return
                ;;
            --config | --config=*)
                fail 'quickstart has options of its own; with a file of options: ./launch.sh train --config …' 64
                ;;
            --*) given[${word%%=*}]=yes ;;
        esac
    done
    prepare
    local options=()
    # Prints only the folder to standard output; progress goes to standard error.
    if [[ -z ${given[--model]-} ]]; then
        model=$("$binary" fetch "$QUICKSTART_MODEL")
        options+=(--model "$model")
    fi
    # What is trained on and what is tested on belong together.
    if [[ -z ${given[--train]-} ]]; then
        data=$("$binary" fetch "$QUICKSTART_DATA")
        options+=(--train "$data/train.csv")
        [[ -n ${given[--test]-} ]] || options+=(--test "$data/test.csv")
    fi
    if [[ -z ${given[--output]-} ]]; then
        output=$(shorten "$root")
        # Beside the sources, unless they belong to another user.
        if [[ $output == "$PWD" || ! -w $root ]]; then output=runs; else output=$output/runs; fi
        output=$output/quickstart-$(date +%Y%m%d-%H%M%S)
        while [[ -e $output$suffix ]]; do suffix=-$((${suffix#-} + 1)); done
        options+=(--output "$output$suffix")
    fi
    for ((i = 0; i < ${#QUICKSTART_OPTIONS[@]}; i += 2)); do
        [[ -n ${given[${QUICKSTART_OPTIONS[i]}]-} ]] || options+=("${QUICKSTART_OPTIONS[@]:i:2}")
    done
    exec "$binary" train "${options[@]}" "$@"
}

# Runs the tests of cluster/tests, one after the other: all, or those that are named.
test_cluster() {
    local length=long script status output passed=0 failed=0 skipped=0 wanted=()
    if [[ ${1-} == short ]]; then
        length=short
        shift
    fi
    output=$(mktemp)
    # shellcheck disable=SC2064 # now, not when the variable is gone
    trap "rm -f $(printf '%q' "$output")" EXIT
    for script in "$root"/cluster/tests/*.sh; do wanted+=("$(basename "$script" .sh)"); done
    (($# == 0)) || wanted=("$@")
    for script in "${wanted[@]}"; do
        [[ -r $root/cluster/tests/$script.sh ]] || fail "there is no test $script in cluster/tests" 64
        say "--- $script ($length)"
        status=0
        SHOAL_BINARY=$binary SHOAL_CLUSTER_TESTS=$length bash "$root/cluster/tests/$script.sh" 2>&1 | tee "$output" ||
            status=${PIPESTATUS[0]}
        # A test that cannot run says why in its last line.
        case $status in
            0) passed=$((passed + 1)) && printf 'PASS %s\n' "$script" ;;
            77) skipped=$((skipped + 1)) && printf 'SKIPPED %s: %s\n' "$script" "$(tail -n 1 "$output")" ;;
            *) failed=$((failed + 1)) && printf 'FAIL %s (exit code %s)\n' "$script" "$status" ;;
        esac
    done
    printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0))
}

# How this script was called, as one would type it: what the program calls itself when it prints a command to run.
command_name() {
    local name=$0
    # Without a slash it was an argument of bash.
    [[ $name == */* ]] || name=./$name
    [[ -x $name ]] || printf 'bash '
    printf '%q\n' "$name"
}

run_tests() {
    if [[ ${1-} == cluster ]]; then
        prepare
        test_cluster "${@:2}"
        return
    fi
    install_packages
    check_swift
    check_build_folder
    # All tests are of Swift Testing; XCTest would only add that it ran none.
    if [[ ${1-} == chaos ]]; then
        # Real processes for many minutes, and 10,000 simulated runs; SHOAL_CHAOS_SEED chooses another course.
        export SHOAL_CHAOS=long SHOAL_CHAOS_SEEDS=${SHOAL_CHAOS_SEEDS-2000}
        exec swift test --package-path "$root" --disable-xctest --filter Chaos "${@:2}"
    fi
    exec swift test --package-path "$root" --disable-xctest "$@"
}

# In a function: bash has read all of it before it begins, and the file may change while it builds.
main() {
    ((BASH_VERSINFO[0] >= 5)) || fail "this is bash $BASH_VERSION, but bash 5 is needed: install it" 2
    [[ $(uname -s) == Linux ]] || fail "Shoal runs on Linux only, and this is $(uname -s)" 2
    [[ -e $root/Package.swift && -d $root/Sources ]] ||
        fail "there is no Package.swift beside it: run launch.sh from the folder that git clone has made" 64
    SHOAL_COMMAND=$(command_name)
    export SHOAL_COMMAND
    case ${1-} in
        '') quickstart ;;
        quickstart) quickstart "${@:2}" ;;
        --hosts | --slurm)
            [[ -z ${2-} || $2 == --help || $2 == -h ]] || prepare
            case $1 in
                --hosts) exec bash "$root/cluster/ssh/launch.sh" "${@:2}" ;;
                *) exec bash "$root/cluster/slurm/launch.sh" "${@:2}" ;;
            esac
            ;;
        test) run_tests "${@:2}" ;;
        setup)
            (($# == 1)) || fail "setup takes no options, so not '$2'; see ./launch.sh --help" 64
            prepare
            say "Ready: $(shorten "$binary")"
            ;;
        -h | --help | help) usage ;;
        shoal)
            prepare
            exec "$binary" "${@:2}"
            ;;
        *)
            prepare
            exec "$binary" "$@"
            ;;
    esac
}

main "$@"
exit
