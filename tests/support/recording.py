"""The engine's and the providers' part of a run: records each request, and answers as the real ones would."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi import ResourceHookArgs
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.settings import get_project, get_stack

from tests.support.graph import SECRET, SIGNATURE, UNKNOWN, Graph, Resource, value_of

T = TypeVar("T")

STACK_TYPE = "pulumi:pulumi:Stack"


class StackLog:
    """The engine, as far as a program sees it: its log, without the SDK's own debugging."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def Log(self, request: Any) -> None:
        if request.severity != engine_pb2.DEBUG:
            self._graph.logs.append(request.message)


class HookLog:
    """The server of callbacks, as far as a program sees it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def register_resource_hook(self, hook: Any) -> None:
        self._graph.hooks[hook.name] = hook


@dataclass(frozen=True)
class TailnetApi:
    """The answers of the tailnet's API: its policy, and its devices with the API's keys; or the error of asking for them."""

    policy: str | Exception = ""
    devices: Sequence[Mapping[str, Any]] | Exception = ()


class RecordingMonitor(MockMonitor):
    """Answers registrations; unlike the SDK's monitor it refuses a second resource with the same URN."""

    def __init__(self, graph: Graph, preview: bool, tailnet: TailnetApi) -> None:
        super().__init__(None)  # pyright: ignore[reportArgumentType]  # everything that used the mocks is overridden
        self._graph = graph
        self._preview = preview
        self._tailnet = tailnet
        self._errors: list[str] = []

    def features(self) -> set[int]:
        """The features of the SDK's own mocks."""
        mocks: Any = super()
        return set(mocks.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures)

    def check_complete(self) -> None:
        """Raises what happened in registrations, even when the program swallowed it."""
        if self._errors:
            raise AssertionError("; ".join(self._errors))

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        # As the engine does it: with all the parents' types, not only the last one as the SDK's mocks have it.
        qualified = parent.split("::")[2] if parent else STACK_TYPE
        chain = type_ if qualified == STACK_TYPE else f"{qualified}${type_}"
        return "::".join([f"urn:pulumi:{get_stack()}", get_project(), chain, name])

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if urn in self._graph.resources:
            self._errors.append(f"two resources have the URN {urn}")
            raise AssertionError(self._errors[-1])
        outputs = struct_pb2.Struct()
        if request.custom:
            outputs.CopyFrom(request.object)
            _provide(request, urn, outputs, self._preview)
            for key in request.additionalSecretOutputs:
                if key in outputs.fields:
                    _mark_secret(outputs.fields[key])
        # As for a resource that is not in the state. A policy that is live already was written by an earlier run.
        if request.hooks.before_create and self._tailnet.policy != request.object.fields["acl"].string_value:
            for hook in request.hooks.before_create:
                self._graph.hooks[hook](ResourceHookArgs(urn, "", request.name, request.type))
        unknown_id = self._preview and request.custom
        resource_id = "" if unknown_id or not request.custom else f"{request.name}-id"
        self._graph.resources[urn] = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            inputs=value_of(request.object),
            raw=request.object,
            outputs=value_of(outputs),
            parent=request.parent,
            provider=request.provider.rsplit("::", 1)[0],
            dependencies=frozenset(request.dependencies),
            property_dependencies={
                key: frozenset(depended_on.urns) for key, depended_on in request.propertyDependencies.items()
            },
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            protect=request.protect,
            retain=request.retainOnDelete,
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=resource_id, object=outputs)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        outputs = value_of(request.outputs)
        self._graph.component_outputs[request.urn] = outputs
        if request.urn.split("::")[2] == STACK_TYPE:
            self._graph.exports = outputs
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:
        match request.tok:
            case "tailscale:index/getAcl:getAcl":
                policy = _answered(self._tailnet.policy)
                answered = {"id": "acl", "hujson": policy, "json": policy}
            case "tailscale:index/getDevices:getDevices":
                answered = {"id": "devices", "devices": list(_answered(self._tailnet.devices))}
            case other:
                raise AssertionError(f"the program calls {other}: nothing here answers that")
        answer = resource_pb2.ResourceInvokeResponse()
        getattr(answer, "return").update(answered)
        return answer

    def ReadResource(self, request: Any) -> Any:
        raise AssertionError(f"the program reads {request.type}: nothing here answers that")


class _ProviderFailed(grpc.RpcError):
    """As the engine tells of a provider's error."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


def _mark_secret(value: struct_pb2.Value) -> None:
    if value.WhichOneof("kind") == "struct_value" and SIGNATURE in value.struct_value.fields:
        return
    plain = struct_pb2.Value()
    plain.CopyFrom(value)
    value.struct_value.Clear()
    value.struct_value.fields[SIGNATURE].string_value = SECRET
    value.struct_value.fields["value"].CopyFrom(plain)


def _provide(request: Any, urn: str, outputs: struct_pb2.Struct, preview: bool) -> None:
    """The outputs that providers add to the inputs. The same inputs make the same values, as in the state of an engine."""
    seed = hashlib.sha256(urn.encode() + request.object.SerializeToString(deterministic=True)).digest()
    if request.type.startswith("kubernetes:"):
        metadata = outputs.fields["metadata"].struct_value.fields
        if "name" not in metadata:
            metadata["name"].string_value = f"{request.name}-{seed.hex()[:8]}"
        # A dry run's is an invention.
        metadata["uid"].string_value = f"dry-run-{seed.hex()[:24]}" if preview else seed.hex()[:32]
    elif request.type == "random:index/randomPassword:RandomPassword":
        value = hashlib.shake_256(seed).hexdigest(int(request.object.fields["length"].number_value))
        outputs.fields["result"].string_value = UNKNOWN if preview else value[: len(value) // 2]
    elif request.type == "tailscale:index/oauthClient:OauthClient":
        outputs.fields["key"].string_value = UNKNOWN if preview else f"tskey-client-{seed.hex()}"
    elif request.type == "tailscale:index/federatedIdentity:FederatedIdentity":
        outputs.fields["audience"].string_value = UNKNOWN if preview else f"api.tailscale.com/{request.name}-id"
    elif request.type == "tailscale:index/tailnetKey:TailnetKey":
        outputs.fields["key"].string_value = UNKNOWN if preview else f"tskey-auth-{seed.hex()}"


def _answered(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise _ProviderFailed(str(outcome))
    return outcome
