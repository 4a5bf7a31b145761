"""I1: the sidecar is the gateway's door and nothing more: no routes, no exit node, no SSH, no open proxy or debug port."""

from collections.abc import Iterator, Mapping
from typing import Final

from policies.rules.commands import HIDDEN, basename, environment, flag_values, lines
from policies.rules.gateway import TAILSCALE_PROGRAMS, is_sidecar
from policies.rules.kinds import Container, Resource, variables
from policies.rules.rule import Finding
from policies.rules.values import Unknown, get, items

# Options of `tailscale up` and `set`, and of tailscaled: what each would open.
_FLAGS: Final = {
    "ssh": "lets people of the tailnet into the pod by SSH",
    "advertise-routes": "offers the cluster's networks to the tailnet",
    "advertise-exit-node": "offers the cluster's way out to the tailnet",
    "advertise-connector": "offers to route other names for the tailnet",
    "advertise-services": "serves a Service of the tailnet, past the device's own access",
    "accept-routes": "lets the pod reach the networks behind other devices",
    "exit-node": "sends the pod's traffic through another device",
    "exit-node-allow-lan-access": "lets the pod reach the cluster's network past its exit node",
    "operator": "gives control of the device to another user",
    "webclient": "opens Tailscale's web client",
    "debug": "opens a debug port",
    "relay-server-port": "relays the connections of other devices",
    "config": "takes its configuration from elsewhere",
}
# Options with an address to listen on, which may be loopback.
_LISTENING: Final = ("socks5-server", "outbound-http-proxy-listen", "health-addr", "local-addr-port")
_OFF: Final = ("false", "off", "no", "0")
_EMPTY_IS_OFF: Final = frozenset({"advertise-routes", "exit-node", "advertise-services", "operator"})
_LOOPBACK: Final = ("127.", "localhost:", "[::1]:", "$(POD_IP)", "${POD_IP}")
_ARGUMENTS: Final = ("TS_EXTRA_ARGS", "TS_TAILSCALED_EXTRA_ARGS")
# Variables of containerboot that must not be there, or be empty.
_VARIABLES: Final = {
    "TS_ROUTES": _FLAGS["advertise-routes"],
    "TS_DEST_IP": "forwards its traffic to another address",
    "TS_EXPERIMENTAL_DEST_DNS_NAME": "forwards its traffic to another address",
    "TS_TAILNET_TARGET_IP": "opens a way from the cluster into the tailnet",
    "TS_TAILNET_TARGET_FQDN": "opens a way from the cluster into the tailnet",
    "TS_KUBE_SECRET": "keeps its state in a Secret, for which it needs a token of the Kubernetes API",
    "TS_DEBUG_ADDR_PORT": _FLAGS["debug"],
    "TS_EXPERIMENTAL_VERSIONED_CONFIG_DIR": _FLAGS["config"],
    "TS_EGRESS_PROXIES_CONFIG_PATH": "is a proxy of Tailscale's operator",
    "TS_INGRESS_PROXIES_CONFIG_PATH": "is a proxy of Tailscale's operator",
    "TS_PERMIT_CERT_UID": "gives the device's certificates to another user",
    "TS_EXPERIMENTAL_ENABLE_FORWARDING_OPTIMIZATIONS": _FLAGS["advertise-routes"],
    "TS_INTERNAL_APP": "is a proxy of Tailscale's operator",
    "TS_DEBUG_SSH": _FLAGS["ssh"],
}
_SWITCHES: Final = {
    "TS_EXPERIMENTAL_CERT_SHARE": "shares the device's certificates",
    "TS_EXPERIMENTAL_SERVICE_AUTO_ADVERTISEMENT": _FLAGS["advertise-services"],
    "EXPERIMENTAL_ALLOW_PROXYING_CLUSTER_TRAFFIC_VIA_INGRESS": "forwards its traffic to another address",
    "TS_DEBUG_FAKE_SSH": _FLAGS["ssh"],
}
_ADDRESSES: Final = ("TS_SOCKS5_SERVER", "TS_OUTBOUND_HTTP_PROXY_LISTEN")
_HEALTH: Final = ("TS_LOCAL_ADDR_PORT", "TS_HEALTHCHECK_ADDR_PORT", "TS_METRICS_ADDR_PORT")
_ON_ALL: Final = "listens on every address of the pod, and of the tailnet"
_REMOVE: Final = "Remove it; the sidecar serves the gateway and nothing else."


