#!/usr/bin/env bash
# Shoal in two commands: see usage() below, or run ./launch.sh --help.
set -euo pipefail

# The quickstart: what ./launch.sh trains, on 32 documents of each of the 8 classes of Reuters R8.
QUICKSTART_MODEL=all-MiniLM-L6-v2
QUICKSTART_DATA=reuters-r8
QUICKSTART_OPTIONS=(
    --workers 2
    --shots 32
    --epochs 10
    --batch-size 32
    --learning-rate 1e-4
    --max-length 128
)

# What the build and the program need beside Swift, by the names of Debian 12 and Ubuntu.
LIBRARIES=(libzmq3-dev libdnnl-dev libzstd-dev)
# Commands, each with the package it comes from.
COMMANDS=(git:git curl:curl unzip:unzip)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${SHOAL_BINARY:-$root/.build/release/shoal}

usage() {
    cat <<END
Usage:
  ./launch.sh                      the quickstart: installs what is missing, builds, fetches a model and data, trains
                                   with two workers on ${QUICKSTART_DATA}, evaluates on its whole test set
  ./launch.sh quickstart OPTIONS   the same, with options for \`shoal train\` (such as --epochs 3 or --workers 1)
  ./launch.sh test [OPTIONS]       builds and runs all the tests; options go to \`swift test\`
  ./launch.sh test chaos           kills, stops and starts processes at random, for minutes; see docs/fault-tolerance.md
  ./launch.sh test cluster [short] trains on hosts that are network namespaces, and more; see cluster/tests
  ./launch.sh --hosts FILE …       trains on the hosts that FILE lists, by ssh: ./launch.sh --hosts --help, cluster/README.md
  ./launch.sh --slurm …            trains as a Slurm job: ./launch.sh --slurm --help
  ./launch.sh setup                only installs the missing packages and builds the release binary
  ./launch.sh [shoal] ARGUMENTS    runs the program: ./launch.sh predict --model DIR --text "..."
                                   ./launch.sh shoal --help lists what it can do
  ./launch.sh --help               prints this

Needs a Linux machine with Swift 6.2 or newer. On Debian and Ubuntu, missing packages are installed as root or by
sudo; where neither is possible, the command to run is printed and the exit code is 2.

Environment:
  SHOAL_CACHE    where models and data are kept (default: \$XDG_CACHE_HOME/shoal, or ~/.cache/shoal)
  SHOAL_BINARY   the program to use, in place of building one
  NO_COLOR       if set and not empty, nothing is coloured
END
}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "launch.sh: error: $1"
    exit "${2:-1}"
}

# Prints the Debian packages that are missing, one a line.
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
            say "These packages are missing. Run this, then ./launch.sh again:"
            say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
            exit 2
        fi
    fi
    say "Installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq >&2 || fail "apt-get update failed; see the lines above"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
        fail "apt-get could not install ${missing[*]}; see the lines above"
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

check_swift() {
    command -v swift >/dev/null ||
        fail "Swift is not installed: see https://www.swift.org/install/linux/, and put its usr/bin in PATH" 2
}

# What a build depends on beside the sources.
toolchain() { stat -L -c '%n %Y static' "$(command -v swift)"; }

# Prints the option by which Swift's libraries become part of the program, so that it runs on hosts without Swift; nothing
# where this Swift came without what that takes.
static_option() {
    local libraries
    libraries=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": *"\(.*\)".*/\1/p')
    if [[ -d ${libraries}_static ]]; then printf '%s\n' --static-swift-stdlib; fi
}

# Builds the release binary, unless nothing has changed since it was built: asking SwiftPM takes seconds, `find` none.
build() {
    local stamp=$root/.build/launch-stamp
    if [[ -x $binary && -e $stamp && $(<"$stamp") == "$(toolchain)" ]] &&
        [[ -z $(find "$root/Package.swift" "$root/Sources" -newer "$stamp" -print -quit) ]]; then
        return
    fi
    [[ -x $binary ]] || say "Building shoal (the first time takes some minutes)"
    mkdir -p "$root/.build"
    # Dated before the build, so that a file that changes while it runs counts as newer.
    toolchain >"$stamp.new"
    local options=(--package-path "$root" -c release --product shoal) static
    static=$(static_option)
    swift build "${options[@]}" ${static:+"$static"} >&2 || fail "the build failed; see the lines above"
    mv "$stamp.new" "$stamp"
}

prepare() {
    [[ -z ${SHOAL_BINARY-} ]] || return 0
    install_packages
    check_swift
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
    local model data output
    # Prints only the folder to standard output; progress goes to standard error.
    model=$("$binary" fetch "$QUICKSTART_MODEL")
    data=$("$binary" fetch "$QUICKSTART_DATA")
    output=$(shorten "$root")
    [[ $output == "$PWD" ]] && output=runs || output=$output/runs
    output=$output/quickstart-$(date +%Y%m%d-%H%M%S)
    local suffix=''
    while [[ -e $output$suffix ]]; do suffix=-$((${suffix#-} + 1)); done
    exec "$binary" train --model "$model" --train "$data/train.csv" --test "$data/test.csv" \
        --output "$output$suffix" "${QUICKSTART_OPTIONS[@]}" "$@"
}

# Runs the tests of cluster/tests, one after the other: all, or those that are named.
test_cluster() {
    local length=long script status output passed=0 failed=0 skipped=0 wanted=()
    if [[ ${1-} == short ]]; then
        length=short
        shift
    fi
    output=$(mktemp)
    for script in "$root"/cluster/tests/*.sh; do wanted+=("$(basename "$script" .sh)"); done
    (($# == 0)) || wanted=("$@")
    for script in "${wanted[@]}"; do
        [[ -r $root/cluster/tests/$script.sh ]] || fail "there is no test $script in cluster/tests" 2
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
    rm -f "$output"
    printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0))
}

# What the program calls itself when it prints a command to run.
export SHOAL_COMMAND=$0

case ${1-} in
    '')
        prepare
        quickstart
        ;;
    quickstart)
        prepare
        quickstart "${@:2}"
        ;;
    --hosts)
        [[ ${2-} == --help || ${2-} == -h ]] || prepare
        exec "$root/cluster/ssh/launch.sh" "${@:2}"
        ;;
    --slurm)
        [[ ${2-} == --help || ${2-} == -h ]] || prepare
        exec "$root/cluster/slurm/launch.sh" "${@:2}"
        ;;
    test)
        if [[ ${2-} == cluster ]]; then
            prepare
            test_cluster "${@:3}"
            exit
        fi
        install_packages
        check_swift
        # All tests are of Swift Testing; XCTest would only add that it ran none.
        if [[ ${2-} == chaos ]]; then
            # Real processes for many minutes, and 10,000 simulated runs; SHOAL_CHAOS_SEED chooses another course.
            export SHOAL_CHAOS=long SHOAL_CHAOS_SEEDS=${SHOAL_CHAOS_SEEDS-2000}
            exec swift test --package-path "$root" --disable-xctest --filter Chaos "${@:3}"
        fi
        exec swift test --package-path "$root" --disable-xctest "${@:2}"
        ;;
    setup)
        prepare
        say "Ready: $(shorten "$binary")"
        ;;
    -h | --help | help)
        usage
        ;;
    shoal)
        prepare
        exec "$binary" "${@:2}"
        ;;
    *)
        prepare
        exec "$binary" "$@"
        ;;
esac
