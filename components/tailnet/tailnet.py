"""A tailnet that this stack owns: its policy, its settings, and one auth key per instance."""

import pulumi
import pulumi_tailscale as tailscale

from components.settings import Settings, Tailnet
from components.tailnet import proof
from components.tailnet.policy import render


def provider(name: str, settings: Tailnet, opts: pulumi.ResourceOptions) -> tailscale.Provider:
    """The API of the tailnet. Without credentials in the settings the plugin reads TAILSCALE_* from its environment."""
    return tailscale.Provider(
        name,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        oauth_client_id=settings.oauth_client_id,
        oauth_client_secret=settings.oauth_client_secret.get_secret_value() if settings.oauth_client_secret else None,
        base_url=settings.api_url,
        opts=opts,
    )


class OwnedTailnet(pulumi.ComponentResource):
    """Policy, settings and keys of a tailnet that no other tool changes."""

    api: tailscale.Provider
    """The tailnet's API."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("openclaw:tailnet:Tailnet", name, {"name": settings.tailnet.name}, opts)
        text = render(settings)
        # Before anything is registered: an unsafe policy changes nothing, not even in a preview.
        if found := proof.problems(text, settings):
            raise pulumi.RunError(proof.message(found))
        self.api = provider("tailscale", settings.tailnet, pulumi.ResourceOptions(parent=self))
        # Deleting the policy would leave the tailnet without rules of its own, or with everything allowed: it stays.
        kept = pulumi.ResourceOptions(
            parent=self, provider=self.api, protect=settings.tailnet.protect, retain_on_delete=True
        )
        # Refuses to overwrite a policy that is not the hosted default: it must be imported first.
        self.policy = tailscale.Acl(
            "policy",
            acl=text,
            overwrite_existing_content=False,
            reset_acl_on_destroy=False,
            opts=kept,
        )
        # Deleting the preference would turn MagicDNS off for the whole tailnet.
        within = pulumi.ResourceOptions(parent=self, provider=self.api, retain_on_delete=True)
        tailscale.DnsPreferences("dns", magic_dns=True, opts=within)
        https = any(instance.tailscale.reach == "https" for instance in settings.instances)
        tailscale.TailnetSettings(
            "settings",
            # Locks the editor of the admin console: the policy is changed here.
            acls_externally_managed_on=True,
            # Off only by hand: other devices of the tailnet may serve HTTPS too.
            https_enabled=True if https else None,
            opts=within,
        )
        self.register_outputs({})

    @property
    def credential_opts(self) -> pulumi.ResourceOptions:
        """For what is minted in this tailnet: the tag must be owned before a credential may carry it."""
        return pulumi.ResourceOptions(parent=self, provider=self.api, depends_on=[self.policy])
