#!/usr/bin/env bash
# What launch.sh says and does where something is amiss, with a Swift that only pretends to build. Takes seconds.
set -euo pipefail
ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
unset SHOAL_BINARY SHOAL_COMMAND CDPATH

FIELD=$(mktemp -d /var/tmp/shoal-launch-XXXXXX)
# shellcheck disable=SC2317 # called by the trap
end() {
    mountpoint -q "$FIELD/full" 2>/dev/null && umount "$FIELD/full"
    mountpoint -q "$FIELD/fixed" 2>/dev/null && umount "$FIELD/fixed"
    rm -rf "$FIELD"
}
trap end EXIT
chmod 755 "$FIELD"

fail() {
    echo "FAILED: $*"
    [[ ! -e $FIELD/out ]] || sed 's/^/    /' "$FIELD/out"
    exit 1
}

# expect CODE PATTERN COMMAND…: ends with CODE, and has a line that matches; what it printed is in $FIELD/out.
expect() {
    local status=0
    "${@:3}" >"$FIELD/out" 2>&1 </dev/null || status=$?
    ((status == $1)) || fail "exit code $status, not $1: ${*:3}"
    grep -qE -- "$2" "$FIELD/out" || fail "no line with: $2"
    # Bash's own messages, which name a line of the script.
    ! grep -qE 'launch\.sh: (line )?[0-9]+: ' "$FIELD/out" || fail "an error of bash's: ${*:3}"
    echo "ok: ${*:3}" | sed "s|$FIELD/||g"
}
# The same, and that is all it printed.
expect_line() {
    expect "$@"
    (($(wc -l <"$FIELD/out") == 1)) || fail "more than one line: ${*:3}"
}

# A clone, in a path that needs quotes.
clone="$FIELD/a clone"
mkdir -p "$clone/Sources"
cp -r "$ROOT/launch.sh" "$ROOT/cluster" "$clone/"
echo '// a package' >"$clone/Package.swift"

