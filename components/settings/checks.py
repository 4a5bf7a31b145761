"""What only shows when values are seen together: duplicates, lengths of made names, impossible combinations."""

from collections.abc import Iterator, Mapping

from components import names
from components.settings.credential_checks import credentials
from components.settings.errors import Problem
from components.settings.models import Cluster, Images, Instance, Resources, Tailnet
from components.settings.types import cpu_millis, quantity_bytes

# A gateway with 512Mi was killed while it started; with 768Mi it ran.
MEMORY_MINIMUM = "768Mi"


def check(
    tailnet: Tailnet | None, cluster: Cluster | None, images: Images | None, instances: Mapping[int, Instance]
) -> Iterator[Problem]:
    """Problems between values. Parts that did not validate on their own are None or left out."""
    yield from _duplicates(instances)
    if tailnet:
        yield from _tailnet(tailnet)
    for index, instance in instances.items():
        path = f"instances[{index}]"
        yield from namespace(f"{path}.namespace", instance.namespace)
        yield from _combinations(path, instance)
        yield from resources(f"{path}.gateway.resources", instance.gateway.resources)
        yield from resources(f"{path}.tailscale.resources", instance.tailscale.resources)
        if quantity_bytes(instance.gateway.resources.memory_limit) < quantity_bytes(MEMORY_MINIMUM):
            yield Problem(
                f"{path}.gateway.resources.memoryLimit",
                f'"{instance.gateway.resources.memory_limit}" is too small: the gateway is killed while it starts. '
                f"Give it at least {MEMORY_MINIMUM}.",
            )
        if tailnet:
            yield from _people(path, instance, tailnet)
        yield from credentials(path, instance, tailnet, cluster)
        if images and images.require_digest:
            yield from _digests(path, instance, images)


def _duplicates(instances: Mapping[int, Instance]) -> Iterator[Problem]:
    for field, mend in (
        ("id", "Give each instance its own id."),
        ("namespace", "Two instances never share a namespace: remove the key, or choose another."),
        ("tailscale.hostname", "Two devices never share a name: choose another."),
    ):
        seen: dict[str, int] = {}
        for index, instance in instances.items():
            made = names.of(instance.id, instance.namespace, instance.tailscale.hostname)
            value = {"id": instance.id, "namespace": made.namespace, "tailscale.hostname": made.hostname}[field]
            if value in seen:
                yield Problem(f"instances[{index}].{field}", f'"{value}" is that of instances[{seen[value]}]. {mend}')
            seen.setdefault(value, index)


def namespace(path: str, name: str | None) -> Iterator[Problem]:
    """A namespace that is not ours to close."""
    if name and (name == "default" or name.startswith("kube-")):
        yield Problem(
            path,
            f'"{name}" holds what is not ours: its pods would lose their network. Choose one for this instance alone.',
        )


def _tailnet(tailnet: Tailnet) -> Iterator[Problem]:
    if (tailnet.oauth_client_id is None) != (tailnet.oauth_client_secret is None):
        lacking = "oauthClientSecret" if tailnet.oauth_client_secret is None else "oauthClientId"
        yield Problem(f"tailnet.{lacking}", "is missing: an OAuth client has an id and a secret. Set both.")
    if tailnet.api_key and tailnet.oauth_client_id:
        yield Problem("tailnet.apiKey", "stands beside an OAuth client. Keep one of the two credentials.")
    if tailnet.ownership == "external" and (tailnet.api_key or tailnet.oauth_client_id):
        yield Problem(
            "tailnet.ownership", '"external" never uses the API. Remove the API credential, or write "verified".'
        )


def _people(path: str, instance: Instance, tailnet: Tailnet) -> Iterator[Problem]:
    for number, person in enumerate(instance.people):
        if person.startswith("group:") and tailnet.ownership == "owned" and person not in tailnet.groups:
            yield Problem(f"{path}.people[{number}]", f'"{person}" is not a group of tailnet.groups. Add it there.')


def _combinations(path: str, instance: Instance) -> Iterator[Problem]:
    auth, sidecar = instance.gateway.auth, instance.tailscale
    where = f"{path}.gateway.auth"
    if auth.mode != "identity":
        if auth.allow_users:
            yield Problem(f"{where}.allowUsers", 'is only for mode "identity". Remove it, or change the mode.')
    else:
        if not sidecar.enabled:
            yield Problem(f"{where}.mode", '"identity" needs Tailscale, which is disabled here. Use "token" meanwhile.')
        if sidecar.mode == "userspace":
            yield Problem(
                f"{where}.mode",
                '"identity" cannot be had in userspace mode: peers could reach the gateway beside Serve and forge the '
                'login. Use tailscale.mode "tun", or auth mode "token".',
            )
        if sidecar.reach == "tcp":
            yield Problem(f"{where}.mode", '"identity" needs Serve to name the login: use tailscale.reach "https".')
        if not auth.allow_users and any(person.startswith("group:") for person in instance.people):
            yield Problem(
                f"{where}.allowUsers",
                "is missing: the gateway knows logins, not groups. List the logins that it lets in.",
            )
    if sidecar.metrics and not sidecar.enabled:
        yield Problem(f"{path}.tailscale.metrics", "is on while Tailscale is disabled. Turn one of the two around.")
    if (
        "OPENCLAW_GATEWAY_TOKEN" in instance.gateway.model_keys
        or "OPENCLAW_GATEWAY_PASSWORD" in instance.gateway.model_keys
    ):
        yield Problem(f"{path}.gateway.modelKeys", "may not hold the gateway's own secret: the stack makes that one.")


def resources(path: str, resources: Resources) -> Iterator[Problem]:
    """Requests above their limits."""
    if quantity_bytes(resources.memory_request) > quantity_bytes(resources.memory_limit):
        yield Problem(f"{path}.memoryRequest", f'"{resources.memory_request}" is above the limit. Lower it.')
    if cpu_millis(resources.cpu_request) > cpu_millis(resources.cpu_limit):
        yield Problem(f"{path}.cpuRequest", f'"{resources.cpu_request}" is above the limit. Lower it.')


def _digests(path: str, instance: Instance, images: Images) -> Iterator[Problem]:
    for own, default, key in (
        (instance.gateway.image, images.gateway, "gateway"),
        (instance.tailscale.image, images.tailscale, "tailscale"),
    ):
        where = f"{path}.{key}.image" if own else f"images.{key}"
        yield from digest(where, own or default)


def digest(path: str, image: str) -> Iterator[Problem]:
    """An image without a digest, where one is asked for."""
    if "@sha256:" not in image:
        yield Problem(path, f'"{image}" has no digest, which images.requireDigest asks for (I8). Add it.')
