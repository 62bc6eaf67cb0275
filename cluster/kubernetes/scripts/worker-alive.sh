#!/bin/sh
# Fails if there is a coordinator, and this pod is not among its workers. Where there is none, that is no fault of this
# one.
hosts=$(shoal status "$COORDINATOR" --keys "${KEYS:-/keys}" --timeout 5 --field worker_hosts) || exit 0
if printf '%s\n' "$hosts" | grep -Fqx -e "$(hostname)"; then exit 0; fi
echo "the coordinator does not count $(hostname) among its workers"
exit 1
