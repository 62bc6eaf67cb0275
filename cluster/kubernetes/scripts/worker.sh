#!/bin/sh
# A worker, until the run is complete: while the coordinator is away it waits for the next one.
set -eu
# On SIGTERM it goes on: others, or the coordinator's checkpoint, may need its state. Kubernetes ends it after the grace
# period; the coordinator, when it has no more work.
trap '' TERM
# 0 is a run that is complete; after any other exit code (see docs/exit-codes.md) the next try may go better.
until shoal worker --coordinator "$COORDINATOR" --keys "${KEYS:-/keys}" --threads "${THREADS:-1}"; do
    sleep "${RETRY_SECONDS:-5}"
done
