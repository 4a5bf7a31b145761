"""What publishes a gateway, or would run beside it: refused to anyone (I1, I3)."""

from typing import Final

from components.admission.cel import all_of, given, items, quoted
from components.admission.rule import Guard, Kinds, Rule
from components.constants import PUBLISHING_GROUPS
from components.names import Names

_TYPE: Final = given("object.spec", "type", "''")
# Domains of keys by which controllers publish a Service.
_PUBLISHERS: Final = (
    "(.*[.])?(tailscale[.]com|getambassador[.]io|konghq[.]com|traefik[.]io|projectcontour[.]io|haproxy[.]org|"
    "external-dns[.].*|ingress[.].*|multicluster[.]x-k8s[.]io)/.*"
)

SERVICES: Final = Guard(
    "services",
    [Kinds("", ["services"])],
    [
        Rule(
            "open",
            "I1",
            "a Service of type NodePort or LoadBalancer, or with externalIPs, opens a port to others",
            all_of(f"!({_TYPE} in ['NodePort', 'LoadBalancer'])", f"{items('object.spec', 'externalIPs')}.size() == 0"),
        ),
        Rule("external-name", "I1", "a Service of type ExternalName leads elsewhere", f"{_TYPE} != 'ExternalName'"),
        Rule(
            "annotations",
            "I1",
            "no label or annotation of a Service asks a controller to publish it",
            all_of(
                *(
                    f"{given('object.metadata', keys, '{}')}.all(k, !k.matches({quoted(f'^{_PUBLISHERS}$')}))"
                    for keys in ("labels", "annotations")
                )
            ),
        ),
    ],
)

PUBLISHING: Final = Guard(
    "publishing",
    [
        *(Kinds(group, ["ingresses"]) for group in ("networking.k8s.io", "extensions")),
        *(Kinds(group, ["*"]) for group in PUBLISHING_GROUPS),
    ],
    [Rule("kind", "I1", "gateways are not published: this kind has no place here", "false")],
)

WORKLOADS: Final = Guard(
    "workloads",
    [
        Kinds("apps", ["deployments", "statefulsets", "daemonsets"]),
        Kinds("batch", ["jobs", "cronjobs"]),
        Kinds("", ["replicationcontrollers", "podtemplates"]),
    ],
    [
        Rule(
            "kind",
            "I3",
            f"nothing runs in a gateway's namespace but the Deployment {Names.deployment}",
            f"request.resource.resource == 'deployments' && object.metadata.name == {quoted(Names.deployment)}",
        )
    ],
    # What was there before the guard can still be taken apart.
    when="oldObject == null || object.?spec != oldObject.?spec",
)
