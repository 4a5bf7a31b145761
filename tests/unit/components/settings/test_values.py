"""Single values by class: what cannot work or does harm is refused at reading, and what works is not."""

from typing import Any

import pytest

from components.settings.load import parse
from tests.support.configs import Raw, smallest, with_tailnet
from tests.support.every_place import PLACES, value_at, with_value
from tests.support.settings import lines

# Blanks, controls, and characters that nobody sees.
UNSEEN = " \t\n\r\x00\x1b\x7f\u00a0\u00ad\u034f\u061c\u115f\u180e\u200b\u200d\u200e\u2028\u202e\u2060\u2800\u3164\ufeff\ufffe"


def is_text(path: tuple[str | int, ...]) -> bool:
    return isinstance(value_at(path), str)


@pytest.mark.parametrize("path", list(filter(is_text, PLACES)), ids=lambda path: ".".join(map(str, path)))
def test_a_text_with_something_unseen_in_it_is_refused_everywhere(path: tuple[str | int, ...]) -> None:
    text = value_at(path)
    for char in UNSEEN:
        for value in (text + char, char + text, text[:3] + char + text[3:]):
            # A model's key and certificates may be documents of several lines; a path and an annotation may have blanks.
            lined, blanks = {"secrets", "pem"} & {*path}, {"kubeconfig", "annotations"} & {*path}
            free = " \t\r\n" if lined else " " if blanks else ""
            # A block of YAML ends with a line's end.
            if not (char in free and (value.strip() == value or "pem" in path)):
                assert len(lines(with_value(path, value))) >= 1, repr(value)


@pytest.mark.parametrize("digit", ["٣", "३", "\uff13", "²", "①", "Ⅲ", "\U0001d7db"])
def test_digits_of_other_scripts_are_none(digit: str) -> None:
    for config in (
        smallest(storage={"home": {"size": f"{digit}Gi"}}),
        smallest(gateway={"resources": {"memoryLimit": f"{digit}Gi"}}),
        smallest(gateway={"resources": {"cpuLimit": digit}}),
        smallest(gateway={"resources": {"cpuLimit": f"{digit}00m"}}),
        smallest(gateway={"image": f"x.io/g:2026.9.{digit}"}),
        smallest(tailscale={"authKey": {"expiryDays": digit}}),
        smallest(tailscale={"hostname": f"a{digit}"}),
        smallest(people=[f"a{digit}@example.com"]),
        smallest(extraEgress=[{"cidr": f"10.1.2.{digit}/32", "ports": [{"port": 1}]}]),
        smallest(extraEgress=[{"cidr": "10.1.2.3/32", "ports": [{"port": digit}]}]),
        with_tailnet(loginServer=f"https://example.com:{digit}"),
        with_tailnet(name=f"a{digit}.ts.net"),
    ):
        assert len(lines(config)) == 1


NOT_PEOPLE = {
    "is a tag": ["tag:server", "tag:openclaw-home", "tag:a@b.c", "tag:"],
    "is an address": ["10.0.0.1", "10.0.0.0/8", "100.64.0.1", "fd7a::1", "::/0", "host:build", "ipset:all", "0.0.0.0"],
    "would let in": ["*", "autogroup:member", "autogroup:", "*@example.com", "user:*@example.com", "a*@example.com"],
    "is neither": [
        *(
            "bob",
            "",
            "@",
            "@example.com",
            "a@b@c",
            "a@-b.c",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@1.2.3.4",
            "group:",
        ),
        *(
            "Group:a",
            "GROUP:a",
            "group:A",
            "group:-a",
            "bob@exa_mple.com",
            "<a@b.c>",
            '"a"@b.c',
            "a,b@c.d",
        ),
        *("tägged@b.c", "\u0430dmin@b.c", "user:a@b.c", "a" * 200 + "@b.c", "a@" + "b" * 64 + ".c"),
    ],
}


@pytest.mark.parametrize("reason", NOT_PEOPLE)
def test_who_is_no_person_is_refused_at_reading_with_the_reason(reason: str) -> None:
    for person in NOT_PEOPLE[reason]:
        for config in (
            smallest(people=[person]),
            {**smallest(), "nodes": [{"id": "b", "kind": "linux", "gateway": "home", "people": [person]}]},
        ):
            (line,) = lines(config)
            assert reason in line, (person, line)


@pytest.mark.parametrize(
    "person",
    ["a@b.c", "dave@", "a.b+c@example.co.uk", "alice@github", "A@B.C", "group:a", "o'neil@b.c", "group:a.b_c-1"],
)
def test_who_is_a_person_is_taken(person: str) -> None:
    assert parse(smallest(people=[person])).instances[0].people == (person,)


