"""A key with everything in it commented out is null for YAML, and as good as no key for us, wherever there is a default."""

import pytest
import yaml

from components.settings.load import parse
from tests.support.configs import smallest
from tests.support.every_place import PLACES, with_value, without
from tests.support.settings import lines

MAPPINGS = [("secrets",), ("groups",), ("dnsLabels",), ("nodeSelector",), ("labels",), ("annotations",)]


def is_section(path: tuple[str | int, ...]) -> bool:
    """Says whether the key may be left out: it has a default."""
    try:
        parse(without(path))
    except Exception:
        return False
    # An entry of somebody's own is no key of ours.
    return isinstance(path[-1], str) and path[-2:-1] not in MAPPINGS


SECTIONS = list(filter(is_section, PLACES))


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: ".".join(map(str, path)))
def test_a_key_with_everything_commented_out_is_as_good_as_none(path: tuple[str | int, ...]) -> None:
    assert parse(with_value(path, None)) == parse(without(path))


def test_there_are_sections_of_every_kind() -> None:
    written = {".".join(map(str, path)) for path in SECTIONS}
    assert written >= {
        *("cluster", "images", "nodes", "tailnet.tagOwners", "instances.0.gateway", "instances.0.gateway.auth.mode"),
        *("instances.0.tailscale.authKey", "instances.0.storage.home.size", "nodes.1.kubernetes.storage.tailnet"),
        *("instances.0.extraEgress", "nodes.0.ports", "instances.0.gateway.resources.cpuLimit"),
    }


def test_a_section_as_yaml_leaves_it_is_as_good_as_none() -> None:
    text = """
    tailnet:
      name: example.ts.net
      groups:
        group:family:
          # - you@example.com
    instances:
      - id: home
        people: [you@example.com]
        gateway:
          # image: x
        tailscale:
          authKey:
            # value: x
          resources:
        extraEgress:
          # - cidr: x
    nodes:
      # - id: x
    cluster:
    """
    (instance,) = parse(yaml.safe_load(text)).instances
    assert instance == parse(smallest()).instances[0]


@pytest.mark.parametrize(
    "path", [("tailnet",), ("tailnet", "name"), ("instances", 0, "id"), ("instances", 0, "people")]
)
def test_what_has_no_default_is_missing_when_it_is_commented_out(path: tuple[str | int, ...]) -> None:
    line = lines(with_value(path, None))[0]
    assert line.endswith("is missing. Add it.")


def test_an_entry_with_everything_commented_out_is_said_to_be_empty() -> None:
    assert lines({**smallest(), "nodes": [None]}) == ["nodes[0] is empty. Fill it, or remove its dash."]
    assert lines(smallest(people=["you@example.com", None])) == [
        "instances[0].people[1] is empty. Write a value, or remove it."
    ]
