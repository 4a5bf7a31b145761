"""Why a container fails, by its last words: as Kubernetes has them, or a reader of its log."""

import re
from collections.abc import Iterator
from typing import Final

from addons.status.facts import ContainerFacts
from addons.status.rules.view import View
from components.constants import GATEWAY_CONTAINER, SIDECAR_CONTAINER, UNSEAL_CONTAINER

# The kubelet's longest pause between two starts is five minutes: whoever ended within it, and is not ready, may be failing still.
_FAILING: Final = 360.0
NO_IMAGE: Final = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_NOT_STARTED: Final = (*NO_IMAGE, "RunContainerError", "CreateContainerError", "CreateContainerConfigError")

# The rule that knows the words, and the container that says them.
_WORDS: Final = (
    ("sealed-key-foreign", UNSEAL_CONTAINER, r"unseal: the sealed auth key belongs to "),
    ("sealed-key-damaged", UNSEAL_CONTAINER, r"unseal: the sealed auth key (does not open|is damaged)"),
    ("sealing-key-damaged", UNSEAL_CONTAINER, r"unseal: the key-encryption key is damaged"),
    ("sealed-key-missing", UNSEAL_CONTAINER, r"unseal: cannot read "),
    ("tailnet-volume-unwritable", UNSEAL_CONTAINER, r"unseal: cannot write \S+ \((?!ENOSPC)"),
    ("no-room-for-the-sidecar", UNSEAL_CONTAINER, r"unseal: cannot write \S+ \(ENOSPC\)"),
    ("no-room-for-the-sidecar", SIDECAR_CONTAINER, r"no space left on device"),
    ("key-refused", SIDECAR_CONTAINER, r"authkey expired|invalid key|key does not exist|requested tags .* invalid"),
    ("control-unreachable", SIDECAR_CONTAINER, r"fetch control key"),
    ("no-room-for-the-gateway", GATEWAY_CONTAINER, r"database or disk is full|ENOSPC|no space left on device"),
)


def cause(container: str, words: str) -> str:
    """The rule that knows the last words of the container; empty when none does."""
    return next((rule for rule, whose, known in _WORDS if whose == container and re.search(known, words)), "")


def cause_of(container: ContainerFacts) -> str:
    """The same for what it said at its end, or what is said of it."""
    return cause(container.name, container.last_message) or cause(container.name, container.message)


def known_line(container: ContainerFacts) -> str:
    """The line of them by which the rule knows it."""
    lines = f"{container.last_message}\n{container.message}".splitlines()
    return next((line for line in lines if cause(container.name, line)), "")


def failing(view: View, container: ContainerFacts) -> bool:
    """True when it does not run and should, or has ended lately and is not ready."""
    if container.ready or (container.state == "terminated" and container.reason == "Completed"):
        return False
    if container.state == "terminated":
        return True
    if container.state == "waiting":
        return container.reason == "CrashLoopBackOff" or container.reason in _NOT_STARTED
    ended = view.seconds(container.last_ended_at)
    return container.restarts > 0 and (ended is None or ended < _FAILING)


def failed_by(view: View, rule: str) -> Iterator[ContainerFacts]:
    """The containers that fail for what the rule knows."""
    return (one for one in view.cluster.containers if failing(view, one) and cause_of(one) == rule)
