"""The rules, one entry each. A new rule is one function in the file of its invariant and one entry here."""

from typing import Final

from policies.rules import i1_funnel, i1_loopback, i1_public_binding, i2_privilege, i3_tailnet_secrets, i5_tokens
from policies.rules.rule import Rule

RULES: Final = (
    Rule("I1", "i1-services", "A Service opens nothing outside the cluster.", i1_public_binding.services),
    Rule("I1", "i1-routes", "No Ingress, Gateway or route is declared.", i1_public_binding.publishing_kinds),
    Rule("I1", "i1-annotations", "No annotation publishes anything.", i1_public_binding.publishing_annotations),
    Rule("I1", "i1-host-ports", "No pod listens on its node.", i1_public_binding.host_ports),
    Rule("I1", "i1-opaque", "Nothing is deployed that the rules cannot read.", i1_public_binding.opaque_releases),
    Rule("I1", "i1-funnel-serve", "No Serve config turns Funnel on.", i1_funnel.serve_config),
    Rule("I1", "i1-funnel-policy", "The tailnet policy allows Funnel to nobody.", i1_funnel.policy_attribute),
    Rule("I1", "i1-funnel-command", "No container runs `tailscale funnel`.", i1_funnel.command),
    Rule("I1", "i1-loopback-config", "openclaw.json binds loopback.", i1_loopback.config_file),
    Rule("I1", "i1-loopback-flags", "No flag widens the gateway's bind.", i1_loopback.flags),
    Rule("I2", "i2-capabilities", "NET_ADMIN is in the sidecar alone.", i2_privilege.capabilities),
    Rule("I2", "i2-privileges", "No container is privileged.", i2_privilege.privileges),
    Rule("I2", "i2-host-paths", "The tun device is all that a pod has of its node.", i2_privilege.host_paths),
    Rule("I3", "i3-volumes", "Only the tailnet side mounts its volumes.", i3_tailnet_secrets.volumes),
    Rule("I3", "i3-environment", "Only the tailnet side gets its credentials.", i3_tailnet_secrets.environment),
    Rule("I3", "i3-processes", "Containers do not share processes.", i3_tailnet_secrets.processes),
    Rule("I5", "i5-automount", "No pod mounts a service-account token.", i5_tokens.automount),
    Rule("I5", "i5-projected", "No volume projects a token for the Kubernetes API.", i5_tokens.projected),
    Rule("I5", "i5-token-secrets", "No Secret holds a service-account token.", i5_tokens.token_secrets),
    Rule("I5", "i5-bindings", "No service account has rights.", i5_tokens.bindings),
)
