"""Configurations to run the program with: the stack files, the main shapes, and any valid one that hypothesis finds."""

import string
from pathlib import Path
from typing import Any, Final, cast

import yaml
from hypothesis import strategies as st

from sandbox.model.provider import KEY_VARIABLE
from sandbox.stack import model_keys
from tests.support.placements import PLACED, TO_THE_PROXY, placements

Raw = dict[str, Any]  # a stack's configuration without the project's prefix: plain YAML data

ROOT: Final = Path(__file__).resolve().parents[2]
STACK_FILES: Final = sorted(path for path in ROOT.glob("Pulumi.*.yaml"))


def read_stack_file(path: Path) -> Raw:
    """A stack file's configuration, with a made value for each encrypted one."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())["config"]
    raw = {key.split(":", 1)[1]: _decrypted(value) for key, value in config.items()}
    for index in range(len(model_keys(path, ""))):
        # As `make up` sets it.
        raw["instances"][index]["gateway"]["secrets"] = {KEY_VARIABLE: "made-up-secret"}
    return raw


def _decrypted(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        return (
            "made-up-secret" if set(fields) == {"secure"} else {key: _decrypted(item) for key, item in fields.items()}
        )
    if isinstance(value, list):
        return [_decrypted(item) for item in cast(list[Any], value)]
    return value


def smallest(**instance: Any) -> Raw:
    """The smallest useful configuration, with more in its one instance."""
    return {
        "tailnet": {"name": "example.ts.net"},
        "instances": [{"id": "home", "people": ["you@example.com"], **instance}],
    }


def with_tailnet(**tailnet: Any) -> Raw:
    """The smallest configuration, with more about its tailnet."""
    return {**smallest(), "tailnet": {"name": "example.ts.net", **tailnet}}


MODEL_KEYS: Final = {"OPENAI_API_KEY": "sk-model-key-of-home"}

AGENT: Final[Raw] = {
    "agents": {"defaults": {"model": {"primary": "openai/gpt-6-astra"}}},
    "tools": {"deny": ["browser"]},
}

SHAPES: Final[dict[str, Raw]] = {
    "default": smallest(),
    "owned": with_tailnet(ownership="owned"),
    "http": smallest(tailscale={"reach": "http"}),
    "tcp": smallest(tailscale={"reach": "tcp"}),
    "userspace": smallest(tailscale={"mode": "userspace"}),
    "disabled": smallest(tailscale={"enabled": False}),
    "password": smallest(
        gateway={"auth": {"mode": "password"}, "secrets": MODEL_KEYS, "secretsFrom": [{"name": "more"}]}
    ),
    "portals": smallest(tailscale={"reach": "http", "portals": [8080, 3000]})
    | {"tailnet": {"name": "example.ts.net", "ownership": "owned"}},
    "seeded": smallest(gateway={"ownership": "seeded", "permissions": "read-only", "config": AGENT}),
    "plugins": smallest(gateway={"plugins": {"slack": "@openclaw/slack@2026.9.6"}}),
    "identity": smallest(gateway={"auth": {"mode": "identity"}}),
    "metrics": smallest(
        tailscale={"metrics": True}, extraEgress=[{"cidr": "10.1.2.3/32", "ports": [{"port": 53, "protocol": "UDP"}]}]
    )
    | {"cluster": {"dnsAddresses": ["169.254.20.10", "fd00:10::a"]}},
    "placed": smallest(pod=PLACED, extraEgress=[TO_THE_PROXY]),
    "oauth": smallest(tailscale={"credential": "oauth"}),
    "workload-identity": {
        **smallest(tailscale={"credential": "workloadIdentity"}),
        "cluster": {"issuer": "https://oidc.example.com/id/1"},
    },
    "external": {
        "tailnet": {"name": "example.ts.net", "ownership": "external", "loginServer": "https://headscale.example.com"},
        "instances": [
            {
                "id": "home",
                "people": ["you@example.com"],
                "tailscale": {"reach": "http", "authKey": {"value": "hskey-auth-given"}},
            }
        ],
    },
}

NODES: Final[dict[str, Raw]] = {
    "linux": {"people": ["you@example.com"]},
    "kubernetes": {},
    "mac": {"authKey": {"value": "tskey-auth-given"}},
    "mobile": {},
}
PLACED_NODE: Final[Raw] = {"kind": "kubernetes", "kubernetes": {"pod": PLACED, "extraEgress": [TO_THE_PROXY]}}
SHAPES.update(
    {
        f"node-{kind}": {**smallest(), "nodes": [{"id": "build", "kind": kind, "gateway": "home", **node}]}
        for kind, node in NODES.items()
    }
)
SHAPES["node-browser"] = {
    **smallest(),
    "nodes": [
        {
            "id": "studio",
            "kind": "mac",
            "gateway": "home",
            "browser": {"profiles": ["openclaw", "chrome"], "hosts": ["wiki"]},
        }
    ],
}
SHAPES["node-placed"] = {**smallest(), "nodes": [{"id": "build", "gateway": "home", **PLACED_NODE}]}

PEOPLE: Final = ["alice@example.com", "bob@example.com", "carol@example.org", "dave@"]
GROUPS: Final = {"group:family": ["alice@example.com", "dave@"], "group:work": ["carol@example.org"]}
# Some are prefixes of others, or look like the parts that names are made of.
IDS: Final = ["home", "home-gateway", "a", "a-config", "guard", "topology", "tailscale", "0", "x" * 40, "gateway-token"]


def _secret(kind: str) -> st.SearchStrategy[str]:
    return st.text(string.ascii_letters + string.digits, min_size=24, max_size=24).map(f"{kind}-secret-{{}}".format)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Raw]:
    return st.fixed_dictionaries({}, optional=fields)


_port: Raw = {"port": st.integers(1, 65535)}
_protocol: Raw = {"protocol": st.sampled_from(["TCP", "UDP"])}
_ports: st.SearchStrategy[Raw] = st.fixed_dictionaries(_port, optional=_protocol)
_rule: Raw = {
    "cidr": st.sampled_from(["10.0.0.0/8", "192.168.1.0/24", "fd12:3456::/32", "172.16.7.7/32"]),
    "ports": st.lists(_ports, min_size=1, max_size=2, unique_by=lambda entry: entry["port"]),
}
_egress = st.fixed_dictionaries(_rule)
_resources = st.sampled_from(
    [{}, {"memoryRequest": "768Mi", "memoryLimit": "3Gi"}, {"cpuRequest": "0.125", "cpuLimit": "1500m"}]
)
_volume = _optional(size=st.sampled_from(["1Gi", "512Mi"]), className=st.sampled_from(["fast", "csi.example.com"]))


@st.composite
def _credential(draw: st.DrawFn, given: bool, key_kind: str) -> Raw:
    """A sidecar's credential: each form, given or made."""
    given = given or draw(st.integers(0, 3)) == 0
    match draw(st.sampled_from(["authKey", "authKey", "oauth", "workloadIdentity"])):
        case "oauth":
            client = {"clientSecret": draw(_secret("tskey-client"))} if given else {"rotation": "again"}
            return {"credential": "oauth", "oauth": client}
        case "workloadIdentity":
            return {"credential": "workloadIdentity", **({"workloadIdentity": {"clientId": "k1"}} if given else {})}
        case _:
            minted = _optional(
                expiryDays=st.integers(60, 90), rotation=st.sampled_from(["", "2026-11"]), rotateDays=st.integers(1, 59)
            )
            key: Raw = {"value": draw(_secret(key_kind))} if given else draw(minted)
            return {"authKey": key | draw(_optional(reusable=st.booleans()))}


