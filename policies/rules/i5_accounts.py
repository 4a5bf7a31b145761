"""I5: service accounts of a stack give nothing to pods: no token, no Secret, no identity of a cloud."""

import re
from collections.abc import Iterator
from typing import Final

from policies.rules.gateway import is_instance_pod, mount_paths
from policies.rules.kinds import Resource, annotation_places
from policies.rules.rule import Finding
from policies.rules.values import fields, get, items, present, text

_REMOVE: Final = "Remove it; no pod needs any."
_CLOUD: Final = re.compile(
    r"(?:eks\.amazonaws\.com/(?:role-arn|audience)|iam\.gke\.io/|azure\.workload\.identity/|iam\.amazonaws\.com/|aadpodidbinding"
    r"|workload\.identity\.\w+|oci\.oraclecloud\.com/workload|rrsa\.alibabacloud\.com/|spiffe\.io/)"
)
_ACCOUNT: Final = "kubernetes.io/service-account.name"
_PLACE: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_SECRET_NAME: Final = re.compile(r"[a-z0-9.-]+-token-[a-z0-9]{5}")
_REQUESTS: Final = frozenset({"TokenRequest", "CertificateSigningRequest", "TokenReview"})


def requests(resource: Resource) -> Iterator[Finding]:
    """Nothing asks the API for a token or a certificate of an account."""
    if not resource.is_kubernetes or resource.kind not in _REQUESTS:
        return
    if resource.kind == "TokenRequest":
        yield Finding("asks for a token of a service account", resource.path, _REMOVE)
    user = text(get(resource.props, "spec", "username")) or ""
    signer = text(get(resource.props, "spec", "signerName")) or ""
    if resource.kind == "CertificateSigningRequest" and (
        user.startswith("system:serviceaccount:") or "kube-apiserver-client" in signer
    ):
        yield Finding("asks for a certificate for the Kubernetes API", resource.at("spec"), _REMOVE)


def accounts(resource: Resource) -> Iterator[Finding]:
    """A service account mounts no token by default, has no Secrets, and is nobody in a cloud."""
    if resource.is_kubernetes and resource.kind == "ServiceAccount":
        if resource.props.get("automountServiceAccountToken") is True:
            yield Finding("mounts its token into pods", resource.at("automountServiceAccountToken"), "Set it to false.")
        if present(resource.props.get("secrets")):
            yield Finding("has Secrets with a token that never expires", resource.at("secrets"), _REMOVE)
    if not resource.is_kubernetes:
        return
    for at, values, _ in annotation_places(resource):
        for key, path, value in fields(values, at):
            if _CLOUD.match(key.lower()) and present(value) and value != "false":
                yield Finding("is somebody in a cloud, by a token in its pods", path, _REMOVE)


def token_mounts(resource: Resource) -> Iterator[Finding]:
    """No pod of an instance mounts a Secret with a token, or anything at the place of a token."""
    for pod in resource.pods:
        if not is_instance_pod(pod):
            continue
        accounts_of = ("default", text(pod.spec.get("serviceAccountName")) or "default")
        for path, volume in pod.volumes():
            name = text(get(volume, "secret", "secretName")) or ""
            if _TOKEN_SECRET_NAME.fullmatch(name) and name.startswith(tuple(f"{one}-token-" for one in accounts_of)):
                yield Finding("mounts a Secret with a token that never expires", f"{path}.secret", _REMOVE)
        for container in pod.containers:
            for path, _, at in mount_paths(container):
                if at.rstrip("/").startswith(_PLACE):
                    yield Finding(f"puts a file at the place of a token in {container.title}", path, _REMOVE)


def legacy_secrets(resource: Resource) -> Iterator[Finding]:
    """No Secret names a service account: the API would fill in a token."""
    named = resource.is_kubernetes and resource.kind == "Secret" and _ACCOUNT in resource.annotations
    if named and resource.props.get("type") != "kubernetes.io/service-account-token":
        path = resource.at(f'metadata.annotations["{_ACCOUNT}"]')
        yield Finding("asks for a service-account token that never expires", path, "Remove it.")


def used_accounts(resource: Resource) -> Iterator[Finding]:
    """A ClusterRole does not add itself to the roles that accounts have already."""
    if resource.is_kubernetes and resource.kind == "ClusterRole":
        for key, path, value in fields(resource.labels, resource.at("metadata.labels")):
            if (
                key.startswith("rbac.authorization.k8s.io/aggregate-to-")
                and value == "true"
                and _reads_secrets(resource)
            ):
                yield Finding("adds rights to Secrets to everybody who has a wider role", path, _REMOVE)


def _reads_secrets(resource: Resource) -> bool:
    return any(
        {"secrets", "*"}.intersection(text(one) or "" for _, one in items(get(rule, "resources"), ""))
        for _, rule in items(resource.props.get("rules"), "")
    )
