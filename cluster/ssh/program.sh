# shellcheck shell=bash disable=SC2034 # variables are those of all the scripts here
# The program as it travels: a folder of files with their checksums, and what it asks of a host.

# Folders: the program alone, and with the libraries that it needs. Their names on the hosts: SHA-256 of SHA256SUMS.
PROGRAM='' PROGRAM_SUM='' BUNDLE='' BUNDLE_SUM=''
# Libraries that it asks for, the newest version of the C library's symbols in it, and the oneDNN that it runs with
# here.
SONAMES='' GLIBC='' DNNL=''

# Makes the folders ready, once for each build of the program.
stage_program() {
    local cache=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}/programs binary=$1 stamp folder
    [[ -x $binary ]] || fail "there is no program at $binary; build it: $CALLED_AS setup" 2
    stamp=$(stat -L -c '%n %s %y' "$binary" "$SSH_FOLDER/remote.sh" "$SSH_FOLDER/bundle" | sha256sum)
    folder=$cache/${stamp:0:16}
    if [[ ! -e $folder/ready ]]; then
        mkdir -p "$cache"
        local new
        # What was left half done, by a start that was killed.
        find "$cache" -mindepth 1 -maxdepth 1 -name 'new-??????' -mmin +60 -exec rm -rf {} +
        new=$(mktemp -d "$cache/new-XXXXXX")
        make_stage "$binary" "$new" || fail "the program cannot be made ready to travel; see the lines above"
        rm -rf "$folder"
        # Another launcher may have been quicker: its copy is as good.
        mv -T "$new" "$folder" 2>/dev/null || rm -rf "$new"
        # The three newest stay: others may be launching an older build.
        # shellcheck disable=SC2010,SC2012 # names are letters and digits
        ls -t "$cache" | grep -Ex '[0-9a-f]{16}' | tail -n +4 | while read -r old; do rm -rf "${cache:?}/$old"; done
    fi
    PROGRAM=$folder/program BUNDLE=$folder/bundle
    PROGRAM_SUM=$(sha256sum <"$PROGRAM/SHA256SUMS") PROGRAM_SUM=${PROGRAM_SUM%% *}
    BUNDLE_SUM=$(sha256sum <"$BUNDLE/SHA256SUMS") BUNDLE_SUM=${BUNDLE_SUM%% *}
    {
        read -r SONAMES
        read -r GLIBC
        read -r DNNL
    } <"$folder/ready"
}

make_stage() {
    local binary=$1 new=$2 listing library
    mkdir "$new/program" "$new/bundle"
    # Debugging symbols are half of the bytes.
    strip -o "$new/program/shoal" "$binary" 2>/dev/null || cp -L "$binary" "$new/program/shoal"
    cp "$SSH_FOLDER/remote.sh" "$new/program/remote.sh"
    (cd "$new/program" && sha256sum shoal remote.sh >SHA256SUMS)
    cp -l "$new/program/shoal" "$new/program/remote.sh" "$new/bundle/"
    "$SSH_FOLDER/bundle" "$binary" "$new/bundle/lib" || return
    (cd "$new/bundle" && sha256sum shoal remote.sh lib/* >SHA256SUMS)
    listing=$(LC_ALL=C ldd "$binary")
    # Those that are the program's own wish; what they need comes with their packages.
    awk '{ print $1 }' <<<"$listing" | grep -Fx -f <(needed "$binary") | tr '\n' ' ' >"$new/ready"
    echo >>"$new/ready"
    grep -ao 'GLIBC_2\.[0-9]*' "$binary" | sort -uV | tail -n 1 | cut -c 7- >>"$new/ready"
    library=$(awk '$1 ~ /^libdnnl\./ { print $3 }' <<<"$listing")
    library=$(readlink -f "$library")
    printf '%s\n' "${library##*/}" >>"$new/ready"
}

# The names in the program's own list of libraries, as they stand in its file.
needed() {
    if command -v readelf >/dev/null; then
        LC_ALL=C readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
    else
        LC_ALL=C ldd "$1" | awk '{ print $1 }'
    fi
}

# The Debian packages of libraries.
packages_of() {
    local name
    for name in "$@"; do
        case $name in
        libzmq.so.5) echo libzmq5 ;;
        libdnnl.so.*) echo "libdnnl${name##*.}" ;;
        libzstd.so.1) echo libzstd1 ;;
        libstdc++.so.6) echo libstdc++6 ;;
        libgcc_s.so.1) echo libgcc-s1 ;;
        libgomp.so.1) echo libgomp1 ;;
        *) echo "$name" ;;
        esac
    done | sort -u
}
