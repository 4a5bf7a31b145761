"""Helpers of the engine tests: a stack of their own, and looks at what is really in the cluster and the tailnet."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import yaml
from joserfc import jwe
from joserfc.jwk import OctKey

from components.constants import LABEL_STACK, PROJECT
from engine.configuration import StackConfig, Values, merged
from engine.stack import Engine, Result
from sandbox.control_plane import CONTEXT
from sandbox.kube import Api, Object
from sandbox.node import layout
from sandbox.stack import Machine, at_bridge, model_keys
from sandbox.stack import engine as sandbox_engine
from sandbox.world import World

ALICE = "alice@example.com"
_JSON: Final = ("content-type", "application/json")
T = TypeVar("T")
MakeStack = Callable[..., "Stack"]


def instance(name: str, **over: Any) -> Values:
    """A small instance of the stack file; what is given is laid over it, object by object."""
    small: Values = {
        "id": name,
        "people": [ALICE],
        "tailscale": {"reach": "http"},
        "storage": {"home": {"size": "1Gi"}, "tailnet": {"size": "64Mi"}},
    }
    return merged(small, over)


def given_key(name: str) -> str:
    """The auth key that an instance of an `external` tailnet is given."""
    return f"tskey-auth-given-{name}-0123456789abcdef"


@dataclass
class Stack:
    """One stack of the test's own. Each operation names the instances, so a test shows what it changes."""

    world: World
    cli: Path
    name: str
    owned: bool
    # Laid over the configuration of all its operations.
    config: Values = field(default_factory=dict[str, Any])
    secret: dict[str, str] = field(default_factory=dict[str, str])
    program: Path | None = None
    # What the cluster has of it, as far as we did it.
    applied: tuple[Values, ...] | None = None

    def engine(self, *instances: Values) -> Engine:
        machine = Machine(self.world.kubeconfig, self.world.api_url, self.world.api_key)
        tailnet: Values = {"name": "sandbox.internal", "tagOwners": ["admin@example.com"], "protect": False}
        secret: dict[str, str] = {}
        if self.owned:
            tailnet |= {"apiUrl": machine.api_url, "ownership": "owned"}
            secret |= machine.secret()
        else:
            tailnet["ownership"] = "external"
            for number, one in enumerate(instances):
                if one.get("tailscale", {}).get("enabled", True):
                    path = f"{PROJECT}:instances[{number}].tailscale.authKey.value"
                    secret[path] = given_key(str(one["id"]))
        config: Values = {
            f"{PROJECT}:cluster": {"kubeconfig": str(machine.kubeconfig), "context": CONTEXT},
            f"{PROJECT}:tailnet": tailnet,
            f"{PROJECT}:instances": list(instances),
        }
        source = self.world.home.root / f"{self.name}.yaml"
        source.write_text(yaml.safe_dump({"config": merged(config, self.config)}, sort_keys=False))
        # As `make up` fills in its own stack file: the bridge of this world, and the key of its model.
        plain = at_bridge(source, layout.of(self.world.home).address) if self.world.real else {}
        secret |= self.secret | model_keys(source, self.world.model.key)
        engine = sandbox_engine(self.world.home, self.cli, StackConfig(source, plain, secret), self.name)
        if self.program:
            engine.program = self.program
        return engine

    def preview(self, *instances: Values) -> Result:
        return self.engine(*instances).preview()

    def up(self, *instances: Values) -> Result:
        self.applied = None
        result = self.engine(*instances).up()
        self.applied = instances
        return result

    def at(self, *instances: Values) -> None:
        """Make sure that this is applied: the state from which a test starts, whatever ran before it."""
        if self.applied != instances:
            self.up(*instances)

    def refresh(self, *instances: Values) -> Result:
        return self.engine(*instances).refresh()

    def destroy(self) -> Result:
        self.applied = None
        return self.engine().destroy()

    def resources(self) -> dict[str, Values]:
        """The resources of the state by name, secrets encrypted."""
        resources: list[Values] = json.loads(self.state_file.read_text())["checkpoint"]["latest"].get("resources") or []
        return {resource["urn"].rpartition("::")[2]: resource for resource in resources}

    @property
    def state_file(self) -> Path:
        return self.world.home.state / ".pulumi" / "stacks" / PROJECT / f"{self.name}.json"