# All commands but Swift; then one that writes a program which prints its arguments.
mkdir "$FIELD/bin" "$FIELD/swift"
ln -s /usr/bin/* "$FIELD/bin/"
for folder in /bin /usr/sbin /sbin; do ln -s "$folder"/* "$FIELD/bin/" 2>/dev/null || true; done
rm -f "$FIELD/bin/swift"
cat >"$FIELD/swift/swift" <<'END_OF_SWIFT'
#!/bin/bash
version=${FAKE_SWIFT-6.2.1}
case $1 in
    -print-target-info) echo '{ "compilerVersion": "Swift version '"$version"' (swift-RELEASE)", "target": { } }' ;;
    build)
        echo built >>"${FAKE_LOG:-/dev/null}"
        sleep "${FAKE_SECONDS:-0}"
        [[ -z ${FAKE_FAILURE-} ]] || exit 1
        mkdir -p "$3/.build/release"
        {
            echo '#!/bin/bash'
            echo 'if [[ $1 == fetch ]]; then echo "/cache/$2"; else printf "%s\n" "$*"; fi'
            echo '[[ $1 != hint ]] || echo "$SHOAL_COMMAND"'
        } >"$3/.build/release/shoal"
        chmod 755 "$3/.build/release/shoal"
        ;;
esac
END_OF_SWIFT
# Packages, of which none is missing.
cat >"$FIELD/swift/dpkg-query" <<'END_OF_DPKG'
#!/bin/bash
for package in "${@:4}"; do echo "$package ${FAKE_PACKAGES-installed}"; done
END_OF_DPKG
cat >"$FIELD/swift/apt-get" <<'END_OF_APT'
#!/bin/bash
[[ " $* " == *' update '* ]] || exit "${FAKE_APT:-0}"
exit "${FAKE_UPDATE:-0}"
END_OF_APT
for command in curl unzip git; do
    [[ -e $FIELD/bin/$command ]] || printf '#!/bin/sh\n' >"$FIELD/swift/$command"
done
chmod 755 "$FIELD"/swift/*
export PATH=$FIELD/swift:$FIELD/bin
cd "$FIELD"

# Without Swift, or with another.
mv swift/swift swift/none
expect_line 2 '^launch.sh: error: Swift is not installed.*Swift 6.2 or newer' "$clone/launch.sh" setup
expect_line 2 'Swift is not installed' "$clone/launch.sh" test
mv swift/none swift/swift
expect_line 2 'is Swift 6.1, which is too old: install Swift 6.2' env FAKE_SWIFT=6.1.3 "$clone/launch.sh" setup
expect_line 2 'is Swift 5.10, which is too old' env FAKE_SWIFT=5.10 "$clone/launch.sh" test
expect_line 2 'is no Swift that works' env FAKE_SWIFT=none "$clone/launch.sh" setup
[[ ! -e $clone/.build ]] || fail 'something was written'
for version in 6.2 6.3-dev 6.10.1 7.0; do
    expect 0 '^Ready' env FAKE_SWIFT="$version" "$clone/launch.sh" setup
    rm -rf "$clone/.build"
done
expect 1 '^launch.sh: error: the build failed; see the lines above' env FAKE_FAILURE=yes "$clone/launch.sh" setup

# However it is called.
for shell in bash sh dash 'bash --posix'; do
    command -v "${shell%% *}" >/dev/null || continue
    # shellcheck disable=SC2086 # with its option
    expect 0 '^predict x' $shell "$clone/launch.sh" predict x
done
mkdir links
ln -s "$clone/launch.sh" links/shoal-launch
expect 0 '^predict x' links/shoal-launch predict x
expect 0 '^predict x' env CDPATH="$FIELD" bash -c "cd '$clone' && bash launch.sh predict x"
expect 0 '^\./launch\.sh$' bash -c "cd '$clone' && bash launch.sh hint"
expect 0 '/a\\ clone/launch\.sh$' "$clone/launch.sh" hint
cp "$clone/launch.sh" links/
expect_line 64 'no Package.swift beside it' links/launch.sh setup
expect_line 64 "setup takes no options, so not 'all'" "$clone/launch.sh" setup all
expect_line 64 'there is no test none' "$clone/launch.sh" test cluster none

# The quickstart's options give way to those that are given.
quickstart() { expect 0 "$1" "$clone/launch.sh" quickstart "${@:2}"; }
quickstart '^train --model /cache/all-MiniLM-L6-v2 --train /cache/reuters-r8/train.csv --test .* --shots 32 '
quickstart ' --steps 2$' --steps 2
quickstart ' --shots=3$' --shots=3
(($(grep -o -- --shots out | wc -l) == 1)) || fail '--shots twice'
quickstart ' --model /mine --train /mine.csv --output run$' --model /mine --train /mine.csv --output run
! grep -q cache out || fail 'something was fetched in vain'
expect_line 64 'quickstart has options of its own' "$clone/launch.sh" quickstart --config a.yaml
expect 0 '^Usage' "$clone/launch.sh" quickstart --help

# The program by SHOAL_BINARY.
program() { expect_line 64 "SHOAL_BINARY is .*$2" env SHOAL_BINARY="$1" "$clone/launch.sh" "${@:3}"; }
printf '#!/bin/sh\nexit 3\n' >broken
printf '\177ELF garbage' >foreign
: >plain
chmod 755 broken foreign
chmod 644 plain
program "$FIELD/none" 'which is not there; correct SHOAL_BINARY, or unset it' setup
program none 'which is not there' predict
program "$FIELD" 'which is a folder' setup
program "$FIELD/plain" 'which you may not execute' --hosts hosts check
program "$FIELD/broken" 'which does not run here' setup
program "$FIELD/foreign" 'which does not run here .*cannot execute' quickstart
expect 0 '^predict x' env SHOAL_BINARY=a\ clone/.build/release/shoal "$clone/launch.sh" predict x
cp "$clone/.build/release/shoal" swift/shoal
expect 0 '^predict x' env SHOAL_BINARY=shoal "$clone/launch.sh" predict x

# Two at a time: one of them builds.
sleep 0.05
touch "$clone/Package.swift"
FAKE_LOG=$FIELD/log FAKE_SECONDS=2 "$clone/launch.sh" setup >first 2>&1 &
for ((turn = 0; turn < 100; turn++)); do
    [[ ! -e log ]] || break
    sleep 0.1
done
expect 0 '^Another launch.sh builds' env FAKE_LOG="$FIELD/log" "$clone/launch.sh" setup
wait "$!" || fail "the first failed: $(cat first)"
(($(wc -l <log) == 1)) || fail 'both have built'
# Once it is built, Swift is not needed.
mv swift/swift swift/none
expect_line 0 '^Ready' "$clone/launch.sh" setup
mv swift/none swift/swift

if ((EUID != 0)) || ! command -v setpriv >/dev/null; then
    echo 'left out, for it needs root: folders of another user, file systems that are full or read-only'
    exit
fi

# Another user: what is built can be used; what is out of date cannot be built again.
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent)
expect 0 '^predict x' "${nobody[@]}" "$clone/launch.sh" predict x
expect 0 '^train .* --output runs/quickstart-' "${nobody[@]}" "$clone/launch.sh"
sleep 0.05
touch "$clone/Package.swift"
expect_line 1 'cannot build in .*/\.build: .*belongs to root.*, or use what was built, .* SHOAL_BINARY=' \
    "${nobody[@]}" "$clone/launch.sh" predict x
