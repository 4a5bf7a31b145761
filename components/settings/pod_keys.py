"""Keys of a pod's labels and annotations that are not for its owner: by them, controllers add to a pod or publish it.

A list of what is known, so not the last word: what a controller does all the same meets the admission guard.
"""

from typing import Final

from components.constants import PROJECT

_CLUSTER: Final = "are for the cluster's own components"
_INJECT: Final = "put a container into the pod, which would share the gateway's loopback (I1, I2)"
_NETWORK: Final = "give the pod another network, which no NetworkPolicy here closes (I6)"
_PUBLISH: Final = "publish what is behind them (I1)"
_RUNTIME: Final = "give the container runtime orders, past the pod's specification (I2)"
_CREDENTIALS: Final = "give the pod credentials of its own in the cloud (I5)"

# By domain: the domain itself, and everything below it.
_DOMAINS: Final[dict[str, str]] = {
    PROJECT: "are this stack's own (I12)",
    "kubernetes.io": _CLUSTER,
    "k8s.io": _CLUSTER,
    "openshift.io": _CLUSTER,
    "pulumi.com": "tell the engine what to do with the object",
    **dict.fromkeys(("istio.io", "linkerd.io", "kuma.io", "hashicorp.com", "openservicemesh.io", "dapr.io"), _INJECT),
    **dict.fromkeys(("banzaicloud.io", "opentelemetry.io", "jaegertracing.io", "1password.io"), _INJECT),
    **dict.fromkeys(("admission.datadoghq.com", "dynatrace.com", "newrelic.com"), _INJECT),
    **dict.fromkeys(("cncf.io", "multus-cni.io", "projectcalico.org", "cilium.io", "antrea.io", "ovn.org"), _NETWORK),
    **dict.fromkeys(("networking.gke.io", "vpc.amazonaws.com", "alibabacloud.com"), _NETWORK),
    **dict.fromkeys(("tailscale.com", "getambassador.io", "konghq.com", "cloud.google.com", "traefik.io"), _PUBLISH),
    **dict.fromkeys(("projectcontour.io", "route.openshift.io", "knative.dev", "haproxy.org", "nginx.org"), _PUBLISH),
    **dict.fromkeys(("azure.workload.identity", "amazonaws.com", "iam.gke.io"), _CREDENTIALS),
}
# Of those, what is an owner's all the same.
_ALLOWED: Final = ("app.kubernetes.io", "cluster-autoscaler.kubernetes.io")
_OURS: Final = ("app.kubernetes.io/name", "app.kubernetes.io/managed-by")
# A word between the dots of any domain: nginx.ingress.kubernetes.io, external-dns.alpha.kubernetes.io.
_WORDS: Final = {"ingress": _PUBLISH, "external-dns": _PUBLISH, "apparmor": _RUNTIME, "seccomp": _RUNTIME}
# Domains written backwards, with or without a slash: cri-o, containerd, Kata, gVisor, crun, systemd.
_BACKWARDS: Final = ("io.kubernetes", "io.containerd", "io.katacontainers", "dev.gvisor", "run.oci", "org.systemd")
# Keys without a domain.
_BARE: Final = {"aadpodidbinding": _CREDENTIALS}


def refusal(key: str) -> str | None:
    """The reason why a pod does not carry a key of its owner's; None for one that it may. Names no more than the family."""
    lower = key.lower()
    domain, _, _ = lower.rpartition("/")
    if lower in _OURS:
        return "is one of this stack's own labels (I12)"
    for start in _BACKWARDS:
        if lower.startswith((f"{start}.", f"{start}/")):
            return f"is refused: keys of {start} {_RUNTIME}"
    parts = domain.split(".")
    for word, reason in _WORDS.items():
        if word in parts:
            return f"is refused: keys of {word} {reason}"
    if domain in _ALLOWED:
        return None
    families = [family for family in _DOMAINS if domain == family or domain.endswith(f".{family}")]
    if families:
        # The nearest one knows best.
        family = max(families, key=len)
        return f"is refused: keys of {family} {_DOMAINS[family]}"
    if lower in _BARE:
        return f"is refused: {lower} keys {_BARE[lower]}"
    return None
