"""Which containers are OpenClaw's and Tailscale's, and which pods are a gateway's: also in programs of other people."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from components.constants import (
    ENROL_CONTAINER,
    GATEWAY_CONTAINER,
    GATEWAY_PORT,
    NODE_CONTAINER,
    PLUGINS_CONTAINER,
    SIDECAR_CONTAINER,
    UNSEAL_CONTAINER,
)
from policies.rules.commands import Line, basename, environment, lines
from policies.rules.kinds import Container, Pod, Resource, once, variables
from policies.rules.values import Unknown, get, items, text

# The program itself, by the names that its image and its package give it.
_ENTRY_POINTS: Final = re.compile(r"(?:.*/)?(?:openclaw(?:\.mjs)?|(?:openclaw|app|\.|)/?dist/(?:index|entry)\.m?js)")
_RUNTIMES: Final = frozenset({"node", "nodejs", "bun", "deno", "npx", "npm", "pnpm", "yarn"})
# What a container of a gateway's pod may be besides the gateway: programs of this stack, in OpenClaw's image.
OUR_PROGRAMS: Final = frozenset({UNSEAL_CONTAINER, ENROL_CONTAINER, PLUGINS_CONTAINER})
TAILSCALE_PROGRAMS: Final = frozenset({"tailscale", "tailscaled", "containerboot", "derper", "tsrecorder"})


def repository(image: str) -> str:
    """An image's name without tag and digest."""
    name = image.partition("@")[0]
    head, separator, tail = name.rpartition(":")
    return head if separator and "/" not in tail else name


def is_openclaw_image(image: str | None) -> bool:
    return image is not None and "openclaw" in repository(image).lower()


def is_tailscale_image(image: str | None) -> bool:
    return image is not None and basename(repository(image).lower()).startswith("tailscale")


def openclaw_arguments(words: Sequence[str]) -> Sequence[str] | None:
    """The arguments of OpenClaw when these words start it, else None."""
    if not words:
        return None
    if basename(words[0]) in ("openclaw", "openclaw.mjs"):
        return words[1:]
    if words[0] in ("gateway",):
        return words
    if basename(words[0]) not in _RUNTIMES:
        return None
    for number, word in enumerate(words[1:6], 1):
        if word in ("-e", "--eval", "-p", "--print"):
            return None
        if len(word) < 200 and _ENTRY_POINTS.fullmatch(word):
            return words[number + 1 :]
    return None


@lru_cache(maxsize=4096)
def _is_variable_of_openclaw(name: str) -> bool:
    return name.startswith("OPENCLAW_")


@once
def is_openclaw(container: Container) -> bool:
    """The gateway, or a program in its image. Its image says so; without one its command, its variables, its name do."""
    if is_openclaw_image(container.image):
        return True
    if is_tailscale_image(container.image):
        return False
    if any(_is_variable_of_openclaw(name) for _, name, _ in variables(container)):
        return True
    if container.image is None and container.name == GATEWAY_CONTAINER:
        return True
    if any(get(port, "containerPort") == GATEWAY_PORT for _, port in items(container.spec.get("ports"), "")):
        return True
    values = environment(container)
    return any(
        (arguments := openclaw_arguments(words)) is not None and arguments is not words
        for line in lines(container, values)
        if line.kind == "command"
        for words in line.programs(values)
    )


@once
def is_sidecar(container: Container) -> bool:
    """Tailscale, by its image or its variables; by its name where neither is known."""
    if container.image is not None:
        return is_tailscale_image(container.image) or (
            not is_openclaw_image(container.image)
            and any(name.startswith("TS_") and name != "TS_SOCKET" for _, name, _ in variables(container))
        )
    return container.name == SIDECAR_CONTAINER


@once
def is_tailnet_side(container: Container) -> bool:
    """Says whether a container may hold what is Tailscale's: the sidecar, and what opens its key."""
    if container.name == UNSEAL_CONTAINER:
        return container.image is None or is_openclaw_image(container.image) or is_tailscale_image(container.image)
    if container.name == SIDECAR_CONTAINER:
        return container.image is None or is_tailscale_image(container.image)
    return is_tailscale_image(container.image)


def is_gateway_pod(pod: Pod) -> bool:
    """Says whether a pod is a gateway's or an execution node's: OpenClaw runs in it."""
    return any(is_openclaw(container) for container in pod.containers)


def is_instance_pod(pod: Pod) -> bool:
    """A pod in which OpenClaw or its sidecar runs."""
    return any(is_openclaw(container) or is_sidecar(container) for container in pod.containers)


def gateway_containers(pod: Pod) -> Iterator[Container]:
    """The containers that stay and run OpenClaw."""
    yield from (c for c in pod.containers if c.stays and is_openclaw(c) and c.name not in OUR_PROGRAMS)


def is_node(container: Container) -> bool:
    return container.name == NODE_CONTAINER


def gateway_lines(resource: Resource) -> Iterator[tuple[Container, Line, list[tuple[str, ...]]]]:
    """The command lines of containers that run OpenClaw, and no execution node: each with the programs that it starts."""
    for pod in resource.pods:
        for container in pod.containers:
            if is_openclaw(container) and not is_node(container):
                values = environment(container)
                yield from ((container, line, list(line.programs(values))) for line in lines(container, values))


def has_unknown_mounts(pod: Pod, container: Container) -> bool:
    """Says whether a mount or volume is not known yet, so that a path may be in it."""
    mounts_of = [mount for _, mount in items(container.spec.get("volumeMounts"), "")]
    places = [pod.spec.get("volumes"), container.spec.get("volumeMounts"), *mounts_of]
    places += [part for mount in mounts_of for part in (get(mount, "name"), get(mount, "mountPath"))]
    for _, volume in pod.volumes():
        places += [volume.get("name")]
    places += [volume for _, volume in items(pod.spec.get("volumes"), "")]
    return any(isinstance(place, Unknown) for place in places)


def mount_paths(container: Container) -> Iterator[tuple[str, str, str]]:
    """(path of the property, volume name, where it is mounted)."""
    for path, mount in items(container.spec.get("volumeMounts"), f"{container.path}.volumeMounts"):
        name, at = text(get(mount, "name")), text(get(mount, "mountPath"))
        if name and at:
            yield path, name, at
