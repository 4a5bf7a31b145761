"""The configuration: safe defaults, every cross check with its words, all problems in one error, never a secret in it."""

from typing import Any

import pulumi
import pytest
from hypothesis import given, settings

from components.settings.load import parse
from tests.support.configs import STACK_FILES, Raw, configurations, read_stack_file, smallest, with_tailnet
from tests.support.harness import run_program
from tests.support.settings import lines

DIGEST = "@sha256:" + "0" * 64


def two(first: Raw, second: Raw) -> Raw:
    people = {"people": ["you@example.com"]}
    return {**smallest(), "instances": [{"id": "a", **people, **first}, {"id": "b", **people, **second}]}


def test_the_smallest_file_has_the_safe_defaults() -> None:
    settings = parse(smallest())
    (instance,) = settings.instances
    assert (settings.tailnet.ownership, settings.tailnet.protect, settings.tailnet.tag_owners) == (
        "verified",
        True,
        ("autogroup:admin",),
    )
    assert settings.tailnet.login_server is settings.tailnet.api_url is None
    sidecar = instance.tailscale
    assert (sidecar.enabled, sidecar.mode, sidecar.reach, sidecar.metrics) == (True, "tun", "https", False)
    assert instance.gateway.auth.mode == "token"
    assert (instance.storage.retain, instance.storage.access_mode) == (True, "ReadWriteOncePod")
    assert instance.extra_egress == ()
    assert sidecar.auth_key.expiry_days <= 90


@pytest.mark.parametrize("path", STACK_FILES, ids=lambda path: path.name)
def test_every_stack_file_is_valid(path: Any) -> None:
    parse(read_stack_file(path))


@given(configurations(most=3))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_generated_configuration_is_valid(config: Raw) -> None:
    assert len(parse(config).instances) == len(config["instances"])


