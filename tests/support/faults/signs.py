"""Where a fault shows itself. A sign is looked for with the words that the table has, so none can promise what is not there."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER
from tests.support.faults.breakable import Breakable
from tests.support.faults.scene import Scene

_NAMES = {SIDECAR_CONTAINER: "the sidecar", GATEWAY_CONTAINER: "the gateway"}


@dataclass(frozen=True)
class Sign:
    """`words` for the table; `{found}` in them is what `seen` brought. It is looked for so many seconds, in the broken instance."""

    words: str
    seen: Callable[[Scene, Breakable], object]
    seconds: float = 60.0


def line_with(text: str, said: str) -> str:
    """The first line that holds the text; three dots in it stand for anything. Empty when none does."""
    pattern = re.compile(".*".join(map(re.escape, text.split("..."))))
    return next((line for line in said.splitlines() if pattern.search(line)), "")


def log(container: str, text: str, seconds: float = 60.0) -> Sign:
    """A line in the log of a container, or of the one before it."""
    return Sign(
        f"log of {_NAMES.get(container, f'`{container}`')}: `{text}`",
        lambda scene, gateway: line_with(text, gateway.said(container)),
        seconds,
    )


def event(text: str) -> Sign:
    """An event of the pod."""
    return Sign(f"event of the pod: `{text}`", lambda scene, gateway: line_with(text, gateway.events()))


def netcheck(text: str) -> Sign:
    """A line of what the sidecar's tailscaled finds out about its network."""
    return Sign(
        f"`tailscale netcheck` in the sidecar: `{text}`",
        lambda scene, gateway: line_with(f"* {text}", gateway.tailscale("netcheck")),
    )


def laptop_status(text: str) -> Sign:
    """How the owner's device says that it reaches others."""
    return Sign(
        f"`tailscale status` on the laptop: `{text}`",
        lambda scene, gateway: line_with(text, scene.laptop.tailscale("status").stdout),
    )


def last_state(described: str, container: str) -> str:
    """The reason for which a container ended last, in the words of `kubectl describe pod`; empty when it did not."""
    section = re.split(r"\n {0,2}\S", described.partition(f"\n  {container}:\n")[2])[0]
    found = re.search(r"Last State: .*\n +Reason: +(\S+)", section)
    return found[1] if found else ""


def killed_for_memory(container: str) -> Sign:
    """The reason for which the kubelet says that a container ended."""

    def seen(scene: Scene, gateway: Breakable) -> bool:
        described = gateway.kubectl("describe", "pod", gateway.pod["metadata"]["name"]).stdout
        return last_state(described, container) == "OOMKilled"

    return Sign(f"`kubectl describe pod`: container `{container}`, last state `OOMKilled`", seen)


def restarted(*parts: str) -> Sign:
    """Parts of the sandbox whose restarts were counted."""

    def seen(scene: Scene, gateway: Breakable) -> bool:
        now = scene.parts.restarts()
        return all(now[part] > scene.before.parts[part] for part in parts)

    named = f"`{parts[0]}`" if len(parts) == 1 else "each part"
    return Sign(f"`make status`: restarts of {named}", seen)
