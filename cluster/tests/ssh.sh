#!/usr/bin/env bash
# Training on four hosts by ssh; one of them lacks the libraries. SHOAL_CLUSTER_TESTS=short leaves out what takes
# minutes.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/hosts.sh"

need_hosts
BINARY=${SHOAL_BINARY:-$ROOT/.build/release/shoal}
export SHOAL_BINARY=$BINARY
[[ -x $BINARY ]] || skip "needs the program: ./launch.sh setup"
folders=$("$BINARY" fetch all-MiniLM-L6-v2 reuters-r8 2>/dev/null) ||
    skip 'needs a model and data: ./launch.sh fetch all-MiniLM-L6-v2 reuters-r8'
{
    read -r model
    read -r data
} <<<"$folders"

trap end_hosts_of_test EXIT
begin_hosts 4 4
cd "$FIELD"

fail() {
    echo "FAILED: $*"
    [[ ! -e $FIELD/log ]] || tail -n 40 "$FIELD/log"
    exit 1
}
headline() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }
has() { grep -qE -- "$2" "$1" || fail "$1 has no line with: $2"; }
weights_of() { sed -n 's/.*"weights_sha256" : "\([0-9a-f]*\)".*/\1/p' "$1/result.json"; }

cat >hosts <<END_OF_HOSTS
# Four hosts
10.77.0.1 port=$SSH_PORT threads=1
10.77.0.2 port=$SSH_PORT threads=1 dir=elsewhere/shoal      # another folder
10.77.0.3 port=$SSH_PORT threads=1 user=$(id -un) address=10.77.0.3
10.77.0.4 port=$SSH_PORT threads=1 dir=~/lean
END_OF_HOSTS
cluster=(hosts --ssh-config "$FIELD/ssh_config")
common=(--model "$model" --train "$data/train.csv" --shots 8 --max-length 32 --heartbeat-timeout 5)

# Starts a run in the background: LAUNCHER is its process, and its group as that of a terminal's foreground (which hears
# of a Ctrl-C, unlike what a script starts in the background); its output goes to the file `log`.
begin() {
    setsid env --default-signal=INT "$NAMESPACES" exec $((HOST_COUNT + 1)) "$ROOT/launch.sh" --hosts "${cluster[@]}" \
        -- "$@" "${common[@]}" >log 2>&1 &
    LAUNCHER=$!
}
# Waits until a run has done a number of steps.
await_step() {
    local turn
    for ((turn = 0; turn < 1200; turn++)); do
        [[ $(grep -c '"step"' "$1/metrics.jsonl" 2>/dev/null) -lt $2 ]] || return 0
        kill -0 "$LAUNCHER" 2>/dev/null || fail "the run ended before step $2"
        sleep 0.1
    done
    fail "no step $2 after two minutes"
}
finish() {
    local status=0
    wait "$LAUNCHER" || status=$?
    ((status == ${1-0})) || fail "exit code $status, expected ${1-0}"
}
same_weights() {
    [[ $(weights_of "$1") == "$2" && -n $2 ]] || fail "$1 has weights $(weights_of "$1"), one machine gave $2"
    echo "weights_sha256 $2, as on one machine"
}

headline 'What is wrong with a hosts file is said with its line'
expect_mistake() {
    local status=0
    printf '# a comment\n%s\n' "$1" >wrong
    launcher wrong check >out 2>&1 || status=$?
    ((status == 64 && $(wc -l <out) == 1)) ||
        fail "expected one line and exit code 64 for '$1', not $status: $(cat out)"
    has out "^launch.sh: error: wrong:${3-2}: $2"
}
expect_mistake 'node workers=0' 'workers=0, but it must be a number from 1 to 256'
expect_mistake 'node port=none' 'port=none'
expect_mistake 'node speed=9' "'speed=9' is not known"
expect_mistake '-oProxyCommand=reboot' "'-oProxyCommand=reboot' is no host"
expect_mistake "node dir=\$(reboot)" 'dir='
expect_mistake $'node\nnode' 'node is listed in wrong:2 already' 3

launcher "${cluster[@]}" -- resume none >out 2>&1 && fail 'what is no run was resumed'
has out '^launch.sh: error: none is no run directory'
launcher "${cluster[@]}" -- train --output x --workers 3 >out 2>&1 && fail 'a wrong number of workers was taken'
has out '^launch.sh: error: --workers is 3, but hosts lists 4'

