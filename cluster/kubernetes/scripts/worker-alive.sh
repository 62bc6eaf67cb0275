#!/bin/sh
# Fails if there is a coordinator, and this pod is not among its workers. Where there is none, that is no fault of this
# one.
status=$(shoal status "$COORDINATOR" --keys "${KEYS:-/keys}" --timeout 5 --json) || exit 0
case $status in
    *"\"host\" : \"$(hostname)\""*) exit 0 ;;
esac
echo "the coordinator does not count $(hostname) among its workers"
exit 1
