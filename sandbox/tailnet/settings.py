"""Tailnet settings and DNS: /tailnet/T/settings, /dns/preferences, /dns/nameservers. Recorded; headscale acts on none.

headscale's MagicDNS is set when it starts, it issues no certificates and knows no approval of devices or users: a
setting that promises approval is refused, because nothing would keep the promise.
"""

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field
from starlette.responses import Response

from sandbox.tailnet.api import ApiError, Body, Call, ok


class Patch(Body):
    """Only what is present and not null changes."""

    acls_externally_managed_on: bool | None = None
    acls_external_link: str | None = None
    devices_approval_on: bool | None = None
    devices_auto_updates_on: bool | None = None
    devices_key_duration_days: Annotated[int, Field(ge=1, le=180)] | None = None
    users_approval_on: bool | None = None
    users_role_allowed_to_join_external_tailnets: Literal["none", "admin", "member"] | None = None
    network_flow_logging_on: bool | None = None
    regional_routing_on: bool | None = None
    posture_identity_collection_on: bool | None = None
    https_enabled: bool | None = None


class Preferences(Body):
    magic_dns: Annotated[bool, Field(alias="magicDNS")]


class Nameservers(Body):
    dns: list[str]


def read(call: Call) -> Response:
    return ok(call.tailnet.records().settings.model_dump(by_alias=True))


def patch(call: Call) -> Response:
    change, records = call.body(Patch), call.tailnet.records()
    if change.devices_approval_on or change.users_approval_on:
        raise ApiError(400, "devicesApprovalOn, usersApprovalOn: headscale has no approval of devices or users")
    records.settings = records.settings.model_copy(update=change.model_dump(exclude_none=True))
    records.write(call.tailnet.home)
    return ok(records.settings.model_dump(by_alias=True))


def read_preferences(call: Call) -> Response:
    return ok({"magicDNS": call.tailnet.records().magic_dns})


def write_preferences(call: Call) -> Response:
    body, records = call.body(Preferences), call.tailnet.records()
    records.magic_dns = body.magic_dns
    records.write(call.tailnet.home)
    return ok({"magicDNS": records.magic_dns})


def read_nameservers(call: Call) -> Response:
    return ok({"dns": call.tailnet.records().nameservers})


def write_nameservers(call: Call) -> Response:
    body, records = call.body(Nameservers), call.tailnet.records()
    for server in body.dns:
        try:
            ip_address(server)
        except ValueError as error:
            raise ApiError(400, f"dns: {error}") from error
    records.nameservers = body.dns
    records.write(call.tailnet.home)
    return ok({"dns": records.nameservers, "magicDNS": records.magic_dns})