@st.composite
def instances(draw: st.DrawFn, instance_id: str, given_key: bool, key_kind: str = "tskey-auth") -> Raw:
    """One valid instance."""
    identity = draw(st.integers(0, 4)) == 0
    people = draw(st.lists(st.sampled_from([*PEOPLE, *GROUPS]), min_size=1, max_size=3, unique=True))
    enabled = identity or draw(st.booleans())
    sidecar: Raw = draw(
        _optional(
            mode=st.just("tun") if identity else st.sampled_from(["tun", "userspace"]),
            reach=st.sampled_from(["https", "http"] if identity else ["https", "http", "tcp"]),
            hostname=st.just(f"host-{instance_id}"),
            metrics=st.booleans() if enabled else st.just(False),
            portals=st.lists(st.sampled_from([3000, 8080, 65535]), max_size=2, unique=True),
            resources=_resources.filter(lambda chosen: "memoryRequest" not in chosen),
            image=st.just("example.com/tailscale:1.2.3@sha256:" + "a" * 64),
        )
    )
    sidecar["enabled"] = enabled
    if sidecar.get("reach") == "tcp":
        sidecar["prefer"] = draw(st.sampled_from(["name", "address"]))
    sidecar |= draw(_credential(given_key, key_kind))
    auth: Raw = {"rotation": draw(st.sampled_from(["", "again"]))}
    auth["mode"] = "identity" if identity else draw(st.sampled_from(["token", "password"]))
    if identity and (any(person.startswith("group:") for person in people) or draw(st.booleans())):
        auth["allowUsers"] = ["alice@example.com"]
    gateway = draw(
        _optional(
            secrets=st.dictionaries(st.sampled_from(["OPENAI_API_KEY", "OTHER_KEY"]), _secret("model"), max_size=2),
            secretsFrom=st.just([{"name": "more-keys"}]),
            config=st.just(AGENT),
            ownership=st.sampled_from(["managed", "seeded"]),
            permissions=st.sampled_from(["read-only", "guarded", "workspace", "full"]),
            auditIdentity=st.booleans(),
            plugins=st.just({"slack": "@openclaw/slack@2026.9.6"}),
            resources=_resources,
        )
    )
    storage = draw(
        _optional(
            home=_volume,
            tailnet=_volume,
            retain=st.booleans(),
            accessMode=st.sampled_from(["ReadWriteOnce", "ReadWriteOncePod"]),
        )
    )
    return {
        "id": instance_id,
        "people": people,
        "gateway": {**gateway, "auth": auth},
        "tailscale": sidecar,
        "storage": storage,
        "extraEgress": draw(st.lists(_egress, max_size=2, unique_by=lambda rule: rule["cidr"])),
        **draw(_optional(namespace=st.just(f"own-{instance_id}"), pod=placements())),
    }


