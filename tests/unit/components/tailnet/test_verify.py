"""A policy that somebody else keeps gives exactly the access that the stack asks for, or the preview says what to change (I7)."""

from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings.load import parse
from components.tailnet import hujson, live
from components.tailnet.model import PolicyText
from components.tailnet.policy import render
from components.tailnet.verify import Findings, message, verify
from tests.support.configs import GROUPS, Raw, configurations, smallest
from tests.support.harness import run_program
from tests.support.verified import TAG, YOU, findings_of, grant, right

# What a tailnet of others may say, without anything about ours.
THEIRS: Raw = {
    "groups": {"group:ops": ["carol@example.com"]},
    "tagOwners": {"tag:ci": ["group:ops"]},
    "acls": [{"action": "accept", "src": ["group:ops"], "dst": ["tag:ci:22"]}],
    "grants": [{"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}],
    "ssh": [{"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": ["root"]}],
    "nodeAttrs": [{"target": ["autogroup:member"], "attr": ["funnel"]}],
}


def merged(policy: Raw, fragment: PolicyText) -> Raw:
    """As a person adds the fragment: to the sections of the same name."""
    complete = dict(policy)
    for name, section in hujson.loads_object(fragment.text()).items():
        old = complete.get(name)
        if old is None:
            complete[name] = section
        else:
            complete[name] = [*old, *section] if isinstance(section, list) else {**old, **section}  # pyright: ignore[reportUnknownVariableType]
    return complete


@given(configurations())
def test_i7_the_policy_that_we_would_write_is_verified(config: Raw) -> None:
    assert findings_of(right(config), config) == Findings()


@given(configurations(), st.booleans())
def test_i7_the_fragment_makes_a_strangers_policy_right(config: Raw, groups_known: bool) -> None:
    theirs = {**THEIRS, "groups": {**THEIRS["groups"], **(GROUPS if groups_known else {})}}
    findings = findings_of(theirs, config)
    assert (findings.wide, findings.undecided) == ([], [])
    assert findings.missing
    assert findings_of(merged(theirs, findings.missing), config) == Findings()


def test_i7_of_a_rule_that_is_too_wide_only_the_wide_part_is_named() -> None:
    policy = right()
    policy["grants"][0]["src"].append("eve@example.com")
    assert findings_of(policy) == Findings(["grants[0]: eve@example.com may reach tag:openclaw-home on tcp:443"])


def test_i7_only_what_is_missing_is_in_the_fragment() -> None:
    config: Raw = smallest(people=[YOU, "bob@example.com"])
    findings = findings_of(right(), config)
    assert findings.missing
    assert findings.missing.data() == {
        "grants": [{"src": ["bob@example.com"], "dst": [TAG], "ip": ["tcp:443"]}],
        "tests": hujson.loads_object(render(parse(config)))["tests"],
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            grant("*", "*", dst="*"),
            "grants[1]: * may reach tag:openclaw-home on every port, 22, 80, 443, 9002, 18789 among them",
        ),
        (
            {"acls": [{"action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:tagged:22,9002"]}]},
            "acls[0]: autogroup:member may reach tag:openclaw-home on 22, 9002",
        ),
        (grant("autogroup:tagged", "tcp:443"), "grants[1]: autogroup:tagged may reach tag:openclaw-home on tcp:443"),
        (grant(YOU, "tcp:18789"), "grants[1]: you@example.com may reach tag:openclaw-home on tcp:18789"),
        (
            grant(YOU, "tcp:440-450"),
            "grants[1]: you@example.com may reach tag:openclaw-home on tcp:440-450, 443 among them",
        ),
        (grant(TAG, "tcp:443"), "grants[1]: tag:openclaw-home may reach tag:openclaw-home on tcp:443"),
        (
            {"nodeAttrs": [{"target": ["*"], "attr": ["funnel"]}]},
            "nodeAttrs[0]: tag:openclaw-home may use Funnel, which opens it to the internet (I1); remove * from its target",
        ),
        (
            {"nodeAttrs": [{"target": [TAG], "attr": ["mullvad", "funnel"]}]},
            "nodeAttrs[0]: tag:openclaw-home may use Funnel, which opens it to the internet (I1); remove tag:openclaw-home "
            "from its target",
        ),
        (
            {"ssh": [{"action": "accept", "src": ["autogroup:admin"], "dst": [TAG], "users": ["root"]}]},
            "ssh[0]: autogroup:admin may open a shell on tag:openclaw-home; remove tag:openclaw-home from its dst",
        ),
        (
            {"tagOwners": {TAG: ["autogroup:member"]}},
            'tagOwners["tag:openclaw-home"]: autogroup:member may give a device this tag, and pose as the gateway',
        ),
    ],
)
def test_i7_what_is_too_wide_for_our_tags_is_named(more: Raw, said: str) -> None:
    findings = findings_of(right(**more))
    assert (findings.wide, findings.undecided, findings.missing) == ([said], [], None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (grant("100.64.0.9", "tcp:443"), []),
        (
            grant("bob@example.com", "tcp:443", dst="100.64.0.9"),
            ["who reaches tag:openclaw-home: grants[1]: whether tag:openclaw-home is in 100.64.0.9 is not known"],
        ),
        (
            grant("bob@example.com", "tcp:443", srcPosture=["posture:known"]),
            [
                "who reaches tag:openclaw-home: grants[1]: it has srcposture, which cannot be judged offline",
            ],
        ),
        (
            {"nodeAttrs": [{"target": ["100.64.0.9"], "attr": ["funnel"]}]},
            ["nodeAttrs[0]: whether 100.64.0.9, which may use Funnel, is a device of ours"],
        ),
        (
            {"grants": [{"src": ["group:nobody"], "dst": [TAG], "ip": ["*"]}]},
            ['the policy cannot be read: group not defined in policy: "group:nobody"'],
        ),
    ],
)
def test_i7_what_cannot_be_decided_fails_too(more: Raw, said: list[str]) -> None:
    findings = findings_of(right(**more))
    assert findings.undecided == said
    assert findings


