"""Single values by class: what cannot work or does harm is refused at reading, and what works is not."""

import base64
import json
from typing import Any

import pytest
import yaml
from configs import Raw, smallest, with_tailnet
from every_place import PLACES, value_at, with_value, without
from hypothesis import given, settings
from hypothesis import strategies as st
from test_settings import lines

from components.settings.load import parse
from components.settings.quantities import cpu_millis, quantity_bytes

# Blanks, controls, and characters that nobody sees.
UNSEEN = " \t\n\r\x00\x1b\x7f\u00a0\u00ad\u034f\u061c\u115f\u180e\u200b\u200d\u200e\u2028\u202e\u2060\u2800\u3164\ufeff\ufffe"


def is_text(path: tuple[str | int, ...]) -> bool:
    return isinstance(value_at(path), str)


@pytest.mark.parametrize("path", list(filter(is_text, PLACES)), ids=lambda path: ".".join(map(str, path)))
def test_a_text_with_something_unseen_in_it_is_refused_everywhere(path: tuple[str | int, ...]) -> None:
    text = value_at(path)
    for char in UNSEEN:
        for value in (text + char, char + text, text[:3] + char + text[3:]):
            # A model's key may be a document of several lines.
            if not ("modelKeys" in path and char in " \t\r\n" and value.strip() == value):
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


SIZES = [
    "0Ki",
    "0Mi",
    "00Gi",
    "0Ti",
    "999999999Ti",
    "65Ti",
    "1Ki",
    "1023Ki",
    "-1Gi",
    "1.5Gi",
    "1e3Mi",
    "10G",
    "10",
    "Gi",
    "9" * 5000 + "Gi",
]
MEMORIES = ["0Ki", "0Mi", "2Ti", "999999999Gi", "-1Gi", "2gi", "2GB", "2G", "2", "", "9" * 5000 + "Mi"]
CPUS = [
    "0",
    "0m",
    "0.0",
    "0.000",
    "00",
    "-1",
    "513",
    "600000m",
    "1e3",
    "1.2345",
    "2 cores",
    "inf",
    "nan",
    "",
    "9" * 5000,
]


@pytest.mark.parametrize("size", SIZES)
def test_a_size_that_no_volume_has_is_refused(size: str) -> None:
    for volume in ("home", "tailnet"):
        (line,) = lines(smallest(storage={volume: {"size": size}}))
        assert line.startswith(f"instances[0].storage.{volume}.size ")


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_memory_that_no_container_has_is_refused(memory: str) -> None:
    for part in ("gateway", "tailscale"):
        for key in ("memoryLimit", "memoryRequest"):
            (line,) = lines(smallest(**{part: {"resources": {key: memory}}}))
            assert line.startswith(f"instances[0].{part}.resources.{key} ")


@pytest.mark.parametrize("cpu", [*CPUS, 0, 0.0, -1, 1000, 1e300, float("nan"), float("inf"), 0.00001, True, [], {}])
def test_a_processor_time_that_no_container_has_is_refused(cpu: Any) -> None:
    for part in ("gateway", "tailscale"):
        for key in ("cpuLimit", "cpuRequest"):
            (line,) = lines(smallest(**{part: {"resources": {key: cpu}}}))
            assert line.startswith(f"instances[0].{part}.resources.{key} ")


@pytest.mark.parametrize(
    ("cpu", "millis"), [(2, 2000), (0.5, 500), (2.0, 2000), (1.25, 1250), ("1500m", 1500), ("1", 1000)]
)
def test_processor_time_may_be_a_number(cpu: Any, millis: int) -> None:
    (instance,) = parse(smallest(gateway={"resources": {"cpuLimit": cpu}})).instances
    assert cpu_millis(instance.gateway.resources.cpu_limit) == millis


@pytest.mark.parametrize("number", [2, 2.0, 0, 2147483648])
def test_a_number_without_a_unit_is_refused_with_the_mend(number: Any) -> None:
    for config in (
        smallest(gateway={"resources": {"memoryLimit": number}}),
        smallest(tailscale={"resources": {"memoryRequest": number}}),
        smallest(storage={"home": {"size": number}}),
    ):
        (line,) = lines(config)
        assert line.endswith("is a number without a unit. Write Ki, Mi, Gi or Ti after it, such as 2Gi.")


