#!/usr/bin/env bash
# Prints the two Secrets that coordinator.yaml and workers.yaml take their keys from:
#
#   cluster/kubernetes/keys.sh KEYS | kubectl apply -f -
#
# KEYS is a folder as `shoal keygen` makes it; it is made if it is not there. Keep it: it is what a key can be taken
# back with (shoal keygen KEYS --revoke worker --worker worker, and this again).
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
binary=${SHOAL_BINARY:-$root/.build/release/shoal}

fail() {
    printf 'keys.sh: error: %s\n' "$1" >&2
    exit 1
}

(($# == 1)) || fail 'give the folder of the keys, which is made if it is not there'
keys=$1
if [[ ! -e $keys/coordinator.key ]]; then
    [[ -x $binary ]] || fail "$binary is not there: run ./launch.sh setup, or set SHOAL_BINARY"
    "$binary" keygen "$keys" >/dev/null
fi
for file in coordinator.key coordinator.pub workers.allow workers/worker/worker.key workers/worker/coordinator.pub; do
    [[ -r $keys/$file ]] || fail "$keys/$file is missing: shoal keygen $keys --worker worker"
done

# secret NAME FOLDER FILES…
secret() {
    local file
    cat <<END
---
apiVersion: v1
kind: Secret
metadata:
  name: $1
  labels:
    app.kubernetes.io/name: shoal
type: Opaque
data:
END
    for file in "${@:3}"; do printf '  %s: %s\n' "$file" "$(base64 -w 0 "$2/$file")"; done
}
secret shoal-coordinator-keys "$keys" coordinator.key coordinator.pub workers.allow
secret shoal-worker-keys "$keys/workers/worker" worker.key coordinator.pub
