"""What people are told of a change, from recorded previews of the real engine."""

import dataclasses

import pytest

from addons.changes.candidate import candidate
from addons.changes.consequences import Facts, access_of, consequences
from addons.changes.events import planned
from addons.changes.model import Change, Kind, Step
from addons.changes.stack_file import Text
from tests.support.engine_events import STACK_FILE, events


def facts(kind: Kind, sample: str, value: str = "", file: str = STACK_FILE) -> Facts:
    wanted = candidate(Change(instance="home", kind=kind, value=value), Text(file), lambda _: "v1:sealed")
    if not sample:
        return Facts(wanted, ())
    plan = planned(events(sample))
    return Facts(wanted, plan.steps, access_of(plan.before), access_of(plan.after), plan.templates)


def told(of: Facts) -> list[str]:
    return [f"{one.sort}: {one.says}" for one in consequences(of)]


RESTARTS = (
    "restarts: The gateway home restarts: about 20 s without an answer, up to 40 s on a small machine. "
    "Work that its agent is doing is finished first."
)
DATA = "kept: The data of home, its token and both volumes stay."
SAME = "kept: It stays the same device of the tailnet, with the same address."
OPEN = "kept: Who can connect stays as it is."


def test_switching_off() -> None:
    assert told(facts(Kind.DISABLE, "preview-disable")) == [
        RESTARTS,
        "access lost: alice@example.com and bob@example.com can no longer reach home through the tailnet.",
        "deleted: Its auth key is revoked; switching on mints a new one.",
        DATA,
        "kept: The device's identity stays on its volume: switched on again, it is the same device.",
        "changed: Deployment home-gateway, Namespace home-namespace, the tailnet's policy are changed in place.",
        "changed: ConfigMap home-config is made anew under another name.",
        "deleted: ConfigMap home-serve, NetworkPolicy home-allow-wireguard, Secret home-tailnet-authkey, "
        "Secret home-tailnet-kek, auth key home-authkey, random text home-kek are deleted.",
    ]


def test_switching_on() -> None:
    off = STACK_FILE.replace("reach: http, enabled: true", "reach: http, enabled: false")
    lines = told(facts(Kind.ENABLE, "preview-enable", file=off))
    assert lines[:3] == [
        RESTARTS,
        "access gained: alice@example.com and bob@example.com can reach home through the tailnet.",
        DATA,
    ]
    assert not [line for line in lines if line.startswith("warning")]


def test_another_name() -> None:
    lines = told(facts(Kind.HOSTNAME, "preview-hostname", "lab"))
    assert lines[:5] == [
        RESTARTS,
        "warning: http://openclaw-home.sandbox.internal stops answering; http://lab.sandbox.internal answers instead. "
        "Bookmarks and clients need the new one.",
        OPEN,
        DATA,
        SAME,
    ]


def test_another_name_with_https_and_a_machine_that_works_for_it() -> None:
    node = "  openclaw-tailnet:nodes:\n    - {id: build, kind: linux, gateway: home}\n"
    file = STACK_FILE.replace("reach: http, enabled", "reach: https, enabled").replace(
        "encryptionsalt", node + "encryptionsalt"
    )
    lines = told(facts(Kind.HOSTNAME, "preview-hostname", "lab", file))
    assert "created: A certificate for the new name is issued at the first visit." in lines
    assert [line for line in lines if "execution node build (linux) still connects to the old name" in line]


def test_a_new_key() -> None:
    assert told(facts(Kind.ROTATE_KEY, "preview-rotate"))[:5] == [
        RESTARTS,
        OPEN,
        "changed: A new auth key is minted, then the old one is revoked. The device stays joined: it shows a key only when "
        "its volume was lost.",
        DATA,
        SAME,
    ]


def test_how_it_is_shown() -> None:
    file = STACK_FILE.replace("reach: http, enabled", "reach: tcp, enabled")
    assert told(facts(Kind.ADDRESS, "", "address", file)) == [
        "kept: Nothing restarts.",
        "changed: home is shown, copied and opened by the tailnet address of its device. Both go on answering.",
        OPEN,
        DATA,
        SAME,
    ]


@pytest.mark.parametrize(("kind", "sort"), [(Kind.DISABLE, "access lost"), (Kind.HOSTNAME, "kept")])
def test_without_a_matrix_the_settings_say_who_connects(kind: Kind, sort: str) -> None:
    lines = [line for line in told(facts(kind, "", "lab")) if "reach home" in line or "connect" in line]
    assert [line.partition(":")[0] for line in lines] == [sort]


def test_a_volume_or_token_that_would_go_is_a_warning() -> None:
    claim = Step(operation="delete", type="kubernetes:core/v1:PersistentVolumeClaim", name="home-gateway-home")
    token = Step(operation="replace", type="random:index/randomPassword:RandomPassword", name="home-token")
    lines = told(dataclasses.replace(facts(Kind.DISABLE, ""), steps=(claim, token)))
    assert "warning: The volume home-gateway-home is deleted: data may be lost." in lines
    assert "warning: The gateway's token is made anew: everybody needs the new one." in lines
    assert not [line for line in lines if "both volumes stay" in line]


def test_a_long_list_is_shortened() -> None:
    many = tuple(Step(operation="create", type="kubernetes:core/v1:Secret", name=f"s{number}") for number in range(9))
    line = told(dataclasses.replace(facts(Kind.DISABLE, ""), steps=many))[-1]
    assert line == "created: Secret s0, Secret s1, Secret s2, Secret s3, Secret s4, Secret s5 and 3 more are created."
