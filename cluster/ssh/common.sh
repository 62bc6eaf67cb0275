# shellcheck shell=bash disable=SC2034 # variables are those of all the scripts here
# What the scripts of this folder share: messages, the hosts file, ssh.

# How launch.sh was called, for commands in messages.
CALLED_AS=${SHOAL_COMMAND:-./launch.sh}

say() { printf '%s\n' "$*" >&2; }

fail() {
    # What comes from outside may have anything in it.
    say "launch.sh: error: ${1//[[:cntrl:]]/?}"
    exit "${2:-1}"
}

# The hosts of a file, by index: what it says of each.
HOSTS=() WORKERS=() THREADS=() USERS=() PORTS=() DIRS=() ADDRESSES=() LINES=()
# What each is called in messages, and its keys: unlike any other of the file.
LABELS=() KEY_NAMES=()

number_between() { [[ $1 =~ ^[0-9]{1,9}$ ]] && ((10#$1 >= $2 && 10#$1 <= $3)); }

# How a line of the file is written.
HOST_LINE='a line is: host [workers=N] [threads=T] [user=…] [port=…] [dir=…] [address=…]'

# Reads a hosts file, called NAME in messages. A mistake ends the program with a line that names it.
read_hosts() {
    local file=$1 shown=${2:-$1} line number=0 word words i
    [[ -f $file && -r $file ]] ||
        fail "the hosts file $file cannot be read; cluster/hosts.example shows how to write one" 64
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        line=${line%$'\r'}
        read -ra words <<<"${line%%#*}" || true
        ((${#words[@]} > 0)) || continue
        read_host "$shown:$number" "${words[@]}"
        LINES+=("$shown:$number")
    done <"$file"
    ((${#HOSTS[@]} > 0)) ||
        fail "$file lists no host; $HOST_LINE" 64
    local -A seen=()
    for i in "${!HOSTS[@]}"; do
        word="${USERS[i]}@${HOSTS[i]}:${PORTS[i]}:${DIRS[i]}"
        [[ -z ${seen[$word]-} ]] ||
            fail "${LINES[i]}: ${HOSTS[i]} is listed in ${seen[$word]} already; for more workers use workers=N" 64
        seen[$word]=${LINES[i]}
        label_host "$i"
    done
}

# A host by its name, as long as that is the only one of the file.
label_host() {
    local label=${HOSTS[$1]} same=0 host
    for host in "${HOSTS[@]}"; do [[ $host == "$label" ]] && same=$((same + 1)); done
    ((same == 1)) || label+="-line-${LINES[$1]##*:}"
    LABELS+=("$label")
    KEY_NAMES+=("host-${label//[^A-Za-z0-9._-]/_}")
}

read_host() {
    local where=$1 host=$2 word value
    # Never an option of ssh, nor anything that a shell would take for more than a word.
    [[ $host =~ ^[A-Za-z0-9_][A-Za-z0-9_.:%-]*$|^::[A-Za-z0-9.:%]*$ && $host != *=* ]] ||
        fail "$where: '$host' is no host; a line begins with a host's name or address" 64
    local workers=1 threads='' user='' port='' dir=.local/share/shoal address=''
    for word in "${@:3}"; do
        value=${word#*=}
        case $word in
        workers=*)
            number_between "$value" 1 256 || fail "$where: workers=$value, but it must be a number from 1 to 256" 64
            workers=$((10#$value))
            ;;
        threads=*)
            number_between "$value" 1 1024 || fail "$where: threads=$value, but it must be a number from 1 to 1024" 64
            threads=$((10#$value))
            ;;
        port=*)
            number_between "$value" 1 65535 || fail "$where: port=$value, but it must be a number from 1 to 65535" 64
            port=$((10#$value))
            ;;
        user=*)
            [[ $value =~ ^[A-Za-z0-9_][A-Za-z0-9_.@-]*$ ]] || fail "$where: user=$value is no user's name" 64
            user=$value
            ;;
        dir=*)
            # It stays one word in any shell.
            [[ $value =~ ^(~/)?[A-Za-z0-9_./][A-Za-z0-9_./+@-]*$ ]] ||
                fail "$where: dir=$value, but it must be a folder's path of letters, digits and ._/+@- only" 64
            dir=${value#\~/}
            ;;
        address=*)
            value=${value#[} value=${value%]}
            [[ $value =~ ^[A-Za-z0-9:][A-Za-z0-9_.:%-]*$ ]] ||
                fail "$where: address=$value is no address and no name" 64
            address=$value
            ;;
        *) fail "$where: '$word' is not known; $HOST_LINE" 64 ;;
        esac
    done
    HOSTS+=("$host") WORKERS+=("$workers") THREADS+=("$threads") USERS+=("$user") PORTS+=("$port") DIRS+=("$dir")
    ADDRESSES+=("$address")
}

# The words that reach host I by ssh, in the array SSH. No question is ever asked. A connection that is silent for a
# minute is given up: shorter cuts are survived.
ssh_words() {
    SSH=(ssh -T -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=10 -o ServerAliveCountMax=6
        -o LogLevel=ERROR -o ForwardAgent=no -o ForwardX11=no)
    [[ -z ${SSH_CONFIG-} ]] || SSH+=(-F "$SSH_CONFIG")
    [[ -z ${PORTS[$1]} ]] || SSH+=(-p "${PORTS[$1]}")
    [[ -z ${USERS[$1]} ]] || SSH+=(-l "${USERS[$1]}")
    SSH+=("${HOSTS[$1]}")
}

# How one would type it.
ssh_by_hand() {
    local words=("${1-ssh}")
    [[ -z ${SSH_CONFIG-} ]] || words+=(-F "$SSH_CONFIG")
    [[ -z ${PORTS[$2]} ]] || words+=(-p "${PORTS[$2]}")
    words+=("${USERS[$2]:+${USERS[$2]}@}${HOSTS[$2]}")
    printf '%s' "${words[*]}"
}

# Runs a command of remote.sh on host I, sending the script along: it need not be there.
remote() {
    local host=$1 word line='exec sh -s --'
    for word in "${@:2}"; do line+=" '$word'"; done
    ssh_words "$host"
    "${SSH[@]}" "$line" <"$SSH_FOLDER/remote.sh"
}

# Why ssh did not get through to host I, from what it wrote, and what to do.
explain_ssh() {
    local text
    text=$(grep -v '^$' "$2" | tail -n 1 | tr -d '\r')
    case $text in
    *'Host key verification failed'*)
        text="its host key is not known here; connect once by hand and compare it: $(ssh_by_hand ssh "$1")"
        ;;
    *'Permission denied'*) text="it does not accept your ssh key; give it yours: $(ssh_by_hand ssh-copy-id "$1")" ;;
    *'Could not resolve'*) text="its name is not known; correct it in ${LINES[$1]}" ;;
    *'Connection refused'*)
        text="nothing listens on its ssh port ${PORTS[$1]:-22}; start sshd there, or correct port= in ${LINES[$1]}"
        ;;
    *'timed out'* | *'No route'* | *'unreachable'*)
        text="it does not answer (${text##*: }); is it up, and is the address in ${LINES[$1]} right?"
        ;;
    '') text="ssh ended without a word; try: $(ssh_by_hand ssh "$1")" ;;
    *) text="$text; try: $(ssh_by_hand ssh "$1")" ;;
    esac
    printf '%s\n' "$text"
}