headline 'Check'
launcher "${cluster[@]}" check >out 2>&1 || { cat out; fail 'the check failed'; }
cat out
(($(grep -c 'ready for 1 workers' out) == 4)) || fail 'not all four are ready'
has out '10.77.0.4. note: it lacks .*libdnnl.*libzmq5'
launcher "${cluster[@]}" --libraries never check >out 2>&1 && fail 'a host without libraries passed'
has out '10.77.0.4. failed: it lacks .*apt-get install --no-install-recommends .*libzmq5'
nothing_left

headline 'One machine'
"$BINARY" train --output one --steps 6 --workers 2 "${common[@]}" >one.log 2>&1 || {
    cat one.log
    fail 'the run on one machine failed'
}
expected=$(weights_of one)

headline 'Four hosts, which have nothing yet'
begin train --output run --steps 6
finish
cat log
same_weights run "$expected"
nothing_left
for host in 1 2 3 4; do
    files=$(find "$FIELD/$host/home" -name worker.key -printf '%m ' -o -name keys -printf '%m ')
    [[ $files == '700 600 ' ]] || fail "keys on host $host have the modes $files"
done
[[ -d $FIELD/2/home/elsewhere/shoal/programs && -d $FIELD/4/home/lean/programs ]] || fail 'dir= was not heeded'

headline 'Again: nothing is copied'
begin train --output again --steps 6
finish
grep -E '^Starting|first step' log
same_weights again "$expected"
launcher "${cluster[@]}" check >out
(($(grep -c 'has the program and its keys already' out) == 4)) || fail 'something is said to be missing'

headline 'A second start is refused, status shows the run, Ctrl-C ends all'
begin train --output stopped --steps 500
await_step stopped 2
launcher "${cluster[@]}" -- train --output stopped "${common[@]}" >out 2>&1 && fail 'a second start was allowed'
cat out
has out 'stopped is being trained already, by process'
launcher "${cluster[@]}" status >out 2>&1 || fail 'no status'
(($(grep -c 'workers running: 1' out) == 4)) || { cat out; fail 'status does not show four workers'; }
kill -INT -- "-$LAUNCHER"
finish 130
has log 'interrupted'
nothing_left 5
[[ -n $(ls stopped/checkpoints) ]] || fail 'no checkpoint was written'

headline 'Hosts of another file join, without the name of the run'
head -n 4 hosts >three
tail -n 1 hosts >fourth
launcher fourth "${cluster[@]:1}" join >out 2>&1 && fail 'joined where there is no run'
has out '^launch.sh: error: no run is being trained from here; start one'
cluster=(three "${cluster[@]:1}")
begin train --output late --steps 20
await_step late 2
launcher fourth "${cluster[@]:1}" join late too >out 2>&1 && fail 'a second run was taken'
has out "'too' is one word too many after join"
launcher fourth "${cluster[@]:1}" status >out 2>&1 && fail 'there is a status with a file that has no run'
has out "no run is being trained from here with fourth; name another one after the command: $FIELD/late"
launcher fourth "${cluster[@]:1}" join >joined 2>&1 &
joining=$!
finish
cat joined
wait "$joining" || fail "join ended with exit code $?: $(cat joined)"
has joined "^Joining 1 workers on 1 hosts to $FIELD/late"
has log 'on host4\) joined'
"$BINARY" train --output one-late --steps 20 --workers 2 "${common[@]}" >one.log 2>&1 || fail 'no run on one machine'
same_weights late "$(weights_of one-late)"
nothing_left
cluster=(hosts "${cluster[@]:1}")

headline 'A host that is down: --min-workers decides'
kill_host 3
launcher "${cluster[@]}" -- train --output without --steps 6 "${common[@]}" >out 2>&1 &&
    fail 'it went on without a host'
cat out
has out '10.77.0.3. failed its check: nothing listens'
has out 'say so: --min-workers 3'
[[ ! -e without ]] || fail 'something was written'
begin train --output without --steps 6 --min-workers 3
finish
same_weights without "$expected"
nothing_left
start_host 3
await_sshd 3

if [[ ${SHOAL_CLUSTER_TESTS-} == short ]]; then
    echo 'the short part is done'
    exit
fi
# shellcheck source-path=SCRIPTDIR source=lib/ssh-long.sh
. "$TEST_FOLDER/lib/ssh-long.sh"