@pytest.mark.parametrize("section", [[], {}, None, [{"src": ["*"]}]])
def test_i7_a_section_that_nothing_here_knows_is_undecided(section: Any) -> None:
    findings = findings_of({**right(), "futureRules": section})
    assert findings.undecided == ["section futurerules is not understood, and may let anybody in"]
    assert (findings.wide, findings.missing) == ([], None)


@pytest.mark.parametrize("absent", [{}, {"acls": None}, {"grants": None}, {"acls": None, "grants": None}])
def test_i7_a_policy_without_rules_lets_everybody_in(absent: Raw) -> None:
    policy = {name: section for name, section in right().items() if name not in ("grants", "acls", "tests")}
    findings = findings_of({**policy, **absent})
    assert findings.wide == [
        "no acls and no grants: * may reach tag:openclaw-home on every port, 22, 80, 443, 9002, 18789 among them"
    ]
    assert findings_of({**policy, **absent, "grants": []}).wide == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"grants": [], "grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}', 'the key "grants" appears twice at the top level'),
        ('{"Grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}], "grants": []}',
         'the keys "Grants" and "grants" are the same key, twice at the top level'),
        ('{"tagOwners": {"tag:a": ["autogroup:member"], "tag:a": []}}', 'the key "tag:a" appears twice in tagOwners'),
        ('{"grants": [' + "[" * 1000, "policy is not HuJSON: it is nested more than 200 levels deep"),
        ("/* " * 1000, "policy is not HuJSON: Unterminated string or comment: line 1 column 1 (char 0)"),
    ],
)  # fmt: skip
def test_i7_a_policy_that_can_be_read_in_two_ways_is_not_judged(text: str, said: str) -> None:
    findings = verify(text, parse(smallest()))
    assert findings.undecided == [f"the policy cannot be read: {said}"]
    assert not findings.missing