def sidecar_options(resource: Resource) -> Iterator[Finding]:
    """No option of the sidecar, in its arguments or in a command, opens more than the Serve config."""
    for pod in resource.pods:
        for container in pod.containers:
            values = environment(container)
            if is_sidecar(container):
                for path, name, value in variables(container):
                    if name in _ARGUMENTS and isinstance(value, str):
                        # containerboot splits at blanks, without quoting.
                        yield from _options(container, path, values[name].split())
            for line in lines(container, values):
                for words in line.programs(values):
                    if basename(words[0]) in TAILSCALE_PROGRAMS or (is_sidecar(container) and words[0].startswith("-")):
                        yield from _options(container, line.path, words)


def _options(container: Container, path: str, words: list[str] | tuple[str, ...]) -> Iterator[Finding]:
    for flag, opened in _FLAGS.items():
        for value in flag_values(words, flag):
            if (
                value.lower() in _OFF
                or value == HIDDEN
                or (value == "" and flag in _EMPTY_IS_OFF and f"--{flag}=" in words)
            ):
                continue
            yield Finding(f"{opened} in {container.title}", path, _REMOVE)
    for flag in _LISTENING:
        if any(value and value != HIDDEN and not value.startswith(_LOOPBACK) for value in flag_values(words, flag)):
            yield Finding(f"{_ON_ALL}, in {container.title}", path, "Name 127.0.0.1.")


def sidecar_variables(resource: Resource) -> Iterator[Finding]:
    """No variable of the sidecar opens more than the Serve config, and none is hidden in a ConfigMap."""
    for pod in resource.pods:
        for container in pod.containers:
            if is_sidecar(container):
                for path, origin in items(container.spec.get("envFrom"), f"{container.path}.envFrom"):
                    if not isinstance(origin, Unknown):
                        yield Finding(f"takes variables that nobody sees in {container.title}", path, "List them.")
                yield from _default_address(container)
                yield from _variables(container, {name: (path, value) for path, name, value in variables(container)})


def _default_address(container: Container) -> Iterator[Finding]:
    values = {name: value for _, name, value in variables(container)}
    asked = any(
        str(values.get(name)).lower() in ("true", "1") for name in ("TS_ENABLE_HEALTH_CHECK", "TS_ENABLE_METRICS")
    )
    unknown = any(isinstance(get(one, "name"), Unknown) for _, one in items(container.spec.get("env"), ""))
    if asked and not unknown and not any(name in values for name in _HEALTH):
        yield Finding(
            f"{_ON_ALL}, by default, in {container.title}",
            f"{container.path}.env",
            "Set TS_LOCAL_ADDR_PORT to 127.0.0.1:9002.",
        )


def _variables(container: Container, values: Mapping[str, tuple[str, object]]) -> Iterator[Finding]:
    for name, (path, value) in values.items():
        # None: it comes from elsewhere, where nobody sees it.
        if isinstance(value, Unknown) or value == "":
            continue
        if name in _VARIABLES or (name in _SWITCHES and str(value).lower() not in ("false", "0")):
            yield Finding(f"{_VARIABLES.get(name) or _SWITCHES[name]} in {container.title}", path, _REMOVE)
        elif name in _ADDRESSES and not str(value).startswith(_LOOPBACK[:3]):
            yield Finding(f"{_ON_ALL}, as a proxy in {container.title}", path, "Name 127.0.0.1.")
        elif name in _HEALTH and not str(value).startswith(_LOOPBACK) and value is not None:
            yield Finding(f"{_ON_ALL}, in {container.title}", path, "Name 127.0.0.1, or $(POD_IP) for metrics.")
