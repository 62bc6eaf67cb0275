#!/usr/bin/env bash
# The first process of a host of the tests; see hosts.sh: host.sh NAME FOLDER SSHD PORT [bare]
set -euo pipefail
name=$1 folder=$2 sshd=$3 port=$4
printf 'host.sh' >/proc/$$/comm
hostname "$name"

# Mounts are seen by this host's processes alone.
mount --make-rprivate /
if [[ ${5-} == bare ]]; then
    # The libraries, but for those that are to be missing.
    for libraries in /usr/lib/*-linux-gnu; do
        mkdir -p "$folder/libraries" "$folder/thinned"
        mount --bind "$libraries" "$folder/libraries"
        mount -t tmpfs tmpfs "$folder/thinned"
        ln -s "$folder"/libraries/* "$folder/thinned/"
        rm "$folder"/thinned/libzmq.* "$folder"/thinned/libdnnl.*
        # Last, and at once: every command needs some of them.
        mount --bind "$folder/thinned" "$libraries"
    done
fi
# Nor is there a Swift.
swift=$(command -v swift || true)
swift=$(readlink -f "${swift:-/none}" || true)
case $swift in
/usr/bin/* | '') ;;
*/usr/bin/*) mount -t tmpfs tmpfs "${swift%/usr/bin/*}" ;;
esac
home=$(getent passwd "$(id -u)" | cut -d : -f 6)
mount --bind "$folder/home" "$home"
mount --bind "$folder/tmp" /tmp
mount -t tmpfs tmpfs /run
mkdir /run/sshd
chmod 755 /run/sshd

cat >"$home/sshd/config" <<END_OF_CONFIG
Port $port
HostKey $home/sshd/host_key
AuthorizedKeysFile $home/sshd/authorized_keys
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes yes
PrintMotd no
END_OF_CONFIG
# Not by exec: as the first process it would have to wait for the children of others.
"$sshd" -D -e -f "$home/sshd/config" &
while wait -n; do :; done
