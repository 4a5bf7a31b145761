"""References of images: the whole grammar, so that nothing else ever reaches a manifest or a shell; and their versions."""

import re
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings.images import openclaw_version, tailscale_version
from components.settings.load import parse
from tests.support.configs import Raw, smallest
from tests.support.processor import measured
from tests.support.settings import lines

DIGEST = "@sha256:" + "0123456789abcdef" * 4

GOOD = [
    *(
        "ghcr.io/openclaw/openclaw:2026.9.6",
        "docker.io/tailscale/tailscale:v1.102.3",
        "openclaw:1.2.3",
        "a/b:1.2.3-slim",
    ),
    *(
        "localhost:5000/a:1.2.3",
        "registry.example.com:443/a/b/c/d:v0.0.1",
        "10.0.0.1:5000/a:1.2.3",
        "[fd00::1]:5000/a:1.2.3",
    ),
    *(
        f"x.io/g{DIGEST}",
        f"x.io/g:latest{DIGEST}",
        f"x.io/g:1{DIGEST}",
        "a.b-c_d/e__f:1.2.3",
        "x.io/a---b:1.2.3_4",
        "x/y:1.2.3.4",
    ),
    *("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:2026.9.6-r20260820-slim", "x.io/g:2026.9.1-beta.1"),
]
BAD: list[Any] = [
    # No immutable tag.
    *(
        "x.io/g",
        "x.io/g:latest",
        "x.io/g:1",
        "x.io/g:1.2",
        "x.io/g:stable",
        "x.io:5000/g",
        "x.io/g:1.2.3-latest",
        "x.io/g:main",
    ),
    *("x.io/g:v1", "x.io/g:1.2.x", "x.io/g:1.2.3-nightly", "x.io/g:v1.2.3.latest", "x.io/g:sha-1.2.3"),
    # No digest.
    *(
        "x.io/g@",
        "x.io/g:1.2.3@",
        "x.io/g@sha256:",
        "x.io/g@sha256:00",
        f"x.io/g{DIGEST}0",
        f"x.io/g{DIGEST.upper()}",
        f"x.io/g{DIGEST}{DIGEST}",
    ),
    *("x.io/g@sha512:" + "0" * 128, f"x.io/g{DIGEST[:-1]}g", f"x.io/g{DIGEST}:1.2.3", "x.io/g@md5:0"),
    # Logins, schemes, and what else is no name.
    *(
        "user:password@x.io/g:1.2.3",
        "user@x.io/g:1.2.3",
        "https://x.io/g:1.2.3",
        "docker://x.io/g:1.2.3",
        "x.io/g:1.2.3?a=b",
    ),
    *(
        "X.io/g:1.2.3",
        "x.io/G:1.2.3",
        "x.io//g:1.2.3",
        "/g:1.2.3",
        "x.io/g/:1.2.3",
        "x.io/-g:1.2.3",
        "x.io/g-:1.2.3",
        ":1.2.3",
    ),
    *(
        "x.io/.g:1.2.3",
        "x.io/a..b:1.2.3",
        "x.io/a___b:1.2.3",
        "x.io:0/g:1.2.3",
        "x.io:99999999/g:1.2.3",
        "x.io:/g:1.2.3",
        "",
    ),
    *(
        "x.io/g:1.2.3 ",
        " x.io/g:1.2.3",
        "x.io/g:1.2.3\n",
        "x.io/g :1.2.3",
        "x.io/g:1.2.3\u200b",
        "x.io/g:1.2.\uff13",
        "-x.io/g:1.2.3",
    ),
    *(
        "x.io/../g:1.2.3",
        "x.io/" + "g" * 300 + ":1.2.3",
        "x.io/g:1.2.3-" + "a" * 130,
        "x" * 5000 + ":1.2.3",
        1.2,
        None,
        [],
        {},
    ),
    # Words that a shell would obey.
    *(
        "x.io/g:1.2.3-$(id)",
        "x.io/g:1.2.3;id",
        "x.io/g:1.2.3-`id`",
        "x.io/g:1.2.3'",
        'x.io/g:1.2.3"',
        "x.io/g:1.2.3|id",
        "x.io/g:1.2.3&",
    ),
    *(
        "x.io/g:1.2.3>a",
        "x.io/g:1.2.3\\",
        "x.io/g:1.2.3-{a}",
        "x.io/g:1.2.3-$PATH",
        "x.io/$(id)/g:1.2.3",
        "x.io/g:1.2.3-%h",
        "x.io/g:1.2.3#",
    ),
]


def places(image: Any) -> list[tuple[str, Raw]]:
    """The image in each place where one may be written."""
    pod = {"id": "p", "kind": "kubernetes", "gateway": "home"}
    return [
        ("images.gateway", {**smallest(), "images": {"gateway": image}}),
        ("images.tailscale", {**smallest(), "images": {"tailscale": image}}),
        ("instances[0].gateway.image", smallest(gateway={"image": image})),
        ("instances[0].tailscale.image", smallest(tailscale={"image": image})),
        ("nodes[0].kubernetes.image", {**smallest(), "nodes": [{**pod, "kubernetes": {"image": image}}]}),
        ("nodes[0].kubernetes.sidecarImage", {**smallest(), "nodes": [{**pod, "kubernetes": {"sidecarImage": image}}]}),
    ]