@given(amount=st.integers(1, 64), unit=st.sampled_from(["Gi", "Ti"]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_usual_sizes_are_taken(amount: int, unit: str) -> None:
    (instance,) = parse(smallest(storage={"home": {"size": f"{amount}{unit}"}})).instances
    assert quantity_bytes(instance.storage.home.size) == amount * (2**30 if unit == "Gi" else 2**40)


def with_pod(**resources: Any) -> Raw:
    pod = {"id": "p", "kind": "kubernetes", "gateway": "home", "kubernetes": resources}
    return {**smallest(), "nodes": [pod]}


TOO_LITTLE: dict[str, tuple[Raw, str]] = {
    "gateway cpu": (smallest(gateway={"resources": {"cpuRequest": "50m", "cpuLimit": "199m"}}), "200m"),
    "gateway memory": (smallest(gateway={"resources": {"memoryRequest": "64Mi", "memoryLimit": "767Mi"}}), "768Mi"),
    "sidecar cpu": (smallest(tailscale={"resources": {"cpuRequest": "1m", "cpuLimit": "19m"}}), "20m"),
    "sidecar memory": (smallest(tailscale={"resources": {"memoryRequest": "1Mi", "memoryLimit": "35Mi"}}), "48Mi"),
    "home": (smallest(storage={"home": {"size": "127Mi"}}), "128Mi"),
    "pod cpu": (with_pod(resources={"cpuRequest": "1m", "cpuLimit": "99m"}), "100m"),
    "pod memory": (with_pod(resources={"memoryRequest": "64Mi", "memoryLimit": "256Mi"}), "384Mi"),
    "pod sidecar": (with_pod(sidecarResources={"memoryRequest": "1Mi", "memoryLimit": "16Mi"}), "48Mi"),
}


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_a_limit_that_cannot_start_is_refused_with_the_least_that_can(name: str) -> None:
    config, least = TOO_LITTLE[name]
    (line,) = lines(config)
    assert line.endswith(f"Give it at least {least}.")


def is_section(path: tuple[str | int, ...]) -> bool:
    """Whether something may be left out there: it has a default."""
    try:
        parse(without(path))
    except Exception:
        return False
    # An entry of somebody's own is no key of ours.
    return isinstance(path[-1], str) and path[-2:-1] not in [("modelKeys",), ("groups",), ("dnsLabels",)]


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
    assert "has one entry twice, at [0] and at [" in line


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


KUBECONFIG = {"apiVersion": "v1", "kind": "Config", "clusters": [{"name": "a", "cluster": {"server": "https://a"}}]}
TOKEN = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "RS256", "kid": "some-key-or-other"}, {"iss": "https://kubernetes.default.svc"}, "x" * 30)
)
NO_PATHS: list[Any] = [
    *(KUBECONFIG, [KUBECONFIG], json.dumps(KUBECONFIG), json.dumps(KUBECONFIG, indent=1), yaml.safe_dump(KUBECONFIG)),
    *(yaml.safe_dump(KUBECONFIG, default_flow_style=True), base64.b64encode(json.dumps(KUBECONFIG).encode()).decode()),
    base64.urlsafe_b64encode(yaml.safe_dump(KUBECONFIG).encode()).decode().rstrip("="),
    base64.encodebytes(yaml.safe_dump(KUBECONFIG).encode()).decode(),
    *(
        TOKEN,
        "apiVersion: v1",
        "",
        "/",
        "~",
        "$HOME/.kube/config",
        "${KUBECONFIG}",
        "$(cat config)",
        "`id`",
        "a\nb",
        "~/a b",
    ),
    *("-----BEGIN CERTIFICATE-----", "a" * 2000, 5, True, "https://example.com/config", "/a;b", "/a|b", "/a'b", '/a"b'),
]


@pytest.mark.parametrize("value", NO_PATHS, ids=lambda value: repr(value)[:40])
def test_what_is_no_path_of_a_kubeconfig_is_refused(value: Any) -> None:
    (line,) = lines({**smallest(), "cluster": {"kubeconfig": value}})
    assert line.startswith("cluster.kubeconfig ")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "~/.kube/config",
            "/etc/rancher/k3s/k3s.yaml",
            "config",
            "./config",
            "../a/config",
            "/home/jürgen/.kube/config",
        ),
        *(
            "C:\\Users\\me\\.kube\\config",
            "C:/Users/me/.kube/config",
            "kubeconfig-prod.yaml",
            "/tmp/pytest-1/a_b/c+d@e/f",
        ),
        "/very/long/" + "directory/" * 50 + "config",
    ],
)
def test_a_path_of_a_kubeconfig_is_taken(path: str) -> None:
    assert parse({**smallest(), "cluster": {"kubeconfig": path}}).cluster.kubeconfig == path


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_document_in_base64_is_a_path(document: dict[str, str]) -> None:
    text = json.dumps({"apiVersion": "v1", "clusters": [], **document})
    for encoded in (base64.b64encode(text.encode()), base64.urlsafe_b64encode(text.encode())):
        assert len(lines({**smallest(), "cluster": {"kubeconfig": encoded.decode()}})) == 1


@pytest.mark.parametrize("value", [True, 1, "yes", "no", "on", "OFF", "false", "True"])
def test_a_switch_as_people_write_it(value: Any) -> None:
    if isinstance(value, str):
        made = parse(smallest(storage={"retain": value})).instances[0].storage.retain
        assert made is (value.lower() in ("yes", "on", "true"))
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
