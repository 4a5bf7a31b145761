"""Each credential with the real containerboot: what it makes of the rendered sidecar, and what the tailnet is asked.

An auth key goes all the way. For an OAuth client and a workload identity headscale ends the way one step before the
end: it refuses a key and an advertised tag together, which is how both must join (tailscale feature/oauthkey).
"""

import json
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.home import Home
from sandbox.tailnet.headscale import HeadscaleConfig
from tests.support.containerboot import STARTED, Boot, config
from tests.support.headscale_world import World, serving
from tests.support.token_exchange import front

TAG = "tag:openclaw-home"
POLICY: dict[str, Any] = {"tagOwners": {TAG: []}, "grants": []}
REFUSED = f"requested tags [{TAG}] are invalid or not permitted"
CLIENT_ID, TOKEN = "kT1CNTRL-k2CNTRL", "eyJhbGciOiJub25lIn0.eyJhdWQiOiJhcGkudGFpbHNjYWxlLmNvbSJ9.c2ln"


@pytest.fixture(scope="module")
def places() -> Generator[Home]:
    # A short path that others may pass through: Unix sockets have at most 108 bytes, and the sidecar is not root.
    with tempfile.TemporaryDirectory(prefix="boot-", dir="/tmp") as directory:
        home = Home(Path(directory), Home.from_env().bin.resolve())
        if missing := [tool for tool in ("headscale", "containerboot") if not (home.bin / tool).exists()]:
            pytest.fail(f"{home.bin} has no {', '.join(missing)}: run `make tools`")
        home.create()
        home.root.chmod(0o755)
        yield home


@pytest.fixture(scope="module")
def world(places: Home) -> Generator[World]:
    headscale = HeadscaleConfig(port=places.port("headscale"))
    headscale.write(places.tailnet)
    with serving(places.tailnet, places.bin, headscale, places.port("adapter")) as world:
        world.call("POST", "/tailnet/-/acl", json=POLICY)
        yield world


@pytest.fixture
def boot(places: Home, tmp_path: Path) -> Boot:
    place = places.root / tmp_path.name[-20:]
    place.mkdir()
    return Boot(place, places.bin, places.port("containerboot"))


def told(boot: Boot) -> list[str]:
    """The arguments that containerboot gave to tailscaled's own CLI, one line for each call."""
    return [call.partition(f"--socket={boot.place}/socket ")[2] for call in boot.calls()]


def minted(world: World) -> list[dict[str, Any]]:
    keys = world.call("GET", "/tailnet/-/keys").json()["keys"]
    return [key["capabilities"]["devices"]["create"] for key in keys if key["keyType"] == "auth"]


def identity(world: World) -> tuple[str, list[str], list[str]]:
    (device,) = world.devices().values()
    return device["nodeId"], device["addresses"], device["tags"]


def test_i10_an_auth_key_joins_once_and_a_rotated_one_keeps_the_device(world: World, boot: Boot) -> None:
    control = {"loginServer": world.config.url}
    first, second = world.key(TAG), world.key(TAG)
    boot.render(config("home", control, authKey={"value": first["key"], "reusable": False}))
    with boot.running() as process:
        boot.until(process, STARTED)
        arguments = Path(f"/proc/{process.pid}/cmdline").read_text() + Path(f"/proc/{process.pid}/environ").read_text()
    assert told(boot) == [
        "--statedir=/var/lib/ts-state --tun=userspace-networking --encrypt-state=false",
        "up --accept-dns=false --authkey=file:/run/tailnet-authkey/authkey --hostname=openclaw-home --reset "
        f"--login-server={world.config.url}",
        "set --accept-dns=false --hostname=openclaw-home",
    ]
    assert first["key"] not in arguments + "".join(boot.calls()) + boot.log, "I4"
    joined = identity(world)
    assert joined[2] == [TAG]

    # Revoked and replaced: the device does not care, it never asks for the key again.
    world.call("DELETE", f"/tailnet/-/keys/{first['id']}")
    boot.put_secret(second["key"])
    with boot.running() as process:
        boot.until(process, STARTED)
        assert [line.split()[0] for line in told(boot)] == ["--statedir=/var/lib/ts-state", "set"]
        assert identity(world) == joined


