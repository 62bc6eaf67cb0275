# shellcheck shell=bash disable=SC2034,SC2153 # variables are those of all the scripts here
# What a host is like, and whether it can take part.

# Of the host that was looked at last: what remote.sh said, by name.
declare -A HOST=()
# Why it cannot take part; empty if it can. What is worth knowing all the same. What it needs to be sent.
OBSTACLE='' WARNINGS=() NEEDS_BUNDLE='' NEEDS_PROGRAM='' NEEDS_KEYS=''

# Asks host I; what it says is kept in the folder $WORK. Run for many hosts at a time.
ask_host() {
    local host=$1 name=${KEY_NAMES[$1]} sum=none begin end
    if [[ -e $KEYS/workers/$name/worker.key ]]; then
        sum=$(cat "$KEYS/workers/$name/worker.key" "$KEYS/workers/$name/coordinator.pub" | sha256sum)
    fi
    begin=$EPOCHREALTIME
    if ! remote "$host" check "${DIRS[host]}" "$name" "${sum%% *}" "$PROGRAM_SUM $BUNDLE_SUM" "$SONAMES" \
        >"$WORK/answer-$host.new" 2>"$WORK/error-$host"; then
        rm -f "$WORK/answer-$host"
        return
    fi
    end=$EPOCHREALTIME
    printf 'asked %s %s\n' "${begin/,/.}" "${end/,/.}" >>"$WORK/answer-$host.new"
    mv "$WORK/answer-$host.new" "$WORK/answer-$host"
}

# Whether version A is older than B.
is_older() { [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | tail -n 1) == "$2" ]]; }

# Judges what host I has said.
judge_host() {
    local host=$1 name value begin end missing=() programs=' ' packages command
    HOST=() OBSTACLE='' WARNINGS=() NEEDS_BUNDLE='' NEEDS_PROGRAM='' NEEDS_KEYS=''
    if [[ ! -e $WORK/answer-$host ]]; then
        OBSTACLE=$(explain_ssh "$host" "$WORK/error-$host")
        return
    fi
    while read -r name value; do
        [[ $name =~ ^[a-z]+$ ]] || continue
        # What a host says is used in sums and commands here: numbers are numbers, and an address is an address.
        case $name in
        cpus | memory | disk) [[ $value =~ ^[0-9]{1,15}$ ]] || continue ;;
        client) [[ $value =~ ^[0-9A-Za-z.:%]+$ ]] || continue ;;
        glibc | now) [[ $value =~ ^[0-9.]+$ ]] || continue ;;
        *) value=${value//[^[:print:]]/} ;;
        esac
        case $name in
        missing) missing+=("$value") ;;
        program) programs+="$value " ;;
        *) HOST[$name]=$value ;;
        esac
    done <"$WORK/answer-$host"
    read -r begin end <<<"${HOST[asked]-0 0}"
    # It read its clock somewhere between question and answer: only what lies outside is a difference.
    HOST[offset]=$(awk -v now="${HOST[now]-0}" -v a="$begin" -v b="$end" \
        'BEGIN { off = 0; if (now < a) off = now - a; if (now > b) off = now - b; printf "%+.2f", off }')

    local architecture
    architecture=$(uname -m)
    if [[ ${HOST[architecture]-} != "$architecture" ]]; then
        OBSTACLE="its processor is ${HOST[architecture]-unknown}, but the program here is for $architecture"
        OBSTACLE+='; use hosts of one kind'
        return
    elif [[ -n ${HOST[tool]-} ]]; then
        OBSTACLE="it has no ${HOST[tool]}; install it there"
        return
    elif [[ -n ${HOST[unwritable]-} ]]; then
        OBSTACLE="${HOST[unwritable]} cannot be written to there; choose another folder with dir= in ${LINES[host]}"
        return
    elif [[ -n ${HOST[glibc]-} ]] && is_older "${HOST[glibc]}" "$GLIBC"; then
        OBSTACLE="its C library is ${HOST[glibc]}, but the program, built here, needs $GLIBC"
        OBSTACLE+='; build it on the oldest system of all'
        return
    fi
    if ((${#missing[@]} > 0)); then
        packages=$(packages_of "${missing[@]}" | tr '\n' ' ')
        command="sudo apt-get install --no-install-recommends ${packages% }"
        if [[ $BUNDLING == never ]]; then
            OBSTACLE="it lacks ${missing[*]}; install them there: $command"
            return
        fi
        NEEDS_BUNDLE="it lacks ${missing[*]}, which are brought along (or install them there: $command)"
    elif [[ $BUNDLING == always ]]; then
        NEEDS_BUNDLE='all libraries are brought along'
    elif [[ -n ${HOST[dnnl]-} && ${HOST[dnnl]} != "$DNNL" ]]; then
        command="its matrix library is ${HOST[dnnl]}, here it is $DNNL"
        if [[ $BUNDLING == never ]]; then
            WARNINGS+=("$command: the weights may depend on which host computes what")
        else
            NEEDS_BUNDLE="$command: ours is brought along, so that all compute the same bits"
        fi
    fi
    local sum=$PROGRAM_SUM folder=$PROGRAM size=0
    if [[ -n $NEEDS_BUNDLE ]]; then sum=$BUNDLE_SUM folder=$BUNDLE; fi
    HOST[sum]=$sum
    if [[ $programs != *" $sum "* ]]; then
        NEEDS_PROGRAM=$folder
        size=$(du -sk "$folder" | cut -f 1)
    fi
    [[ ${HOST[keys]-} == there ]] || NEEDS_KEYS=yes
    # Twice: what was unpacked, and an old version beside it.
    if [[ -n ${HOST[disk]-} ]] && ((HOST[disk] < 2 * size + 16384)); then
        OBSTACLE="it has $((HOST[disk] / 1024)) MB of free disk in ${DIRS[host]}"
        OBSTACLE+=", but needs $(((2 * size + 16384) / 1024)) MB"
        OBSTACLE+="; make room, or choose another folder with dir= in ${LINES[host]}"
        return
    fi
    # Weights, gradient and two moments, and nothing else yet.
    local least=$((WORKERS[host] * (4 * MODEL_KB + 65536)))
    if [[ -n ${HOST[memory]-} ]] && ((HOST[memory] < least)); then
        OBSTACLE="it has $((HOST[memory] / 1024)) MB of free memory"
        OBSTACLE+=", but ${WORKERS[host]} workers need at least $((least / 1024)) MB"
        OBSTACLE+="; make it fewer by workers= in ${LINES[host]}"
        return
    fi
    awk -v offset="${HOST[offset]}" 'BEGIN { exit !(offset > 5 || offset < -5) }' &&
        WARNINGS+=("its clock differs by ${HOST[offset]} s; times in logs will not match (set up NTP)")
    return 0
}

# What is known of the host that was judged last, on one line.
describe_host() {
    local there=''
    case ${NEEDS_PROGRAM:+program}${NEEDS_KEYS:+keys} in
    '') there='; has the program and its keys already' ;;
    keys) there='; has the program already' ;;
    program) there='; has its keys already' ;;
    esac
    printf '%s, %s CPUs, %s, %s MB of memory free, %s MB of disk free, clock off by %s s, %s%s' \
        "${HOST[architecture]}" "${HOST[cpus]-?}" "${HOST[instructions]-?}" "$((${HOST[memory]:-0} / 1024))" \
        "$((${HOST[disk]:-0} / 1024))" "${HOST[offset]}" "${HOST[system]:-unknown system}" "$there"
}

