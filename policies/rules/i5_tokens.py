"""I5: no pod holds a token for the Kubernetes API, and no service account of an instance has a right there."""

from collections.abc import Iterator
from typing import Final

from components.constants import SIDECAR_CONTAINER, TOKEN_AUDIENCE_PREFIX
from policies.rules.kinds import Pod, Resource, mounts
from policies.rules.rule import Finding
from policies.rules.values import Unknown, get, items, text

_TOKEN_SECRET: Final = "kubernetes.io/service-account-token"
_BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")
# Groups and users that stand for service accounts, or for everybody.
_ACCOUNT_GROUPS: Final = ("system:serviceaccounts", "system:authenticated", "system:unauthenticated")
_ACCOUNT_USERS: Final = ("system:serviceaccount:", "system:anonymous")


def automount(resource: Resource) -> Iterator[Finding]:
    """Every pod says that it wants no token: left out, the service account decides, and its default is to mount one."""
    for pod in resource.pods:
        mounted = pod.spec.get("automountServiceAccountToken")
        if mounted is False or isinstance(mounted, Unknown) or (mounted is None and pod.partial):
            continue
        # A template of a workflow's has what the workflow says.
        if (
            mounted is None
            and resource.is_custom
            and get(resource.props, "spec", "automountServiceAccountToken") is False
        ):
            continue
        yield Finding(
            "lets Kubernetes mount a service-account token",
            f"{pod.path}.automountServiceAccountToken",
            "Set it to false.",
        )


def projected(resource: Resource) -> Iterator[Finding]:
    """No volume projects a token, but one for the tailnet that the sidecar alone mounts (workload identity)."""
    for pod in resource.pods:
        for path, volume in pod.volumes():
            for at, source in items(get(volume, "projected", "sources"), f"{path}.projected.sources"):
                token = get(source, "serviceAccountToken")
                if token is None or isinstance(token, Unknown):
                    continue
                # Without an audience the token is one for the API server; which others that accepts is its own choice.
                audience = get(token, "audience")
                if not (isinstance(audience, Unknown) or (text(audience) or "").startswith(TOKEN_AUDIENCE_PREFIX)):
                    yield Finding(
                        "projects a token that is not for the tailnet alone",
                        f"{at}.serviceAccountToken.audience",
                        f"Remove the source, or name an audience of Tailscale's: {TOKEN_AUDIENCE_PREFIX}<client id>.",
                    )
                yield from _token_mounts(pod, text(volume.get("name")))


def _token_mounts(pod: Pod, volume: str | None) -> Iterator[Finding]:
    for container in pod.containers:
        for path, name in mounts(container):
            if name == volume and container.name not in (SIDECAR_CONTAINER, None):
                yield Finding(
                    f"mounts a service-account token in {container.title}",
                    path,
                    f"Remove it. Only the container `{SIDECAR_CONTAINER}` may have one, as its identity at Tailscale.",
                )


def token_secrets(resource: Resource) -> Iterator[Finding]:
    """No Secret asks for a service-account token: that one never expires."""
    if resource.is_kubernetes and resource.kind == "Secret" and resource.props.get("type") == _TOKEN_SECRET:
        yield Finding("asks for a service-account token that never expires", resource.at("type"), "Remove it.")


def bindings(resource: Resource) -> Iterator[Finding]:
    """No binding gives rights to a service account. A role alone gives none; people and their groups may have some."""
    if not resource.is_kubernetes or resource.kind not in _BINDINGS:
        return
    for path, subject in items(resource.props.get("subjects"), resource.at("subjects")):
        kind, name = text(get(subject, "kind")), text(get(subject, "name")) or ""
        if (
            kind == "ServiceAccount"
            or (kind == "Group" and name.startswith(_ACCOUNT_GROUPS))
            or (kind == "User" and name.startswith(_ACCOUNT_USERS))
        ):
            yield Finding(
                "gives rights in the Kubernetes API to a service account", path, "Remove it; no pod needs any."
            )
