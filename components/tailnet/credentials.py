"""What a device joins the tailnet with, made through the API: for a gateway or for any other tagged device."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pulumi
import pulumi_tailscale as tailscale

from components.settings import AuthKey

SECONDS_PER_DAY = 86400
# The API's limit for the description of a key.
DESCRIPTION_MAX = 50


@dataclass(frozen=True)
class Device:
    """Whom a credential is for: the tag that it gives, and the words by which the admin console shows it."""

    tag: str
    title: str


def auth_key(name: str, device: Device, settings: AuthKey, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A pre-authorized auth key, a secret. `name` is its Pulumi name.

    `opts` name parent and provider, and must depend on the policy: the tag must be owned before a key may carry it.
    """
    made = tailscale.TailnetKey(
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
    return pulumi.Output.secret(made.key)


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
