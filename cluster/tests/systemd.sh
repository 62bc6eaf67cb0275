#!/usr/bin/env bash
# The systemd units, by systemd's own checks. Exit code 77 with the reason on the last line where it is not installed.
#
# SHOAL_BINARY is the program (default: what ./launch.sh setup builds).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Of 10; systemd calls up to 2 "OK". What is left is that they may use the network, and that oneDNN makes code at run time.
MOST_EXPOSURE=1.5

command -v systemd-analyze >/dev/null || {
    echo 'SKIPPED: systemd-analyze is missing: apt-get install systemd'
    exit 77
}
binary=${SHOAL_BINARY:-$root/.build/release/shoal}
[[ -x $binary ]] || { echo "no $binary: run ./launch.sh setup first" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong() {
    printf 'WRONG: %s\n' "$1" >&2
    exit 1
}

# An installed program, elsewhere.
for unit in shoal-worker@ shoal-coordinator@; do
    sed "s|/usr/local/bin/shoal|$binary|g" "$root/cluster/systemd/$unit.service" >"$work/$unit.service"
done
# Names what it does not know in lines, and ends with 0 all the same.
verify() { [[ -z $(systemd-analyze verify --man=no "$@" 2>&1 | tee "$work/found" | grep -F "$work" || true) ]] && ! grep -q 'shoal-' "$work/found"; }
for unit in shoal-worker@1 shoal-coordinator@first; do
    ln -s "${unit%%@*}@.service" "$work/$unit.service"
    verify "$work/$unit.service" || wrong "$unit: $(cat "$work/found")"
done
echo 'ok: systemd-analyze verify has nothing to say'
for change in 's/^RestartSec=/RestartSecs=/' 's/^Restart=.*/Restart=perhaps/' "s|$binary|$work/none|"; do
    mkdir -p "$work/broken"
    sed "$change" "$work/shoal-worker@.service" >"$work/broken/shoal-worker@.service"
    ln -sf shoal-worker@.service "$work/broken/shoal-worker@1.service"
    if verify "$work/broken/shoal-worker@1.service"; then wrong "$change went unnoticed"; fi
done
echo 'ok: three broken versions are found'

if systemd-analyze security --offline=true --help >/dev/null 2>&1; then
    for unit in shoal-worker@ shoal-coordinator@; do
        systemd-analyze security --no-pager --offline=true "$work/$unit.service" >"$work/security" 2>&1 ||
            wrong "$unit: $(tail -n 1 "$work/security")"
        exposure=$(sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\).*/\1/p' "$work/security")
        awk -v found="${exposure:-10}" -v most="$MOST_EXPOSURE" 'BEGIN { exit !(found <= most) }' ||
            wrong "$unit is exposed at ${exposure:-?}, more than $MOST_EXPOSURE"
        echo "ok: $unit is exposed at $exposure of 10"
    done
else
    echo 'systemd-analyze here is too old to judge how exposed they are'
fi
