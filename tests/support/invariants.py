"""The invariants of the design over everything that one run declared. Each raises AssertionError with what is wrong."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.settings import Instance, Settings
from components.settings.load import parse
from tests.support.configs import Raw, secrets_of
from tests.support.graph import Graph, Resource
from tests.support.harness import run_program

CLUSTER_SCOPED = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
DECLARED_KINDS = CLUSTER_SCOPED | {"ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy", "Deployment"}
TAILNET_MOUNTS = {
    *("tun", "tailnet-state", "tailnet-run", "tailnet-tmp", "tailnet-serve"),
    *("tailnet-authkey", "tailnet-sealed", "tailnet-kek", "tailnet-token"),
}
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


@dataclass(frozen=True)
class Run:
    """A configuration and what the program declared with it."""

    config: Raw
    settings: Settings
    graph: Graph

    @classmethod
    def of(cls, config: Raw, stack: str = "test") -> "Run":
        return cls(config, parse(config), run_program(config, stack))

    def instances(self) -> Iterator[tuple[Instance, str, Resource]]:
        """Each instance with its namespace and its Deployment."""
        for instance in self.settings.instances:
            deployment = self.graph.one("Deployment", f"{instance.id}-gateway")
            yield instance, str(deployment.namespace), deployment

    def pods(self) -> Iterator[tuple[Instance, Any]]:
        for instance, _, deployment in self.instances():
            yield instance, deployment.plain["spec"]["template"]["spec"]

    def containers(self) -> Iterator[tuple[Instance, Any]]:
        for instance, pod in self.pods():
            for container in [*pod["containers"], *pod.get("initContainers", [])]:
                yield instance, container


def i1_no_public_binding(run: Run) -> None:
    for resource in run.graph.kubernetes():
        assert resource.kind in DECLARED_KINDS, f"{resource.kind} is not a kind that is declared here"
    for _, pod in run.pods():
        assert pod["hostNetwork"] is False
    for _, container in run.containers():
        assert "ports" not in container
    for instance, namespace, _ in run.instances():
        config = _document(run, f"{instance.id}-config", "openclaw.json", namespace)
        assert config["gateway"]["bind"] == "loopback"
        assert config["gateway"]["tailscale"] == {"mode": "off"}
        if instance.tailscale.enabled:
            serve = _document(run, f"{instance.id}-serve", "serve.json", namespace)
            assert "AllowFunnel" not in serve
            assert len(serve["TCP"]) == 1 + len(instance.tailscale.portals)


def _document(run: Run, name: str, key: str, namespace: str) -> Any:
    config_map = run.graph.one("ConfigMap", name)
    assert config_map.namespace == namespace
    return json.loads(config_map.plain["data"][key])


def i2_net_admin_only_in_the_sidecar(run: Run) -> None:
    for instance, pod in run.pods():
        paths = [volume for volume in pod["volumes"] if "hostPath" in volume]
        tun = instance.tailscale.enabled and instance.tailscale.mode == "tun"
        expected = [{"name": "tun", "hostPath": {"path": "/dev/net/tun", "type": "CharDevice"}}] if tun else []
        assert paths == expected
        assert (pod["hostPID"], pod["hostIPC"]) == (False, False)
    for instance, container in run.containers():
        context = container["securityContext"]
        net_admin = container["name"] == "tailscale" and instance.tailscale.mode == "tun"
        assert context["capabilities"] == {"drop": ["ALL"], **({"add": ["NET_ADMIN"]} if net_admin else {})}
        assert (context["privileged"], context["allowPrivilegeEscalation"]) == (False, False)
        assert context["readOnlyRootFilesystem"] is True
        assert context["runAsNonRoot"] is not net_admin
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        mounts = {mount["name"] for mount in container["volumeMounts"]}
        assert ("tun" in mounts) == net_admin


def i3_gateway_mounts_nothing_of_tailscale(run: Run) -> None:
    for _, pod in run.pods():
        volumes = {volume["name"] for volume in pod["volumes"]}
        (gateway,) = pod["containers"]
        mounted = {mount["name"] for mount in gateway["volumeMounts"]}
        assert mounted == volumes - TAILNET_MOUNTS
        for container in pod.get("initContainers", []):
            mounted = {mount["name"] for mount in container["volumeMounts"]} - {"extra-ca"}
            if container["name"] == "plugins":
                # Of the gateway's side: it sees nothing of the sidecar's.
                assert mounted == {"gateway-home", "gateway-tmp"}
            else:
                assert mounted <= TAILNET_MOUNTS, "the sidecar's side sees nothing of the gateway's"


def _secret_values(run: Run) -> dict[str, str]:
    """Every secret value of the run in the forms in which it could leak, with what it is."""
    values = dict.fromkeys(secrets_of(run.config), "of the configuration")
    for resource in run.graph.all():
        for key in resource.additional_secret_outputs:
            value = resource.outputs.plain.get(key)
            if isinstance(value, str):
                values[value] = f"{resource.name}.{key}"
    forms = dict(values)
    for value, what in values.items():
        forms[base64.b64encode(value.encode()).decode().rstrip("=")] = f"{what}, as base64"
        forms[value.encode().hex()] = f"{what}, as hex"
    return forms


def i4_no_secret_in_plain_text(run: Run) -> None:
    values = _secret_values(run)
    assert len(values) >= 3 * len(run.settings.instances), "every instance has at least its token"
    places = [(resource.urn, resource.inputs) for resource in run.graph.all()]
    places += [(resource.urn, resource.outputs) for resource in run.graph.all()]
    places += run.graph.component_outputs.items()
    for where, place in places:
        for path, text in place.public_texts():
            shown = [what for value, what in values.items() if value in text]
            assert not shown, f"{where} {path} shows {shown}"
    for line in run.graph.logs:
        assert not [what for value, what in values.items() if value in line]
    for resource in run.graph.all():
        # Their ids are their values, and ids are never encrypted.
        assert resource.kind not in ("RandomBytes", "RandomId", "RandomString"), resource.urn
    for secret in run.graph.of("Secret"):
        assert secret.inputs.is_secret("stringData")
        assert secret.plain["immutable"] is True
    for instance in run.settings.instances:
        assert run.graph.exports.is_secret("tokens", instance.id)
    _auth_key_is_sealed(run, values)


def _auth_key_is_sealed(run: Run, values: dict[str, str]) -> None:
    """Not even within Secrets: the plain auth key is in none of the objects that the cluster gets."""
    sidecars = [instance.tailscale for instance in run.settings.instances]
    given = [sidecar.auth_key.value or sidecar.oauth.client_secret for sidecar in sidecars]
    keys = {value for value, what in values.items() if re.search(r"-(authkey|oauth)[^.]*\.key$", what)}
    keys |= {value.get_secret_value() for value in given if value}
    for resource in run.graph.kubernetes():
        for path, leaf in resource.inputs.leaves():
            assert not any(key in str(leaf) for key in keys), f"{resource.urn} {path} has the auth key in plain"
    for secret in run.graph.of("Secret"):
        assert not {"kek", "authkey.jwe"} <= set(secret.plain["stringData"]), "key and ciphertext share a Secret"


def i5_no_service_account_token(run: Run) -> None:
    for instance, namespace, _ in run.instances():
        assert {
            resource.kind for resource in run.graph.kubernetes() if resource.namespace == namespace
        } <= DECLARED_KINDS
        assert instance.id
    for _, pod in run.pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert "serviceAccountName" not in pod
    for instance, pod in run.pods():
        projected = [volume for volume in pod["volumes"] if "projected" in volume]
        by_identity = instance.tailscale.enabled and instance.tailscale.credential == "workloadIdentity"
        assert bool(projected) is by_identity
        for volume in projected:
            (source,) = volume["projected"]["sources"]
            token = source["serviceAccountToken"]
            assert set(source) == {"serviceAccountToken"}
            assert token["audience"].startswith("api.tailscale.com/k") or "-id" in token["audience"]
            assert token["expirationSeconds"] == 600
        mounts = [
            container["name"]
            for container in [*pod["containers"], *pod.get("initContainers", [])]
            for mount in container["volumeMounts"]
            if mount["name"] == "tailnet-token"
        ]
        assert mounts == ["tailscale"] * by_identity, "the tailnet's token is the sidecar's alone"
        # Nothing is stored for it: no sealed secret, and nobody to open one.
        assert ("unseal" in {container["name"] for container in pod.get("initContainers", [])}) is (
            instance.tailscale.enabled and not by_identity
        )
    for _, container in run.containers():
        names = {variable["name"]: variable.get("value") for variable in container.get("env", [])}
        if container["name"] == "tailscale":
            # Unset, containerboot would look for a Secret with the service account.
            assert names["TS_KUBE_SECRET"] == ""
            # Known from before a restart, a tailnet that has forgotten the device would look joined.
            assert names["TS_USE_CACHED_NETMAP"] == "false"


def i8_images_by_immutable_tag(run: Run) -> None:
    for _, container in run.containers():
        image = container["image"]
        assert re.search(r"(:v?\d+\.\d+\.\d+[^@/:]*|@sha256:[0-9a-f]{64})$", image), image
        assert container["imagePullPolicy"] == "IfNotPresent"


def i9_requests_and_limits(run: Run) -> None:
    for _, container in run.containers():
        for part in ("requests", "limits"):
            assert set(container["resources"][part]) == {"cpu", "memory"}, container["name"]
    for instance, pod in run.pods():
        for sidecar in [container for container in pod.get("initContainers", []) if container["name"] == "tailscale"]:
            assert sidecar["resources"]["limits"]["memory"] == instance.tailscale.resources.memory_limit
        assert pod["containers"][0]["resources"]["limits"]["memory"] == instance.gateway.resources.memory_limit


def i10_data_outlives_the_instance(run: Run) -> None:
    graph = run.graph
    for instance, namespace, _ in run.instances():
        claims = {claim.object_name: claim for claim in graph.of("PersistentVolumeClaim", namespace)}
        assert set(claims) == {"gateway-home", "tailnet-state"}
        (its_namespace,) = [resource for resource in graph.of("Namespace") if resource.object_name == namespace]
        for kept in [its_namespace, *claims.values()]:
            assert kept.retain is instance.storage.retain
    # What was kept, and what a killed update left, is adopted; edits by others never stop an update.
    cluster = graph.one("kubernetes", "cluster").plain
    assert (cluster["upsertExistingObjects"], cluster["enablePatchForce"]) == ("true", "true")
    for resource in graph.all():
        if resource.kind in ("Acl", "DnsPreferences", "TailnetSettings"):
            assert resource.retain
        if resource.kind == "Acl":
            assert resource.protect is run.settings.tailnet.protect
            assert resource.plain["resetAclOnDestroy"] is False
            assert resource.plain["overwriteExistingContent"] is False


def i12_names_are_legal_and_never_shared(run: Run) -> None:
    objects = [(resource.kind, resource.namespace, resource.object_name) for resource in run.graph.kubernetes()]
    assert len(objects) == len(set(objects))
    for resource in run.graph.kubernetes():
        longest = 63 if resource.kind == "Namespace" else 253
        assert len(resource.object_name) <= longest
        assert (
            all(DNS_LABEL.fullmatch(part) for part in resource.object_name.split(".")) or len(resource.object_name) > 63
        )
        for value in resource.plain["metadata"]["labels"].values():
            assert LABEL_VALUE.fullmatch(value), value
    exported = run.graph.exports.plain["instances"]
    assert set(exported) == {instance.id for instance in run.settings.instances}
    for key in ("namespace", "hostname", "tag"):
        assert len({summary[key] for summary in exported.values()}) == len(exported), key
    for instance, namespace, deployment in run.instances():
        summary = exported[instance.id]
        assert summary["namespace"] == namespace
        assert DNS_LABEL.fullmatch(summary["hostname"])
        assert re.fullmatch(r"tag:[a-z][-a-z0-9]*", summary["tag"])
        labels = deployment.plain["spec"]["template"]["metadata"]["labels"]
        assert deployment.plain["spec"]["selector"]["matchLabels"].items() <= labels.items()
