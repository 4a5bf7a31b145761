"""What the stack wants of each instance, out of its settings."""

from addons.status.facts import Declared
from components.settings import Settings


def declared(settings: Settings) -> tuple[Declared, ...]:
    """In the order of the stack file."""
    return tuple(
        Declared(
            id=instance.id,
            namespace=instance.names.namespace,
            deployment=instance.names.deployment,
            wanted=instance.tailscale.enabled,
            hostname=instance.names.hostname,
            fqdn=settings.tailnet.fqdn(instance.names.hostname),
            tag=instance.names.tag,
            reach=instance.tailscale.reach,
            served_port=instance.tailscale.served_port,
            mode=instance.tailscale.mode,
            credential=instance.tailscale.credential,
            auth=instance.gateway.auth.mode,
            preferred=instance.tailscale.prefer,
            people=instance.people,
            nodes=tuple(node.id for node in settings.nodes if node.gateway == instance.id),
        )
        for instance in settings.instances
    )
