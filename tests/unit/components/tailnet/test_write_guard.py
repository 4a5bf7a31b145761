"""An owned policy never replaces what somebody else wrote (I7)."""

import json

import pulumi
import pytest

from components.tailnet.live import SHOWN, changed_by_hand, looks_untouched
from tests.support.configs import Raw, smallest
from tests.support.harness import run_program, wanted_policy

OWNED: Raw = {**smallest(), "tailnet": {"name": "example.ts.net", "ownership": "owned"}}
TEXT = wanted_policy(OWNED)
THEIRS = '{"grants": [{"src": ["group:a"], "dst": ["tag:a"], "ip": ["*"]}], "groups": {"group:a": []}}'
ACL = "urn:pulumi:test::openclaw-tailnet::tailscale:index/acl:Acl::policy"


@pytest.mark.parametrize(
    ("policy", "untouched"),
    [
        ({"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}, True),
        ({"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}, True),
        (
            {
                "groups": {},
                "ACLs": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
                "ssh": [{"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["root"]}],
                "nodeAttrs": [{"target": ["autogroup:member"], "attr": ["funnel"]}],
            },
            True,
        ),
        ({}, True),
        ({"grants": []}, False),
        ({"acls": [], "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}, False),
        ({"grants": [{"src": ["*"], "dst": ["*"], "ip": ["tcp:443"]}]}, False),
        ({"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}], "tagOwners": {"tag:a": []}}, False),
    ],
)
def test_i7_only_the_policy_of_a_new_tailnet_is_taken_for_nobodys(policy: Raw, untouched: bool) -> None:
    assert looks_untouched(json.dumps(policy)) is untouched


def test_i7_what_is_no_policy_is_somebodys() -> None:
    assert not looks_untouched("not HuJSON")


def test_i7_the_first_write_over_somebodys_policy_is_refused() -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run_program(OWNED, preview=True, live=THEIRS)
    assert str(refused.value) == (
        "The tailnet has a policy that is not in this stack's state, and would be replaced as a whole; it was left unchanged.\n"
        'To leave it to its owner, set tailnet.ownership "verified": the preview then says what to add to it.\n'
        "To hand it over, save a copy, then import it (with the API's credentials in TAILSCALE_API_KEY, or\n"
        "TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET), and preview again:\n"
        "  pulumi import tailscale:index/acl:Acl policy acl --generate-code=false"
    )


def before_update(live: str | Exception, written: str) -> None:
    """Calls the hook that the engine calls before it updates the policy; `written` is in the state."""
    graph = run_program(OWNED, live=live)
    args = pulumi.ResourceHookArgs(ACL, "acl", "policy", "tailscale:index/acl:Acl", old_inputs={"acl": written})
    graph.hooks["tailnet-policy-change"](args)


def test_i7_a_change_by_hand_is_refused_before_an_update() -> None:
    before_update(TEXT, TEXT)
    # Comments and formatting are nobody's access.
    before_update(TEXT, TEXT.replace("// home: its people open", "// as").replace("  ", "\t"))
    with pytest.raises(pulumi.RunError, match="was changed by hand since this stack wrote it; it was not overwritten"):
        before_update(TEXT, TEXT.replace("tcp:443", "tcp:444"))


def test_i7_the_difference_is_shown_and_cut() -> None:
    said = changed_by_hand("a\nb\n", "a\nc\n").splitlines()
    assert said[1:6] == ["  --- written by this stack", "  +++ live", "  @@ -1,2 +1,2 @@", "   a", "  -b"]
    long = changed_by_hand("", "x\n" * (SHOWN + 10)).splitlines()
    assert len(long) == SHOWN + 4


def test_i7_a_policy_that_cannot_be_read_blocks_no_preview() -> None:
    assert run_program(OWNED, preview=True, live=OSError("away")).of("Acl")


def test_i7_an_update_over_a_policy_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match="cannot be read, so it is not overwritten: the API is away"):
        before_update(OSError("the API is away"), TEXT)
