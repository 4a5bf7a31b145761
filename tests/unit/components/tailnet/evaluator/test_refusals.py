"""Policies that the control server does not take are refused, in its words where they are known: names, addresses, ports, keys."""

import json
from typing import Any

import pytest

from components.tailnet.evaluator import Policy, PolicyError
from components.tailnet.evaluator.services import of_grant, protocol
from tests.support.evaluator_world import ALICE, CI, GW, NAMES, evaluator, grant


def refusal(**sections: Any) -> str:
    with pytest.raises(PolicyError) as refused:
        evaluator(**sections)
    return refused.value.message


def acl(dst: str, **more: Any) -> dict[str, Any]:
    return {"action": "accept", "src": [ALICE], "dst": [dst], **more}


# Python's own reader takes many of these for addresses; the control server takes none.
NO_ADDRESSES = (
    *("10.0.0.0/255.0.0.0", "10.0.0.0/0.255.255.255", "10.0.0.1/032", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/ 8"),
    *("10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/\u0668", "fd00::/129", "fd00::/0x40"),
    *("010.0.0.1", "10.0.0", "10", "167772161", "0x0a.0.0.1", "10.0.0.1.", "\u0661\u0660.0.0.1", "10 .0.0.1"),
    *("fe80::1%eth0", "fe80::1%eth0/64", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "::ffff:a00:1/128", "1::2::3", ":::"),
    *("10.0.0.1 - 10.0.0.5", "10.0.0.5-10.0.0.1", "10.0.0.1-fd00::1", "10.0.0.0/24-10.0.1.0/24", "10.0.0.1-", "-", "10.0.0.1-5"),
    *("[::1]", "10.0.0.1:", "1" * 5000, "1." * 5000, ":" * 5000),
)  # fmt: skip


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_odd_forms_of_addresses_are_no_addresses(text: str) -> None:
    shown = json.dumps(text if len(text) <= 200 else f"{text[:200]}...", ensure_ascii=False)
    assert refusal(grants=[grant(ALICE, text, "443")]) == f"host not defined in policy: {shown}"
    assert refusal(grants=[grant(text, GW, "443")]) == f"host not defined in policy: {shown}"
    assert refusal(hosts={**NAMES["hosts"], "x": text}) == f'hostname "x" contains invalid IP address: {shown}'
    ipsets = {"ipset:x": ["10.0.0.0/8", f"remove {text}"]}
    assert "host not defined" in refusal(ipsets=ipsets, grants=[grant(ALICE, "ipset:x", "443")])


@pytest.mark.parametrize(
    "text", ["10.0.0.1", "10.0.0.1/8", "0.0.0.0", "10.0.0.1-10.0.0.5", "::1", "FD7A:115C::/32", "::10.0.0.1", "fd00::1-fd00::9"]
)  # fmt: skip
def test_usual_forms_of_addresses_are_taken(text: str) -> None:
    for rule in (grant(ALICE, text, "443"), grant(text, GW, "443"), grant(f" {text}\t", GW, "443")):
        assert len(evaluator(grants=[rule]).policy.rules) == 1


NO_PORTS = {
    **dict.fromkeys(["*,80", ",80", " 80", "80 ", "8_0", "+80", "a", "\uff18\uff10", "0x50", "1e3", "-80", "8\u0660"],
                    "invalid first integer"),
    **dict.fromkeys(["80-", "80-*", "80-+90", "80- 90", "80-x"], "invalid last integer"),
    **dict.fromkeys(["1-2-x", "1-2-3", "1--2", "--", "80,1-2-3"], "too many dashes(-)"),
    **dict.fromkeys(["80-79", "65535-1"], "first port must be >= last port"),
    **dict.fromkeys(["65536", "80-65536", "9" * 400, "1-" + "9" * 5000], "port number out of range"),
    **dict.fromkeys(["0", "80,0", "00"], "first port must be >0, or use '*' for wildcard"),
    "80,*": "invalid first integer",
    "80,": "invalid first integer",
    "80,,90": "invalid first integer",
    "-": "invalid first integer",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), NO_PORTS.items(), ids=[text[:12] for text in NO_PORTS])
def test_odd_ports_are_refused_with_the_reason_and_the_whole_destination(text: str, reason: str) -> None:
    shown = json.dumps(text if len(text) <= 200 else f"{text[:200]}...", ensure_ascii=False)
    dst = f"tag:gw:{text}"
    whole = json.dumps(dst if len(dst) <= 200 else f"{dst[:200]}...", ensure_ascii=False)
    assert refusal(acls=[acl(dst)]) == f"dst={whole}: port range {shown}: {reason}"
    assert refusal(grants=[grant(ALICE, GW, text)]) == f"port range {shown}: {reason}"
    assert refusal(grants=[grant(ALICE, GW, f"tcp:{text}")]) == f"port range {shown}: {reason}"


