# shellcheck shell=bash disable=SC2154 # read by ssh.sh, whose functions and variables these are
# What takes minutes: links and hosts that fail in the middle of longer runs, and slow links.

steps=60
headline "One machine, $steps steps"
"$BINARY" train --output long --steps "$steps" --workers 2 "${common[@]}" >one.log 2>&1 ||
    fail 'the run on one machine failed'
expected=$(weights_of long)

headline 'What was stopped goes on'
launcher "${cluster[@]}" -- resume stopped --steps 500 >out 2>&1 &
LAUNCHER=$!
await_step stopped 12
launcher "${cluster[@]}" stop stopped || fail 'stop failed'
wait "$LAUNCHER" || true
tail -n 3 out
nothing_left 5

headline 'A link is down for 20 seconds'
begin train --output link --steps "$steps"
await_step link 5
"$NAMESPACES" link 2 down
sleep 20
"$NAMESPACES" link 2 up
date +'the link is up again at %T'
finish
grep -E ' workers left$|joined|going on' log | tail -n 6
has log 'on host2\) .*; 3 workers left'
(($(grep -c 'with 4 workers' log) >= 1)) || fail 'host 2 did not come again'
same_weights link "$expected"
nothing_left

headline 'A connection is cut; all processes of a host are killed, and it comes again later'
begin train --output killed --steps "$steps"
await_step killed 5
pids_of $((HOST_COUNT + 1)) | grep ' ssh .*10\.77\.0\.1 ' | cut -d ' ' -f 1 | xargs kill -KILL
kill_host 3
sleep 5
start_host 3
await_sshd 3
finish
grep -E ' workers left$|joined|going on|connection' log | tail -n 6
has log 'on host3\) .*; 3 workers left'
(($(grep -c 'on host3) joined' log) == 2)) || fail 'host 3 did not come again'
(($(grep -c 'on host1) joined' log) == 2)) || fail 'host 1 was not started again'
same_weights killed "$expected"
nothing_left

headline 'A host that joins late'
head -n 4 hosts >three
tail -n 1 hosts >fourth
cluster=(three "${cluster[@]:1}")
begin train --output late --steps "$steps"
await_step late 5
launcher fourth "${cluster[@]:1}" join late >joined 2>&1 &
joining=$!
finish
wait "$joining" || fail "join ended with exit code $?: $(cat joined)"
grep -E 'joined' log
has log 'on host4\) joined'
same_weights late "$expected"
nothing_left
cluster=(hosts "${cluster[@]:1}")

headline 'The launcher is killed, with no chance to do anything'
begin train --output orphaned --steps 500
await_step orphaned 3
kill -KILL "$LAUNCHER"
wait "$LAUNCHER" 2>/dev/null || true
nothing_left 300

headline 'Everything here is killed: workers end by the orphan time-out'
begin train --output cut --steps 500 --orphan-timeout 10
await_step cut 3
# No message comes through any more: neither of ssh nor of the coordinator.
for host in 1 2 3 4; do "$NAMESPACES" link "$host" down; done
pids_of $((HOST_COUNT + 1)) | cut -d ' ' -f 1 | xargs kill -KILL
wait "$LAUNCHER" 2>/dev/null || true
start=$SECONDS
for ((turn = 0; turn < 60; turn++)); do
    left=$(for host in 1 2 3 4; do pids_of "$host" | grep ' worker ' || true; done)
    [[ -n $left ]] || break
    sleep 1
done
[[ -z $left ]] || fail "workers are left: $left"
echo "no worker is left after $((SECONDS - start)) s"
for host in 1 2 3 4; do "$NAMESPACES" link "$host" up; done
launcher "${cluster[@]}" stop cut || fail 'stop failed'
nothing_left 100

headline 'IPv6, and both kinds of addresses'
if here test -e /proc/net/if_inet6; then
    printf 'fd77::1 threads=1 port=%s\nfd77::2 threads=1 port=%s\n' "$SSH_PORT" "$SSH_PORT" >six
    printf 'fd77::1 threads=1 port=%s address=10.77.0.1\n10.77.0.2 threads=1 port=%s\n' "$SSH_PORT" "$SSH_PORT" >both
    for kind in six both; do
        launcher "$kind" "${cluster[@]:1}" -- train --output "by-$kind" --steps 6 "${common[@]}" >log 2>&1 ||
            fail "no run with the hosts of $kind"
        grep '^Starting' log
        same_weights "by-$kind" "$(weights_of one)"
    done
    nothing_left
else
    echo 'left out: this machine has no IPv6'
fi

for rate in 1gbit 100mbit; do
    headline "Links of $rate"
    "$NAMESPACES" rate $((HOST_COUNT + 1)) "$rate"
    begin train --output "at-$rate" --steps 6
    finish
    grep -E 'training|first step' log | tail -n 2
    has "at-$rate/result.json" weights_sha256
    same_weights "at-$rate" "$(weights_of one)"
    nothing_left
done
echo 'all of it is done'
