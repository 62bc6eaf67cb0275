#!/usr/bin/env bash
# The systemd units: by systemd's own checks, and in a systemd of their own: process 1 of namespaces where nothing but
# them is installed. Exit code 77 with the reason on the last line where that cannot be.
#
# SHOAL_BINARY is the program (default: what ./launch.sh setup builds).
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# Of 10; systemd calls up to 2 "OK". What is left is that they may use the network, and that oneDNN makes code at run
# time.
MOST_EXPOSURE=1.5

command -v systemd-analyze >/dev/null || {
    echo 'SKIPPED: systemd-analyze is missing: apt-get install systemd'
    exit 77
}
binary=${SHOAL_BINARY:-$root/.build/release/shoal}
[[ -x $binary ]] || { echo "no $binary: run ./launch.sh setup first" >&2 && exit 1; }
work=$(mktemp -d)
system=''
# Process 1 of the namespaces takes all in them with it.
finish() {
    if [[ -n $system ]]; then
        kill -KILL "$system" 2>/dev/null || true
        wait "$system" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
wrong() {
    printf 'WRONG: %s\n' "$1" >&2
    tail -n 20 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}

# An installed program, elsewhere.
for unit in shoal-worker@ shoal-coordinator@; do
    sed "s|/usr/local/bin/shoal|$binary|g" "$root/cluster/systemd/$unit.service" >"$work/$unit.service"
done
# Names what it does not know in lines, and ends with 0 all the same.
verify() {
    systemd-analyze verify --man=no "$@" >"$work/found" 2>&1 || true
    ! grep -qF -e "$work" -e shoal- "$work/found"
}
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

# --- For real.
if ((EUID != 0)); then
    echo 'SKIPPED: the rest needs root, to make namespaces for a systemd of its own'
    exit 77
fi
[[ -x /usr/lib/systemd/systemd ]] || {
    echo 'SKIPPED: there is no /usr/lib/systemd/systemd: apt-get install systemd'
    exit 77
}
for tool in ip python3; do
    command -v "$tool" >/dev/null || {
        echo "SKIPPED: the rest needs $tool: apt-get install iproute2 python3"
        exit 77
    }
done
python3 "$root/cluster/tests/tiny.py" "$work/tiny"
options=(--epochs 600 --batch-size 20 --learning-rate 3e-3)
"$binary" train --model "$work/tiny/model" --train "$work/tiny/train.csv" "${options[@]}" --output "$work/local" \
    >"$work/local.log" 2>&1 || wrong 'the run without systemd failed'

# The machine as its units see it: its own files, but /run, /etc, /srv, /var/lib and the units are made for this.
cat >"$work/boot.sh" <<END
set -e
mount --make-rprivate /
for folder in /run /srv /usr/lib/systemd/system /usr/local/bin /var/lib; do
    mount -t tmpfs -o mode=755 tmpfs \$folder
done
cp -a /etc /run/etc
mount --bind /run/etc /etc
rm -rf /etc/systemd/system /etc/shoal
units=/usr/lib/systemd/system
for target in basic sysinit shutdown network-online multi-user umount; do
    printf '[Unit]\nDefaultDependencies=no\n' >\$units/\$target.target
done
# As the README has it.
install "$binary" /usr/local/bin/shoal
install -D -m 644 "$root/cluster/systemd/shoal.sysusers" /etc/sysusers.d/shoal.conf
systemd-sysusers /etc/sysusers.d/shoal.conf
install -d /etc/shoal
shoal keygen /etc/shoal/keys --worker here
cp /etc/shoal/keys/workers/here/worker.key /etc/shoal/keys/
chown -R shoal: /etc/shoal/keys
cp "$root"/cluster/systemd/*.service \$units/
sed 's|^SHOAL_COORDINATOR=.*|SHOAL_COORDINATOR=tcp://127.0.0.1:5555|; s|^SHOAL_THREADS=.*|SHOAL_THREADS=1|' \
    "$root/cluster/systemd/worker.env" >/etc/shoal/worker.env
cp -r "$work/tiny" /srv/shoal
chmod -R a+rX /srv/shoal
printf '%s\n' 'model: /srv/shoal/model' 'train: /srv/shoal/train.csv' 'epochs: 600' 'batch_size: 20' \
    'learning_rate: 3.0e-3' 'workers: 2' >/etc/shoal/first.yaml
for unit in worker coordinator; do
    mkdir \$units/shoal-\$unit@.service.d
    printf '[Service]\nStandardOutput=append:%s\nStandardError=inherit\n' "$work/\$unit.log" \
        >\$units/shoal-\$unit@.service.d/log.conf
done
printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/bash %s\n' "$work/trial.sh" \
    >\$units/trial.service
printf '[Unit]\nDefaultDependencies=no\nRequires=trial.service\n' >\$units/trial.target
ip link set lo up
export container=other
exec /usr/lib/systemd/systemd --system --unit=trial.target --log-target=console --show-status=no
END
cat >"$work/trial.sh" <<END
exec >"$work/trial.log" 2>&1
run=/var/lib/shoal/first
until_true() {
    for ((i = 0; i < 600; i++)); do
        if "\$@"; then return; fi
        sleep 0.1
    done
    echo "nothing came of: \$*"
}
steps() { [[ -e \$run/metrics.jsonl ]] && ((\$(wc -l <\$run/metrics.jsonl) > 200)); }
# Workers first: they wait.
systemctl start shoal-worker@1 shoal-worker@2
systemctl start shoal-coordinator@first
until_true steps
shoal status \$run >/dev/null && echo status answers
systemctl stop shoal-coordinator@first
echo "stopped: \$(systemctl is-active shoal-coordinator@first), \$(ls \$run/checkpoints | wc -l) checkpoint"
systemctl start shoal-coordinator@first
until_true test -e \$run/result.json
sleep 1
cp \$run/result.json "$work/result.json"
echo "ended: \$(systemctl is-active shoal-coordinator@first)"
echo "worker: \$(systemctl show --property=ActiveState --value shoal-worker@1)"
systemctl start shoal-coordinator@first
echo "again: \$(systemctl show --property=ConditionResult --value shoal-coordinator@first)"
echo over
END
unshare --pid --fork --kill-child --mount --mount-proc --uts --ipc --cgroup --net bash "$work/boot.sh" \
    >"$work/boot.log" 2>&1 </dev/null &
system=$!
for ((i = 0; i < 1500; i++)); do
    if grep -qx over "$work/trial.log" 2>/dev/null || ! kill -0 "$system" 2>/dev/null; then break; fi
    sleep 0.1
done
for line in 'status answers' 'stopped: inactive, 1 checkpoint' 'ended: inactive' 'again: no' over; do
    grep -qx "$line" "$work/trial.log" 2>/dev/null || wrong "the trial did not say \"$line\""
done
# Waiting for the next coordinator: between two tries, or in one.
grep -qxE 'worker: (activating|active)' "$work/trial.log" || wrong 'the worker does not wait for the next coordinator'
grep -q 'going on training' "$work/coordinator.log" || wrong 'it did not go on from the checkpoint'
hash_of() { sed -n 's/.*"weights_sha256" : "\(.*\)".*/\1/p' "$1"; }
[[ $(hash_of "$work/result.json") == "$(hash_of "$work/local/result.json")" ]] ||
    wrong 'the weights are not those of a run without systemd'
echo "ok: in a systemd: stopped, started again, the same weights; the workers wait for the next run ($SECONDS s)"
