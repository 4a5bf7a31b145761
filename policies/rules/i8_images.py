"""I8: each image is named by a tag that never moves, or by digest; never `latest`."""

import re
from collections.abc import Iterator
from typing import Final

from policies.rules.gateway import is_openclaw_image, is_tailscale_image, repository
from policies.rules.kinds import Container, Pod, Resource
from policies.rules.rule import Finding
from policies.rules.values import Unknown, get, text

_DIGEST: Final = re.compile(r"@[a-z0-9+._-]{3,20}:[0-9a-f]{32,128}")
_TAG: Final = re.compile(r"[\w][\w.-]{0,127}")
# Tags that move, whatever stands around them.
_MOVING: Final = re.compile(
    r"(?:^|[-_.])(?:latest|stable|unstable|main|master|trunk|head|edge|nightly|weekly|daily|canary|dev|devel|develop|development|test|testing"
    r"|staging|prod|production|release|beta|alpha|rc|current|lts|next|snapshot|rolling|extended-stable|mainline|default|slim|browser|alpine)$"
)
_MAJOR: Final = re.compile(r"v?\d+(?:-[a-z]+)?")
_MINOR: Final = re.compile(r"v?\d+\.\d+(?:-(?:slim|browser|alpine|rc|beta))?")
_HINT: Final = "Name the version in full, or the digest."


def images(resource: Resource) -> Iterator[Finding]:
    """Each container's image has a tag that never moves, or a digest."""
    for where, title, image in _images(resource):
        if problem := _problem(image):
            yield Finding(f"{problem} in {title}", where, _HINT)


def _images(resource: Resource) -> Iterator[tuple[str, str, str]]:
    for pod in resource.pods:
        for container in pod.containers:
            yield from _of(container)
        yield from _of_volumes(pod)
    if resource.type.startswith("docker:index/container") and (image := text(resource.props.get("image"))):
        yield "image", "a container", image


def _of(container: Container) -> Iterator[tuple[str, str, str]]:
    if container.image is not None:
        yield f"{container.path}.image", container.title, container.image


def _of_volumes(pod: Pod) -> Iterator[tuple[str, str, str]]:
    for path, volume in pod.volumes():
        if image := text(get(volume, "image", "reference")):
            yield f"{path}.image.reference", "a volume", image


def _problem(image: str) -> str | None:
    if _DIGEST.search(image) and image.count("@") == 1:
        return None
    name = repository(image)
    tag = image.partition("@")[0][len(name) + 1 :]
    if "@" in image:
        return "has an image with a digest that is none"
    if not tag:
        return "has an image without a tag"
    # A placeholder of a renderer is judged once it is filled.
    if not _TAG.fullmatch(tag):
        return None if "$" in tag or "{" in tag else "has an image whose tag is none"
    lower = tag.lower()
    if lower == "latest" or not any(character.isdigit() for character in tag) or _MAJOR.fullmatch(lower):
        return "has an image with a tag that moves"
    if _MOVING.search(lower) and not re.search(r"\d+\.\d+\.\d+", lower):
        return "has an image with a tag that moves"
    if (is_openclaw_image(image) or is_tailscale_image(image)) and _MINOR.fullmatch(lower):
        return "has an image with a tag that moves"
    return None


def digests(resource: Resource) -> Iterator[Finding]:
    """Where the owner demands it, each image is named by digest, and comes from a listed registry."""
    settings = resource.settings
    if not settings.require_digest and not settings.registries:
        return
    for where, title, image in _images(resource):
        if settings.require_digest and not _DIGEST.search(image):
            yield Finding(f"has an image without a digest in {title}", where, "Add @sha256:...")
        if settings.registries and not image.startswith(tuple(f"{one.rstrip('/')}/" for one in settings.registries)):
            yield Finding(
                f"has an image of another registry in {title}", where, "Use a registry that the policy lists."
            )


def without_digest(resource: Resource) -> Iterator[Finding]:
    """An image is named by digest: a registry may give another one for the same tag."""
    for where, title, image in _images(resource):
        if not _DIGEST.search(image) and _problem(image) is None:
            yield Finding(f"names the image of {title} without its digest", where, "Add @sha256:...")


def pulls(resource: Resource) -> Iterator[Finding]:
    """A gateway starts when the registry does not answer: an image that is there is used."""
    for pod in resource.pods:
        for container in pod.containers:
            policy = container.spec.get("imagePullPolicy")
            if policy == "Always" and not isinstance(policy, Unknown):
                yield Finding(
                    f"starts {container.title} only while the registry answers",
                    f"{container.path}.imagePullPolicy",
                    "Use IfNotPresent.",
                )