def test_i10_a_removed_device_that_joined_by_another_form_joins_anew(world: World, boot: Boot) -> None:
    """`up` refuses to leave out what was set before, such as the tag that other forms advertise, unless told --reset. And a
    device that believes a cached map of the tailnet does not log in at all: some control servers ask for such a cache, and
    without being asked tailscaled has one for moments."""
    key = world.key(TAG, reusable=True)["key"]
    cached = {"target": [TAG], "attr": ["cache-network-maps"]}
    world.call("POST", "/tailnet/-/acl", json={**POLICY, "nodeAttrs": [cached]})
    try:
        boot.render(config("home", {"loginServer": world.config.url}, authKey={"value": key}))
        with boot.running() as process:
            boot.until(process, STARTED)
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(boot.place / "socket"))) as local:
                prefs = {"AdvertiseTags": [TAG], "AdvertiseTagsSet": True}
                local.patch("http://local-tailscaled.sock/localapi/v0/prefs", json=prefs).raise_for_status()
        for device in world.devices().values():
            world.call("DELETE", f"/device/{device['id']}")
        with boot.running() as process:
            boot.until(process, STARTED)
        assert [line.split()[0] for line in told(boot)][1:] == ["up", "set"]
        assert identity(world)[2] == [TAG]
    finally:
        world.call("POST", "/tailnet/-/acl", json=POLICY)


def test_i4_a_clients_secret_is_only_in_its_file_and_buys_a_one_off_key(world: World, boot: Boot) -> None:
    before = len(minted(world))
    client = {"keyType": "client", "scopes": ["auth_keys"], "tags": [TAG]}
    secret = world.call("POST", "/tailnet/-/keys", json=client).json()["key"]
    control = {"loginServer": world.config.url, "apiUrl": world.url}
    boot.render(config("home", control, credential="oauth", oauth={"clientSecret": secret}))
    with boot.running() as process:
        boot.until(process, f"{REFUSED}\nboot")
    assert told(boot)[1:] == [
        "up --accept-dns=false --client-secret=file:/run/tailnet-authkey/authkey --hostname=openclaw-home --reset "
        f"--login-server={world.config.url} --advertise-tags={TAG}"
    ]
    assert secret not in "".join(boot.calls()) + boot.log
    # For one device, that stays and needs no approval.
    (key,) = minted(world)[before:]
    assert key == {"reusable": False, "ephemeral": False, "preauthorized": True, "tags": [TAG]}


def test_i5_a_workload_identity_exchanges_the_pods_token_for_a_one_off_key(world: World, boot: Boot) -> None:
    before = len(minted(world))
    with front(world.config.url, world.url, world.credentials.api_key) as control:
        given = {"clientId": CLIENT_ID}
        boot.render(config("home", {"loginServer": control.url}, credential="workloadIdentity", workloadIdentity=given))
        boot.put_token(TOKEN)
        with boot.running() as process:
            boot.until(process, f"{REFUSED}\nboot")
    assert told(boot)[1:] == [
        f"up --accept-dns=false --client-id={CLIENT_ID}?ephemeral=false&preauthorized=true "
        f"--id-token=file:/run/tailnet-token/token --hostname=openclaw-home --reset --login-server={control.url} "
        f"--advertise-tags={TAG}"
    ]
    exchange, key = control.asked
    assert exchange.call == "POST /api/v2/oauth/token-exchange"
    # The client id without its words, and the token as the kubelet wrote it.
    assert {name: exchange.body[name] for name in ("client_id", "jwt")} == {"client_id": CLIENT_ID, "jwt": TOKEN}
    wanted = {"reusable": False, "ephemeral": False, "preauthorized": True, "tags": [TAG]}
    assert (key.call, key.body) == (
        "POST /api/v2/tailnet/-/keys",
        {"capabilities": {"devices": {"create": wanted}}},
    )
    assert minted(world)[before:] == [wanted]
    assert TOKEN not in boot.log
    assert not (boot.place / "volumes" / "tailnet-authkey").exists(), "no sealed secret"


def test_a_refused_exchange_is_one_clear_line_and_an_end(world: World, boot: Boot) -> None:
    with front(world.config.url, world.url, world.credentials.api_key) as control:
        control.refuse = "token subject does not match"
        given = {"clientId": CLIENT_ID}
        boot.render(config("home", {"loginServer": control.url}, credential="workloadIdentity", workloadIdentity=given))
        boot.put_token(TOKEN)
        with boot.running() as process:
            said = f"token exchange failed with status 403: {json.dumps({'message': control.refuse})}"
            boot.until(process, said)
            assert process.wait(10) == 1
