#!/usr/bin/env bash
# "Trying it without machines" of cluster/README.md, command by command as it stands there.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/hosts.sh"

# Other hosts than those of other tests, and of a user who tries it at this moment.
export SHOAL_NAMESPACES=shoal-readme
need_hosts
export SHOAL_BINARY=${SHOAL_BINARY:-$ROOT/.build/release/shoal}
[[ -x $SHOAL_BINARY ]] || skip "needs the program: ./launch.sh setup"
cache=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}
"$SHOAL_BINARY" fetch all-MiniLM-L6-v2 reuters-r8 >/dev/null 2>&1 ||
    skip 'needs a model and data: ./launch.sh fetch all-MiniLM-L6-v2 reuters-r8'

field=$(mktemp -d /var/tmp/shoal-readme-XXXXXX)
export XDG_CONFIG_HOME=$field/config XDG_STATE_HOME=$field/state
# shellcheck disable=SC2317 # called by the trap
end() {
    "$NAMESPACES" down
    rm -rf "$field"
}
trap end EXIT

sed -n '/^## Trying it without machines/,/^## Figures/s/^    //p' "$ROOT/cluster/README.md" |
    sed "s|/var/tmp/shoal-hosts|$field/hosts|g; s|runs/three-hosts|$field/run|; s|~/.cache/shoal|$cache|g" \
        >"$field/commands"
(($(wc -l <"$field/commands") >= 8)) || {
    echo 'FAILED: no commands were found in cluster/README.md'
    exit 1
}
cd "$ROOT"
bash -euxo pipefail "$field/commands" 2>&1 | tee "$field/log"
(($(grep -c 'ready for 1 workers' "$field/log") == 3)) || {
    echo 'FAILED: not all three hosts are ready'
    exit 1
}
grep -q '"weights_sha256"' "$field/run/result.json"
[[ ! -e /run/netns/shoal-readme-1 && ! -e $field/hosts ]]
echo 'the commands of cluster/README.md work as they stand there'
