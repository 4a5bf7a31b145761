"""The rules by invariant. A new rule is one function in the file of its theme and its name here."""

from typing import Final

from policies.rules import (
    advice_agent,
    i1_containers,
    i1_openclaw,
    i1_openclaw_settings,
    i1_programs,
    i1_public_binding,
    i1_serve,
    i1_sidecar,
    i1_tailscale_commands,
    i2_host,
    i2_privilege,
    i3_copies,
    i3_tailnet_secrets,
    i4_node_secret,
    i4_plain_secrets,
    i5_accounts,
    i5_tokens,
    settings,
)
from policies.rules.rule import Invariant
from policies.rules.stack import StackRule

INVARIANTS: Final = (
    Invariant(
        "I1",
        "i1-no-public-binding",
        "Nothing reaches a gateway but through its tailnet.",
        (
            i1_public_binding.services,
            i1_public_binding.publishing_kinds,
            i1_public_binding.publishing_annotations,
            i1_public_binding.published_inside,
            i1_public_binding.host_ports,
            i1_public_binding.opaque_releases,
            i1_public_binding.changing_kinds,
            i1_containers.containers,
            i1_containers.sidecar_image,
            i1_containers.injectors,
            i1_programs.programs,
            i1_programs.probes_and_hooks,
            i1_programs.relays,
            i1_serve.serve_config,
            i1_serve.serve_targets,
            i1_serve.serve_file,
            i1_tailscale_commands.command,
            i1_tailscale_commands.commands,
            i1_sidecar.sidecar_options,
            i1_sidecar.sidecar_variables,
            i1_openclaw.config_file,
            i1_openclaw.flags,
            i1_openclaw.hidden_flags,
            i1_openclaw.configuration_moved,
            i1_openclaw.variables_in_files,
            i1_openclaw.listening_ports,
            i1_openclaw_settings.openclaw_settings,
            i1_openclaw_settings.openclaw_flags,
        ),
        parameters={"containers": settings.CONTAINERS},
    ),
    Invariant(
        "I2",
        "i2-least-privilege",
        "NET_ADMIN and the tun device are in the sidecar alone; nothing has more.",
        (
            i2_privilege.capabilities,
            i2_privilege.privileges,
            i2_privilege.root,
            i2_privilege.profiles,
            i2_privilege.profile_annotations,
            i2_privilege.devices,
            i2_privilege.scheduling,
            i2_host.host_paths,
            i2_host.local_volumes,
        ),
        excepted=True,
    ),
    Invariant(
        "I3",
        "i3-tailnet-secrets",
        "Only the sidecar and its init container see Tailscale's secrets.",
        (
            i3_tailnet_secrets.volumes,
            i3_tailnet_secrets.environment,
            i3_tailnet_secrets.shared_volumes,
            i3_tailnet_secrets.socket,
            i3_tailnet_secrets.processes,
            i3_copies.clones,
            i3_copies.shared_claims,
            i3_copies.copied_secrets,
        ),
    ),
    Invariant(
        "I4",
        "i4-no-plain-secret",
        "No secret stands in plain text, and a node's commands find none.",
        (
            i4_node_secret.node_secret,
            i4_plain_secrets.variables,
            i4_plain_secrets.arguments,
            i4_plain_secrets.config_maps,
            i4_plain_secrets.metadata,
            i4_plain_secrets.anywhere,
            i4_plain_secrets.unsealed_keys,
            i4_plain_secrets.state_in_secret,
            i4_plain_secrets.renderers,
        ),
    ),
    Invariant(
        "I5",
        "i5-no-api-token",
        "No pod holds a token for the Kubernetes API, and no service account has rights.",
        (
            i5_tokens.automount,
            i5_tokens.projected,
            i5_tokens.token_secrets,
            i5_tokens.bindings,
            i5_accounts.requests,
            i5_accounts.accounts,
            i5_accounts.token_mounts,
            i5_accounts.legacy_secrets,
            i5_accounts.used_accounts,
        ),
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

STACK_RULES: Final[tuple[StackRule, ...]] = ()
