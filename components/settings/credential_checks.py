"""Checks that an instance's credential can work, and that every setting of it has an effect."""

from collections.abc import Iterator

from components.settings import credential_kinds
from components.settings.errors import Problem
from components.settings.models import AuthKey, Cluster, Instance, OAuthClient, Tailnet, WorkloadIdentity
from components.settings.nodes import NodeKey

_FORMS = {"auth_key": "authKey", "oauth": "oauth", "workload_identity": "workloadIdentity"}


def credentials(path: str, instance: Instance, tailnet: Tailnet | None, cluster: Cluster | None) -> Iterator[Problem]:
    """Problems of one instance's credential. Parts that did not validate on their own are None."""
    sidecar, where = instance.tailscale, f"{path}.tailscale"
    for field, form in _FORMS.items():
        if field in sidecar.model_fields_set and form != sidecar.credential:
            yield Problem(
                f"{where}.{form}",
                f'has no effect with credential "{sidecar.credential}". Remove it, or choose "{form}".',
            )
    external = tailnet is not None and tailnet.ownership == "external"
    if sidecar.credential == "authKey":
        yield from _auth_key(f"{where}.authKey", instance, tailnet)
    elif sidecar.credential == "oauth":
        yield from _oauth(f"{where}.oauth", sidecar.oauth, external and sidecar.enabled)
        if sidecar.enabled and tailnet and tailnet.login_server and not tailnet.api_url:
            yield Problem(
                f"{where}.credential",
                '"oauth" would ask Tailscale for a key of another control server. Set tailnet.apiUrl to the API that '
                'belongs to tailnet.loginServer, or use "authKey".',
            )
    elif sidecar.enabled:
        yield from _identity(f"{where}.workloadIdentity", sidecar.workload_identity, external, cluster)


def _auth_key(where: str, instance: Instance, tailnet: Tailnet | None) -> Iterator[Problem]:
    key = instance.tailscale.auth_key
    yield from given_key(where, key, tailnet, instance.tailscale.enabled)
    if key.value is None and key.rotate_days and key.rotate_days >= key.expiry_days:
        yield Problem(
            f"{where}.rotateDays",
            f'"{key.rotate_days}" is not shorter than the key\'s lifetime of {key.expiry_days} days. Lower it, '
            "and leave time to run `pulumi up` before the key expires.",
        )
    if key.ephemeral and instance.storage.retain:
        yield Problem(
            f"{where}.ephemeral",
            "removes the device from the tailnet, while storage.retain keeps its identity. Remove it, or set storage.retain to false.",
        )
    if key.ephemeral and not key.reusable:
        yield Problem(
            f"{where}.ephemeral",
            "needs a reusable key: the device joins anew after each absence. Remove one of the two.",
        )


def given_key(where: str, key: AuthKey | NodeKey, tailnet: Tailnet | None, needed: bool = True) -> Iterator[Problem]:
    """Problems of an auth key that is given, or is not although none can be made."""
    if key.value is None:
        if needed and tailnet and tailnet.ownership == "external":
            yield Problem(
                f"{where}.value",
                'is missing: with tailnet.ownership "external" no key is minted. Set it: '
                f"pulumi config set --secret --path '{where}.value'.",
            )
        return
    if tailnet:
        oauth = 'Use credential "oauth" and oauth.clientSecret.' if isinstance(key, AuthKey) else ""
        yield from credential_kinds.auth_key(
            f"{where}.value", key.value.get_secret_value(), tailnet.login_server, oauth
        )
    for field, alias in (("expiry_days", "expiryDays"), ("rotation", "rotation"), ("rotate_days", "rotateDays")):
        if field in key.model_fields_set:
            yield Problem(
                f"{where}.{alias}", "applies to minted keys only; to rotate your own key, set a new value. Remove it."
            )


def _oauth(where: str, client: OAuthClient, must_be_given: bool) -> Iterator[Problem]:
    if client.client_secret is None:
        if must_be_given:
            yield Problem(
                f"{where}.clientSecret",
                'is missing: with tailnet.ownership "external" no client is created. Set it: '
                f"pulumi config set --secret --path '{where}.clientSecret'.",
            )
        return
    # Anything else would be taken for an auth key (tailscale feature/oauthkey).
    yield from credential_kinds.client_secret(f"{where}.clientSecret", client.client_secret.get_secret_value(), None)
    if client.rotation:
        yield Problem(
            f"{where}.rotation",
            "applies to clients that the stack creates; to rotate your own, set a new secret. Remove it.",
        )


def _identity(where: str, identity: WorkloadIdentity, external: bool, cluster: Cluster | None) -> Iterator[Problem]:
    if identity.client_id is not None:
        return
    if external:
        yield Problem(
            f"{where}.clientId",
            'is missing: with tailnet.ownership "external" no identity is created. Create one and set it.',
        )
    elif cluster and cluster.issuer is None:
        yield Problem(
            "cluster.issuer",
            f"is missing: {where} needs it. Copy the issuer of `kubectl get --raw /.well-known/openid-configuration`.",
        )