NODE_IDS: Final = ["build", "home", "0", "kek", "y" * 40]


@st.composite
def nodes(
    draw: st.DrawFn,
    node_id: str,
    gateways: list[Raw],
    given_key: bool,
    key_kind: str = "tskey-auth",
    browser: bool = False,
) -> Raw:
    """One valid node of one of these instances; with `browser`, perhaps one that offers its browser."""
    gateway = draw(st.sampled_from(gateways))
    secure = gateway["tailscale"].get("reach", "https") == "https"
    kind = draw(st.sampled_from(["linux", "kubernetes", "mac", *(["mobile"] if secure else [])]))
    node: Raw = {"id": node_id, "kind": kind, "gateway": gateway["id"]}
    if kind == "mobile":
        return node
    key: Raw = {"value": draw(_secret(key_kind))} if given_key else draw(_optional(expiryDays=st.integers(1, 90)))
    node |= draw(_optional(hostname=st.just(f"worker-{node_id}")))
    # A browser comes alone, and one for each gateway.
    if browser and kind != "kubernetes" and draw(st.booleans()):
        node["browser"] = draw(
            _optional(
                profiles=st.sampled_from([["chrome"], ["openclaw", "chrome"]]), hosts=st.just(["10.1.2.3", "wiki"])
            )
        )
    else:
        node |= draw(_optional(commands=st.just(["system.which"])))
    if kind == "kubernetes":
        node["kubernetes"] = draw(
            _optional(
                namespace=st.just(f"work-{node_id}"),
                storage=_optional(retain=st.booleans(), home=_volume),
                pod=placements(),
            )
        )
    elif people := draw(st.lists(st.sampled_from([*PEOPLE, *GROUPS]), max_size=2, unique=True)):
        node |= {"people": people, **draw(_optional(ports=st.just([8022, 22])))}
    return {**node, "authKey": key}


@st.composite
def configurations(draw: st.DrawFn, most: int = 2) -> Raw:
    """A valid configuration with up to `most` instances."""
    external = draw(st.integers(0, 3)) == 0
    tailnet: Raw = draw(
        _optional(
            loginServer=st.just("https://headscale.example.com"),
            protect=st.booleans(),
            tagOwners=st.just(["admin@example.com", "group:work"]),
        )
    )
    tailnet |= {"name": "example.ts.net", "groups": GROUPS}
    if "loginServer" in tailnet:
        tailnet["apiUrl"] = "https://api.example.com"
    tailnet["ownership"] = "external" if external else draw(st.sampled_from(["verified", "owned"]))
    if not external and draw(st.booleans()):
        tailnet |= {"apiKey": draw(_secret("tskey-api")), "apiUrl": "https://api.example.com"}
    elif not external and draw(st.booleans()):
        tailnet |= {"oauthClientId": "client", "oauthClientSecret": draw(_secret("tskey-client"))}
    key_kind = "hskey-auth" if "loginServer" in tailnet else "tskey-auth"
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=most, unique=True))
    config: Raw = {
        "tailnet": tailnet,
        "instances": [draw(instances(instance_id, external, key_kind)) for instance_id in ids],
    }
    able = [
        entry
        for entry in config["instances"]
        if entry["tailscale"]["enabled"] and entry["gateway"]["auth"]["mode"] != "identity"
    ]
    if able:
        chosen = draw(st.lists(st.sampled_from(NODE_IDS), max_size=most, unique=True))
        # The first node alone may have a browser: two of one gateway are an error.
        config["nodes"] = [
            draw(nodes(node_id, able, external, key_kind, browser=place == 0)) for place, node_id in enumerate(chosen)
        ]
    cluster = draw(
        _optional(
            context=st.just("some"),
            monitoringNamespace=st.just("watch"),
            identifier=st.just("one"),
            dnsAddresses=st.just(["169.254.20.10", "fd00:10::a"]),
        )
    )
    return {**config, "cluster": {"issuer": "https://oidc.example.com", **cluster}}


def secrets_of(value: Any) -> set[str]:
    """The secret values of a configuration."""
    secrets: set[str] = set()
    if isinstance(value, dict):
        for key, item in cast(dict[str, Any], value).items():
            if key == "secrets":
                secrets |= set(cast(dict[str, str], item).values())
            elif key in ("config", "tolerations"):
                # OpenClaw's own, which names secrets and has none; values that are no secrets.
                continue
            elif key in ("apiKey", "oauthClientSecret", "clientSecret") or (key == "value" and isinstance(item, str)):
                secrets.add(item)
            else:
                secrets |= secrets_of(item)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            secrets |= secrets_of(item)
    return secrets
