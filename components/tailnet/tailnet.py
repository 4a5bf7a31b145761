"""The tailnet that the gateways join: its policy, owned or verified, and one auth key per instance."""

from dataclasses import dataclass

import pulumi
import pulumi_tailscale as tailscale

from components.errors import Refusal
from components.settings import Settings, Tailnet
from components.tailnet import access, devices, live, proof, signature, verify
from components.tailnet.policy import render
from components.tailnet.write_guard import PolicyWriteGuard


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


@dataclass(frozen=True)
class ManagedTailnetArgs:
    """The settings of a stack whose policy is `owned` or `verified`; `stack` is the name that signs an owned policy."""

    settings: Settings
    stack: str


class ManagedTailnet(pulumi.ComponentResource):
    """The stack's part of the tailnet: it mints keys, and writes the policy (`owned`) or proves it (`verified`)."""

    api: tailscale.Provider
    """The tailnet's API."""

    def __init__(self, name: str, args: ManagedTailnetArgs, opts: pulumi.ResourceOptions) -> None:
        settings, stack = args.settings, args.stack
        super().__init__("openclaw:tailnet:Tailnet", name, {"name": settings.tailnet.name}, opts)
        text = signature.signed(render(settings), stack)
        owned = settings.tailnet.ownership == "owned"
        # Before anything is registered: a wrong policy changes nothing, not even in a preview.
        if owned and (problems := proof.problems(text, settings)):
            raise Refusal(proof.message(problems))
        self.api = provider("tailscale", settings.tailnet, pulumi.ResourceOptions(parent=self))
        self.devices = devices.TailnetDevices(self.api)
        current = live.read(self.api)
        self._policy = [self._declare_policy(text, current, settings)] if owned else []
        self.access = access.rows(text if owned else _proven(current, settings, stack, self.devices), settings)
        self._tell(current.text if owned else None, text, settings)
        self.register_outputs({})

    def _tell(self, before: str | None, after: str, settings: Settings) -> None:
        """Says what changes for whom, and in a preview, where it is reviewed, who then has access."""
        if lines := access.readable_changes(before, after, settings):
            pulumi.log.info("\n".join(["Who gains and who loses access:", *(f"  {line}" for line in lines)]), self)
        if pulumi.runtime.is_dry_run():
            pulumi.log.info(f"Who has access after this:\n{access.table(self.access)}\n{access.agents(settings)}", self)

    def _declare_policy(self, text: str, current: live.Live, settings: Settings) -> tailscale.Acl:
        """Declares the whole policy, and the settings that gateways need."""
        if current.text is None:
            pulumi.log.warn(
                f"The live policy of the tailnet cannot be read, so it was not compared with this stack's: {current.reason}",
                self,
            )
        guard = PolicyWriteGuard(current, text)
        policy = tailscale.Acl(
            "policy",
            acl=text,
            # The API refuses the first write too, when the policy is not that of a new tailnet.
            overwrite_existing_content=False,
            reset_acl_on_destroy=False,
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=self.api,
                protect=settings.tailnet.protect,
                # Deleting the policy would leave the tailnet without rules of its own, or with everything allowed: it stays.
                retain_on_delete=True,
                hooks=guard.hooks,
                # Where `pulumi import` puts it, when nobody names a parent.
                aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
            ),
        )
        policy.id.apply(guard.check_unchanged)
        # Deleting the preference would turn MagicDNS off for the whole tailnet. Not before the policy: when that is refused,
        # the tailnet stays as it was.
        within = pulumi.ResourceOptions(parent=self, provider=self.api, depends_on=[policy], retain_on_delete=True)
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
        return policy

    @property
    def credential_opts(self) -> pulumi.ResourceOptions:
        """For what is minted in this tailnet: the tag must be owned before a credential may carry it."""
        return pulumi.ResourceOptions(parent=self, provider=self.api, depends_on=self._policy)


def _proven(current: live.Live, settings: Settings, stack: str, listed: devices.TailnetDevices) -> str:
    """The policy of somebody else. Raises what it lacks, or gives too much; also when that cannot be told."""
    if current.text is None:
        raise Refusal(
            f"The tailnet's policy cannot be read, so it is not known who would reach the gateways: {current.reason}\n"
            "Fix that, or use credentials that may read the policy; nothing was changed."
        )
    if shared := signature.shared_tags(current.text, settings, stack):
        raise Refusal(
            f"The stack {signature.writer(current.text)} writes the tailnet's policy, and already uses {', '.join(shared)}; nothing "
            "was changed. Two stacks in one tailnet must not share a tag: choose another id here."
        )
    findings = verify.verify(current.text, settings)
    if findings.undecided:
        # Whose an address is can be told where the devices may be listed.
        findings = verify.verify(current.text, settings, devices.joined(listed))
    if findings:
        raise Refusal(verify.message(findings))
    return current.text
