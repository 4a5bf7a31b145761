"""I9: each container has requests and limits of its own."""

from collections.abc import Iterator
from typing import Final

from policies.rules.kinds import Container, Resource
from policies.rules.rule import Finding
from policies.rules.values import Unknown, Value, obj, present

_HINT: Final = "Set cpu and memory, as requests and as limits."


def limits(resource: Resource) -> Iterator[Finding]:
    """Each container has a limit and a request of CPU and of memory, none of which is nothing."""
    for pod in resource.pods:
        if pod.partial:
            continue
        for container in pod.containers:
            # The API takes none for ephemeral ones.
            if container.list == "ephemeralContainers" or container.partial:
                continue
            yield from _limits(container)


def _limits(container: Container) -> Iterator[Finding]:
    resources = container.spec.get("resources", container.spec.get("computeResources"))
    at = f"{container.path}.resources"
    if isinstance(resources, Unknown):
        return
    for part, what in (("limits", "limit"), ("requests", "request")):
        given = obj(resources).get(part)
        if isinstance(given, Unknown):
            continue
        for key in ("memory", "cpu"):
            amount = obj(given).get(key)
            if amount is None:
                yield Finding(f"has no {what} of {key} in {container.title}", f"{at}.{part}.{key}", _HINT)
            elif not isinstance(amount, Unknown) and _is_nothing(amount):
                yield Finding(
                    f"has a {what} of {key} that is nothing in {container.title}", f"{at}.{part}.{key}", _HINT
                )


def _is_nothing(amount: Value) -> bool:
    return not present(amount) or str(amount).strip().lower() in ("0", "0m", "0mi", "0gi", "0.0", "-1", "0ki", "0k")


def shared(resource: Resource) -> Iterator[Finding]:
    """The containers of a pod share no limit: one would take what the other needs."""
    for pod in resource.pods:
        if present(pod.spec.get("resources")) and any("image" in one.spec for one in pod.containers):
            yield Finding("shares its limits among its containers", f"{pod.path}.resources", "Give each its own.")
