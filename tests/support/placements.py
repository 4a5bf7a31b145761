"""Placements of pods: one with everything that can be said, the rule of egress that it needs, and any that hypothesis finds."""

from typing import Any, Final

from hypothesis import strategies as st

from tests.support.certificates import AUTHORITY, OTHER_AUTHORITY

PLACED: Final[dict[str, Any]] = {
    "nodeSelector": {"topology.kubernetes.io/zone": "eu-west-1a", "disk": "ssd"},
    "tolerations": [
        {"key": "dedicated", "operator": "Equal", "value": "agents", "effect": "NoSchedule"},
        {"key": "spot", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
    ],
    "runtimeClassName": "gvisor",
    "priorityClassName": "family",
    "imagePullSecrets": ["registry-login"],
    "labels": {"team": "family", "app.kubernetes.io/part-of": "home"},
    "annotations": {"example.com/contact": "you@example.com, by day", "karpenter.sh/do-not-disrupt": "true"},
    "caBundle": {"pem": AUTHORITY},
    "proxy": {"url": "http://10.1.2.3:3128", "noProxy": [".corp.example.com", "10.1.2.4"]},
}
# Without it the proxy is closed to the pod.
TO_THE_PROXY: Final = {"cidr": "10.1.2.3/32", "ports": [{"port": 3128}]}
FROM_ELSEWHERE: Final = {"configMap": "corporate-ca", "key": "ca-bundle.crt"}

_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "nodeSelector": st.sampled_from([{}, PLACED["nodeSelector"]]),
    "tolerations": st.lists(
        st.sampled_from([*PLACED["tolerations"], {"key": "node-role.kubernetes.io/control-plane"}]),
        max_size=2,
        unique_by=lambda one: one["key"],
    ),
    "runtimeClassName": st.sampled_from(["gvisor", "kata-qemu"]),
    "priorityClassName": st.just("family"),
    "imagePullSecrets": st.sampled_from([[], ["registry-login", "another.login"]]),
    "labels": st.sampled_from([{"team": "family"}, {"app.kubernetes.io/version": "1.2.3"}]),
    "annotations": st.sampled_from([{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}, {"note": "a b"}]),
    "caBundle": st.sampled_from([{"pem": AUTHORITY}, {"pem": AUTHORITY + OTHER_AUTHORITY}, FROM_ELSEWHERE]),
    "proxy": st.sampled_from(
        [{"url": "https://proxy.example.com"}, {"url": "https://1.1.1.1:443", "noProxy": ["models.example.com"]}]
    ),
}


def placements() -> st.SearchStrategy[dict[str, Any]]:
    """Any valid placement, the empty one too."""
    return st.fixed_dictionaries({}, optional=_FIELDS)
