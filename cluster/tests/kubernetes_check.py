"""Checks rendered Kubernetes manifests beyond their schemas: kubernetes_check.py FILE…, for what a schema allows but we do not.

Prints what is wrong, a line each; the exit code is 1 then. Needs PyYAML.
"""

import sys

import yaml

READABLE_BY_GROUP = 0o440


def pods(documents):
    """The name and pod spec of everything that runs containers."""
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "Pod":
            yield name, document["metadata"].get("labels", {}), document["spec"]
        elif "template" in document.get("spec", {}):
            template = document["spec"]["template"]
            yield name, template["metadata"].get("labels", {}), template["spec"]


def check_pod(name, spec):
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield f"{name} may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{name} has no seccomp profile"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{name} is given a token for the API"
    if "hostNetwork" in spec or "hostPID" in spec or "hostIPC" in spec:
        yield f"{name} shares a namespace with its node"
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for volume in volumes.values():
        if "hostPath" in volume:
            yield f"{name} mounts a folder of its node"
        if "secret" in volume and volume["secret"].get("defaultMode") != READABLE_BY_GROUP:
            yield f"{name}: the files of {volume['name']} are not of mode 0440"
    for container in spec.get("initContainers", []) + spec["containers"]:
        yield from check_container(f"{name} {container['name']}", container, volumes)


def check_container(name, container, volumes):
    context = container.get("securityContext", {})
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{name} can write to its root file system"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may gain privileges"
    if context.get("capabilities", {}).get("drop") != ["ALL"] or context["capabilities"].get("add"):
        yield f"{name} keeps capabilities"
    if context.get("privileged"):
        yield f"{name} is privileged"
    resources = container.get("resources", {})
    for kind in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            if resource not in resources.get(kind, {}):
                yield f"{name} has no {kind}.{resource}"
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f"{name} mounts {mount['name']}, which is no volume"
        elif "secret" in volumes[mount["name"]] and mount.get("readOnly") is not True:
            yield f"{name} can write to a Secret"


def check_together(documents):
    """What must be the same in two places."""
    found = {f"{d['kind']}/{d['metadata']['name']}": d for d in documents}
    coordinator, workers = found["Job/shoal-coordinator"]["spec"], found["Job/shoal-worker"]["spec"]
    for name, spec, probes in [
        ("coordinator", coordinator, ["startupProbe", "readinessProbe", "livenessProbe"]),
        ("worker", workers, ["readinessProbe", "livenessProbe"]),
    ]:
        container = spec["template"]["spec"]["containers"][0]
        for probe in probes:
            if "exec" not in container.get(probe, {}):
                yield f"{name} has no {probe}"
            # `shoal status --timeout 5` must have ended by then.
            elif container[probe].get("timeoutSeconds", 1) < 10:
                yield f"{name}: the time-out of the {probe} is shorter than that of what it runs"
        if spec["template"]["spec"].get("terminationGracePeriodSeconds", 30) < 60:
            yield f"{name} has no time for a checkpoint"
    service = found["Service/shoal-coordinator"]["spec"]
    labels = coordinator["template"]["metadata"]["labels"]
    if any(labels.get(key) != value for key, value in service["selector"].items()):
        yield "the Service does not select the coordinator"
    ports = {port["name"]: port["containerPort"] for port in coordinator["template"]["spec"]["containers"][0]["ports"]}
    port = service["ports"][0]
    if ports.get(port["targetPort"]) != port["port"]:
        yield "the Service's port is not the coordinator's"
    environment = {e["name"]: e.get("value") for e in workers["template"]["spec"]["containers"][0]["env"]}
    if environment["COORDINATOR"] != f"tcp://shoal-coordinator:{port['port']}":
        yield "the workers do not look for the coordinator where the Service has it"
    if workers.get("completionMode") != "Indexed" or workers["completions"] != workers["parallelism"]:
        yield "the workers are no Indexed Job of which all run at once"
    options = yaml.safe_load(
        next(d for d in documents if d["metadata"]["name"].startswith("shoal-options"))["data"]["train.yaml"]
    )
    if options["workers"] != workers["parallelism"]:
        yield f"train.yaml expects {options['workers']} workers, workers.yaml starts {workers['parallelism']}"
    claims = {d["metadata"]["name"] for d in documents if d["kind"] == "PersistentVolumeClaim"}
    secrets = {d["metadata"]["name"] for d in documents if d["kind"] == "Secret"}
    for name, _, spec in pods(documents):
        for volume in spec.get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and claim not in claims:
                yield f"{name} mounts the claim {claim}, which is not there"
            secret = volume.get("secret", {}).get("secretName")
            if secret and secret not in secrets:
                yield f"{name} mounts the Secret {secret}, which keys.sh does not make"
    for document in documents:
        if "namespace" in document["metadata"]:
            yield f"{document['kind']}/{document['metadata']['name']} names a namespace"


def main():
    documents = []
    for path in sys.argv[1:]:
        with open(path) as file:
            documents += [document for document in yaml.safe_load_all(file) if document]
    wrong = [line for name, _, spec in pods(documents) for line in check_pod(name, spec)]
    wrong += check_together(documents)
    print("\n".join(wrong) or f"{len(documents)} manifests, {len(list(pods(documents)))} of them with pods: all is well")
    sys.exit(bool(wrong))


main()