def test_i7_a_group_is_who_the_policy_says_it_is() -> None:
    config: Raw = {
        "tailnet": {"name": "example.ts.net", "groups": {"group:family": [YOU]}},
        "instances": [{"id": "home", "people": ["group:family"]}],
    }
    assert not findings_of(right(config), config)
    other = {**right(config), "groups": {"group:family": ["Eve@example.com"]}}
    assert findings_of(other, config).wide == [
        'groups["group:family"]: eve@example.com in it but not in tailnet.groups; you@example.com in tailnet.groups but '
        "not in it"
    ]
    # A group that only the policy knows is the policy's.
    known: Raw = {**config, "tailnet": {"name": "example.ts.net"}}
    assert not findings_of(other, known)
    assert findings_of({**THEIRS}, known).undecided == [
        "who group:family is: neither the policy nor tailnet.groups has that group"
    ]


def test_i7_a_disabled_gateway_is_nobodys() -> None:
    config: Raw = smallest(tailscale={"enabled": False})
    assert not findings_of(right(config), config)
    assert findings_of(right(), config).wide == ["grants[0]: you@example.com may reach tag:openclaw-home on tcp:443"]


def test_i7_one_rule_that_opens_many_gateways_is_one_line() -> None:
    config: Raw = {**smallest(), "instances": [{"id": f"g{number}", "people": [YOU]} for number in range(30)]}
    [line] = findings_of(right(config, **grant("*", "tcp:1-65535", dst="*")), config).wide
    assert line.startswith(
        "grants[30]: * may reach tag:openclaw-g0 and 29 more of this stack's tags on tcp:1-65535, 22, "
    )


@pytest.mark.parametrize("preview", [True, False])
def test_i7_the_program_refuses_with_one_message_that_says_what_to_do(preview: bool) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        run_program(smallest(), preview=preview, live='{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}')
    assert str(refused.value) == MESSAGE


MESSAGE = """\
The tailnet's policy does not give exactly the access that this configuration asks for; nothing was changed.
Change it in the admin console (Access controls), then preview again.
Too wide; narrow or remove:
  acls[0]: * may reach tag:openclaw-home on every port, 22, 80, 443, 9002, 18789 among them
Missing; add to the sections of the same name:
{
  // Who may give a device a gateway's tag.
  "tagOwners": {
    "tag:openclaw-home": ["autogroup:admin"],
  },

  // Who may connect. What no grant names is denied.
  "grants": [
    // home: its people open the gateway.
    {"src": ["you@example.com"], "dst": ["tag:openclaw-home"], "ip": ["tcp:443"]},
  ],

  // Run at every write: a policy that breaks one of them is refused.
  "tests": [
    // home: its people reach port 443 of it, and no other.
    {
      "src": "you@example.com",
      "proto": "tcp",
      "accept": ["tag:openclaw-home:443"],
      "deny": ["tag:openclaw-home:22", "tag:openclaw-home:80", "tag:openclaw-home:9002", "tag:openclaw-home:18789"],
    },
    // home: not people of other gateways, not gateways.
    {
      "src": "tag:openclaw-home",
      "proto": "tcp",
      "deny": [$CLOSED],
    },
  ],
}
Or let this stack write the whole policy: tailnet.ownership "owned".""".replace(
    "$CLOSED", ", ".join(f'"{TAG}:{port}"' for port in (443, 22, 80, 9002, 18789))
)


def test_i7_a_policy_that_cannot_be_read_is_not_taken_for_a_good_one() -> None:
    with pytest.raises(pulumi.RunError, match="so it is not known who would reach the gateways: the API is away"):
        run_program(smallest(), live=OSError("invocation of x:index/getAcl:getAcl returned an error: the API is away"))


def test_i7_long_lists_are_cut() -> None:
    said = message(Findings(wide=[f"grants[{number}]: x" for number in range(14)]))
    assert "  and 4 more.\n" in said


@pytest.mark.parametrize(
    "text",
    [
        "invoke of x:index/getAcl:getAcl failed: invocation of x:index/getAcl:getAcl returned an error: Failed to fetch ACL: no",
        "invoking x:index/getAcl:getAcl: 1 error occurred:\n\t* Failed to fetch ACL: no\n\n",
        "Failed to fetch ACL: no",
    ],
)
def test_the_reason_of_an_unread_policy_is_the_plugins_own_words(text: str) -> None:
    assert live.reason(text) == "Failed to fetch ACL: no"
