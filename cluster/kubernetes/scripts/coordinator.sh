#!/bin/sh
# Begins the run, or goes on with it where a coordinator before this one has left it.
set -eu
if [ -e "$RUN/result.json" ]; then
    echo "$RUN is complete; another run needs another RUN in coordinator.yaml"
    exit 0
fi
set -- --bind "${BIND:-tcp://0.0.0.0:5555}" --keys "${KEYS:-/keys}"
# In place of this shell, so that SIGTERM reaches it.
if [ -e "$RUN/run.yaml" ]; then
    exec shoal resume "$RUN" "$@"
fi
exec shoal coordinator --config "${OPTIONS:-/options/train.yaml}" --output "$RUN" "$@"