# Somebody else's policy may have groups of its own.
OWNED = {"tailnet": {"name": "example.ts.net", "ownership": "owned"}}
CROSS_CHECKS: dict[str, tuple[Raw, str]] = {
    "duplicate id": (
        two({}, {"id": "a", "namespace": "x", "tailscale": {"hostname": "x"}}),
        'instances[1].id "a" is that of instances[0]. Give each instance its own id.',
    ),
    "duplicate id alone": (
        two({}, {"id": "a"}),
        'instances[1].id "a" is that of instances[0]. Give each instance its own id.',
    ),
    "duplicate namespace": (
        two({}, {"namespace": "openclaw-a"}),
        'instances[1].namespace "openclaw-a" is that of instances[0]. '
        "Two instances never share a namespace: remove the key, or choose another.",
    ),
    "duplicate hostname": (
        two({}, {"tailscale": {"hostname": "openclaw-a"}}),
        'instances[1].tailscale.hostname "openclaw-a" is that of instances[0]. '
        "Two devices never share a name: choose another.",
    ),
    "a namespace of the cluster's own": (
        smallest(namespace="kube-system"),
        'instances[0].namespace "kube-system" holds other workloads: its pods would lose their network. '
        "Choose one for this instance alone.",
    ),
    "OAuth client without secret": (
        with_tailnet(oauthClientId="k123"),
        "tailnet.oauthClientSecret is missing: an OAuth client has an id and a secret. Set both.",
    ),
    "OAuth secret without client": (
        with_tailnet(oauthClientSecret="tskey-client-x"),
        "tailnet.oauthClientId is missing: an OAuth client has an id and a secret. Set both.",
    ),
    "two API credentials": (
        with_tailnet(apiKey="tskey-api-x", oauthClientId="k", oauthClientSecret="tskey-client-x"),
        "tailnet.apiKey is set together with an OAuth client. Keep one of the two.",
    ),
    "external with an API credential": (
        {
            "tailnet": {"name": "example.ts.net", "ownership": "external", "apiKey": "tskey-api-x"},
            "instances": [{"id": "a", "people": ["a@b.c"], "tailscale": {"authKey": {"value": "tskey-auth-x"}}}],
        },
        'tailnet.ownership "external" never uses the API. Remove the API credential, or write "verified".',
    ),
    "external without a key": (
        with_tailnet(ownership="external"),
        'instances[0].tailscale.authKey.value is missing: with tailnet.ownership "external" no key is minted. '
        "Set it: pulumi config set --secret --path 'instances[0].tailscale.authKey.value'.",
    ),
    "empty key": (
        smallest(tailscale={"authKey": {"value": " "}}),
        "instances[0].tailscale.authKey.value is empty. Set it, or remove the key.",
    ),
    "unknown group": (
        {**smallest(people=["group:family"]), **OWNED},
        'instances[0].people[0] "group:family" is not a group of tailnet.groups. Add it there.',
    ),
    "allowUsers without identity": (
        smallest(gateway={"auth": {"allowUsers": ["a@b.c"]}}),
        'instances[0].gateway.auth.allowUsers is only for mode "identity". Remove it, or change the mode.',
    ),
    "identity without Tailscale": (
        smallest(gateway={"auth": {"mode": "identity"}}, tailscale={"enabled": False}),
        'instances[0].gateway.auth.mode "identity" needs Tailscale, which is disabled here. Use "token" until it is enabled.',
    ),
    "identity in userspace": (
        smallest(gateway={"auth": {"mode": "identity"}}, tailscale={"mode": "userspace"}),
        'instances[0].gateway.auth.mode "identity" does not work in userspace mode: peers could bypass '
        'Serve and forge the login. Use tailscale.mode "tun", or auth mode "token".',
    ),
    "identity by tcp": (
        smallest(gateway={"auth": {"mode": "identity"}}, tailscale={"reach": "tcp"}),
        'instances[0].gateway.auth.mode "identity" needs Serve to name the login: use tailscale.reach "https".',
    ),
    "identity for a group": (
        {
            "tailnet": {"name": "example.ts.net", "groups": {"group:family": ["a@b.c"]}},
            "instances": [{"id": "a", "people": ["group:family"], "gateway": {"auth": {"mode": "identity"}}}],
        },
        "instances[0].gateway.auth.allowUsers is missing: the gateway matches logins, not groups. "
        "List the logins that may connect.",
    ),
    "an address that does not answer": (
        smallest(tailscale={"prefer": "address"}),
        'instances[0].tailscale.prefer "address" does not work with reach "https": Serve answers by name only. '
        'Use "name", or reach "tcp".',
    ),
    "metrics without Tailscale": (
        smallest(tailscale={"enabled": False, "metrics": True}),
        "instances[0].tailscale.metrics is on while Tailscale is disabled. Enable Tailscale, or turn metrics off.",
    ),
    "the gateway's own secret": (
        smallest(gateway={"secrets": {"OPENCLAW_GATEWAY_TOKEN": "x"}}),
        "instances[0].gateway.secrets.<key> is not a provider's key: variables that begin with OPENCLAW_ control the programs in "
        "the pod. Remove it.",
    ),
    "memory request above limit": (
        smallest(gateway={"resources": {"memoryRequest": "3Gi"}}),
        'instances[0].gateway.resources.memoryRequest "3Gi" is above the limit. Lower it.',
    ),
    "cpu request above limit": (
        smallest(tailscale={"resources": {"cpuRequest": "1001m"}}),
        'instances[0].tailscale.resources.cpuRequest "1001m" is above the limit. Lower it.',
    ),
    "too little memory": (
        smallest(gateway={"resources": {"memoryRequest": "512Mi", "memoryLimit": "767Mi"}}),
        'instances[0].gateway.resources.memoryLimit "767Mi" is too small: the gateway is killed while it starts. '
        "Give it at least 768Mi.",
    ),
    "no digest": (
        {**smallest(), "images": {"requireDigest": True, "tailscale": "x.io/t" + DIGEST}},
        'images.gateway "ghcr.io/openclaw/openclaw:2026.9.6" has no digest, which images.requireDigest asks for (I8). '
        "Add it.",
    ),
    "no digest in the instance": (
        {
            **smallest(tailscale={"image": "x.io/t:1.0.0"}),
            "images": {"requireDigest": True, "gateway": "x.io/g" + DIGEST, "tailscale": "x.io/t" + DIGEST},
        },
        'instances[0].tailscale.image "x.io/t:1.0.0" has no digest, which images.requireDigest asks for (I8). Add it.',
    ),
}


@pytest.mark.parametrize("name", CROSS_CHECKS)
def test_cross_check(name: str) -> None:
    config, line = CROSS_CHECKS[name]
    assert lines(config) == [line]


