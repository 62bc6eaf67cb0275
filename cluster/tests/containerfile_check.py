"""containerfile_check.py FILE FOLDER: is the build of FILE in FOLDER one that can work? Needs dockerfile-parse."""

import json
import shlex
import sys
from pathlib import Path

from dockerfile_parse import DockerfileParser


def stages(instructions):
    """The instructions of each stage, with its FROM."""
    found = []
    for instruction in instructions:
        if instruction["instruction"] == "FROM":
            found.append([])
        if found:
            found[-1].append((instruction["instruction"], instruction["value"]))
    return found


def check(path, folder):
    with open(path, "rb") as file:
        parts = stages(DockerfileParser(fileobj=file).structure)
    if len(parts) < 2:
        yield "it is not of several stages"
    names = [value.split()[-1] for stage in parts for name, value in stage if name == "FROM" and " AS " in value]
    for stage in parts:
        for name, value in stage:
            if name not in ("COPY", "ADD"):
                continue
            words = shlex.split(value)
            source = next((word.split("=")[1] for word in words if word.startswith("--from=")), None)
            if source:
                if source not in names:
                    yield f"{name} {value}: there is no stage {source}"
                continue
            for word in [word for word in words if not word.startswith("--")][:-1]:
                if not (folder / word).exists():
                    yield f"{name} {value}: {word} does not exist"
    if not any(name == "RUN" and "./launch.sh setup" in value for name, value in parts[0]):
        yield "the build is not the README's ./launch.sh setup"
    users = [value for name, value in parts[-1] if name == "USER"]
    # Numbers, or Kubernetes cannot know that it is not root.
    if not users or not users[-1].split(":")[0].isdigit() or users[-1].split(":")[0] == "0":
        yield f"the image runs as {users[-1] if users else 'root'}, not as a user with a number of its own"
    entries = [json.loads(value) for name, value in parts[-1] if name == "ENTRYPOINT"]
    if entries != [["shoal"]]:
        yield f"the image does not start shoal but {entries}"


def main():
    wrong = list(check(sys.argv[1], Path(sys.argv[2])))
    print("\n".join(wrong) or "two stages, all that is copied exists, not root")
    sys.exit(bool(wrong))


main()
