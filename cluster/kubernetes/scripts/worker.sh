#!/bin/sh
# A worker, until the run is complete: while the coordinator is away it waits for the next one.
set -eu
log=${TMPDIR:-/tmp}/worker.log
# On SIGTERM it goes on: others, or the coordinator's checkpoint, may need its state. Kubernetes ends it after the grace
# period; the coordinator, when it has no more work.
trap '' TERM
while :; do
    shoal worker --coordinator "$COORDINATOR" --keys "${KEYS:-/keys}" --threads "${THREADS:-1}" 2>&1 | tee "$log"
    if grep -q 'the coordinator ended the run: the run is complete' "$log"; then exit 0; fi
    sleep "${RETRY_SECONDS:-5}"
done