expect_line 1 'belongs to root' "${nobody[@]}" "$clone/launch.sh" test
# A clone of theirs, in which root has built.
cp -r "$clone" theirs
chown -R 65534:65534 theirs
chown -R 0:0 theirs/.build/release
touch -d "next minute" theirs/Package.swift
expect_line 1 'cannot build in .*release belongs to root' "${nobody[@]}" theirs/launch.sh setup
rm -r theirs/.build
chown 0:0 theirs
expect_line 1 'theirs belongs to root.*; build in a clone of your own$' "${nobody[@]}" theirs/launch.sh setup
chown 65534:65534 theirs
mkdir -m 500 theirs/.build
chown 65534:65534 theirs/.build
expect_line 1 'theirs/.build is write-protected; chmod u\+rwx' "${nobody[@]}" theirs/launch.sh setup
chmod 700 theirs/.build
: >"$FIELD/${PWD//\//_}_theirs_.build.lock"
expect_line 1 "_theirs_.build.lock, which is Swift's, belongs to root; remove it" \
    "${nobody[@]}" TMPDIR="$FIELD" theirs/launch.sh setup
rm "$FIELD"/*.lock
expect 0 '^Ready' "${nobody[@]}" TMPDIR="$FIELD" theirs/launch.sh setup
# Packages that are missing.
expect_line 2 'sudo apt-get install -y --no-install-recommends libzmq3-dev' \
    "${nobody[@]}" PATH="$FIELD/swift:$FIELD/bin" FAKE_PACKAGES=no "$clone/launch.sh" setup
expect 1 'apt-get could not install libzmq3-dev' env FAKE_PACKAGES=no FAKE_APT=100 "$clone/launch.sh" setup
expect 1 'apt-get update failed, and then the installation' \
    env FAKE_PACKAGES=no FAKE_UPDATE=100 FAKE_APT=100 "$clone/launch.sh" setup
expect 0 '^Ready' env FAKE_PACKAGES=no FAKE_UPDATE=100 "$clone/launch.sh" setup

# Options that launchers set by themselves.
printf 'localhost workers=2\n' >hosts
ssh=("$clone/launch.sh" --hosts "$FIELD/hosts" -- train --output x)
slurm=("$clone/cluster/slurm/launch.sh" -- train --output x)
expect_line 64 '^launch.sh: error: --bind goes before the --' "${ssh[@]}" --bind tcp://0.0.0.0:7000
expect_line 64 '^launch.sh: error: --keys goes before the --' "${ssh[@]}" --keys=keys
expect_line 64 'there is no --insecure over ssh' "${ssh[@]}" --insecure
expect_line 64 '--profile works with workers on this machine only' "${ssh[@]}" --profile
expect_line 64 '--workers is 3, but .* lists 2' "${ssh[@]}" --workers 3
expect_line 64 '--workers comes from Slurm here' "${slurm[@]}" --workers=2
expect_line 64 '--threads-per-worker comes from Slurm here' "${slurm[@]}" --threads-per-worker 2
expect_line 64 '--port-file is set by this script' "${slurm[@]}" --port-file f
expect_line 64 '--profile is for one machine' "${slurm[@]}" --profile

mkdir full fixed
if mount -t tmpfs -o size=1m tmpfs full 2>/dev/null; then
    cp -r "$clone/." full/
    rm -rf full/.build
    expect_line 1 'a build takes [0-9]+ MB, but [0-9]+ MB are free' full/launch.sh setup
    mount --bind "$clone" fixed
    mount -o remount,ro,bind fixed
    touch "$clone/Package.swift"
    expect_line 1 'cannot build in .*: the file system is read-only' fixed/launch.sh setup
else
    echo 'left out: nothing can be mounted here'
fi
