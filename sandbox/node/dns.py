"""The cluster's DNS: a pod with the labels that policies name, as in any cluster; it asks the machine's dnsmasq."""

from typing import Final

from sandbox.home import Home
from sandbox.kube import Api, Object
from sandbox.node.images import DNS

NAMESPACE: Final = "kube-system"
NAME: Final = "dns"
LABELS: Final = {"k8s-app": "kube-dns"}
# Nothing here gives a Service an address, and pods must find it where the kubelet says: CNI gives it the same one each time.
# The arguments come in any order.
FIXED_ADDRESS: Final = f"""\
case ";$CNI_ARGS;" in
  *";K8S_POD_NAMESPACE={NAMESPACE};"*) case ";$CNI_ARGS" in *";K8S_POD_NAME={NAME}-"*) CNI_ARGS="$CNI_ARGS;IP={{}}" ;; esac ;;
esac
"""


def deployment(upstream: str) -> Object:
    """The Deployment of one pod. A second one would want the same address."""
    command = ["--keep-in-foreground", "--no-hosts", "--no-resolv", f"--server={upstream}"]
    container = {
        "name": NAME,
        "image": DNS,
        "imagePullPolicy": "Never",
        "args": [*command, "--pid-file=", "--log-facility=-"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    # Whoever is not root may have port 53 as well, so it has no privileges to drop.
    ports = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "dnsPolicy": "Default",
                    "terminationGracePeriodSeconds": 0,
                    "priorityClassName": "system-cluster-critical",
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65534,
                        "runAsGroup": 65534,
                        "sysctls": [ports],
                    },
                    "containers": [container],
                },
            },
        },
    }


def deploy(home: Home, upstream: str) -> None:
    """Has it run. Nobody waits for it: it is there before the first gateway asks for a name."""
    with Api(home.kubeconfig) as api:
        api.apply(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}", deployment(upstream))
