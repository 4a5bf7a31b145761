"""Keys of labels and annotations that a pod must not carry: through them, controllers change a pod or publish it.

A list of what is known, so not the only defence: a pod that a controller has changed is judged by the admission guard.
"""

from typing import Final

from components.constants import PROJECT

_CLUSTER: Final = "are reserved for the cluster's own components"
_INJECT: Final = "inject a container into the pod, which would share the gateway's loopback (I1, I2)"
_NETWORK: Final = "attach another network to the pod, which no NetworkPolicy here covers (I6)"
_PUBLISH: Final = "publish the pod (I1)"
_RUNTIME: Final = "configure the container runtime, bypassing the pod's specification (I2)"
_CREDENTIALS: Final = "give the pod cloud credentials (I5)"

# By domain: the domain itself, and everything below it.
_DOMAINS: Final[dict[str, str]] = {
    PROJECT: "belong to this stack (I12)",
    "kubernetes.io": _CLUSTER,
    "k8s.io": _CLUSTER,
    "openshift.io": _CLUSTER,
    "pulumi.com": "control what the engine does with the object",
    **dict.fromkeys(("istio.io", "linkerd.io", "kuma.io", "hashicorp.com", "openservicemesh.io", "dapr.io"), _INJECT),
    **dict.fromkeys(("banzaicloud.io", "opentelemetry.io", "jaegertracing.io", "1password.io"), _INJECT),
    **dict.fromkeys(("admission.datadoghq.com", "dynatrace.com", "newrelic.com"), _INJECT),
    **dict.fromkeys(("cncf.io", "multus-cni.io", "projectcalico.org", "cilium.io", "antrea.io", "ovn.org"), _NETWORK),
    **dict.fromkeys(("networking.gke.io", "vpc.amazonaws.com", "alibabacloud.com"), _NETWORK),
    **dict.fromkeys(("tailscale.com", "getambassador.io", "konghq.com", "cloud.google.com", "traefik.io"), _PUBLISH),
    **dict.fromkeys(("projectcontour.io", "route.openshift.io", "knative.dev", "haproxy.org", "nginx.org"), _PUBLISH),
    **dict.fromkeys(("azure.workload.identity", "amazonaws.com", "iam.gke.io"), _CREDENTIALS),
}
# Exceptions.
_ALLOWED: Final = ("app.kubernetes.io", "cluster-autoscaler.kubernetes.io")
_OURS: Final = ("app.kubernetes.io/name", "app.kubernetes.io/managed-by")
# A part of any domain: nginx.ingress.kubernetes.io, external-dns.alpha.kubernetes.io.
_WORDS: Final = {"ingress": _PUBLISH, "external-dns": _PUBLISH, "apparmor": _RUNTIME, "seccomp": _RUNTIME}
# Domains written backwards, without a slash: cri-o, containerd, Kata, gVisor, crun, systemd.
_BACKWARDS: Final = ("io.kubernetes", "io.containerd", "io.katacontainers", "dev.gvisor", "run.oci", "org.systemd")
# Keys without a domain.
_BARE: Final = {"aadpodidbinding": _CREDENTIALS}


def refusal(key: str) -> str | None:
    """The reason why a key is refused; None for one that is not. It names the family only, as the key may be a secret."""
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
