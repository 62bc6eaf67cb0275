#!/usr/bin/env bash
# The promises of docs/security.md, tried on four hosts that are network namespaces: keys, unauthenticated peers, wrong
# and revoked keys, replayed bytes, floods, IPv6, ports, and a path between two hosts that is blocked. Needs root; the
# machine's own network is not touched. Ends with 77 and the reason where that is not possible.
#
#   cluster/tests/security.sh [--measure SECONDS]
#
# SHOAL_BINARY is the program (default: .build/release/shoal, or .build/debug/shoal). With --measure, a flood comes and
# goes for so many seconds, and the training speed with and without it is printed.
set -euo pipefail
here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
prefix=${SHOAL_NAMESPACES:-sec}
port=21555

skip() {
    printf '%s\n' "$1"
    exit 77
}

fail() {
    printf 'FAILED: %s\n' "$1" >&2
    for file in "$work"/*.log; do
        printf -- '--- %s\n' "$file" >&2
        tail -n 20 "$file" >&2
    done
    exit 1
}

((EUID == 0)) || skip 'needs root, to make network namespaces'
for command in ip ss python3; do command -v "$command" >/dev/null || skip "needs $command"; done
ip netns add "$prefix-try" 2>/dev/null || skip 'this system does not allow network namespaces'
ip netns del "$prefix-try"
shoal=${SHOAL_BINARY:-$root/.build/release/shoal}
[[ -x $shoal ]] || shoal=$root/.build/debug/shoal
[[ -x $shoal ]] || skip 'there is no shoal yet: ./launch.sh setup'

work=$(mktemp -d)
pids=()

clean_up() {
    if ((${#pids[@]} > 0)); then kill -KILL "${pids[@]}" 2>/dev/null || true; fi
    SHOAL_NAMESPACES=$prefix "$root/cluster/namespaces.sh" down || true
    rm -rf "$work"
}
trap clean_up EXIT

SHOAL_NAMESPACES=$prefix "$root/cluster/namespaces.sh" up 4

# on HOST COMMAND…: there, in this process's place or in a shell of its own.
on() { ip netns exec "$prefix-$1" "${@:2}"; }

# start HOST LOG COMMAND…: in the background; its process id is in $started.
start() {
    ip netns exec "$prefix-$1" "${@:3}" >"$work/$2.out" 2>"$work/$2.log" &
    started=$!
    pids+=("$started")
}

# wait_for SECONDS LOG TEXT: until it is written there.
wait_for() {
    local deadline=$((SECONDS + $1))
    until grep -qF -- "$3" "$work/$2.log"; do
        ((SECONDS < deadline)) || fail "$2 did not say '$3' within $1 s"
        sleep 0.2
    done
}

steps() { wc -l 2>/dev/null <"$work/$1/metrics.jsonl" || echo 0; }

wait_for_steps() {
    local deadline=$((SECONDS + $1))
    until (($(steps "$2") >= $3)); do
        ((SECONDS < deadline)) || fail "$2 did not reach step $3 within $1 s"
        sleep 0.2
    done
}

# The tiny model and data of the tests would need Swift; this is the smallest that the program itself can do without.
model=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}/models/all-MiniLM-L6-v2
data=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}/data/reuters-r8
[[ -d $model && -d $data ]] ||
    skip 'needs the model and data of the quickstart: ./launch.sh fetch all-MiniLM-L6-v2 reuters-r8'
options=(--model "$model" --train "$data/train.csv" --shots 4 --max-length 32 --batch-size 8 --micro-batches 8)

# Long enough for all that unauthenticated peers try meanwhile.
length=300

# wait_for_port HOST PORT: until a process listens there.
wait_for_port() {
    local deadline=$((SECONDS + 60))
    until on "$1" ss -tlnH | grep -q ":$2 "; do
        ((SECONDS < deadline)) || fail "no process listens at port $2 of host $1"
        sleep 0.2
    done
}

hash_of() {
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["weights_sha256"])' "$work/$1/result.json"
}

headline() { printf '=== %s (after %d s)\n' "$1" "$SECONDS"; }

cd "$work"
"$shoal" keygen keys --worker a b c >/dev/null
"$shoal" keygen strange >/dev/null

headline 'One machine, for the weights'
"$shoal" train "${options[@]}" --steps "$length" --workers 2 --output "$work/calm" >/dev/null 2>"$work/calm.log" ||
    fail 'train'
calm=$(hash_of calm)

headline 'Keys over three hosts, a port range, and unauthenticated peers'
start 1 coordinator "$shoal" coordinator --bind "tcp://eth0:$port" --keys keys "${options[@]}" --steps "$length" \
    --workers 2 --output "$work/keyed"
coordinator=$started
wait_for_port 1 "$port"
start 4 relay python3 "$here/attack.py" relay 21600 10.77.0.1 "$port" "$work/captured"
relay=$started
wait_for_port 4 21600
start 2 a "$shoal" worker --coordinator "tcp://10.77.0.1:$port" --keys keys/workers/a --ports 21610-21619
# The attacker stands in between, and keeps all that this one sends.
start 3 b "$shoal" worker --coordinator tcp://10.77.0.4:21600 --keys keys/workers/b --interface eth0
wait_for_steps 120 keyed 3
on 2 ss -tlnH | grep -q ':2161[0-9] ' || fail 'the worker does not listen in the range'
try() { # NAME TEXT ARGUMENTS…: a worker that must end with this text
    local status=0
    on 4 timeout 60 "$shoal" worker --coordinator "tcp://10.77.0.1:$port" "${@:3}" >/dev/null 2>"$work/$1.log" ||
        status=$?
    ((status == 1)) || fail "$1: exit code $status"
    grep -qE -- "$2" "$work/$1.log" || fail "$1: the reason is not printed"
}
cp -r keys/workers/c wrong-coordinator
cp strange/coordinator.pub wrong-coordinator/
cp keys/coordinator.pub strange/workers/worker/
try no-keys 'wants keys' --insecure
try wrong-key 'does not let this key in' --keys strange/workers/worker
try wrong-coordinator 'coordinator.pub is not its key' --keys wrong-coordinator
on 4 python3 "$here/attack.py" replay 10.77.0.1 "$port" "$work/captured" 5
on 4 nice -n 19 python3 "$here/attack.py" flood 10.77.0.1 "$port" 3
on 4 nice -n 19 python3 "$here/attack.py" hold 10.77.0.1 "$port" 3 500
data_port=$(on 2 ss -tlnH | grep -o ':2161[0-9] ' | head -n 1 | tr -d ': ') ||
    fail 'the run was over before the unauthenticated peers were done: it needs more steps'
on 4 nice -n 19 python3 "$here/attack.py" flood 10.77.0.2 "$data_port" 3
wait "$coordinator" || fail 'the run with keys failed'
[[ $(hash_of keyed) == "$calm" ]] || fail 'the weights with keys are others'
kill "$relay" 2>/dev/null || true
lines=$(grep -c -e 'refused a connection' -e 'too many connections' "$work/coordinator.log" || true)
printf 'lines about all that at the coordinator: %d\n' "$lines"
((lines >= 1 && lines <= 4)) || fail "$lines lines about unauthenticated peers"
((lines == $(grep -e 'refused a connection' -e 'too many connections' "$work/coordinator.log" | sort -u | wc -l))) ||
    fail 'a line twice'

headline 'A key that is revoked while its worker computes'
start 1 coordinator "$shoal" coordinator --bind "tcp://*:$port" --keys keys "${options[@]}" --steps "$length" \
    --workers 2 --output "$work/revoked"
coordinator=$started
wait_for_port 1 "$port"
start 2 a "$shoal" worker --coordinator "tcp://[fd77::1]:$port" --keys keys/workers/a
start 3 c "$shoal" worker --coordinator "tcp://[fd77::1]:$port" --keys keys/workers/c
cp -r keys/workers/c revoked-c
wait_for_steps 120 revoked 3
"$shoal" keygen keys --revoke c >/dev/null
wait_for 20 c 'the key of this worker was revoked'
try revoked 'does not let this key in' --keys revoked-c
wait "$coordinator" || fail 'the run with a revoked key failed'
grep -q 'its key was revoked' "$work/coordinator.log" || fail 'it is not reported'
[[ $(hash_of revoked) == "$calm" ]] || fail 'the weights after a revoked key are others'

headline 'A path between two workers that is blocked'
ip -n "$prefix-2" route add blackhole 10.77.0.3/32
start 1 coordinator "$shoal" coordinator --bind "tcp://10.77.0.1:$port" --insecure "${options[@]}" --steps 30 \
    --workers 2 --min-workers 2 --output "$work/blocked"
coordinator=$started
wait_for_port 1 "$port"
start 2 a "$shoal" worker --coordinator "tcp://10.77.0.1:$port" --insecure
start 3 b "$shoal" worker --coordinator "tcp://10.77.0.1:$port" --insecure
status=0
began=$SECONDS
wait "$coordinator" || status=$?
((status == 1)) || fail "exit code $status where two workers do not reach each other"
host='host .* \(rank [01]\)'
grep -E "error: $host cannot reach $host at tcp://10\.77\.0\.[23]:[0-9]+.*check firewalls" \
    "$work/coordinator.log" || fail 'the pair is not named'
printf 'found out %d s after the coordinator was started\n' $((SECONDS - began + 1))

if [[ ${1-} == --measure ]]; then
    headline "A flood that comes and goes, for $2 s"
    ip -n "$prefix-2" route del blackhole 10.77.0.3/32
    measure() { # NAME OPTIONS…
        start 1 coordinator "$shoal" coordinator --bind "tcp://10.77.0.1:$port" "${@:3}" "${options[@]}" \
            --steps 100000 \
            --workers 1 --output "$work/$1"
        local coordinator=$started until
        wait_for_port 1 "$port"
        if [[ $3 == --keys ]]; then
            start 2 a "$shoal" worker --coordinator "tcp://10.77.0.1:$port" --keys keys/workers/a
        else
            start 2 a "$shoal" worker --coordinator "tcp://10.77.0.1:$port" --insecure
        fi
        wait_for_steps 120 "$1" 10
        until=$((SECONDS + $2))
        : >"$work/$1.times"
        while ((SECONDS < until)); do
            sleep 4
            printf '%s ' "$(steps "$1")" >>"$work/$1.times"
            on 4 nice -n 19 python3 "$here/attack.py" flood 10.77.0.1 "$port" 4 2 >>"$work/$1.attacks"
            printf '%s\n' "$(steps "$1")" >>"$work/$1.times"
        done
        kill -INT "$coordinator"
        wait "$coordinator" || true
        python3 - "$work/$1" "$1" <<'END'
import json, statistics, sys
path, name = sys.argv[1:]
steps = [json.loads(line) for line in open(path + "/metrics.jsonl")]
under = set()
for line in open(path + ".times"):
    first, last = map(int, line.split())
    under |= set(range(first + 1, last))
calm, attacked = ([s["step_seconds"] for s in steps[10:] if (s["step"] in under) == flag] for flag in (False, True))
speed = lambda values: statistics.median(s["tokens"] for s in steps) / statistics.median(values)
a, b = speed(calm), speed(attacked)
loss = 100 * (1 - b / a)
print(f"{name}: {a:.0f} tokens/s calm, {b:.0f} in a flood: {loss:+.1f}% ({len(calm)}, {len(attacked)} steps)")
attempts = [json.loads(line) for line in open(path + ".attacks")]
print(f"  {sum(a['connected'] for a in attempts)} connections made, {sum(a['refused'] for a in attempts)} refused")
END
        cp "$work/coordinator.log" "$work/$1.log"
        printf '  lines about it at the coordinator: %d\n' \
            "$(grep -c -e 'refused' -e 'too many' "$work/$1.log" || true)"
    }
    measure flood-with-keys "$2" --keys keys
    measure flood-insecure "$2" --insecure
fi

headline 'All is well'
