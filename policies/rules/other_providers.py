"""A gateway without Kubernetes: containers of Docker, commands of a program, user data of machines. Every invariant's part in one."""

from collections.abc import Iterator
from typing import Final

from policies.rules.commands import Line, basename
from policies.rules.gateway import is_openclaw_image, is_tailscale_image
from policies.rules.kinds import Resource, leaves
from policies.rules.rule import Finding
from policies.rules.secret_words import has_secret, is_secret_name, is_value
from policies.rules.values import Unknown, fields, get, items, present, text

_DOCKER: Final = ("docker:index/container:Container", "docker:index/service:Service", "docker-build:index:Image")
_COMMANDS: Final = ("command:local:Command", "command:remote:Command", "command:local:run")
_SCRIPTS: Final = ("create", "update", "delete", "command")
# Fields of machines whose text anybody on the machine reads.
_USER_DATA: Final = (
    "userData",
    "userDataBase64",
    "customData",
    "metadataStartupScript",
    "metadata",
    "launchTemplateData",
    "user_data",
)
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def _docker(resource: Resource) -> bool:
    image = text(resource.props.get("image"))
    return resource.type in _DOCKER and (image is None or is_openclaw_image(image) or is_tailscale_image(image))


def docker_ports(resource: Resource) -> Iterator[Finding]:
    """A gateway in Docker has no port on an address of the machine, and not its network."""
    if not _docker(resource):
        return
    for path, port in items(resource.props.get("ports"), "ports"):
        if text(get(port, "ip")) not in _LOOPBACK and not isinstance(port, Unknown):
            yield Finding(
                "has a port on every address of the machine", path, "Remove it; people come through the tailnet."
            )
    if resource.props.get("networkMode") == "host":
        yield Finding("shares the machine's network", "networkMode", "Remove it.")
    if resource.props.get("publishAllPorts") is True:
        yield Finding("has ports on every address of the machine", "publishAllPorts", "Remove it.")


def docker_privileges(resource: Resource) -> Iterator[Finding]:
    """A gateway in Docker has no privileges, and no file of the machine."""
    if not _docker(resource):
        return
    for key, bad in (
        ("privileged", True),
        ("pidMode", "host"),
        ("ipcMode", "host"),
        ("usernsMode", "host"),
        ("user", "root"),
    ):
        if resource.props.get(key) == bad:
            yield Finding("has a privilege that controls the machine", key, "Remove it.")
    if [1 for _ in items(get(resource.props, "capabilities", "adds"), "")] and not is_tailscale_image(
        text(resource.props.get("image"))
    ):
        yield Finding("adds capabilities", "capabilities.adds", "Remove it.")
    for path, mount in items(resource.props.get("mounts"), "mounts"):
        if get(mount, "type") == "bind":
            yield Finding("mounts a directory of the machine", path, "Use a volume.")
    for path, volume in items(resource.props.get("volumes"), "volumes"):
        if present(get(volume, "hostPath")):
            yield Finding("mounts a directory of the machine", path, "Use a volume.")
    if present(resource.props.get("devices")) and is_openclaw_image(text(resource.props.get("image"))):
        yield Finding("has a device of the machine", "devices", "Remove it.")


def docker_secrets(resource: Resource) -> Iterator[Finding]:
    """A container of Docker has no secret among its variables."""
    if resource.type not in _DOCKER:
        return
    for path, one in items(resource.props.get("envs"), "envs"):
        name, _, value = (text(one) or "").partition("=")
        if has_secret(value) or (is_secret_name(name) and is_value(value)):
            yield Finding("has a secret in plain text among its variables", path, "Mount it as a file.")


def _programs(resource: Resource) -> Iterator[tuple[str, tuple[str, ...]]]:
    if resource.type in _COMMANDS:
        for key in _SCRIPTS:
            if script := text(resource.props.get(key)):
                for words in Line(key, "command", ("sh", "-c", script)).programs({}):
                    yield key, words


def publishing_commands(resource: Resource) -> Iterator[Finding]:
    """No command of the program publishes: no expose, no Funnel, no patch to a public type."""
    for path, words in _programs(resource):
        program = basename(words[0])
        said = " ".join(words)
        opens = program in ("kubectl", "oc") and (
            "expose" in words
            or "port-forward" in words
            or "NodePort" in said
            or "LoadBalancer" in said
            or "hostNetwork" in said
        )
        serves = program == "tailscale" and bool({"funnel", "serve"}.intersection(words[1:3]))
        if opens or serves:
            yield Finding("publishes by a command", path, "Remove it; people reach a gateway through the tailnet.")


def secrets_in_texts(resource: Resource) -> Iterator[Finding]:
    """No command, and no user data of a machine, has a secret as its text."""
    if resource.is_kubernetes:
        return
    if resource.type in _COMMANDS:
        for key in _SCRIPTS:
            if has_secret(text(resource.props.get(key)) or ""):
                yield Finding("has a secret in plain text", key, "Give it by the environment, from Pulumi's secrets.")
        return
    for key, path, value in fields(resource.props, ""):
        if key in _USER_DATA and any(has_secret(one) for _, _, one in leaves(value, path)):
            yield Finding(
                "has a secret in plain text, which everybody on the machine reads", path, "Let the machine fetch it."
            )
