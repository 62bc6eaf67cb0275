#!/usr/bin/env bash
# Several hosts on one machine, to try things out: network namespaces, each with an interface and an address of its own,
# joined by a bridge that is in a namespace too. The machine's own network is not touched. Needs root.
#
#   cluster/namespaces.sh up HOSTS [RATE]   hosts 1 to HOSTS, 10.77.0.1, 10.77.0.2, …; RATE as in tc(8): 1gbit, 100mbit
#   cluster/namespaces.sh ssh HOSTS FOLDER
#                                           starts sshd on hosts 1 to HOSTS, each with processes and a name of its own;
#                                           writes FOLDER/hosts and FOLDER/ssh_config, for launch.sh --hosts
#   cluster/namespaces.sh exec HOST COMMAND…
#   cluster/namespaces.sh link HOST up|down
#   cluster/namespaces.sh rate HOSTS RATE   limits the links, both ways; RATE "none" takes the limit away
#   cluster/namespaces.sh down              ends what still runs in them and removes them
#
# They are called shoal-1, shoal-2, …; SHOAL_NAMESPACES=NAME makes others, NAME-1, NAME-2, …, beside them.
set -euo pipefail

prefix=${SHOAL_NAMESPACES:-shoal}
network=$prefix-net

fail() {
    printf 'namespaces.sh: error: %s\n' "$1" >&2
    exit "${2:-1}"
}

# Fails unless $1, which is called $2, is a number of hosts.
check_number() {
    [[ ${1-} =~ ^([1-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|250)$ ]] ||
        fail "give $2, a number from 1 to 250, not '${1-}'" 64
}

# Fails unless it is a rate.
check_rate() {
    [[ ${1-} =~ ^([0-9]+(\.[0-9]+)?[kmg]?bit|none)$ ]] ||
        fail "the rate is written as 1gbit or 100mbit, or none for no limit, not '${1-}'" 64
}

# Fails unless there is a host of this number.
check_host() {
    check_number "${1-}" 'the number of a host'
    [[ -e /run/netns/$prefix-$1 ]] || fail "there is no host $1; make hosts first: cluster/namespaces.sh up HOSTS"
}

# Each direction has a limit of its own, as on a switched network: what leaves the host, and what leaves the bridge to
# it. The queue holds 50 ms; a burst must have room for one 64 KiB packet of the offloading kernel.
limit() {
    local namespace=$1 interface=$2 rate=$3
    if [[ $rate == none ]]; then
        ip netns exec "$namespace" tc qdisc del dev "$interface" root 2>/dev/null || true
    else
        ip netns exec "$namespace" tc qdisc replace dev "$interface" root tbf rate "$rate" burst 256kb latency 50ms
    fi
}

rate() {
    local host
    for ((host = 1; host <= $1; host++)); do
        limit "$prefix-$host" eth0 "$2"
        limit "$network" "port$host" "$2"
    done
}

up() {
    local hosts=$1 host
    [[ ! -e /run/netns/$network ]] || fail 'there are hosts already; take them down first: cluster/namespaces.sh down'
    ip netns add "$network"
    ip -n "$network" link add bridge0 type bridge
    ip -n "$network" link set bridge0 up
    for ((host = 1; host <= hosts; host++)); do
        ip netns add "$prefix-$host"
        ip -n "$network" link add "port$host" type veth peer name eth0 netns "$prefix-$host"
        ip -n "$network" link set "port$host" master bridge0 up
        ip -n "$prefix-$host" addr add "10.77.0.$host/24" dev eth0
        ip -n "$prefix-$host" -6 addr add "fd77::$host/64" dev eth0 nodad 2>/dev/null || true
        ip -n "$prefix-$host" link set lo up
        ip -n "$prefix-$host" link set eth0 up
    done
    if [[ -n ${2:-} ]]; then rate "$hosts" "$2"; fi
}

# What runs as the first process of a host. Mounts are seen by its own processes alone.
first_process() {
    local name=$1 folder=$2 sshd=$3
    hostname "$name"
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    mkdir -m 755 /run/sshd
    # Not by exec: as the first process it would have to wait for the children of others.
    "$sshd" -D -e -f "$folder/sshd_config" &
    while wait -n; do :; done
}

start_ssh() {
    local hosts=$1 folder=$2 sshd host turn
    check_host "$hosts"
    sshd=$(command -v sshd || echo /usr/sbin/sshd)
    [[ -x $sshd ]] || fail 'needs sshd: apt-get install openssh-server' 2
    command -v ssh-keygen >/dev/null || fail 'needs ssh-keygen: apt-get install openssh-client' 2
    [[ ! -e $folder ]] || fail "$folder is there already; choose another folder, or remove it"
    (umask 077 && mkdir -p "$folder")
    folder=$(realpath -- "$folder")
    # It becomes part of lines of configuration files.
    [[ $folder =~ ^[A-Za-z0-9_./+@-]+$ ]] ||
        fail "the path $folder has characters other than letters, digits and ._/+@-" 64
    ssh-keygen -q -t ed25519 -N '' -f "$folder/identity"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/host_key"
    printf '%s\n' "HostKey $folder/host_key" "AuthorizedKeysFile $folder/identity.pub" 'PidFile none' 'UsePAM no' \
        'PasswordAuthentication no' 'PermitRootLogin prohibit-password' 'StrictModes no' >"$folder/sshd_config"
    printf '%s\n' 'Host *' "    IdentityFile $folder/identity" '    IdentitiesOnly yes' \
        "    UserKnownHostsFile $folder/known_hosts" '    StrictHostKeyChecking yes' >"$folder/ssh_config"
    for ((host = 1; host <= hosts; host++)); do
        printf '10.77.0.%s %s\n' "$host" "$(cut -d ' ' -f 1,2 "$folder/host_key.pub")" >>"$folder/known_hosts"
        printf '10.77.0.%s dir=%s threads=1\n' "$host" "$folder/host-$host" >>"$folder/hosts"
        setsid ip netns exec "$prefix-$host" unshare --mount --pid --fork --kill-child --mount-proc --uts \
            bash "$0" first-process "$prefix-$host" "$folder" "$sshd" </dev/null >"$folder/sshd-$host.log" 2>&1 &
    done
    for ((host = 1; host <= hosts; host++)); do
        for ((turn = 0; turn < 100; turn++)); do
            ip netns exec "$prefix-$host" bash -c 'exec 3<>/dev/tcp/127.0.0.1/22' 2>/dev/null && continue 2
            sleep 0.1
        done
        fail "sshd on host $host does not answer; see $folder/sshd-$host.log"
    done
    printf '%s\n' "$folder/hosts" "$folder/ssh_config"
}

down() {
    local namespace pids
    for namespace in $(ip netns list | cut -d' ' -f1 | grep -E "^$prefix-(net|[0-9]+)\$" || true); do
        pids=$(ip netns pids "$namespace")
        # Those in the namespaces made here, by id.
        if [[ -n $pids ]]; then xargs kill -KILL <<<"$pids" 2>/dev/null || true; fi
        ip netns del "$namespace"
    done
}

# The manual is the comment at the top.
usage() { sed -n '/^#   cluster/,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }

case ${1-} in
-h | --help | help)
    usage
    exit
    ;;
up | ssh | exec | link | rate | down | first-process) ;;
'')
    usage >&2
    exit 64
    ;;
