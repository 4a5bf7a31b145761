"""I1: the gateway process listens on loopback alone: by its configuration, and no flag or variable says otherwise."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from policies.rules.commands import COMPUTED, HIDDEN, environment, flag_values, lines
from policies.rules.documents import files
from policies.rules.gateway import (
    OUR_PROGRAMS,
    gateway_lines,
    has_unknown_mounts,
    is_node,
    is_openclaw,
    is_openclaw_image,
    mount_paths,
    openclaw_arguments,
)
from policies.rules.kinds import Container, Pod, Resource, variables
from policies.rules.openclaw_files import openclaw_files
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, fields, get, items, obj, text

_SET_BIND: Final = 'Set gateway.bind to "loopback"; the sidecar alone serves it, inside the tailnet.'
_SET_OFF: Final = 'Set gateway.tailscale.mode to "off"; the sidecar alone serves the gateway, inside the tailnet.'
_DROP: Final = "Remove it; openclaw.json alone sets the bind, to loopback."
_SAFE: Final = {"bind": ("loopback", "127.0.0.1", "localhost", "::1"), "tailscale": ("off",)}
# Fall-back for words that no shell here can read: an option anywhere in a text.
_FLAG: Final = re.compile(r"--(?P<flag>bind|tailscale)(?:\s+|=)[\"']?(?P<value>[\w.:*\[\]-]+)")
_VARIABLES: Final = frozenset(
    {"OPENCLAW_GATEWAY_BIND", "OPENCLAW_BIND", "OPENCLAW_GATEWAY_TAILSCALE", "OPENCLAW_GATEWAY_HOST"}
)
_SAFE_VALUES: Final = (None, "", "loopback", "127.0.0.1", "localhost", "off")
# Which file is read. The image's own place is on the volume, where the seed keeps the stack's keys as they are.
_CONFIG_PATH: Final = "OPENCLAW_CONFIG_PATH"
_OWN_PLACE: Final = re.compile(r"/home/node/\.openclaw/?|/home/node/\.openclaw/openclaw\.json")
_MOVES: Final = {
    "OPENCLAW_STATE_DIR": ("/home/node/.openclaw",),
    "HOME": ("/home/node", "/root"),
}
_NODE_OPTIONS: Final = re.compile(
    r"(?:^|\s)(?:--inspect(?!-port)\S*|--require\b|-r\s|--import\b|--loader\b|--experimental-loader\b|--env-file\S*)"
)


def config_file(resource: Resource) -> Iterator[Finding]:
    """openclaw.json says loopback: an absent bind is 0.0.0.0 wherever OpenClaw notices that it is in a container."""
    for file, document in openclaw_files(resource):
        if document is None:
            yield Finding(
                "holds an openclaw.json that is not valid JSON, so its bind cannot be checked",
                file.path,
                "Write valid JSON, with each key once.",
            )
            continue
        gateway = obj(document.get("gateway"))
        bind = gateway.get("bind")
        if bind != "loopback" and not isinstance(bind, Unknown):
            yield Finding("does not bind the gateway to loopback", f"{file.path}: gateway.bind", _SET_BIND)
        if not _is_off(get(gateway, "tailscale", "mode")):
            yield Finding("lets the gateway publish itself", f"{file.path}: gateway.tailscale.mode", _SET_OFF)
        if includes(document):
            yield Finding(
                "includes another file, which cannot be checked here",
                f"{file.path}: $include",
                "Write its settings here.",
            )


def _is_off(mode: Value) -> bool:
    return mode in (None, "off", False) or isinstance(mode, Unknown)


def includes(document: Value) -> bool:
    """Says whether a configuration takes a part of itself from another file, at any depth."""
    stack = [document]
    while stack:
        here = stack.pop()
        if "$include" in obj(here):
            return True
        stack += [element for _, _, element in fields(here, "")]
        stack += [element for _, element in items(here, "")]
    return False


def flags(resource: Resource) -> Iterator[Finding]:
    """No flag or variable of the gateway container widens what openclaw.json says: flags win over the file."""
    for pod in resource.pods:
        for container in pod.containers:
            if not is_openclaw(container):
                continue
            values = environment(container)
            seen: set[str] = set()
            for line in lines(container, values):
                for words in (line.words, *line.programs(values)):
                    seen |= set(_widened(words))
            for flag in sorted(seen):
                yield Finding(f"widens the gateway's bind by --{flag} in {container.title}", container.path, _DROP)
            yield from _variables(container)


def _widened(words: Sequence[str]) -> Iterator[str]:
    for flag, safe in _SAFE.items():
        for value in flag_values(words, flag):
            if value not in (*safe, HIDDEN, ""):
                yield flag
    for word in words:
        if " " in word and "--" in word and len(word) < 20_000:
            for match in _FLAG.finditer(word):
                if match["value"] not in _SAFE[match["flag"]]:
                    yield match["flag"]


def _variables(container: Container) -> Iterator[Finding]:
    for path, name, value in variables(container):
        if name in _VARIABLES and text(value) not in _SAFE_VALUES:
            yield Finding(f"widens the gateway's bind by a variable in {container.title}", path, _DROP)


def hidden_flags(resource: Resource) -> Iterator[Finding]:
    """The value of a flag that opens the gateway stands in the program, not in a ConfigMap or Secret that a pod looks up."""
    for container, line, programs in gateway_lines(resource):
        if line.kind == "command" and any(_is_hidden(words) for words in programs):
            yield Finding(f"takes the gateway's bind from elsewhere in {container.title}", line.path, _DROP)


def _is_hidden(words: Sequence[str]) -> bool:
    arguments = openclaw_arguments(words)
    return arguments is not None and any(
        word == COMPUTED or (COMPUTED in word and "--bind" in word) for word in arguments
    )


def configuration_moved(resource: Resource) -> Iterator[Finding]:
    """The gateway reads the configuration that the program declares, and nothing moves or adds to it."""
    for pod in resource.pods:
        for container in pod.containers:
            if not is_openclaw(container) or container.name in OUR_PROGRAMS or is_node(container):
                continue
            yield from _moved(pod, container)


def _moved(pod: Pod, container: Container) -> Iterator[Finding]:
    values = {name: (path, value) for path, name, value in variables(container)}
    hint = "Mount the ConfigMap with openclaw.json, and let OPENCLAW_CONFIG_PATH name it."
    path, where = values.get(_CONFIG_PATH, ("", None))
    fixed = isinstance(where, Unknown) or (isinstance(where, str) and _is_declared(pod, container, where))
    # None: the path is looked up where nobody sees it.
    if path and not fixed and where != "":
        yield Finding(f"reads a configuration that is not the declared one in {container.title}", path, hint)
    for name in ("OPENCLAW_HOME", "OPENCLAW_PROFILE", "OPENCLAW_LOAD_SHELL_ENV"):
        at, value = values.get(name, ("", None))
        if value not in (None, "", "0", "false", "default", "/home/node") and not isinstance(value, Unknown):
            yield Finding(f"moves the gateway's configuration in {container.title}", at, hint)
    if not fixed:
        for name, usual in _MOVES.items():
            at, value = values.get(name, ("", None))
            if (
                isinstance(value, str)
                and value.rstrip("/") not in usual
                and not (name == "HOME" and _has_state(values))
            ):
                yield Finding(f"moves the gateway's configuration in {container.title}", at, hint)
    yield from _loaded(container, values)
    for line in lines(container):
        for flag in ("profile", "dev", "allow-unconfigured", "config", "config-path", "state-dir"):
            if line.kind == "command" and any(True for _ in flag_values(line.words, flag)):
                yield Finding(f"moves the gateway's configuration by --{flag} in {container.title}", line.path, hint)


def _has_state(values: Mapping[str, tuple[str, Value]]) -> bool:
    return "OPENCLAW_STATE_DIR" in values or "OPENCLAW_HOME" in values


def _loaded(container: Container, values: Mapping[str, tuple[str, Value]]) -> Iterator[Finding]:
    path, options = values.get("NODE_OPTIONS", ("", None))
    if isinstance(options, str) and _NODE_OPTIONS.search(options):
        yield Finding(
            f"loads other code into the gateway, or opens its debugger, in {container.title}",
            path,
            "Leave only options of memory in NODE_OPTIONS.",
        )
    for name in ("OPENCLAW_INCLUDE_ROOTS", "LD_PRELOAD", "LD_LIBRARY_PATH", "NODE_PATH", "BASH_ENV", "ENV"):
        path, value = values.get(name, ("", None))
        if value not in (None, "") and not isinstance(value, Unknown):
            yield Finding(f"lets other files decide what the gateway does in {container.title}", path, "Remove it.")


def _is_declared(pod: Pod, container: Container, where: str) -> bool:
    if _OWN_PLACE.fullmatch(where):
        return True
    if HIDDEN in where or ".." in where:
        return False
    declared = ("configMap", "secret", "projected")
    names = {text(volume.get("name")) for _, volume in pod.volumes() if any(kind in volume for kind in declared)}
    unknown = has_unknown_mounts(pod, container)
    covering = [
        (len(at.rstrip("/")), name)
        for _, name, at in mount_paths(container)
        if where == at or where.startswith(at.rstrip("/") + "/")
    ]
    # The mount that is nearest is the one that counts.
    return (bool(covering) and max(covering)[1] in names) or unknown or pod.partial or container.partial


def variables_in_files(resource: Resource) -> Iterator[Finding]:
    """No ConfigMap or Secret holds a variable that widens the gateway's bind or moves its configuration."""
    if not resource.is_kubernetes or resource.kind not in ("ConfigMap", "Secret"):
        return
    for file in files(resource):
        if file.name in _VARIABLES and file.text not in _SAFE_VALUES:
            yield Finding("holds a variable that widens the gateway's bind", file.path, _DROP)
        elif file.name in (_CONFIG_PATH, "OPENCLAW_HOME", "OPENCLAW_PROFILE", "OPENCLAW_INCLUDE_ROOTS"):
            if file.name != _CONFIG_PATH or not file.text.startswith("/etc/"):
                yield Finding("holds a variable that moves the gateway's configuration", file.path, "Remove it.")
        elif (file.name.endswith(".env") or file.name == "env") and "OPENCLAW_" in file.text:
            for name, value in re.findall(
                r"^\s*(?:export\s+)?(OPENCLAW_\w+)=[\"']?([^\s\"']*)", file.text, re.MULTILINE
            ):
                if name in _VARIABLES and value not in _SAFE_VALUES:
                    yield Finding("holds a variable that widens the gateway's bind", file.path, _DROP)


def listening_ports(resource: Resource) -> Iterator[Finding]:
    """A gateway is asked on loopback: a probe from outside the pod, or a port that it announces, needs another bind."""
    for pod in resource.pods:
        for container in pod.containers:
            if not is_openclaw(container) or container.name in OUR_PROGRAMS or not is_openclaw_image(container.image):
                continue
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                for form in ("httpGet", "tcpSocket", "grpc"):
                    asked = obj(get(container.spec, probe, form))
                    if asked and text(asked.get("host")) not in ("127.0.0.1", "localhost", "::1"):
                        yield Finding(
                            f"asks {container.title} from outside its pod, which only a wider bind answers",
                            f"{container.path}.{probe}.{form}",
                            "Ask loopback by a command, as in: curl -fsS http://127.0.0.1:18789/healthz",
                        )
