# shellcheck shell=bash disable=SC2034 # variables are those of all the scripts here
# A run on many hosts: the coordinator here, the workers there.

# What supervise.sh is given.
SUPERVISE_VARIABLES=(WORK KEYS JOB ENDPOINT STAGED SONAMES BUNDLING DEFAULT_THREADS MODEL_KB MAX_RESTARTS LAUNCHER CLEAR
    SSH_CONFIG HOSTS_SHOWN)

# The supervisors' process ids, by host.
SUPERVISORS=()
# The options of the coordinator, and what is to be known of them.
COORDINATOR=() OUTPUT='' MIN_WORKERS='' DEFAULT_THREADS='' MAX_RESTARTS=10 MODEL=''

# VALUE: that of an option in a file of `--config`, empty where it has none. Fails with the program's own line where the
# file cannot be read.
config_value() {
    VALUE=''
    [[ -z $1 ]] || VALUE=$("$BINARY" config "$1" --get "$2" 2>&1) || fail "${VALUE#shoal: error: }" "$?"
}

# Reads the words after `--`: a command of the program and its options.
read_command() {
    local word name value reason config='' total=0 count
    MODE=$1
    shift
    case $MODE in
    train) ;;
    resume)
        [[ -n ${1-} && $1 != -* ]] || fail "resume needs the run directory first: -- resume RUN" 64
        [[ -r $1/run.yaml ]] || fail "$1 is no run directory: it has no run.yaml; give the --output of a run"
        OUTPUT=$1
        COORDINATOR+=("$1")
        shift
        ;;
    *) fail "hosts can train and resume, not '$MODE': -- train OPTIONS, or -- resume RUN" 64 ;;
    esac
    for count in "${WORKERS[@]}"; do total=$((total + count)); done
    while (($# > 0)); do
        word=$1 name=${1%%=*}
        shift
        case $name in
        --output | --config | --model | --min-workers | --max-restarts | --workers | --threads-per-worker)
            if [[ $word == *=* ]]; then
                value=${word#*=}
            else
                (($# > 0)) || fail "$name needs a value" 64
                value=$1
                shift
            fi
            ;;
        *)
            ! reason=$(set_by_launcher ssh "$word") || fail "$reason" 64
            COORDINATOR+=("$word")
            continue
            ;;
        esac
        case $name in
        --workers)
            [[ $value == "$total" ]] ||
                fail "--workers is $value, but $HOSTS_SHOWN lists $total; leave it out, and change workers= there" 64
            continue
            ;;
        --threads-per-worker)
            number_between "$value" 1 1024 ||
                fail "--threads-per-worker is $value, but must be a number from 1 to 1024" 64
            DEFAULT_THREADS=$((10#$value))
            continue
            ;;
        --min-workers)
            number_between "$value" 1 1000000 || fail "--min-workers is $value, but must be a number from 1" 64
            MIN_WORKERS=$((10#$value))
            ;;
        --max-restarts)
            number_between "$value" 0 1000000 || fail "--max-restarts is $value, but must be a number from 0" 64
            MAX_RESTARTS=$((10#$value))
            ;;
        --output) OUTPUT=$value ;;
        --config) config=$value ;;
        --model) MODEL=$value ;;
        esac
        COORDINATOR+=("$name=$value")
    done
    [[ $MODE != resume ]] || config=$OUTPUT/run.yaml
    config_value "$config" output
    OUTPUT=${OUTPUT:-$VALUE}
    config_value "$config" model
    MODEL=${MODEL:-$VALUE}
    # No shell has seen it in a file, or behind quotes.
    OUTPUT=${OUTPUT/#\~\//${HOME-}/} MODEL=${MODEL/#\~\//${HOME-}/}
    # What is asked of a run that is resumed is asked anew: its hosts are others now.
    if [[ $MODE == train ]]; then
        config_value "$config" min_workers
        MIN_WORKERS=${MIN_WORKERS:-$VALUE}
    fi
    [[ -n $OUTPUT ]] || fail "the run needs a folder: $MODE … --output RUN" 64
}

# Names the job after its run directory, and makes sure that no other launcher has it in hand.
take_job() {
    RUN=$(realpath -m -- "$OUTPUT")
    JOB=$(job_of "$RUN")
    STATE=$JOBS/$JOB
    mkdir -p "$STATE"
    chmod 700 "$STATE"
    exec 8>>"$STATE/lock"
    if ! flock -n 8; then
        local since leader
        since=$(stat -c %y "$STATE/launcher" 2>/dev/null)
        leader="process $(cat "$STATE/launcher" 2>/dev/null) since ${since:11:8}"
        fail "$OUTPUT is being trained already, by $leader; see $CALLED_AS --hosts $HOSTS_SHOWN status, or stop"
    fi
    # No other process is taken for this one's while it is not written yet.
    rm -f "$STATE/launcher"
    # A coordinator may outlive its launcher for the seconds that a checkpoint takes.
    if [[ -r $STATE/coordinator ]] && is_coordinator "$(cat "$STATE/coordinator")"; then
        local left
        left="the coordinator of $OUTPUT is still there (process $(cat "$STATE/coordinator"))"
        fail "$left; end it with $CALLED_AS --hosts $HOSTS_SHOWN stop"
    fi
    rm -f "$STATE"/{coordinator,endpoint}
    # shellcheck disable=SC2012 # only whether there is anything
    if [[ $MODE == train && -n $(ls -A "$RUN" 2>/dev/null | head -n 1) ]]; then
        fail "the folder $OUTPUT is not empty; choose another --output, or go on with what is there: -- resume $OUTPUT"
    fi
    echo "$$" >"$STATE/launcher"
    printf '%s\n' "$RUN" >"$STATE/run"
    printf '%s\n' "$HOSTS_FILE" >"$STATE/hosts"
    printf '%s\n' "$KEYS" >"$STATE/keys"
}

# Makes the keys that are missing: of the coordinator, and of each host.
make_keys() {
    local host new=() made
    mkdir -p "$(dirname "$KEYS")"
    exec 7>>"$(dirname "$KEYS")/.keygen-lock"
    flock 7
    for host in "${!HOSTS[@]}"; do
        [[ -e $KEYS/workers/${KEY_NAMES[host]}/worker.key ]] || new+=("${KEY_NAMES[host]}")
    done
    if ((${#new[@]} > 0)); then
        made=$("$BINARY" keygen "$KEYS" --worker "${new[@]}" 2>&1) || fail "the keys cannot be made: $made"
        say "Made keys in $KEYS: ${new[*]}"
    fi
    exec 7>&-
}

# An address of this machine that is none of the loopback's.
is_loopback() { [[ $1 == 127.* || $1 == ::1 || $1 == '' ]]; }

# Whether a process listens on a port here.
port_taken() { ss -H -l -t -n "sport = :$1" 2>/dev/null | grep -q .; }

# Decides where the coordinator listens, from what the hosts see of this machine: ENDPOINT, and BIND where that differs.
choose_endpoint() {
    local host address='' several='' port=${PORT-} looped=() addresses=''
    if [[ -z $port ]]; then
        # Where workers of a coordinator that was killed still look for it.
        if [[ $MODE == resume ]]; then
            port=$("$BINARY" status "$RUN" --field port 2>/dev/null)
        fi
        [[ -n $port ]] || port=5555
        while port_taken "$port"; do port=$((port + 1)); done
    fi
    if [[ -n $ADDRESS ]]; then
        address=$ADDRESS
    else
        for host in "${READY[@]}"; do
            judge_host "$host"
            if is_loopback "${HOST[client]-}"; then
                looped+=("$host")
                continue
            fi
            [[ -z $address || $address == "${HOST[client]}" ]] || several=0.0.0.0
            addresses+=${HOST[client]}
            address=${HOST[client]}
        done
        [[ -n $address ]] || address=127.0.0.1
    fi
    [[ $address != *:* ]] || address="[$address]"
    ENDPOINT=tcp://$address:$port
    [[ -z $several ]] || ENDPOINT="tcp://*:$port"
    if [[ -n $several ]]; then
        [[ $addresses != *:* ]] || several='[::]'
        for host in "${looped[@]}"; do
            [[ -n ${ADDRESSES[host]} ]] ||
                fail "${LINES[host]}: this machine has several addresses; by which do others reach it? address=…"
        done
    fi
    BIND=${BIND:-$ENDPOINT}
    # All addresses, of both kinds if need be; keys decide who is heard there.
    [[ $BIND != 'tcp://*:'* ]] || BIND=tcp://${several:-0.0.0.0}:$port
}

# Prints which hosts can take part: READY and, with their reasons, those that cannot. Ends the program where too few
# can.
choose_hosts() {
    local host count=0 total=0 failed=()
    READY=()
    for host in "${!HOSTS[@]}"; do
        judge_host "$host"
        total=$((total + WORKERS[host]))
        if [[ -n $OBSTACLE ]]; then
            say "[${LABELS[host]}] failed its check: $OBSTACLE"
            printf '%s\n' "$OBSTACLE" >"$WORK/reported-$host"
            failed+=("${LABELS[host]}")
        else
            READY+=("$host")
            count=$((count + WORKERS[host]))
            local warning
            for warning in "${WARNINGS[@]}"; do say "[${LABELS[host]}] warning: $warning"; done
        fi
    done
    READY_WORKERS=$count
    ((${#failed[@]} > 0)) || return 0
    ((count > 0)) || fail "no host can take part; see the lines above"
    if [[ -z $MIN_WORKERS ]]; then
        local others="the $count of $total workers that can"
        fail "${failed[*]} cannot take part; to go on with $others, say so: --min-workers $count"
    elif ((count < MIN_WORKERS)); then
        fail "$count of $total workers are left without ${failed[*]}, fewer than --min-workers $MIN_WORKERS"
    fi
    say "Going on with $count of $total workers; ${failed[*]} may join later"
}

start_supervisor() {
    local prefix=$1 host=$2
    # Its own session: see supervise.sh. It ends with this process, even where that is killed.
    setsid setpriv --pdeathsig TERM bash "$SSH_FOLDER/supervise.sh" "$HOSTS_FILE" "$host" "$prefix" "${3-}" 8>&- &
    SUPERVISORS[host]=$!
    # No process waits for it, and bash need not report that it was killed.
    disown "$!"
}

# Ends the connections to hosts, and what they may have left there.
end_hosts() {
    local host worker turn clean
    touch "$WORK/over"
    # Workers end by themselves when the coordinator shuts them down; not all can be reached.
    for ((turn = 0; turn < ${1:-25}; turn++)); do
        clean=yes
        for host in "${!SUPERVISORS[@]}"; do kill -0 "${SUPERVISORS[host]}" 2>/dev/null && clean=''; done
        [[ -z $clean ]] || break
        sleep 0.2
    done
    for host in "${!SUPERVISORS[@]}"; do kill -KILL -- "-${SUPERVISORS[host]}" 2>/dev/null; done
    for host in "${!SUPERVISORS[@]}"; do
        [[ -e $WORK/started-$host ]] || continue
        clean=yes
        for ((worker = 1; worker <= WORKERS[host]; worker++)); do [[ -e $WORK/ended-$host-$worker ]] || clean=''; done
        [[ -n $clean ]] || sweep_host "$host" "$JOB" &
    done
    # Only the sweeps: the coordinator has ended.
    wait
}

# What becomes of workers that cannot be reached.
END_ALONE='They end by themselves when they have missed the coordinator for a minute (--orphan-timeout)'

# Ends what is left of a job on a host.
sweep_host() {
    ssh_words "$1"
    remote "$1" stop "${DIRS[$1]}" "$2" >/dev/null 2>"$WORK/sweep-$1" ||
        say "[${LABELS[$1]}] cannot be reached to end its workers: $(explain_ssh "$1" "$WORK/sweep-$1"). $END_ALONE"
}

kill_with_children() {
    local children child
    read -ra children 2>/dev/null <"/proc/$1/task/$1/children" || true
    for child in "${children[@]-}"; do [[ -z $child ]] || kill -TERM "$child" 2>/dev/null; done
    kill -TERM "$1" 2>/dev/null
}

SIGNALS=0
on_signal() {
    SIGNALS=$((SIGNALS + 1))
    [[ -z ${COORDINATOR_PID-} ]] || kill -TERM "$COORDINATOR_PID" 2>/dev/null
    # Before there is a coordinator, there is nothing to save.
    if [[ -z ${COORDINATOR_PID-} ]]; then exit 130; fi
    return 0
}

# Whatever happens, nothing is left.
on_exit() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [[ -n ${COORDINATOR_PID-} ]]; then kill -KILL "$COORDINATOR_PID" 2>/dev/null; fi
    local pid
    # Hosts that are just being asked.
    if ((${#SUPERVISORS[@]} == 0)); then for pid in $(jobs -p); do kill_with_children "$pid"; done; fi
    end_hosts "${PATIENCE:-25}"
    [[ -z ${STATE-} || -n ${JOINING-} ]] || rm -f "$STATE"/{launcher,coordinator,endpoint,run,hosts,keys}
    rm -rf "$WORK"
    exit "$status"
}

seconds_since() { awk -v a="${1/,/.}" -v b="${EPOCHREALTIME/,/.}" 'BEGIN { printf "%.1f", b - a }'; }

launch() {
    local host status=0
    read_command "$@"
    take_job
    trap on_exit EXIT
    trap on_signal INT TERM HUP
    make_keys
    stage_program "$BINARY"
    MODEL_KB=0
    # A name of the catalogue, too.
    [[ -e $MODEL ]] || MODEL=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}/models/$MODEL
    if [[ -r $MODEL/model.safetensors ]]; then MODEL_KB=$(($(stat -L -c %s "$MODEL/model.safetensors") / 1024)); fi
    ask_all
    choose_hosts
    choose_endpoint
    printf '%s\n' "$ENDPOINT" >"$STATE/endpoint"
    local after
    after=$(seconds_since "$BEGAN")
    say "Starting $READY_WORKERS workers on ${#READY[@]} hosts after $after s; the coordinator listens on $BIND"
    local command=coordinator
    [[ $MODE == train ]] || command=resume
    # In a session of its own: Ctrl-C reaches it through this script, once. It ends with this script, even if that is
    # killed.
    SHOAL_LAUNCHER=ssh setsid setpriv --pdeathsig TERM "$BINARY" "$command" "${COORDINATOR[@]}" \
        --workers "$READY_WORKERS" --bind "$BIND" --keys "$KEYS" 8>&- &
    COORDINATOR_PID=$!
    echo "$COORDINATOR_PID" >"$STATE/coordinator"
    supervise_all ''
    # A signal interrupts the waiting.
    local signals=-1
    until ((signals == SIGNALS)); do
        signals=$SIGNALS status=0
        wait "$COORDINATOR_PID" || status=$?
    done
    # A second Ctrl-C: at once.
    ((SIGNALS < 2)) || PATIENCE=0
    COORDINATOR_PID=''
    exit "$status"
}

# Starts a supervisor for every host of the file, also for those that failed: they may come later.
supervise_all() {
    local host name
    STAGED="$PROGRAM $PROGRAM_SUM $BUNDLE $BUNDLE_SUM $GLIBC $DNNL" LAUNCHER=$$ CLEAR=''
    # The coordinator's line of progress is drawn over.
    [[ ! -t 2 ]] || CLEAR=$'\r\033[K'
    for name in "${SUPERVISE_VARIABLES[@]}"; do export "${name?}"; done
    for host in "${!HOSTS[@]}"; do
        if [[ " ${READY[*]} " == *" $host "* ]]; then
            start_supervisor "$1" "$host" asked
        else
            start_supervisor "$1" "$host"
        fi
    done
}

# Fails where hosts that are to join cannot reach the coordinator, which listens for this machine alone.
check_reach() {
    local host
    [[ $ENDPOINT =~ ^tcp://(127\.[0-9.]+|\[::1\]|localhost):[0-9]+$ ]] || return 0
    for host in "${READY[@]}"; do
        judge_host "$host"
        is_loopback "${HOST[client]-}" ||
            fail "$RUN listens at $ENDPOINT only, which ${LABELS[host]} cannot reach; begin such a run with --address"
    done
}

# Starts workers on more hosts for a run that is under way.
join() {
    JOINING=yes
    find_job "${1-}" any
    [[ -r $STATE/endpoint ]] || fail "$(cat "$STATE/run") is not being trained yet; try again in a second"
    ENDPOINT=$(cat "$STATE/endpoint") KEYS=$(cat "$STATE/keys") RUN=$(cat "$STATE/run")
    trap on_exit EXIT
    trap 'exit 130' INT TERM HUP
    make_keys
    stage_program "$BINARY"
    MODEL_KB=0
    # Those that cannot take part now are tried again, as long as the run goes on.
    MIN_WORKERS=1
    ask_all
    choose_hosts
    check_reach
    say "Joining ${READY_WORKERS} workers on ${#READY[@]} hosts to $RUN"
    supervise_all "join-$$-"
    local main host alive=yes
    main=$(cat "$STATE/launcher" 2>/dev/null)
    # As long as there is a coordinator to join, and a worker that joins.
    while [[ -n $alive ]] && kill -0 "$main" 2>/dev/null; do
        sleep 0.5
        alive=''
        for host in "${!SUPERVISORS[@]}"; do kill -0 "${SUPERVISORS[host]}" 2>/dev/null && alive=yes; done
    done
    exit 0
}