DUPLICATES: dict[str, Raw] = {
    "people": smallest(people=["a@b.c", "x@b.c", "A@B.c"]),
    "allowUsers": smallest(gateway={"auth": {"mode": "identity", "allowUsers": ["a@b.c", "a@b.c"]}}),
    "tagOwners": with_tailnet(tagOwners=["autogroup:admin", "autogroup:admin"]),
    "groups": with_tailnet(groups={"group:a": ["a@b.c", "a@b.c"]}),
    "allow": smallest(gateway={"nodes": {"commands": {"allow": ["camera.snap", "camera.snap"]}}}),
    "deny": smallest(gateway={"nodes": {"commands": {"deny": ["camera.snap", "camera.snap"]}}}),
    "egress": smallest(extraEgress=[{"cidr": "10.1.2.0/24", "ports": [{"port": 1}]}] * 2),
    "egress ports": smallest(
        extraEgress=[{"cidr": "10.1.2.0/24", "ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]}]
    ),
    "node people": {**smallest(), "nodes": [{"id": "b", "kind": "mac", "gateway": "home", "people": ["a@b.c"] * 2}]},
    "node ports": {
        **smallest(),
        "nodes": [{"id": "b", "kind": "mac", "gateway": "home", "people": ["a@b.c"], "ports": [22, 80, "22"]}],
    },
    "node commands": {**smallest(), "nodes": [{"id": "b", "kind": "mac", "gateway": "home", "commands": ["a.b"] * 2}]},
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_an_entry_that_is_there_twice_is_refused_with_both_places(name: str) -> None:
    (line,) = lines(DUPLICATES[name])
    assert "lists the same entry twice, at [0] and at [" in line


def test_a_command_that_is_allowed_and_denied_is_refused() -> None:
    commands = {"allow": ["a.b", "camera.snap"], "deny": ["camera.snap"]}
    assert lines(smallest(gateway={"nodes": {"commands": commands}})) == [
        "instances[0].gateway.nodes.commands.allow[1] is also denied, which wins. Remove one of the two."
    ]


BAD_LABELS: list[Any] = [
    *({}, {"": "a"}, {"a b": "c"}, {"-a": "b"}, {"a/": "b"}, {"/a": "b"}, {"a/b/c": "d"}, {"A.B/c": "d"}, {"a": ""}),
    *({"a" * 64: "b"}, {"a": "b" * 64}, {"a": "b c"}, {"a": "-b"}, {"a": 1}, {"a": True}, {"a": None}, {"a": ["b"]}),
    *({"a": "b\n"}, {"k8s-app": "kube-dns", "b": "é"}, ["k8s-app"], "k8s-app=kube-dns", {"a_": "b"}, {"a": "b_"}),
]


@pytest.mark.parametrize("labels", BAD_LABELS, ids=str)
def test_labels_that_select_nothing_or_everything_are_refused(labels: Any) -> None:
    (line,) = lines({**smallest(), "cluster": {"dnsLabels": labels}})
    assert line.startswith("cluster.dnsLabels")


@pytest.mark.parametrize(
    "labels", [{"k8s-app": "kube-dns"}, {"app.kubernetes.io/name": "CoreDNS_1.x"}, {"A": "b", "c": "0"}]
)
def test_labels_of_other_clusters_are_taken(labels: Any) -> None:
    assert parse({**smallest(), "cluster": {"dnsLabels": labels}}).cluster.dns_labels == labels


@pytest.mark.parametrize("value", [True, 1, "yes", "no", "on", "OFF", "false", "True"])
def test_a_switch_as_people_write_it(value: Any) -> None:
    if isinstance(value, str):
        retain = parse(smallest(storage={"retain": value})).instances[0].storage.retain
        assert retain is (value.lower() in ("yes", "on", "true"))
    elif value is True:
        assert parse(smallest(storage={"retain": value})).instances[0].storage.retain
    else:
        assert lines(smallest(storage={"retain": value})) == [
            "instances[0].storage.retain is neither true nor false. Write one of the two."
        ]


@pytest.mark.parametrize(
    "value", [0, -1, 65536, 10**30, 1.5, True, False, "", "x", "1.0", "0x10", "1_0", "+1", " 1", None, [], {}]
)
def test_a_port_is_a_whole_number_within_bounds(value: Any) -> None:
    (line,) = lines(smallest(extraEgress=[{"cidr": "10.1.2.3/32", "ports": [{"port": value}]}]))
    assert line.startswith("instances[0].extraEgress[0].ports[0].port ")
    assert value is None or line.endswith("is not a whole number from 1 to 65535.")


@pytest.mark.parametrize(
    ("word", "taken"), [(1, "1"), (2026, "2026"), (0, "0"), ("a", "a"), ("", ""), ("2026-11", "2026-11")]
)
def test_a_rotation_word_may_be_a_number(word: Any, taken: str) -> None:
    assert parse(smallest(gateway={"auth": {"rotation": word}})).instances[0].gateway.auth.rotation == taken


@pytest.mark.parametrize("word", [1.1, True, "a b", "x" * 17, "-a", 10**16, -1, ["a"]])
def test_no_rotation_word(word: Any) -> None:
    assert len(lines(smallest(gateway={"auth": {"rotation": word}}))) == 1
