#!/usr/bin/env bash
# Several hosts on one machine, to try things out: network namespaces, each with an interface and an address of its own,
# joined by a bridge that is in a namespace too. The machine's own network is not touched. Needs root.
#
#   cluster/namespaces.sh up HOSTS [RATE]   hosts 1 to HOSTS, 10.77.0.1, 10.77.0.2, …; RATE as in tc(8): 1gbit, 100mbit
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
    exit 2
}

# Each direction has a limit of its own, as on a switched network: what leaves the host, and what leaves the bridge to it.
# The queue holds 50 ms; a burst must have room for one 64 KiB packet of the offloading kernel.
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
    ip netns list | grep -q "^$network\b" && fail "there are hosts already; take them down first"
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

down() {
    local namespace pids
    for namespace in $(ip netns list | cut -d' ' -f1 | grep -E "^$prefix-(net|[0-9]+)\$" || true); do
        pids=$(ip netns pids "$namespace")
        # Those in the namespaces made here, by id.
        if [[ -n $pids ]]; then xargs kill -KILL <<<"$pids" 2>/dev/null || true; fi
        ip netns del "$namespace"
    done
}

[[ $(id -u) == 0 ]] || fail "needs root, to make network namespaces"
{ command -v ip && command -v tc; } >/dev/null || fail "needs ip and tc: apt-get install iproute2"
[[ $prefix =~ ^[A-Za-z][A-Za-z0-9-]*$ ]] || fail "SHOAL_NAMESPACES=$prefix cannot begin the name of a namespace"
case ${1:-} in
up) up "${2:?the number of hosts}" "${3:-}" ;;
exec) exec ip netns exec "$prefix-${2:?the number of the host}" "${@:3}" ;;
link) ip -n "$network" link set "port${2:?the number of the host}" "${3:?up or down}" ;;
rate) rate "${2:?the number of hosts}" "${3:?the rate}" ;;
down) down ;;
*) sed -n '2,13s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
