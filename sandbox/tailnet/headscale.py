"""headscale as the sandbox's control server: its files, its command line, its first users and keys."""

import json
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.errors import SandboxError
from sandbox.tailnet.client import Headscale, HeadscaleError
from sandbox.tailnet.records import Credentials

CONFIG_FILE: Final = "headscale.yaml"
DERP_FILE: Final = "derpmap.yaml"
# headscale without a policy allows everything; the hosted service does too. A sandbox starts closed.
DENY_ALL: Final = json.dumps({"grants": []})
# sun_path holds 108 bytes.
_SOCKET_PATH_MAX: Final = 100


@dataclass(frozen=True)
class Relay:
    """The one relay in the DERP map. headscale refuses to start with an empty map, so without a relay of our own this
    names one on loopback where nothing answers. `cert_name` is the `sha256-raw:...` that derper logs at its start."""

    host: str = "127.0.0.1"
    derp_port: int = 3340
    stun_port: int = -1
    cert_name: str = ""

    def derp_map(self) -> dict[str, Any]:
        node: dict[str, Any] = {
            "name": "900a",
            "regionid": 900,
            "hostname": self.host,
            "ipv4": self.host,
            "derpport": self.derp_port,
            "stunport": self.stun_port,
            "canport80": False,
        }
        if self.cert_name:
            node["certname"] = self.cert_name
        return {"regions": {900: {"regionid": 900, "regioncode": "local", "regionname": "Local DERP", "nodes": [node]}}}


@dataclass(frozen=True)
class HeadscaleConfig:
    """The settings that differ between sandboxes. Devices reach the control server at `url`.

    `metrics_port` 0: none (metrics and debug pages know no password: they stay on loopback). Remote gRPC is off.
    """

    port: int
    address: str = "127.0.0.1"
    base_domain: str = "sandbox.internal"
    metrics_port: int = 0
    relay: Relay = field(default_factory=Relay)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def health_url(self) -> str:
        return f"{self.url}/health"

    def write(self, home: Path) -> Path:
        """Writes the configuration and the DERP map into `home` (same settings, same bytes); returns its path."""
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = home.absolute()
        socket = home / "headscale.sock"
        if len(str(socket)) > _SOCKET_PATH_MAX:
            raise SandboxError(f"{socket} is too long for a Unix socket", "Set SANDBOX_HOME to a shorter path")
        (home / DERP_FILE).write_text(yaml.safe_dump(self.relay.derp_map(), sort_keys=False))
        config: dict[str, Any] = {
            "server_url": self.url,
            "listen_addr": f"{self.address}:{self.port}",
            "metrics_listen_addr": f"127.0.0.1:{self.metrics_port}" if self.metrics_port else "",
            # Not listened on: needs TLS or this switch.
            "grpc_listen_addr": "127.0.0.1:0",
            "grpc_allow_insecure": False,
            "noise": {"private_key_path": str(home / "noise_private.key")},
            "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48", "allocation": "sequential"},
            "derp": {
                "server": {"enabled": False},
                "urls": [],
                "paths": [str(home / DERP_FILE)],
                "auto_update_enabled": False,
            },
            "disable_check_updates": True,
            "database": {"type": "sqlite", "sqlite": {"path": str(home / "db.sqlite"), "write_ahead_log": True}},
            "log": {"level": "info", "format": "text"},
            # In the database: with a file, REST could not set it.
            "policy": {"mode": "database"},
            "dns": {
                "magic_dns": True,
                "base_domain": self.base_domain,
                "override_local_dns": False,
                "nameservers": {"global": []},
            },
            "unix_socket": str(socket),
            "unix_socket_permission": "0700",
            "logtail": {"enabled": False},
            # By default each change of a node waits up to 0.5 s for company, and devices hear of changes every 0.8 s.
            "tuning": {"node_store_batch_size": 1, "batch_change_delay": "100ms"},
        }
        path = home / CONFIG_FILE
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path


def command(bin_dir: Path, home: Path) -> list[str]:
    """Command line of the server; run it with `home` as working directory or any other, all its paths are absolute."""
    return [str(bin_dir / "headscale"), "--config", str(home / CONFIG_FILE), "serve"]


@dataclass(frozen=True)
class HeadscaleEndpoint:
    """The addresses of a headscale, read from its configuration."""

    url: str
    base_domain: str
    socket: Path

    @classmethod
    def of(cls, home: Path) -> "HeadscaleEndpoint":
        path = home / CONFIG_FILE
        try:
            config: Any = yaml.safe_load(path.read_text())
        except OSError as error:
            raise SandboxError(f"cannot read {path} ({error.strerror})", "Run `make up`") from error
        return cls(config["server_url"], config["dns"]["base_domain"], Path(config["unix_socket"]))


@contextmanager
def connected(home: Path) -> Generator[Headscale]:
    """The running headscale whose files are in `home`."""
    control = Headscale(HeadscaleEndpoint.of(home).socket)
    try:
        yield control
    except HeadscaleError as error:
        raise SandboxError(f"headscale: {error.message}", "See its log") from error
    finally:
        control.close()


def setup(home: Path, people: Iterable[str]) -> Credentials:
    """Users for `people`, a closed policy where there is none, credentials for the adapter. headscale must be running.

    Does only what is missing, so it may be run again at any time. Nobody is removed: a person's devices hang on them.
    """
    with connected(home) as control:
        # A policy writes people as addresses. headscale 0.29 compares that with the e-mail and the name of each user
        # and refuses two matches, so one user carries the address in both places.
        known = {user.login for user in control.users()}
        for person in dict.fromkeys(people):
            if person not in known:
                control.create_user(_user_name(person), person)
        if control.policy() is None:
            control.set_policy(DENY_ALL)
    credentials = Credentials.read(home)
    if credentials is None:
        credentials = Credentials()
        credentials.write(home)
    return credentials


def device_key(home: Path, person: str, *, lifetime: timedelta = timedelta(hours=1)) -> str:
    """A one-off key that joins one device as `person` (laptops, phones: devices that carry no tag)."""
    with connected(home) as control:
        user = next((user for user in control.users() if user.login == person), None)
        if user is None:
            raise SandboxError(f"the tailnet has no user {person}", "Add them to the people of an instance")
        expiration = datetime.now(UTC) + lifetime
        return control.create_auth_key(user=user.id, expiration=expiration, reusable=False, ephemeral=False).key


def _user_name(person: str) -> str:
    """headscale's names are narrower than addresses (`alice+x@...`); the e-mail keeps the address as it is."""
    return re.sub(r"[^A-Za-z0-9@._-]", "-", person)