SINGLE_VALUES: dict[str, tuple[Raw, str]] = {
    "unknown part": ({**smallest(), "instance": []}, "instance is not a known key. Did you mean instances?"),
    "unknown part like none": (
        {**smallest(), "more": []},
        "<key> is not a known key, and is not repeated here in case it is a secret. Known here: tailnet, instances, nodes,",
    ),
    "unknown key, with the one that was meant": (
        smallest(tailscale={"hostnam": "x"}),
        "instances[0].tailscale.hostnam is not a known key. Did you mean hostname?",
    ),
    "unknown key, with those there are": (
        smallest(storage={"zzz": 1}),
        "instances[0].storage.<key> is not a known key, and is not repeated here in case it is a secret. "
        "Known here: home, tailnet, accessMode, retain.",
    ),
    "snake case": (
        smallest(tailscale={"auth_key": {}}),
        "instances[0].tailscale.auth_key is not a known key. Did you mean authKey?",
    ),
    "no tailnet": ({"instances": smallest()["instances"]}, "tailnet is missing. Add it."),
    "no name": ({**smallest(), "tailnet": {}}, "tailnet.name is missing. Add it."),
    "no instances": ({"tailnet": {"name": "example.ts.net"}}, "instances must be a list. Add one entry for each"),
    "instances by name": ({**smallest(), "instances": {"home": {}}}, "instances must be a list. Add one entry"),
    "nobody": (smallest(people=[]), "instances[0].people is empty. Add at least one entry."),
    "people as a word": (smallest(people="you@example.com"), "instances[0].people must be a list."),
    "everybody": (smallest(people=["*"]), "instances[0].people[0] would let in more than the people you name."),
    "autogroup": (smallest(people=["autogroup:member"]), "instances[0].people[0] would let in more"),
    "no login": (smallest(people=["bob"]), "instances[0].people[0] is neither a login such as"),
    "latest": (
        smallest(gateway={"image": "x.io/openclaw:latest"}),
        "instances[0].gateway.image has no immutable tag (I8).",
    ),
    "no tag": (smallest(gateway={"image": "x.io:5000/g"}), "instances[0].gateway.image has no immutable"),
    "bad digest": (smallest(gateway={"image": "x.io/g@sha256:00"}), "instances[0].gateway.image "),
    "upper case id": (smallest(id="Home"), "instances[0].id is not a DNS label."),
    "long id": (smallest(id="x" * 41), "instances[0].id "),
    "dotted hostname": (smallest(tailscale={"hostname": "a.b"}), "instances[0].tailscale.hostname is not a DNS"),
    "unknown mode": (
        smallest(tailscale={"mode": "kernel"}),
        "instances[0].tailscale.mode must be one of tun, userspace.",
    ),
    "unknown reach": (
        smallest(tailscale={"reach": "funnel"}),
        "instances[0].tailscale.reach must be one of https, http, tcp.",
    ),
    "host bits": (
        smallest(extraEgress=[{"cidr": "10.0.0.1/8", "ports": [{"port": 1}]}]),
        "instances[0].extraEgress[0].cidr is not a CIDR. Write the network's first address",
    ),
    "everything": (
        smallest(extraEgress=[{"cidr": "::/0", "ports": [{"port": 1}]}]),
        "instances[0].extraEgress[0].cidr would open everything.",
    ),
    "no ports": (
        smallest(extraEgress=[{"cidr": "10.0.0.0/8", "ports": []}]),
        "instances[0].extraEgress[0].ports is empty.",
    ),
    "port": (
        smallest(extraEgress=[{"cidr": "10.0.0.0/8", "ports": [{"port": 65536}]}]),
        'instances[0].extraEgress[0].ports[0].port "65536" is not a whole number from 1 to 65535.',
    ),
    "quantity": (
        smallest(storage={"home": {"size": "10G"}}),
        "instances[0].storage.home.size is not a quantity.",
    ),
    "too long a life": (
        smallest(tailscale={"authKey": {"expiryDays": 91}}),
        "instances[0].tailscale.authKey.expiryDays",
    ),
    "path in URL": (
        with_tailnet(loginServer="https://a.b/c"),
        "tailnet.loginServer is not a base URL.",
    ),
    "object for a word": (smallest(tailscale="on"), "instances[0].tailscale must be an object: a mapping of keys."),
}


@pytest.mark.parametrize("name", SINGLE_VALUES)
def test_single_value(name: str) -> None:
    config, start = SINGLE_VALUES[name]
    (line,) = lines(config)
    assert line.startswith(start), line
    assert line.endswith((".", "?")), line


def test_all_problems_are_in_one_error() -> None:
    config = {
        "tailnet": {"name": "nodots"},
        "instances": [
            {"id": "Home", "people": ["*", "bob"], "tailscale": {"reach": "udp"}},
            {"id": "ok", "people": ["a@b.c"], "gateway": {"auth": {"allowUsers": ["a@b.c"]}}},
            "word",
        ],
        "cluster": {"kubconfig": "x"},
        "more": 1,
    }
    paths = {line.split(" ", 1)[0] for line in lines(config)}
    assert paths == {
        *("<key>", "tailnet.name", "instances[0].id", "instances[0].people[0]", "instances[0].people[1]"),
        *("instances[0].tailscale.reach", "instances[1].gateway.auth.allowUsers", "instances[2]", "cluster.kubconfig"),
    }


def test_the_program_shows_the_error_without_a_traceback() -> None:
    with pytest.raises(pulumi.RunError) as raised:
        run_program(smallest(people=["*"]))
    assert str(raised.value).startswith("1 problem in the stack's configuration; nothing was changed:\n  instances[0]")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_word_where_an_object_belongs_is_no_traceback_either() -> None:
    with pytest.raises(pulumi.RunError, match=r"tailnet must be an object"):
        run_program({**smallest(), "tailnet": "example.ts.net"})
