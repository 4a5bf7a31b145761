"""Whose tailnet policy it is: a stack never overwrites what somebody else wrote, and proves what it does not write."""

import re
from pathlib import Path

import pytest

from components.constants import PROJECT
from engine.configuration import Values
from engine.errors import EngineError
from tests.support.engine_world import MakeStack, Tailnet, instance, steps

PROGRAMS = Path(__file__).parent / "programs"
BOB = "bob@example.com"
THEIRS = '{"grants": [{"src": ["alice@example.com"], "dst": ["bob@example.com"], "ip": ["tcp:22"]}]}'
VERIFIED: Values = {f"{PROJECT}:tailnet": {"ownership": "verified"}}


def test_i7_somebody_elses_policy_is_refused_and_taken_over_by_import(stack: MakeStack, tailnet: Tailnet) -> None:
    tailnet.write_policy(THEIRS)
    late = stack("late", owned=True)
    with pytest.raises(EngineError) as refused:
        late.preview(instance("late"))
    assert "would be replaced as a whole; it was left unchanged" in str(refused.value)
    assert "pulumi import tailscale:index/acl:Acl policy acl" in str(refused.value)
    assert "Traceback" not in refused.value.output

    taking = late.engine()
    taking.program = PROGRAMS / "imported.py"
    taking.environment = {"TAILSCALE_API_KEY": late.world.api_key, "TAILSCALE_BASE_URL": late.world.api_url}
    taking.up()
    assert tailnet.policy() == THEIRS
    planned = late.preview(instance("late"))
    assert "+ alice@example.com may open gateway late (tcp 80)" in planned.output
    assert "| alice@example.com | tag:openclaw-late | late | tcp 80 | yes | no | no | grants[0] |" in planned.output
    assert steps(planned)["policy"] == "update", planned.output
    [row] = late.up(instance("late")).outputs["access"]
    assert (row["subject"], row["device"], row["port"]) == ("alice@example.com", "tag:openclaw-late", "tcp 80")
    assert '"tag:openclaw-late"' in tailnet.policy()
    after = late.preview(instance("late"))
    assert after.unchanged, steps(after)


def test_i7_a_change_by_hand_is_found_and_not_overwritten(stack: MakeStack, tailnet: Tailnet) -> None:
    tailnet.reset()
    mine = stack("mine", owned=True)
    mine.up(instance("mine"))
    written = tailnet.policy()
    changed = written.replace('"src": ["alice@example.com"]', f'"src": ["alice@example.com", "{BOB}"]')
    tailnet.write_policy(changed)
    # With a change of our own, and without one.
    other = instance("mine", people=["alice@example.com", "admin@example.com"])
    for operation, wanted in ((mine.up, other), (mine.preview, other), (mine.preview, instance("mine"))):
        with pytest.raises(EngineError) as refused:
            operation(wanted)
        assert "was changed by hand since this stack wrote it; it was not overwritten" in str(refused.value)
        assert f'+    {{"src": ["alice@example.com", "{BOB}"]' in refused.value.output
        assert "Traceback" not in refused.value.output
        assert tailnet.policy() == changed
    # Once the stack has been told, it writes its own again.
    mine.refresh(instance("mine"))
    assert steps(mine.up(instance("mine")))["policy"] == "update"
    assert tailnet.policy() == written


def test_i7_a_policy_of_somebody_else_is_verified(stack: MakeStack, tailnet: Tailnet) -> None:
    tailnet.reset()
    guest = stack("proven", owned=True)
    guest.config = VERIFIED
    with pytest.raises(EngineError) as refused:
        guest.preview(instance("proven"))
    assert "grants[0]: * may reach tag:openclaw-proven on every port, 22, 80, 443, 9002, 18789 among them" in str(
        refused.value
    )
    fragment = re.search(r"^ *(\{\n.*?^ *\})$", str(refused.value), re.MULTILINE | re.DOTALL)
    assert fragment
    tailnet.write_policy(fragment[1])
    before = tailnet.policy()
    result = guest.up(instance("proven"))
    assert not {"policy", "dns", "settings"} & steps(result).keys()
    assert "proven-authkey" in steps(result)
    assert tailnet.policy() == before
    after = guest.preview(instance("proven"))
    assert after.unchanged, steps(after)
    # Somebody opens it to another person: the next preview says who.
    tailnet.write_policy(before.replace('"src": ["alice@example.com"]', f'"src": ["alice@example.com", "{BOB}"]'))
    with pytest.raises(EngineError, match=f"{BOB} may reach tag:openclaw-proven on tcp:80"):
        guest.preview(instance("proven"))
    guest.config = {f"{PROJECT}:tailnet": {"ownership": "verified", "apiUrl": "http://127.0.0.1:9"}}
    with pytest.raises(
        EngineError, match="cannot be read, so it is not known who would reach the gateways: Failed to fetch ACL: Get"
    ):
        guest.preview(instance("proven"))