@pytest.mark.parametrize("image", GOOD)
def test_an_image_is_taken(image: str) -> None:
    for _, config in places(image):
        parse(config)


@pytest.mark.parametrize("image", [image for image in BAD if image is not None], ids=lambda image: repr(image)[:50])
def test_what_is_no_image_is_refused_and_not_repeated(image: Any) -> None:
    for place, config in places(image):
        (line,) = lines(config)
        assert line.startswith(f"{place} ")
        assert not isinstance(image, str) or len(image) < 8 or image not in line


_safe = re.compile(r"[a-z0-9._/:@\[\]A-Z-]+")


@given(
    st.text(string.printable, max_size=30),
    st.sampled_from(["x.io/g:1.2.3{}", "x.io/{}:1.2.3", "{}/g:1.2.3", "x.io/g{}" + DIGEST]),
)
@settings(max_examples=600, deadline=None, derandomize=True)
def test_whatever_is_taken_is_one_plain_word(text: str, around: str) -> None:
    image = around.format(text)
    try:
        (instance,) = parse(smallest(gateway={"image": image})).instances
    except Exception:
        return
    assert instance.gateway.image == image
    assert _safe.fullmatch(image)
    assert len(image) <= 512


@pytest.mark.parametrize(
    "text", ["a" * 2000, "a-" * 1000, "a." * 1000, "a/" * 1000, "a_" * 1000 + "!", "[" + ":" * 2000, "1." * 1000]
)
def test_no_text_takes_long_to_read(text: str) -> None:
    def read() -> None:
        for config in [config for _, config in places(text)]:
            lines(config)
        for key, part in (("people", [text]), ("id", text), ("namespace", text)):
            lines(smallest(**{key: part}))
        for key in ("name", "apiUrl", "loginServer"):
            lines({**smallest(), "tailnet": {"name": "example.ts.net", key: text}})

    assert measured(read, 2)[0] < 2


VERSIONS: dict[str, str | None] = {
    "2026.9.6": "2026.9.6",
    "v2026.9.6": "2026.9.6",
    "2026.9.6-slim": "2026.9.6",
    "2026.9.6-browser": "2026.9.6",
    "2026.8.1-r20260820": "2026.8.1",
    "2026.8.1-r20260820-slim": "2026.8.1",
    "2026.8.1-r20260820-browser": "2026.8.1",
    "2026.7.1-2": "2026.7.1-2",
    "2026.7.1-2-slim": "2026.7.1-2",
    "2026.9.1-beta.1": "2026.9.1-beta.1",
    "2026.9.1-beta.1-slim": "2026.9.1-beta.1",
    "2026.9.6-corp": None,
    "2026.9.6-slim-browser": None,
    "2026.9.6.1": None,
    "2026.9.6-r1": None,
    "2026.9.6-$(id)": None,
    "latest": None,
    "": None,
}


@pytest.mark.parametrize("tag", VERSIONS)
def test_the_packages_version_is_the_tags_without_the_images_suffix(tag: str) -> None:
    for digest in ("", DIGEST):
        assert openclaw_version(f"ghcr.io/openclaw/openclaw:{tag}{digest}") == VERSIONS[tag]


TAILSCALE_VERSIONS: dict[str, str | None] = {
    "v1.102.3": "1.102.3",
    "1.102.3": "1.102.3",
    "v1.102.3-alpine": "1.102.3",
    "v1.102.3-r1": "1.102.3",
    "v1.103.3": None,
    "v1.103.0-t0123abc": None,
    "v1.103.12-pre1": None,
    "v1.104.0-rc.1": None,
    "v1.102": None,
    "v1.102.3.4": None,
    "stable": None,
}


@pytest.mark.parametrize("tag", TAILSCALE_VERSIONS)
def test_the_version_of_tailscale_s_package_is_one_that_is_out(tag: str) -> None:
    assert tailscale_version(f"docker.io/tailscale/tailscale:{tag}") == TAILSCALE_VERSIONS[tag]


@pytest.mark.parametrize("kind", ["linux", "mac"])
@pytest.mark.parametrize(
    "tag", [tag for tag in VERSIONS if VERSIONS[tag] is None and re.match(r"[0-9.]+(-[a-z0-9-]+)?$", tag)]
)
def test_a_machine_whose_version_is_not_told_is_refused_with_the_mend(kind: str, tag: str) -> None:
    config = {**smallest(gateway={"image": f"x.io/g:{tag}"}), "nodes": [{"id": "b", "kind": kind, "gateway": "home"}]}
    assert lines(config) == [
        "instances[0].gateway.image has no tag that says which version nodes[0] should install. Write a version, with at most "
        "-slim, -browser or a date such as -r20260820, before any digest, such as :2026.9.6."
    ]


def test_only_a_linux_machine_needs_tailscale_s_version() -> None:
    nodes = [{"id": "b", "kind": "mac", "gateway": "home"}]
    config = {**smallest(), "images": {"tailscale": f"x.io/t{DIGEST}"}, "nodes": nodes}
    parse(config)
    nodes.append({"id": "c", "kind": "linux", "gateway": "home"})
    (line,) = lines(config)
    assert line.startswith("images.tailscale has no tag that says which version nodes[1] should install.")