def test_usual_ports_are_taken() -> None:
    for text in ("*", "443", "0443", "80-90", "80,443,8000-9000", "0-65535"):
        evaluator(acls=[acl(f"tag:gw:{text}")], grants=[grant(ALICE, GW, text, f"udp:{text}", f"*:{text}")])


@pytest.mark.parametrize(
    "text", [" tcp", "tcp ", "t cp", "tcp,udp", "any", "-1", "+6", "6.0", "0x6", "\uff34CP", "\u0666", "tcp\n", "*"]
)
def test_unknown_protocols_are_refused(text: str) -> None:
    said = (
        f"proto name {json.dumps(text, ensure_ascii=False)} not known; use protocol number 0-255 or protocol name "
        "(icmp, tcp, udp, etc.)"
    )
    assert refusal(acls=[acl("tag:gw:*", proto=text)]) == said
    if text != "*":
        assert refusal(grants=[grant(ALICE, GW, f"{text}:*")]) == said


def test_protocols_out_of_range_and_with_leading_zeros_are_refused() -> None:
    assert refusal(acls=[acl("tag:gw:*", proto="256")]) == "protocol number out of range (0-255): 256"
    assert refusal(acls=[acl("tag:gw:*", proto="9" * 5000)]) == f"protocol number out of range (0-255): {'9' * 20}"
    for text in ("0", "06", "00"):
        assert refusal(acls=[acl("tag:gw:*", proto=text)]) == f'leading 0 not permitted in protocol number: "{text}"'


def test_protocols_have_the_names_that_the_hosted_service_knows() -> None:
    names = {"TCP": 6, "icmpv6": 58, "ipv6-icmp": 58, "icmpv4": 1, "dccp": 33, "tsmp": 99, "ip-in-ip": 4, "6": 6}
    assert {name: protocol(name) for name in names} == names
    assert [str(service) for service in of_grant("58:*")] == ["ipv6-icmp:*"]


@pytest.mark.parametrize("name", ["membr", "Member", "nonroot", "", "tagged ", "future", "member:x", "admins"])
def test_misspelt_autogroups_are_refused_wherever_they_are(name: str) -> None:
    said = f'invalid autogroup: got "autogroup:{name}", must be one of [autogroup:admin autogroup:auditor '
    text = f"autogroup:{name}"
    # The hosted service takes blanks off names in lists.
    rules = [] if name.endswith(" ") else [{"grants": [grant(text, GW, "1")]}, {"grants": [grant(ALICE, text, "1")]}]
    for sections in (*rules, {"acls": [acl(f"{text}:1")]}, {"tagOwners": {**NAMES["tagOwners"], CI: [text]}}):
        assert refusal(**sections).startswith(said)


@pytest.mark.parametrize("name", ["alice@example.com", "tag:gw", "fd00::1", "a:b", "group:users", "@"])
def test_hosts_are_not_named_as_something_else(name: str) -> None:
    assert refusal(hosts={**NAMES["hosts"], name: "10.0.0.1"}) == f'invalid hostname: "{name}"'


def test_a_host_named_as_an_address_is_that_address_or_nothing() -> None:
    said = 'hostname "10.0.0.1" is an address, and would stand for another: "100.64.0.1"'
    assert refusal(hosts={**NAMES["hosts"], "10.0.0.1": "100.64.0.1"}) == said
    rules = evaluator(hosts={**NAMES["hosts"], "10.0.0.1": "10.0.0.1/32"}, grants=[grant(ALICE, "10.0.0.1", "1")])
    assert rules.can(ALICE, "10.0.0.1", 1).allowed is True


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["bob"], 'groups["group:x"]: username must contain @, got: "bob"'),
        (["*"], 'groups["group:x"]: username must contain @, got: "*"'),
        (["autogroup:member"], 'groups["group:x"]: username must contain @, got: "autogroup:member"'),
        (["tag:gw"], 'groups["group:x"]: username must contain @, got: "tag:gw"'),
        ([""], 'groups["group:x"]: username must contain @, got: ""'),
        (["*@example.com"], 'groups["group:x"]: "*@example.com": members of a group are named one by one'),
        (["user:*@example.com"], 'groups["group:x"]: "user:*@example.com": members of a group are named one by one'),
        ([None], 'groups["group:x"]: username must contain @, got: ""'),
        (None, 'groups["group:x"] must be a list'),
        (ALICE, 'groups["group:x"] must be a list'),
    ],
)
def test_groups_have_people_and_nobody_else(members: Any, said: str) -> None:
    assert refusal(groups={**NAMES["groups"], "group:x": members}) == said


