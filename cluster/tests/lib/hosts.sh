# shellcheck shell=bash
# Hosts for tests: network namespaces with a bridge, each with a real sshd, a home, /tmp, process table and host name of
# its own. The last one is the machine where the launcher runs.
#
#   need_hosts                        skips the test (exit code 77) where hosts cannot be made
#   begin_hosts COUNT [BARE]          hosts 1 to COUNT; on host BARE libzmq and libdnnl are hidden
#   here COMMAND…                     runs something where the launcher runs
#   pids_of HOST                      the processes on a host, but for sshd's own
#   kill_host HOST, start_host HOST   as by pulling the plug, and putting it in again
#   end_hosts_of_test                 takes all away

TEST_FOLDER=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
ROOT=$(cd "$TEST_FOLDER/../.." && pwd)
export SHOAL_NAMESPACES=${SHOAL_NAMESPACES:-shoal-test}
NAMESPACES=$ROOT/cluster/namespaces.sh
# The port of sshd on every host.
SSH_PORT=${SHOAL_TEST_SSH_PORT:-22022}

skip() {
    echo "$1"
    exit 77
}

need_hosts() {
    ((EUID == 0)) || skip 'needs root, to make network namespaces'
    local command
    for command in ip tc unshare ssh ssh-keygen setpriv ss; do
        command -v "$command" >/dev/null || skip "needs $command: apt-get install iproute2 util-linux openssh-client"
    done
    SSHD=$(command -v sshd || echo /usr/sbin/sshd)
    [[ -x $SSHD ]] || skip 'needs sshd: apt-get install openssh-server'
    unshare --net --mount --pid --fork --uts true 2>/dev/null ||
        skip 'this machine does not allow namespaces (a container?)'
    if ip netns list | grep -q "^$SHOAL_NAMESPACES-"; then
        echo 'FAILED: hosts of another test are there; if none is running:' \
            "SHOAL_NAMESPACES=$SHOAL_NAMESPACES cluster/namespaces.sh down"
        exit 1
    fi
    "$NAMESPACES" up 1 2>/dev/null ||
        skip "network namespaces cannot be made here: $("$NAMESPACES" up 1 2>&1 | tail -n 1)"
    "$NAMESPACES" down
}

begin_hosts() {
    local host key
    HOST_COUNT=$1 BARE=${2-0}
    # Not in /tmp: each host has another.
    FIELD=$(mktemp -d /var/tmp/shoal-hosts-XXXXXX)
    "$NAMESPACES" up $((HOST_COUNT + 1))
    ssh-keygen -q -t ed25519 -N '' -f "$FIELD/identity"
    : >"$FIELD/known_hosts"
    for ((host = 1; host <= HOST_COUNT; host++)); do
        mkdir -p "$FIELD/$host/home/sshd" "$FIELD/$host/tmp"
        chmod 700 "$FIELD/$host/home" "$FIELD/$host/home/sshd"
        ssh-keygen -q -t ed25519 -N '' -f "$FIELD/$host/home/sshd/host_key"
        cp "$FIELD/identity.pub" "$FIELD/$host/home/sshd/authorized_keys"
        key=$(cut -d ' ' -f 1,2 "$FIELD/$host/home/sshd/host_key.pub")
        echo "[10.77.0.$host]:$SSH_PORT,[fd77::$host]:$SSH_PORT $key" >>"$FIELD/known_hosts"
        start_host "$host"
    done
    cat >"$FIELD/ssh_config" <<END_OF_CONFIG
Host *
    IdentityFile $FIELD/identity
    IdentitiesOnly yes
    UserKnownHostsFile $FIELD/known_hosts
    StrictHostKeyChecking yes
END_OF_CONFIG
    for ((host = 1; host <= HOST_COUNT; host++)); do await_sshd "$host"; done
    # Nothing that the launcher keeps goes into the user's folders; models do come from there.
    export SHOAL_CACHE=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}
    export XDG_CONFIG_HOME=$FIELD/config XDG_STATE_HOME=$FIELD/state XDG_CACHE_HOME=$FIELD/cache
}

# Starts a host's first process; its process id here is in HOST_PIDS.
declare -A HOST_PIDS=()
start_host() {
    "$NAMESPACES" exec "$1" unshare --mount --pid --fork --kill-child --mount-proc --uts \
        bash "$TEST_FOLDER/lib/host.sh" "host$1" "$FIELD/$1" "$SSHD" "$SSH_PORT" "$([[ $1 == "$BARE" ]] && echo bare)" \
        </dev/null >"$FIELD/$1/sshd.log" 2>&1 &
    HOST_PIDS[$1]=$!
    disown "$!"
}

await_sshd() {
    local turn
    for ((turn = 0; turn < 100; turn++)); do
        here bash -c "exec 3<>/dev/tcp/10.77.0.$1/$SSH_PORT" 2>/dev/null && return
        sleep 0.1
    done
    echo "sshd on host $1 does not answer:"
    cat "$FIELD/$1/sshd.log"
    return 1
}

kill_host() { kill -KILL "${HOST_PIDS[$1]}"; }

here() { "$NAMESPACES" exec $((HOST_COUNT + 1)) "$@"; }

launcher() { here "$ROOT/launch.sh" --hosts "$@"; }

# What runs on a host: those of its network, less its first process, sshd's, and the shell about it.
pids_of() {
    local pid name
    for pid in $(ip netns pids "$SHOAL_NAMESPACES-$1"); do
        name=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
        [[ $name == sshd || $name == unshare || $name == host.sh ]] ||
            echo "$pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
    done
}

# Fails unless nothing runs on any host any more; what has been asked to end may take a moment.
nothing_left() {
    local turn left host
    for ((turn = 0; turn < ${1:-20}; turn++)); do
        left=$(for ((host = 1; host <= HOST_COUNT + 1; host++)); do pids_of "$host" | sed "s/^/host $host: /"; done)
        [[ -z $left ]] && return
        sleep 0.1
    done
    echo "left running:"
    echo "$left"
    return 1
}

end_hosts_of_test() {
    local host
    for host in "${!HOST_PIDS[@]}"; do kill -KILL "${HOST_PIDS[$host]}" 2>/dev/null; done
    "$NAMESPACES" down
    [[ -z ${FIELD-} ]] || rm -rf "$FIELD"
}