# Asks all hosts at a time.
ask_all() {
    local host
    for host in "${!HOSTS[@]}"; do ask_host "$host" & done
    wait
}

# The number of compute threads of a worker of the host that was judged last.
threads_of() {
    local threads=${THREADS[$1]:-$DEFAULT_THREADS}
    [[ -n $threads ]] || threads=$((${HOST[cpus]:-1} / WORKERS[$1]))
    ((threads >= 1)) || threads=1
    printf '%s' "$threads"
}

# Sends host I, which was judged last, what it lacks. Nothing is printed where all goes well.
install_host() {
    local host=$1 name=${KEY_NAMES[$1]} stage status=0
    [[ -n $NEEDS_PROGRAM$NEEDS_KEYS ]] || return 0
    stage=$(mktemp -d "$WORK/stage-XXXXXX")
    cp "$SSH_FOLDER/remote.sh" "$stage/"
    local parts=(remote.sh)
    if [[ -n $NEEDS_PROGRAM ]]; then
        ln -s "$NEEDS_PROGRAM" "$stage/program"
        parts+=(program/.)
    fi
    if [[ -n $NEEDS_KEYS ]]; then
        ln -s "$KEYS/workers/$name" "$stage/keys"
        parts+=(keys/worker.key keys/coordinator.pub)
    fi
    local incoming=${DIRS[host]}/incoming/$JOB-$name
    # None of the words has a blank or a quote in it: see read_host.
    local line="umask 077; rm -rf $incoming; mkdir -p $incoming && tar -x -o -f - -C $incoming"
    line+=" || { rm -rf $incoming; exit 1; }"
    line+="; exec sh $incoming/remote.sh install ${DIRS[host]} $incoming ${HOST[sum]} $name"
    ssh_words "$host"
    tar -C "$stage" -c -f - --owner=0 --group=0 "${parts[@]}" |
        "${SSH[@]}" "exec sh -c '$line'" >/dev/null 2>"$WORK/error-$host" || status=$?
    rm -rf "$stage"
    return "$status"
}
