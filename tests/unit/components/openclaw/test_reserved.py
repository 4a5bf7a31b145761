"""The table of keys that are ours: all that we set is in it, with the same values, and so is the page about it."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from components import gateway
from components.openclaw.document import DOCUMENT, document
from components.openclaw.permissions import STEPS, tools
from components.openclaw.reserved import OPEN, RESERVED, Computed, reserved
from components.openclaw.schema import Schema
from components.settings.load import parse
from tests.support.configs import SHAPES, smallest


def ours(**given: Any) -> dict[str, Any]:
    (instance,) = parse(smallest(**given)).instances
    return gateway.ours(instance, "https://openclaw-home.example.ts.net")


def leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, item in cast(Mapping[str, Any], value).items():
            yield from leaves(item, (*place, key))
    else:
        yield place


def at(value: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


@pytest.mark.parametrize("shape", [name for name, raw in SHAPES.items() if len(raw["instances"]) == 1])
def test_all_that_we_set_is_in_the_table(shape: str) -> None:
    for instance in parse(SHAPES[shape]).instances:
        for place in leaves(gateway.ours(instance, "https://a.example")):
            rows = [row for row in RESERVED if all(p in ("*", k) for p, k in zip(row.parts, place, strict=False))]
            covering = [row for row in rows if len(row.parts) <= len(place)]
            # The list of denied tools is shared: ours are added to it.
            assert covering or place[:2] == ("tools", "deny"), place


def test_values_in_the_table_are_those_that_we_set() -> None:
    for row in RESERVED:
        if row.value is not Computed.VALUE:
            assert at(ours(), row.parts) == row.value


def test_every_key_of_the_table_is_one_of_openclaw_s() -> None:
    schema = Schema.of("2026.9.6")
    assert schema
    for path in [*(row.path for row in RESERVED), *OPEN]:
        # Of plugins that are not in the image the schema knows nothing.
        for part in path.partition("plugins.entries.")[0].split("."):
            assert part in ("", "*") or part in schema.words, path


def test_our_own_configuration_is_no_mistake() -> None:
    schema = Schema.of("2026.9.6")
    assert schema
    for permissions in STEPS:
        assert not [*schema.mistakes(ours(gateway={"permissions": permissions}))]


def test_the_shortest_place_is_named_once() -> None:
    config = {"gateway": {"auth": {"mode": "none", "token": "x"}, "nodes": {"pairing": {"sshVerify": True}}}}
    assert [place for place, _ in reserved(config)] == [("gateway", "auth"), ("gateway", "nodes", "pairing")]


def test_the_page_has_the_table() -> None:
    text = DOCUMENT.read_text()
    assert document(text) == text, "run `make docs`"


def test_denied_tools_of_the_owner_s_stay_denied() -> None:
    assert tools("read-only", {"deny": ["browser"]})["deny"] == ["apply_patch", "browser", "edit", "write"]
    assert "deny" not in tools("guarded", {"deny": ["browser"]})
    assert [tools(step, {})["exec"]["mode"] for step in STEPS] == ["deny", "ask", "auto", "full"]
