"""The Serve files that the program writes are the ones that the guard lets through; its patterns are those of Python too."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import sidecar
from components.admission import configmaps
from components.settings import Sidecar
from tests.support.guard_attacks import SERVES

REACHES = ("https", "http", "tcp")


def pairs(text: str) -> Iterator[tuple[int, int]]:
    for found in re.finditer(configmaps.PAIR, text):
        served, _, rest = found.group().partition('"')
        yield int(served), int(rest.rpartition(":")[2])


def plain(text: str) -> str:
    return text.replace(" ", "").replace("\n", "")


@given(st.sampled_from(REACHES), st.lists(st.integers(2000, 5000), max_size=8, unique=True))
def test_each_file_of_ours_is_one(reach: str, portals: list[int]) -> None:
    settings = Sidecar.model_validate({"reach": reach, "portals": portals})
    text = plain(sidecar.serve_json(settings, "openclaw-home.example.ts.net"))
    assert re.fullmatch(configmaps.FILE, text)
    assert set(pairs(text)) == {(settings.served_port, 18789), *((port, port) for port in portals)}


# Refused for its length alone.
@pytest.mark.parametrize("what", sorted(SERVES.keys() - {"more than can be read"}))
def test_another_file_is_none_or_leads_elsewhere(what: str) -> None:
    text = plain(SERVES[what])
    leads = [target == 18789 and served in (80, 443, 18789) for served, target in pairs(text)]
    assert not re.fullmatch(configmaps.FILE, text) or not all(leads)
