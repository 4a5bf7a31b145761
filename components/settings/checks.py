"""Checks of values together: duplicates, lengths of made names, impossible combinations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.settings import agent_checks, credential_kinds
from components.settings.credential_checks import credentials
from components.settings.egress import open_nearly_everything
from components.settings.errors import Problem
from components.settings.model import Resources
from components.settings.models import Cluster, EgressRule, Images, Instance, Tailnet
from components.settings.placement_checks import placement
from components.settings.quantities import cpu_millis, quantity_bytes


@dataclass(frozen=True)
class Minimum:
    """The limits below which a container cannot work, and what becomes of it."""

    memory: str
    cpu: str
    killed: str
    slow: str


# With 512Mi it was killed while it started; with 768Mi it ran. A start takes some 20 s of processor time, and the startup
# probe ends it after 300 s.
GATEWAY_MINIMUM: Final = Minimum(
    "768Mi", "200m", "the gateway is killed while it starts", "its startup probe kills the gateway before it is ready"
)
# 35 MiB was its peak in a pod; its startup probe ends it after 120 s.
SIDECAR_MINIMUM: Final = Minimum(
    "48Mi", "20m", "the sidecar is killed while it starts", "its startup probe kills the sidecar before it has joined"
)
# OpenClaw's commands take 212 to 400 MiB, and the node host is one of them.
NODE_MINIMUM: Final = Minimum(
    "384Mi", "100m", "the node host is killed while it starts", "the node host takes minutes to start"
)
# 56 MiB are there after the first start.
HOME_MINIMUM: Final = "128Mi"


def check(
    tailnet: Tailnet | None, cluster: Cluster | None, images: Images | None, instances: Mapping[int, Instance]
) -> Iterator[Problem]:
    """Problems between values. Parts that did not validate on their own are None or left out."""
    yield from _duplicates(instances)
    if tailnet:
        yield from _tailnet(tailnet)
    for index, instance in instances.items():
        path = f"instances[{index}]"
        namespace_name = instance.names.namespace
        yield from namespace(f"{path}.namespace", namespace_name, cluster)
        yield from _combinations(path, instance)
        yield from resources(f"{path}.gateway.resources", instance.gateway.resources, GATEWAY_MINIMUM)
        yield from resources(f"{path}.tailscale.resources", instance.tailscale.resources, SIDECAR_MINIMUM)
        if quantity_bytes(instance.storage.home.size) < quantity_bytes(HOME_MINIMUM):
            yield Problem(
                f"{path}.storage.home.size",
                f'"{instance.storage.home.size}" is too small: the gateway fills it when it first starts. '
                f"Give it at least {HOME_MINIMUM}.",
            )
        yield from egress(f"{path}.extraEgress", instance.extra_egress)
        yield from placement(f"{path}.pod", instance.pod, instance.extra_egress)
        for variable, key in instance.gateway.secrets.items():
            yield from credential_kinds.model_key(f"{path}.gateway.secrets.{variable}", key.get_secret_value())
        if images:
            image = instance.gateway.image or images.gateway
            yield from agent_checks.config(f"{path}.gateway.config", instance.gateway, image)
        if tailnet:
            yield from people(f"{path}.people", instance.people, tailnet)
        yield from credentials(path, instance, tailnet, cluster)
        if images and images.require_digest:
            yield from _digests(path, instance, images)


def _duplicates(instances: Mapping[int, Instance]) -> Iterator[Problem]:
    for field, hint in (
        ("id", "Give each instance its own id."),
        ("namespace", "Two instances never share a namespace: remove the key, or choose another."),
        ("tailscale.hostname", "Two devices never share a name: choose another."),
    ):
        seen: dict[str, int] = {}
        ids: set[str] = set()
        for index, instance in instances.items():
            names = instance.names
            value = {"id": instance.id, "namespace": names.namespace, "tailscale.hostname": names.hostname}[field]
            # One mistake is one line: the same id also makes the same namespace and hostname.
            told = field != "id" and value == f"openclaw-{instance.id}" and instance.id in ids
            ids.add(instance.id)
            if value in seen and not told:
                yield Problem(f"instances[{index}].{field}", f'"{value}" is that of instances[{seen[value]}]. {hint}')
            seen.setdefault(value, index)


def namespace(path: str, name: str, cluster: Cluster | None) -> Iterator[Problem]:
    """A namespace that is not ours to close. `cluster` is None when it did not validate."""
    owner = None
    if name == "default" or name.startswith("kube-"):
        owner = f'"{name}" holds other workloads'
    elif cluster and name == cluster.dns_namespace:
        owner = "is also cluster.dnsNamespace, where the cluster's DNS runs"
    elif cluster and name == cluster.monitoring_namespace:
        owner = "is also cluster.monitoringNamespace, where the cluster's monitoring runs"
    if owner:
        yield Problem(path, f"{owner}: its pods would lose their network. Choose one for this instance alone.")


def _tailnet(tailnet: Tailnet) -> Iterator[Problem]:
    if (tailnet.oauth_client_id is None) != (tailnet.oauth_client_secret is None):
        lacking = "oauthClientSecret" if tailnet.oauth_client_secret is None else "oauthClientId"
        yield Problem(f"tailnet.{lacking}", "is missing: an OAuth client has an id and a secret. Set both.")
    if tailnet.api_key and tailnet.oauth_client_id:
        yield Problem("tailnet.apiKey", "is set together with an OAuth client. Keep one of the two.")
    if tailnet.api_key:
        yield from credential_kinds.api_key("tailnet.apiKey", tailnet.api_key.get_secret_value(), tailnet.api_url)
    if tailnet.oauth_client_secret:
        given = tailnet.oauth_client_secret.get_secret_value()
        yield from credential_kinds.client_secret("tailnet.oauthClientSecret", given, tailnet.api_url)
    if tailnet.ownership == "external" and (tailnet.api_key or tailnet.oauth_client_id):
        yield Problem(
            "tailnet.ownership", '"external" never uses the API. Remove the API credential, or write "verified".'
        )


def egress(path: str, rules: Sequence[EgressRule]) -> Iterator[Problem]:
    """Rules that are each narrow, and together leave nothing closed."""
    if open_nearly_everything(rule.cidr for rule in rules):
        yield Problem(path, "allows nearly every address, piece by piece. List the networks that the pod needs.")


def people(path: str, listed: Sequence[str], tailnet: Tailnet) -> Iterator[Problem]:
    """Groups of `people` that nobody is in, or that an owned policy would not define."""
    for number, person in enumerate(listed):
        if person.startswith("group:") and tailnet.ownership == "owned" and person not in tailnet.groups:
            yield Problem(f"{path}[{number}]", f'"{person}" is not a group of tailnet.groups. Add it there.')
        elif not tailnet.groups.get(person, (person,)):
            yield Problem(
                f"{path}[{number}]",
                f'"{person}" has no members in tailnet.groups. Add a member, or remove the group here.',
            )


def _combinations(path: str, instance: Instance) -> Iterator[Problem]:
    auth, sidecar = instance.gateway.auth, instance.tailscale
    where = f"{path}.gateway.auth"
    if auth.mode != "identity":
        if auth.allow_users:
            yield Problem(f"{where}.allowUsers", 'is only for mode "identity". Remove it, or change the mode.')
    else:
        if not sidecar.enabled:
            yield Problem(
                f"{where}.mode", '"identity" needs Tailscale, which is disabled here. Use "token" until it is enabled.'
            )
        if sidecar.mode == "userspace":
            yield Problem(
                f"{where}.mode",
                '"identity" does not work in userspace mode: peers could bypass Serve and forge the '
                'login. Use tailscale.mode "tun", or auth mode "token".',
            )
        if sidecar.reach == "tcp":
            yield Problem(f"{where}.mode", '"identity" needs Serve to name the login: use tailscale.reach "https".')
        if not auth.allow_users and any(person.startswith("group:") for person in instance.people):
            yield Problem(
                f"{where}.allowUsers",
                "is missing: the gateway matches logins, not groups. List the logins that may connect.",
            )
    if sidecar.metrics and not sidecar.enabled:
        yield Problem(
            f"{path}.tailscale.metrics", "is on while Tailscale is disabled. Enable Tailscale, or turn metrics off."
        )
    if sidecar.prefer == "address" and sidecar.reach != "tcp":
        yield Problem(
            f"{path}.tailscale.prefer",
            f'"address" does not work with reach "{sidecar.reach}": Serve answers by name only. Use "name", or reach "tcp".',
        )
    commands = instance.gateway.nodes.commands
    for number, command in enumerate(commands.allow):
        if command in commands.deny:
            yield Problem(
                f"{path}.gateway.nodes.commands.allow[{number}]", "is also denied, which wins. Remove one of the two."
            )


def resources(path: str, resources: Resources, minimum: Minimum) -> Iterator[Problem]:
    """Requests above their limits, and limits below what works."""
    if quantity_bytes(resources.memory_request) > quantity_bytes(resources.memory_limit):
        yield Problem(f"{path}.memoryRequest", f'"{resources.memory_request}" is above the limit. Lower it.')
    if cpu_millis(resources.cpu_request) > cpu_millis(resources.cpu_limit):
        yield Problem(f"{path}.cpuRequest", f'"{resources.cpu_request}" is above the limit. Lower it.')
    if quantity_bytes(resources.memory_limit) < quantity_bytes(minimum.memory):
        yield Problem(
            f"{path}.memoryLimit",
            f'"{resources.memory_limit}" is too small: {minimum.killed}. Give it at least {minimum.memory}.',
        )
    if cpu_millis(resources.cpu_limit) < cpu_millis(minimum.cpu):
        yield Problem(
            f"{path}.cpuLimit",
            f'"{resources.cpu_limit}" is too low: {minimum.slow}. Give it at least {minimum.cpu}.',
        )


def _digests(path: str, instance: Instance, images: Images) -> Iterator[Problem]:
    for image, default, key in (
        (instance.gateway.image, images.gateway, "gateway"),
        (instance.tailscale.image, images.tailscale, "tailscale"),
    ):
        where = f"{path}.{key}.image" if image else f"images.{key}"
        yield from digest(where, image or default)


def digest(path: str, image: str) -> Iterator[Problem]:
    """An image without a digest, where one is asked for."""
    if "@sha256:" not in image:
        yield Problem(path, f'"{image}" has no digest, which images.requireDigest asks for (I8). Add it.')
