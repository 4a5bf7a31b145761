"""A container that fails is named by its last words, by one rule; one that is well, or was long ago, is not named."""

import re
from typing import Any

import pytest

from addons.status.facts import Snapshot
from addons.status.rules import judge
from addons.status.rules.failures import cause
from components.sealed_key import UNSEAL_SCRIPT
from tests.support import addons_snapshots as s
from tests.support.addons_cases import CASES, only
from tests.support.addons_snapshots import NOW, altered, broken, container, well


def found(snapshot: Snapshot) -> list[str]:
    return [one.rule for one in judge(snapshot, NOW).findings]


@pytest.mark.parametrize(
    ("whose", "words", "rule"),
    [
        (
            "unseal",
            "the sealed auth key does not open: it was changed, or sealed with another key.",
            "sealed-key-damaged",
        ),
        ("unseal", "the sealed auth key is damaged: its header cannot be read.", "sealed-key-damaged"),
        ("unseal", "the sealed auth key is damaged: it is not a JWE of this stack.", "sealed-key-damaged"),
        (
            "unseal",
            'the sealed auth key belongs to "openclaw-lab/lab", not to "openclaw-home/home".',
            "sealed-key-foreign",
        ),
        ("unseal", "the key-encryption key is damaged: it has not 32 bytes.", "sealing-key-damaged"),
        ("unseal", "cannot read the key-encryption key (ENOENT).", "sealed-key-missing"),
        (
            "unseal",
            "cannot write /run/tailnet-authkey/authkey (ENOSPC). Is the volume full or read-only?",
            "no-room-for-the-sidecar",
        ),
        ("unseal", "cannot write /var/lib/ts-state/sealed-authkey.jwe.new (EACCES).", "tailnet-volume-unwritable"),
        ("unseal", "something that it never says", "container-fails"),
    ],
)
def test_every_message_of_unseal_has_its_rule(whose: str, words: str, rule: str) -> None:
    """components/unseal.mjs has them."""
    assert found(broken("home", NOW, whose, f"unseal: {words}")) == [rule]


def test_no_message_of_unseal_is_without_a_rule() -> None:
    """As its source has them now."""
    messages = re.findall(r"fail\(\s*[`\"](.*?)[`\"]\);", UNSEAL_SCRIPT)
    assert len(messages) >= 7
    for message in messages:
        words = re.sub(r"\$\{error\.code\}", "EROFS", message)
        assert cause("unseal", f"unseal: {re.sub(r'[$][{][^}]*[}]', 'x', words)}"), message


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (
            "boot: failed to unset serve config: write /var/lib/ts-state/tailscaled.state: no space left on device",
            "no-room-for-the-sidecar",
        ),
        ("backend error: authkey expired", "key-refused"),
        ("backend error: invalid key: API key does not exist", "key-refused"),
        ("requested tags [tag:openclaw-home] are invalid or not permitted", "key-refused"),
        ("control: Received error: fetch control key: Get https://x/key: dial tcp: i/o timeout", "control-unreachable"),
        ("a panic", "container-fails"),
    ],
)
def test_the_sidecars_last_words_have_their_rule(words: str, rule: str) -> None:
    assert found(broken("home", NOW, "tailscale", f"boot: starting\n{words}\nboot: exit")) == [rule]


def test_the_refusal_is_quoted_and_nothing_else_of_the_log() -> None:
    status = judge(broken("home", NOW, "tailscale", "boot: x\nbackend error: authkey expired\nmore"), NOW)
    assert status.headline.endswith(": backend error: authkey expired")


def test_a_sidecar_that_runs_between_two_starts_still_fails() -> None:
    """Nine tenths of a minute it tries, and the cluster calls that running."""
    snapshot = broken(
        "home", NOW, "tailscale", "backend error: authkey expired", reason="", state="running", message=""
    )
    assert found(snapshot) == ["key-refused"]


@pytest.mark.parametrize("text", ["authkey expired", "fetch control key: connection refused"])
def test_while_it_tries_tailscaled_itself_says_why(text: str) -> None:
    warning = s.HealthWarning(
        code="login-state", title="Logged out", text=f"You are logged out. The last login error was: {text}"
    )
    fields: dict[str, Any] = {"backend": "NeedsLogin", "online": False, "peers": (), "warnings": (warning,)}
    assert found(altered(well(), sidecar=fields)) == ["key-refused" if "authkey" in text else "control-unreachable"]


def test_what_a_container_said_long_ago_is_over() -> None:
    assert (
        found(
            only(
                "tailscale", restarts=1, last_message="backend error: authkey expired", last_ended_at=s.ago(NOW, 7200)
            )()
        )
        == []
    )


@pytest.mark.parametrize(("seconds", "rules"), [(800, ["was-out-of-memory"]), (1000, [])])
def test_memory_is_remembered_for_a_quarter_of_an_hour(seconds: float, rules: list[str]) -> None:
    assert found(only("tailscale", restarts=1, last_reason="OOMKilled", last_ended_at=s.ago(NOW, seconds))()) == rules


def test_an_init_container_that_has_done_its_work_does_not_fail() -> None:
    assert (
        found(altered(well(), cluster={"containers": (s.UNSEALED, container("tailscale"), container("gateway"))})) == []
    )


def test_a_full_volume_is_named_before_the_memory_that_it_cost() -> None:
    snapshot = broken("home", NOW, "gateway", "database or disk is full", last_reason="OOMKilled")
    assert found(snapshot)[0] == "no-room-for-the-gateway"


def test_a_volume_is_full_from_95_percent_on() -> None:
    def by(used: int) -> list[str]:
        return found(altered(well(), gateway={"home_volume": {"size": 1000, "used": used}}))

    assert by(799) == []
    assert by(800) == ["home-volume-fills"]
    assert by(949) == ["home-volume-fills"]
    assert by(950) == ["home-volume-full"]


def test_a_claim_that_waits_for_its_pod_is_no_trouble() -> None:
    """WaitForFirstConsumer: storage is made when the pod is placed."""
    snapshot = altered(CASES["pod-starting"](), cluster={"claims": CASES["claim-pending"]().cluster.value.claims})  # type: ignore[union-attr]
    assert found(snapshot) == ["pod-starting"]
