# shellcheck shell=bash
# The options of `shoal train` that a launcher sets by itself: the one list of them, for all launchers.

# Where the launcher $1 (ssh or slurm) sets the option of the word $2 (`--bind` or `--bind=…`): prints what to do in
# place of giving it. Fails where the option is the user's to give.
set_by_launcher() {
    local option=${2%%=*}
    case $1:$option in
        ssh:--bind | ssh:--keys) echo "$option goes before the --: --hosts FILE $option … -- train …" ;;
        ssh:--insecure | ssh:--no-insecure)
            echo "there is no $option over ssh: keys are made and sent to the hosts by themselves"
            ;;
        ssh:--profile) echo "--profile works with workers on this machine only, without --hosts" ;;
        slurm:--workers)
            echo "--workers comes from Slurm here: a worker is a task, give --ntasks or --nodes before the --"
            ;;
        slurm:--threads-per-worker) echo "$option comes from Slurm here: give --cpus-per-task before the --" ;;
        slurm:--bind | slurm:--keys | slurm:--insecure | slurm:--no-insecure | slurm:--port-file)
            echo "$option is set by this script: see SHOAL_BIND and the keys in cluster/slurm/README.md"
            ;;
        slurm:--profile)
            echo "--profile is for one machine; SHOAL_WORKER_OPTIONS='--profile DIR' has workers write theirs"
            ;;
        *) return 1 ;;
    esac
}
