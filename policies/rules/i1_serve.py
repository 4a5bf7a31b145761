"""I1: what Tailscale serves is the gateway, inside the tailnet: no Funnel, no other host, no files, no service of the tailnet."""

import re
from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_HEALTH_PORT
from policies.rules.documents import File, UnreadableError, files, find, parse
from policies.rules.gateway import has_unknown_mounts, is_sidecar, mount_paths
from policies.rules.kinds import Pod, Resource, variables
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, fields, get, obj, text

_SERVE_NAME: Final = re.compile(r"(?:.*/)?serve[\w.-]*\.json", re.IGNORECASE)
_SERVE_KEYS: Final = frozenset({"tcp", "web", "allowfunnel", "services", "foreground"})
_PORT: Final = r"(?::\d{1,5})?"
_LOOPBACK: Final = re.compile(
    rf"(?:(?:https?|https\+insecure)://)?(?:127\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}|localhost|\[::1\]){_PORT}(?:/[^\s]*)?|\d{{1,5}}"
)
# Ports of loopback that are no portal's: SSH, the sidecar's own.
_NEVER: Final = re.compile(rf"(?:.*:|^)(?:22|{SIDECAR_HEALTH_PORT}|41112|1055)(?:/.*)?")
_ONLY_GATEWAY: Final = "Serve the gateway's loopback port, and ports of portals, alone."


def serve_config(resource: Resource) -> Iterator[Finding]:
    """No file of a ConfigMap or Secret holds a Serve config with AllowFunnel on."""
    for file, document in serve_files(resource):
        if document is None:
            yield Finding(
                "holds a Serve config that is not valid JSON, so it cannot be checked for Funnel",
                file.path,
                "Write valid JSON, with each key once.",
            )
        elif any(_allows(value) for value in find(document, "AllowFunnel")):
            yield Finding(
                "turns Tailscale Funnel on, which opens the gateway to the internet",
                file.path,
                "Set AllowFunnel to false or leave it out; people reach a gateway through the tailnet.",
            )


def serve_targets(resource: Resource) -> Iterator[Finding]:
    """A Serve config leads to loopback: not to another host, to files, to the sidecar's own port, or into a Service."""
    for file, document in serve_files(resource):
        if document is None:
            continue
        for key in ("Proxy", "TCPForward"):
            for target in find(document, key):
                if isinstance(target, str) and (not _LOOPBACK.fullmatch(target) or _NEVER.fullmatch(target)):
                    yield Finding("serves something other than the gateway", f"{file.path}: {key}", _ONLY_GATEWAY)
        if any(isinstance(target, str) and target for target in find(document, "Path")):
            yield Finding("serves files of the sidecar", f"{file.path}: Path", _ONLY_GATEWAY)
        if any(obj(services) for services in find(document, "Services")):
            yield Finding(
                "serves a Service of the tailnet, past the device's own access", f"{file.path}: Services", _ONLY_GATEWAY
            )


def serve_files(resource: Resource) -> Iterator[tuple[File, Value]]:
    """(file, document) of each Serve config; None for one that cannot be read."""
    for file in files(resource):
        named = len(file.name) < 200 and bool(_SERVE_NAME.fullmatch(file.name))
        start = file.text.lstrip()[:1]
        # A Serve config is an object: prose that mentions AllowFunnel is none.
        if not named and (start not in ("{", "/") or not _may_be_serve(file.text)):
            continue
        try:
            document = parse(file.text)
        except UnreadableError:
            if named or "allowfunnel" in file.text.lower():
                yield file, None
            continue
        if named or _SERVE_KEYS.intersection(key.lower() for key in obj(document)):
            yield file, document


def _may_be_serve(content: str) -> bool:
    lower = content.lower()
    return any(word in lower for word in ("allowfunnel", '"web"', '"tcp"', "handlers", "tcpforward", "\\u"))


def _allows(value: Value) -> bool:
    return value is True or any(allowed is not False for _, _, allowed in fields(value, ""))


def serve_file(resource: Resource) -> Iterator[Finding]:
    """The sidecar's Serve config is a ConfigMap or Secret of the program: nothing else in the pod can write another."""
    for pod in resource.pods:
        for container in pod.containers:
            if not is_sidecar(container):
                continue
            for path, name, value in variables(container):
                if name == "TS_SERVE_CONFIG" and isinstance(value, str) and value and not _is_declared(pod, value):
                    yield Finding(
                        f"serves what a file elsewhere says in {container.title}",
                        path,
                        "Mount a ConfigMap with the Serve config, and let TS_SERVE_CONFIG name it.",
                    )


def serve_sources(pod: Pod) -> Iterator[tuple[str, str, str]]:
    """(path, kind, name) of the ConfigMap or Secret that a sidecar's Serve config is from, where that is known."""
    places = [
        value
        for container in pod.containers
        if is_sidecar(container)
        for _, name, value in variables(container)
        if name == "TS_SERVE_CONFIG" and isinstance(value, str) and value
    ]
    for where in places:
        covering = _covering(pod, where)
        for path, volume in pod.volumes():
            if covering and text(volume.get("name")) == max(covering)[1]:
                if name := text(get(volume, "configMap", "name")):
                    yield f"{path}.configMap.name", "ConfigMap", name
                if name := text(get(volume, "secret", "secretName")):
                    yield f"{path}.secret.secretName", "Secret", name


def _covering(pod: Pod, where: str) -> list[tuple[int, str]]:
    """(length, volume name) of each mount of the sidecar that has a path; the longest counts."""
    return [
        (len(at.rstrip("/")), name)
        for container in pod.containers
        if is_sidecar(container)
        for _, name, at in mount_paths(container)
        if where == at or where.startswith(at.rstrip("/") + "/")
    ]


def _is_declared(pod: Pod, where: str) -> bool:
    declared = {
        text(volume.get("name"))
        for _, volume in pod.volumes()
        if any(kind in volume for kind in ("configMap", "secret", "projected"))
        or isinstance(volume.get("name"), Unknown)
    }
    covering = _covering(pod, where)
    if any(has_unknown_mounts(pod, container) for container in pod.containers if is_sidecar(container)):
        return True
    return bool(covering) and max(covering)[1] in declared
