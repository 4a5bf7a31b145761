"""Keys of a pod's labels and annotations: those by which somebody would open it are refused, each with its reason."""

import pytest

from components.names import of
from components.settings.pod_keys import refusal
from tests.support.configs import smallest
from tests.support.settings import lines

CLUSTER = "are reserved for the cluster's own components"
INJECT = "inject a container into the pod, which would share the gateway's loopback (I1, I2)"
NETWORK = "attach another network to the pod, which no NetworkPolicy here covers (I6)"
PUBLISH = "publish the pod (I1)"
RUNTIME = "configure the container runtime, bypassing the pod's specification (I2)"
CREDENTIALS = "give the pod cloud credentials (I5)"

REFUSED = {
    "openclaw-tailnet/instance": "openclaw-tailnet belong to this stack (I12)",
    "openclaw-tailnet/anything": "openclaw-tailnet belong to this stack (I12)",
    "kubernetes.io/egress-bandwidth": f"kubernetes.io {CLUSTER}",
    "node.kubernetes.io/anything": f"kubernetes.io {CLUSTER}",
    "cdi.k8s.io/gpu": f"k8s.io {CLUSTER}",
    "pod-security.kubernetes.io/enforce": f"kubernetes.io {CLUSTER}",
    "openshift.io/required-scc": f"openshift.io {CLUSTER}",
    "pulumi.com/skipAwait": "pulumi.com control what the engine does with the object",
    "container.apparmor.security.beta.kubernetes.io/gateway": f"apparmor {RUNTIME}",
    "seccomp.security.alpha.kubernetes.io/pod": f"seccomp {RUNTIME}",
    "sidecar.istio.io/inject": f"istio.io {INJECT}",
    "Sidecar.istio.io/inject": None,
    "traffic.sidecar.istio.io/excludeOutboundPorts": f"istio.io {INJECT}",
    "istio.io/dataplane-mode": f"istio.io {INJECT}",
    "linkerd.io/inject": f"linkerd.io {INJECT}",
    "config.linkerd.io/skip-inbound-ports": f"linkerd.io {INJECT}",
    "kuma.io/sidecar-injection": f"kuma.io {INJECT}",
    "consul.hashicorp.com/connect-inject": f"hashicorp.com {INJECT}",
    "vault.hashicorp.com/agent-inject": f"hashicorp.com {INJECT}",
    "vault.security.banzaicloud.io/vault-addr": f"banzaicloud.io {INJECT}",
    "instrumentation.opentelemetry.io/inject-nodejs": f"opentelemetry.io {INJECT}",
    "operator.1password.io/inject": f"1password.io {INJECT}",
    "dapr.io/enabled": f"dapr.io {INJECT}",
    "k8s.v1.cni.cncf.io/networks": f"cncf.io {NETWORK}",
    "v1.multus-cni.io/default-network": f"multus-cni.io {NETWORK}",
    "cni.projectcalico.org/ipAddrs": f"projectcalico.org {NETWORK}",
    "k8s.ovn.org/pod-networks": f"ovn.org {NETWORK}",
    "networking.gke.io/interfaces": f"networking.gke.io {NETWORK}",
    "vpc.amazonaws.com/pod-eni": f"vpc.amazonaws.com {NETWORK}",
    "tailscale.com/expose": f"tailscale.com {PUBLISH}",
    "tailscale.com/funnel": f"tailscale.com {PUBLISH}",
    "external-dns.alpha.kubernetes.io/hostname": f"external-dns {PUBLISH}",
    "nginx.ingress.kubernetes.io/rewrite-target": f"ingress {PUBLISH}",
    "ingress.example.com/host": f"ingress {PUBLISH}",
    "kubernetes.io/ingress.class": f"kubernetes.io {CLUSTER}",
    "getambassador.io/config": f"getambassador.io {PUBLISH}",
    "konghq.com/plugins": f"konghq.com {PUBLISH}",
    "cloud.google.com/neg": f"cloud.google.com {PUBLISH}",
    "route.openshift.io/termination": f"route.openshift.io {PUBLISH}",
    "iam.amazonaws.com/role": f"amazonaws.com {CREDENTIALS}",
    "azure.workload.identity/use": f"azure.workload.identity {CREDENTIALS}",
    "io.kubernetes.cri-o.Devices": f"io.kubernetes {RUNTIME}",
    "io.katacontainers.config.hypervisor.kernel_params": f"io.katacontainers {RUNTIME}",
    "dev.gvisor.spec.mount.x.type": f"dev.gvisor {RUNTIME}",
    "run.oci.keep_original_groups": f"run.oci {RUNTIME}",
    "io.kubernetes.cri.untrusted-workload/x": f"io.kubernetes {RUNTIME}",
}


@pytest.mark.parametrize("field", ["labels", "annotations"])
@pytest.mark.parametrize("key", REFUSED)
def test_a_key_that_would_open_the_pod_is_refused(key: str, field: str) -> None:
    (line,) = lines(smallest(pod={field: {key: "true"}}))
    reason = REFUSED[key]
    # A domain in capitals is none at all.
    text = f"is refused: keys of {reason}. Remove it." if reason else "is not the key of a label."
    assert line.startswith(f"instances[0].pod.{field}.<key> {text}")


def test_a_key_without_a_domain_is_refused_too() -> None:
    assert refusal("aadpodidbinding") == f"is refused: aadpodidbinding keys {CREDENTIALS}"


@pytest.mark.parametrize("key", of("home").labels("test"))
def test_a_label_of_ours_is_refused(key: str) -> None:
    assert refusal(key)


@pytest.mark.parametrize(
    "key",
    [
        *("team", "app", "ingress", "example.com/team", "app.kubernetes.io/part-of", "app.kubernetes.io/version"),
        *("prometheus.io/scrape", "karpenter.sh/do-not-disrupt", "cluster-autoscaler.kubernetes.io/safe-to-evict"),
        *("notistio.io/inject", "istio.io.example.com/inject", "io.kubernetesish", "mykubernetes.io/x"),
    ],
)
def test_a_key_of_the_owner_s_is_taken(key: str) -> None:
    assert refusal(key) is None
