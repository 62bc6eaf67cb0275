#!/bin/sh
# Copies keys from a Secret's volume, whose files belong to root and are readable by the pod's group, to one in memory
# where they belong to the pod's user alone: Shoal takes no secret key that others can read.
set -eu
from=${SECRET:-/secret} to=${KEYS:-/keys}
umask 077
for file in "$from"/*; do
    name=${file##*/}
    if [ "$name" = workers.allow ]; then
        # No secret. A link, since Kubernetes alters the file when the Secret changes.
        ln -sf "$file" "$to/$name"
    else
        cat "$file" >"$to/$name.new"
        mv "$to/$name.new" "$to/$name"
    fi
done
