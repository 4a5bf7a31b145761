"""References of images, and the versions that their tags name."""

import re
from typing import Annotated

from pydantic import AfterValidator

from components.settings.text import Text

# The grammar of the OCI distribution specification, without capitals in hosts: nothing else reaches a manifest or a shell.
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9a-f:]+\])(:[1-9][0-9]{{0,4}})?"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>({_HOST}/)?{_PART}(/{_PART})*)(:(?P<tag>[A-Za-z0-9_][-A-Za-z0-9_.]{{0,127}}))?(?P<digest>@sha256.*)?"
)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")
_FULL_VERSION = re.compile(r"v?[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}([-._][-A-Za-z0-9._]*)?")
_MOVING = re.compile(r"[-._](latest|main|master|edge|nightly)([-._]|$)")

# `-slim` and `-browser` are other images of one version, `-r20260820` is a later build of it; `-2` and `-beta.1` are versions.
_OPENCLAW = re.compile(r"v?([0-9]+\.[0-9]+\.[0-9]+(-[0-9]{1,3}|-beta\.[0-9]+)?)(-r[0-9]{8})?(-slim|-browser)?")
# A suffix of the sidecar's version is about the image, unless it says that the version is not out yet.
_UNRELEASED = r"(t[0-9a-f]{6}|(rc|pre|alpha|beta|dev)[-.0-9]*([-._]|$))"
_TAILSCALE = re.compile(rf"v?([0-9]+\.[0-9]+\.[0-9]+)(-(?!{_UNRELEASED})[-A-Za-z0-9._]+)?")


def _image(value: str) -> str:
    match = _REFERENCE.fullmatch(value) if len(value) <= 512 else None
    if match is None or len(match["name"]) > 255:
        raise ValueError(
            "is not the name of an image. Write host/name:version in small letters, without a login, such as "
            "ghcr.io/openclaw/openclaw:2026.9.6"
        )
    digest, tag = match["digest"], match["tag"] or ""
    if digest and _DIGEST.fullmatch(digest) is None:
        raise ValueError("has a bad digest. Write @sha256: and 64 hexadecimal digits")
    if not digest and (_FULL_VERSION.fullmatch(tag) is None or _MOVING.search(tag)):
        raise ValueError("has no immutable tag (I8). Write a full version, such as :2026.9.6, or a digest")
    return value


def tag_of(image: str) -> str:
    """The tag of an image, or nothing."""
    match = _REFERENCE.fullmatch(image)
    return (match["tag"] or "") if match else ""


def openclaw_version(image: str) -> str | None:
    """The version of the npm package in an image of OpenClaw by its tag; None when the tag does not tell."""
    match = _OPENCLAW.fullmatch(tag_of(image))
    return match[1] if match else None


def tailscale_version(image: str) -> str | None:
    """The version of the Debian package of the Tailscale in an image by its tag; None when the tag does not tell."""
    match = _TAILSCALE.fullmatch(tag_of(image))
    # An odd second number is a version that is never released.
    return match[1] if match and int(match[1].split(".")[1]) % 2 == 0 else None


ImageRef = Annotated[Text, AfterValidator(_image)]