@pytest.mark.parametrize("owner", ["bob", "", "10.0.0.1", "office", "svc:x", "Tag:gw", "ipset:lab"])
def test_owners_of_tags_are_people_and_tags(owner: str) -> None:
    said = f'invalid owner format: "{owner}"'
    assert refusal(tagOwners={**NAMES["tagOwners"], CI: [owner]}) == said


@pytest.mark.parametrize("name", ["tag:", "tag:1", "tag:-a", "tag:\u00e4", "tag: a"])
def test_tags_start_with_a_letter(name: str) -> None:
    said = f"tagOwners[\"{name}\"]: tag names must start with a letter, after 'tag:'"
    assert refusal(tagOwners={**NAMES["tagOwners"], name: []}) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"grants": [], "grants": []}', 'the key "grants" appears twice at the top level'),
        ('{"grants": [], "Grants": []}', 'the keys "grants" and "Grants" are the same key, twice at the top level'),
        ('{"ACLs": null, "acls": []}', 'the keys "ACLs" and "acls" are the same key, twice at the top level'),
        ('{"hosts": {"a": "10.0.0.1", "a": "10.0.0.1"}}', 'the key "a" appears twice in hosts'),
        ('{"groups": {"group:a": [], "group:a": []}}', 'the key "group:a" appears twice in groups'),
        ('{"grants": [{}, {"src": [], "src": []}]}', 'the key "src" appears twice in grants[1]'),
        ('{"acls": [{"action": "accept", "Action": "accept"}]}', 'the keys "action" and "Action" are the same key, twice in acls[0]'),
        ('{"grants": [{"dst": [], "DST": []}]}', 'the keys "dst" and "DST" are the same key, twice in grants[0]'),
        ('{"tests": [{"deny": [], "Deny": []}]}', 'the keys "deny" and "Deny" are the same key, twice in tests[0]'),
        ('{"grants": [{"app": {"a.com/b": [{"x": 1, "x": 2}]}}]}', 'the key "x" appears twice in grants[0].app["a.com/b"][0]'),
        ('{"tests": [{"src": "a@b", "user": "c@d"}]}', 'tests[0] has both "src" and its old name "user"'),
        ('{"tests": [{"accept": [], "allow": []}]}', 'tests[0] has both "accept" and its old name "allow"'),
        ('{"acls": [{"action": "accept", "src": [], "users": ["*"]}]}', 'acls[0] has both "src" and its old name "users"'),
        ('{"acls": [{"action": "accept", "dst": [], "ports": []}]}', 'acls[0] has both "dst" and its old name "ports"'),
    ],
)  # fmt: skip
def test_a_key_that_is_there_twice_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Policy.parse(text)
    assert refused.value.message == said


def test_names_that_differ_in_case_are_two_where_case_matters() -> None:
    rules = evaluator(hosts={"a": "10.0.0.1", "A": "10.0.0.2"}, grants=[grant(ALICE, "A", "1")])
    assert [rules.can(ALICE, f"10.0.0.{last}", 1).allowed for last in (1, 2)] == [False, True]


def test_blanks_around_names_in_lists_do_not_count() -> None:
    rules = evaluator(grants=[grant(f" {ALICE}", f"{GW}\u2003", "443")])
    assert rules.can(ALICE, GW, 443).allowed is True
    assert refusal(acls=[acl("tag:gw :443")]) == 'dst="tag:gw ": tag not found: "tag:gw "'


def test_messages_of_huge_words_are_short_and_on_one_line() -> None:
    for word in ("x" * 10**6, "\n" * 1000, "\x00\x1b[31m", "\x9b\u2028\u202e"):
        wrong: list[dict[str, Any]] = [
            {"grants": [grant(word, GW, "1")]},
            {"hosts": {word: word}},
            {"groups": {word: []}},
            {"ACLs": [acl(f"tag:gw:{word}")]},
            {word: None, f"{word}x": None, "grants": [{"src": word}]},
        ]
        for sections in wrong:
            message = refusal(**sections)
            assert len(message) < 1400
            assert message.isprintable()