*) fail "'$1' is not known; see cluster/namespaces.sh --help" 64 ;;
esac
[[ $prefix =~ ^[A-Za-z][A-Za-z0-9-]*$ ]] || fail "SHOAL_NAMESPACES=$prefix cannot begin the name of a namespace" 64
((EUID == 0)) || fail "needs root, to make network namespaces"
{ command -v ip && command -v tc; } >/dev/null || fail "needs ip and tc: apt-get install iproute2" 2
case $1 in
up)
    check_number "${2-}" 'the number of hosts'
    [[ -z ${3-} ]] || check_rate "$3"
    up "$2" "${3-}"
    ;;
ssh)
    check_number "${2-}" 'the number of hosts'
    [[ -n ${3-} ]] || fail 'give a folder that is not there yet, for keys and the hosts file' 64
    start_ssh "$2" "$3"
    ;;
exec)
    check_host "${2-}"
    (($# > 2)) || fail "give the command to run on host $2" 64
    exec ip netns exec "$prefix-$2" "${@:3}"
    ;;
link)
    check_host "${2-}"
    [[ ${3-} == up || ${3-} == down ]] || fail "say whether the link goes up or down, not '${3-}'" 64
    ip -n "$network" link set "port$2" "$3"
    ;;
rate)
    check_host "${2-}"
    check_rate "${3-}"
    rate "$2" "$3"
    ;;
down) down ;;
first-process) first_process "${@:2}" ;;
esac
