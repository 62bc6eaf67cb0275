# shellcheck shell=bash disable=SC2034 # variables are those of all the scripts here
# Jobs that are there: finding, showing, ending them.

# The name of a run's job, by its folder.
job_of() {
    local sum
    sum=$(printf '%s' "$1" | sha256sum)
    printf '%s' "${sum:0:12}"
}

# Whether a process is the coordinator of a job with the keys of $KEYS.
is_coordinator() {
    [[ $1 =~ ^[0-9]+$ ]] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "--keys $KEYS"
}

# Whether a launcher has a job in hand: its launcher holds a lock as long as it lives.
is_led() {
    local taken=0
    (flock -n 8) 8>>"$1/lock" || taken=$?
    ((taken != 0))
}

# The folder of each job whose launcher is alive, in the array LED.
led_jobs() {
    local folder
    LED=()
    for folder in "$JOBS"/*/; do
        if [[ -r $folder/run ]] && is_led "${folder%/}"; then LED+=("${folder%/}"); fi
    done
}

# Ends the program: several runs might be meant, those of the job folders given.
fail_for_several() {
    local folder
    say "launch.sh: error: several runs are being trained $1; name one of them after the command:"
    for folder in "${@:2}"; do say "  $(cat "$folder/run")"; done
    exit 64
}

# The job of a run, or else the only one of the hosts file: JOB and STATE. Where that file belongs to no run, as for
# join, MODE "any" takes the only run there is. Without any it fails.
find_job() {
    local folder found=() mode=${2-}
    if [[ -n $1 ]]; then
        JOB=$(job_of "$(realpath -m -- "$1")") STATE=$JOBS/$(job_of "$(realpath -m -- "$1")")
        [[ -r $STATE/run ]] || fail "$1 is not being trained from here"
        return
    fi
    for folder in "$JOBS"/*/; do
        [[ -r $folder/run && $(cat "$folder/hosts" 2>/dev/null) == "$HOSTS_FILE" ]] && found+=("${folder%/}")
    done
    if ((${#found[@]} == 0)); then
        led_jobs
        if [[ $mode == any ]]; then
            ((${#LED[@]} > 0)) ||
                fail "no run is being trained from here; start one: $CALLED_AS --hosts FILE -- train …"
            ((${#LED[@]} == 1)) || fail_for_several 'from here' "${LED[@]}"
            found=("${LED[@]}")
        else
            local others=''
            for folder in "${LED[@]}"; do others+=", $(cat "$folder/run")"; done
            [[ -z $others ]] || others="; name another one after the command: ${others#, }"
            fail "no run is being trained from here with $HOSTS_SHOWN$others"
        fi
    fi
    ((${#found[@]} == 1)) || fail_for_several "with $HOSTS_SHOWN" "${found[@]}"
    STATE=${found[0]} JOB=${found[0]##*/}
}

# The workers of a job on every host, in the files $WORK/list-I.
list_workers() {
    local host
    for host in "${!HOSTS[@]}"; do
        remote "$host" list "${DIRS[host]}" "$1" >"$WORK/list-$host" 2>"$WORK/error-$host" ||
            echo unreachable >"$WORK/list-$host" &
    done
    wait
}

show_status() {
    find_job "${1-}"
    say "Run: $(cat "$STATE/run")"
    local status=0 host
    is_led "$STATE" || say "Its launcher, process $(cat "$STATE/launcher"), is gone; stop ends what it left"
    "$BINARY" status "$(cat "$STATE/run")" || status=$?
    list_workers "$JOB"
    echo
    for host in "${!HOSTS[@]}"; do
        if [[ $(<"$WORK/list-$host") == unreachable ]]; then
            printf '[%s] cannot be reached: %s\n' "${LABELS[host]}" "$(explain_ssh "$host" "$WORK/error-$host")"
        else
            printf '[%s] workers running: %s (of %s), pid %s\n' "${LABELS[host]}" "$(grep -c . "$WORK/list-$host")" \
                "${WORKERS[host]}" "$(cut -d ' ' -f 2 "$WORK/list-$host" | tr '\n' ' ')"
        fi
    done | sed 's/ *$//; s/, pid$//'
    return "$status"
}

stop_job() {
    local all='' host pid turn status=0 ended=''
    if [[ ${1-} == --all ]]; then
        # Whatever was started from wherever, in the folders that the file names.
        JOB='*'
        all=yes
    else
        find_job "${1-}"
        KEYS=$(cat "$STATE/keys")
        say "Ending the run $(cat "$STATE/run")"
        if is_led "$STATE"; then
            # It ends all the rest itself.
            kill -TERM "$(cat "$STATE/launcher")" 2>/dev/null || true
            for ((turn = 0; turn < 1200; turn++)); do
                is_led "$STATE" || break
                sleep 0.1
            done
            if is_led "$STATE"; then
                say "It is still saving after two minutes; ending it at once"
                kill -TERM "$(cat "$STATE/launcher")" 2>/dev/null || true
                sleep 5
            fi
        fi
        pid=$(cat "$STATE/coordinator" 2>/dev/null) || pid=''
        if [[ -n $pid ]] && is_coordinator "$pid"; then
            kill -TERM "$pid" 2>/dev/null || true
            for ((turn = 0; turn < 600; turn++)); do
                is_coordinator "$pid" || break
                sleep 0.1
            done
            is_coordinator "$pid" && kill -KILL "$pid"
        fi
        rm -f "$STATE"/{launcher,coordinator,endpoint,run,hosts,keys}
    fi
    for host in "${!HOSTS[@]}"; do
        remote "$host" stop "${DIRS[host]}" "$JOB" >"$WORK/stopped-$host" 2>"$WORK/error-$host" ||
            echo failed >"$WORK/failed-$host" &
    done
    wait
    for host in "${!HOSTS[@]}"; do
        if [[ -e $WORK/failed-$host ]]; then
            say "[${LABELS[host]}] its workers cannot be ended: $(explain_ssh "$host" "$WORK/error-$host"). $END_ALONE"
            status=1
        else
            ended=$(grep -c . "$WORK/stopped-$host")
            [[ -z $all && $ended == 0 ]] || say "[${LABELS[host]}] ended $ended workers"
        fi
    done
    ((status != 0)) || say "Nothing is left on the hosts"
    return "$status"
}
