"""The people whom a sandbox's tailnet knows."""

from pathlib import Path

import yaml

from sandbox.world import people_of


def test_the_tailnet_knows_everybody_that_the_stack_names(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    tailnet = {"name": "t.internal", "tagOwners": ["a@x.com", "autogroup:admin"], "groups": {"group:g": ["b@x.com"]}}
    instances = [{"id": "i", "people": ["c@x.com", "group:g", "a@x.com"]}]
    config = {"openclaw-tailnet:tailnet": tailnet, "openclaw-tailnet:instances": instances}
    path.write_text(yaml.safe_dump({"config": config}))
    people = people_of(path)
    assert people.domain == "t.internal"
    assert people.logins == ("a@x.com", "b@x.com", "c@x.com")