def eventually(condition: Callable[[], T | None], what: str, seconds: float = 120) -> T:
    """The condition's value, once another process has made it true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        # More often would take processor time from who is waited for.
        time.sleep(0.1)
    return found


def steps(result: Result) -> dict[str, str]:
    """The engine's steps, done or planned, by resource name; without what stayed the same."""
    operations: dict[str, str] = {}
    for event in result.events:
        done = event.resource_pre_event or event.res_outputs_event
        if done and done.metadata.op.value not in ("same", "read", "refresh"):
            operations[done.metadata.urn.rpartition("::")[2]] = done.metadata.op.value
    return operations


class Cluster(Api):
    """The real API server, with words for what the tests ask of it."""

    LISTS: Final = {
        "Namespace": "/api/v1/namespaces",
        "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
        "Secret": "/api/v1/secrets",
        "ConfigMap": "/api/v1/configmaps",
        "Service": "/api/v1/services",
        "Deployment": "/apis/apps/v1/deployments",
        "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
        "Guard": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        "GuardBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    }

    def of_stack(self, stack: str) -> Iterator[tuple[str, Object]]:
        """Everything that carries the stack's label, with its kind."""
        for kind, path in self.LISTS.items():
            for item in self.items(f"{path}?labelSelector={LABEL_STACK}%3D{stack}"):
                yield kind, item

    def inventory(self, stack: str) -> dict[str, str]:
        """By `Kind namespace/name` what the stack's objects say, and which objects they are."""
        return {
            f"{kind} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}": json.dumps(
                [item["metadata"]["uid"], item["metadata"].get("labels"), item.get("spec"), item.get("data")]
            )
            for kind, item in self.of_stack(stack)
        }

    def strategic(self, path: str, body: Object) -> Object:
        """A patch that knows lists by their keys, as `kubectl edit` would send it."""
        headers = {"content-type": "application/strategic-merge-patch+json"}
        return self._http.patch(path, content=json.dumps(body), headers=headers).raise_for_status().json()

    def apply_as(self, manager: str, path: str, body: Object) -> None:
        """A server-side apply of a few fields by somebody else, who takes them over, as a controller does."""
        group, _, name = path.rpartition("/")
        kinds = {"deployments": ("apps/v1", "Deployment"), "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy")}
        api_version, kind = kinds[group.rpartition("/")[2]]
        body = {"apiVersion": api_version, "kind": kind, **body, "metadata": {"name": name, **body.get("metadata", {})}}
        headers = {"content-type": "application/apply-patch+yaml"}
        query = {"fieldManager": manager, "force": "true"}
        self._http.patch(path, content=json.dumps(body), headers=headers, params=query).raise_for_status()

    def send(
        self,
        method: str,
        path: str,
        body: Object | None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> httpx.Response:
        """The answer to any request, also one that is refused."""
        content = None if body is None else json.dumps(body)
        kind = [] if content is None or any(key == "content-type" for key, _ in headers) else [_JSON]
        return self._http.request(method, path, content=content, headers=[*headers, *kind])

    def token(self, namespace: str, account: str, audience: str | None, seconds: int) -> str:
        """A token of a service account, as the kubelet asks for it; without an audience it is the API server's own."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        spec = {"expirationSeconds": seconds, "audiences": [audience] if audience else None}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return self._http.post(path, json=body).raise_for_status().json()["status"]["token"]

    def as_bearer(self, token: str) -> httpx.Response:
        """The API server's answer to somebody with this token alone."""
        url, headers = self._http.base_url.join("/api/v1/namespaces"), {"authorization": f"Bearer {token}"}
        # Without our certificate; whose server it is does not matter here.
        return httpx.get(url, headers=headers, verify=False, trust_env=False)

    def names(self, kind: str, namespace: str) -> set[str]:
        """Names of the objects of one kind in a namespace."""
        group, _, plural = self.LISTS[kind].rpartition("/")
        return {item["metadata"]["name"] for item in self.items(f"{group}/namespaces/{namespace}/{plural}")}

    def one(self, kind: str, namespace: str, name: str) -> Object:
        """An object that must be there."""
        group, _, plural = self.LISTS[kind].rpartition("/")
        place = f"namespaces/{namespace}/" if namespace else ""
        item = self.get(f"{group}/{place}{plural}/{name}")
        assert item is not None, f"there is no {kind} {namespace}/{name}"
        return item

    def deployment(self, namespace: str) -> Object:
        return self.one("Deployment", namespace, "openclaw")

    def claims(self, namespace: str) -> dict[str, str]:
        """uid of each claim, by name."""
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
        return {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in self.items(path)}

    def pod(self, namespace: str) -> Object:
        """The only pod of the namespace, which must be ready."""
        pods = self.items(f"/api/v1/namespaces/{namespace}/pods")
        assert len(pods) == 1, f"{namespace} has {len(pods)} pods: {[pod['metadata']['name'] for pod in pods]}"
        conditions = {entry["type"]: entry["status"] for entry in pods[0]["status"].get("conditions", [])}
        assert conditions.get("Ready") == "True", f"the pod of {namespace} is not ready: {conditions}"
        return pods[0]

    def secret_of(self, namespace: str, part: str) -> Object:
        """The Secret whose logical name ends in `part`: the rest of its name is the provider's."""
        secrets = [name for name in self.names("Secret", namespace) if f"-{part}-" in name]
        assert len(secrets) == 1, f"{namespace} has {secrets or 'no Secret'} for {part}"
        return self.one("Secret", namespace, secrets[0])


def unsealed(cluster: Cluster, namespace: str, name: str) -> str:
    """The auth key of an instance, opened as its init container does; by another implementation than ours."""
    kek = base64.b64decode(base64.b64decode(cluster.secret_of(namespace, "tailnet-kek")["data"]["kek"]))
    sealed = base64.b64decode(cluster.secret_of(namespace, "tailnet-authkey")["data"]["authkey.jwe"])
    opened = jwe.decrypt_compact(sealed, OctKey.import_key(kek), algorithms=["dir", "A256GCM"])
    assert opened.protected["kid"] == f"{namespace}/{name}"
    assert opened.plaintext is not None
    return opened.plaintext.decode()


def containers(workload: Object) -> dict[str, Object]:
    """All containers of a pod or of a workload's template, by name."""
    spec = workload["spec"]["template"]["spec"] if "template" in workload["spec"] else workload["spec"]
    return {entry["name"]: entry for entry in [*spec.get("initContainers", []), *spec["containers"]]}


class Tailnet:
    """The tailnet's API, as another client of it sees it."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v2", auth=(key, ""), timeout=30, trust_env=False)

    def __enter__(self) -> "Tailnet":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def policy(self) -> str:
        return self._http.get("/tailnet/-/acl", headers={"accept": "application/hujson"}).raise_for_status().text

    def write_policy(self, text: str) -> None:
        self._http.post("/tailnet/-/acl", content=text).raise_for_status()

    def reset(self) -> None:
        """Back to the policy of a tailnet that nobody has written one for."""
        self.write_policy("")

    def valid_keys(self) -> dict[str, Values]:
        """The valid auth keys by id."""
        listed = self._http.get("/tailnet/-/keys").raise_for_status().json()["keys"]
        keys = [self._http.get(f"/tailnet/-/keys/{key['id']}").json() for key in listed if key["keyType"] == "auth"]
        return {key["id"]: key for key in keys}
