"""Makes the credential of a device through the API, for a gateway or any other tagged device."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pulumi
import pulumi_tailscale as tailscale

from components.constants import TOKEN_AUDIENCE_PREFIX
from components.credential import Credential, Federated, client_secret
from components.settings import AuthKey, Instance, OAuthClient, Settings

SECONDS_PER_DAY = 86400
# The API's limit for the description of a key.
DESCRIPTION_MAX = 50


@dataclass(frozen=True)
class TaggedDevice:
    """The device that a credential is for: the tag that it gives, and the words by which the admin console shows it."""

    tag: str
    title: str


def auth_key(name: str, device: TaggedDevice, settings: AuthKey, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A pre-authorized auth key, a secret. `name` is its Pulumi name.

    `opts` name parent and provider, and must depend on the policy: the tag must be owned before a key may carry it.
    """
    key = tailscale.TailnetKey(
        name,
        # A change of any input mints a new key and then revokes the old one: so does a new rotation word or period.
        description=description(device.title, settings, today()),
        tags=[device.tag],
        preauthorized=True,
        reusable=settings.reusable,
        ephemeral=settings.ephemeral,
        expiry=settings.expiry_days * SECONDS_PER_DAY,
        # A used one-off key reads as invalid: recreating it would change something at every `up` (I11).
        recreate_if_invalid="always" if settings.reusable else "never",
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["key"])),
    )
    return pulumi.Output.secret(key.key)


def today() -> date:
    """The day, in UTC, that decides about `rotateDays`: the only thing here that is not in the settings."""
    return datetime.now(UTC).date()


def description(title: str, settings: AuthKey, day: date) -> str:
    """The words on a key on a `day`: whose it is, its rotation word, and the first day of its period."""
    words = [settings.rotation] if settings.rotation else []
    if settings.rotate_days:
        words.append(period(title, settings.rotate_days, day).isoformat())
    tail = " ".join(["", *words])
    return f"openclaw {title}"[: DESCRIPTION_MAX - len(tail)] + tail


def period(title: str, days: int, day: date) -> date:
    """The first day of the period of `days` days in which `day` is.

    Periods do not depend on when a key was minted, so that every run within one finds the same (I11). They start on
    another day for each title: a new key restarts its gateway, and not all gateways should restart on one day.
    """
    return day - timedelta(days=(day.toordinal() + sum(title.encode())) % days)


def _title(device: TaggedDevice) -> str:
    return f"openclaw {device.title}"[:DESCRIPTION_MAX]


def oauth_client(
    name: str, device: TaggedDevice, settings: OAuthClient, opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The secret of an OAuth client that mints keys for the device's tag and can do nothing else. `opts` as above."""
    client = tailscale.OauthClient(
        # In the name: its description can change without a new secret, and a rotation word must make one.
        f"{name}-{settings.rotation}" if settings.rotation else name,
        description=_title(device),
        scopes=["auth_keys"],
        tags=[device.tag],
        opts=opts,
    )
    return pulumi.Output.secret(client.key)


def federated_identity(
    name: str, device: TaggedDevice, issuer: str, subject: str, opts: pulumi.ResourceOptions
) -> Federated:
    """An identity that lets tokens of `issuer` for exactly `subject` mint keys for the device's tag. `opts` as above."""
    identity = tailscale.FederatedIdentity(
        name,
        description=_title(device),
        issuer=issuer,
        subject=subject,
        scopes=["auth_keys"],
        tags=[device.tag],
        opts=opts,
    )
    # The tailnet makes up the audience: with its client id in it, a token is of no use to another tailnet.
    return Federated(identity.id, identity.audience)


def given(instance: Instance, settings: Settings) -> Credential | None:
    """The credential that the stack's owner has given for a gateway's sidecar."""
    sidecar = instance.tailscale
    match sidecar.credential:
        case "authKey" if sidecar.auth_key.value:
            return Credential(sidecar.auth_key.value.get_secret_value())
        case "oauth" if sidecar.oauth.client_secret:
            secret = sidecar.oauth.client_secret.get_secret_value()
            return Credential(client_secret(secret, settings.tailnet.api_url))
        case "workloadIdentity" if sidecar.workload_identity.client_id:
            client_id = sidecar.workload_identity.client_id
            return Credential(federated=Federated(client_id, TOKEN_AUDIENCE_PREFIX + client_id))
        case _:
            return None


def created(instance: Instance, settings: Settings, opts: pulumi.ResourceOptions) -> Credential:
    """The credential that the stack creates for a gateway's sidecar. `opts` as above."""
    sidecar, names = instance.tailscale, instance.names
    device = TaggedDevice(names.tag, names.id)
    match sidecar.credential:
        case "authKey":
            return Credential(auth_key(names.logical("authkey"), device, sidecar.auth_key, opts))
        case "oauth":
            secret = oauth_client(names.logical("oauth"), device, sidecar.oauth, opts)
            return Credential(secret.apply(lambda text: client_secret(text, settings.tailnet.api_url)))
        case "workloadIdentity":
            # Without an issuer the settings were refused.
            issuer = settings.cluster.issuer or ""
            return Credential(
                federated=federated_identity(names.logical("identity"), device, issuer, names.token_subject, opts)
            )
