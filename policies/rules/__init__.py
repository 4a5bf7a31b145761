"""The rules by invariant. A new rule is one function in the file of its theme and its name here."""

from typing import Final

from policies.rules import (
    advice_agent,
    i1_funnel,
    i1_loopback,
    i1_public_binding,
    i2_privilege,
    i3_tailnet_secrets,
    i4_node_secret,
    i5_tokens,
)
from policies.rules.rule import Invariant

INVARIANTS: Final = (
    Invariant(
        "I1",
        "i1-no-public-binding",
        "Nothing reaches a gateway but through its tailnet.",
        (
            i1_public_binding.services,
            i1_public_binding.publishing_kinds,
            i1_public_binding.publishing_annotations,
            i1_public_binding.host_ports,
            i1_public_binding.opaque_releases,
            i1_funnel.serve_config,
            i1_funnel.policy_attribute,
            i1_funnel.command,
            i1_loopback.config_file,
            i1_loopback.flags,
        ),
    ),
    Invariant(
        "I2",
        "i2-least-privilege",
        "NET_ADMIN and the tun device are in the sidecar alone; nothing has more.",
        (i2_privilege.capabilities, i2_privilege.privileges, i2_privilege.host_paths),
    ),
    Invariant(
        "I3",
        "i3-tailnet-secrets",
        "Only the sidecar and its init container see Tailscale's secrets.",
        (i3_tailnet_secrets.volumes, i3_tailnet_secrets.environment, i3_tailnet_secrets.processes),
    ),
    Invariant(
        "I4",
        "i4-no-plain-secret",
        "A node's commands find no secret.",
        (i4_node_secret.node_secret,),
    ),
    Invariant(
        "I5",
        "i5-no-api-token",
        "No pod holds a token for the Kubernetes API, and no service account has rights.",
        (i5_tokens.automount, i5_tokens.projected, i5_tokens.token_secrets, i5_tokens.bindings),
    ),
)

# Good practice that a stack may have reasons against: told, and never refused.
ADVICE: Final = (
    Invariant(
        "advice",
        "advice-agent-permissions",
        "The agent asks somebody before it runs commands.",
        (advice_agent.full_access,),
        advisory=True,
    ),
)
