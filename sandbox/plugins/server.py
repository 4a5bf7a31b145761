"""The gRPC shell around a stand-in: handshake, secrets and unknowns on the wire, errors, the engine's log."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from concurrent import futures
from typing import Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.protocol import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from sandbox.plugins.provider import Diff, Failure, Host, InitFailed, Provider, ProviderError, Resource
from sandbox.plugins.values import Path, marshal, unmarshal

Context = grpc.ServicerContext
Request = TypeVar("Request")
# State and inputs of one resource may be far above gRPC's 4 MB; the engine's own limit.
_OPTIONS = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]
_LEVELS = {"warning": engine_pb2.WARNING, "error": engine_pb2.ERROR}
_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def _resource(request: Any) -> Resource:
    """Engines before 3.130 send only the URN: `urn:pulumi:stack::project::parent$type::name`."""
    parts = request.urn.split("::", 3)
    return Resource(
        urn=request.urn,
        type=request.type or parts[2].rsplit("$", 1)[-1],
        name=request.name or parts[3],
        timeout=getattr(request, "timeout", 0),
        preview=getattr(request, "preview", False),
    )


def _diff(diff: Diff) -> provider_pb2.DiffResponse:
    response = provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if diff.changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({str(change.path[0]) for change in diff.changes}),
        replaces=sorted({str(change.path[0]) for change in diff.replace}),
        deleteBeforeReplace=diff.delete_before_replace,
        hasDetailedDiff=True,
    )
    for change in diff.changes:
        detail = response.detailedDiff[change.text]
        detail.kind = _KINDS[change.kind, change in diff.replace]
        detail.inputDiff = diff.of_inputs
    return response


def _failures(failures: list[Failure]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=failure.property, reason=failure.reason) for failure in failures]


@contextlib.contextmanager
def _errors(context: Context, secrets: set[Path]) -> Generator[None]:
    """A ProviderError is the person's text; an object that exists but is not ready carries its state along."""
    try:
        yield
    except InitFailed as error:
        detail = provider_pb2.ErrorResourceInitFailed(
            id=error.id, properties=marshal(error.outputs, secrets), reasons=error.reasons
        )
        if error.inputs is not None:
            detail.inputs.CopyFrom(marshal(error.inputs, secrets))
        packed = AnyMessage()
        packed.Pack(detail)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except ProviderError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


class ProviderServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider behind the protocol. Method names are the protocol's."""

    def __init__(self, factory: Callable[[Host], Provider], engine: str | None) -> None:
        self._host = Host()
        self._provider = factory(self._host)
        if engine:
            self._connect(engine)

    def _connect(self, address: str) -> None:
        # The generated stub leaves the request type of its methods open.
        stub: Any = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_OPTIONS))

        def log(severity: str, urn: str, message: str) -> None:
            level = _LEVELS.get(severity, engine_pb2.INFO)
            # "status" lines are shown while the operation runs and then forgotten. A lost line must not fail a call.
            with contextlib.suppress(grpc.RpcError):
                stub.Log(
                    engine_pb2.LogRequest(severity=level, urn=urn, message=message, ephemeral=severity == "status"),
                    timeout=5,
                )

        self._host.log = log

    def Handshake(self, request: Any, context: Context) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Context) -> Empty:
        self._connect(request.address)
        return Empty()

    def GetPluginInfo(self, request: Any, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def CheckConfig(self, request: Any, context: Context) -> provider_pb2.CheckResponse:
        config, _ = unmarshal(request.news)
        with _errors(context, set()):
            return provider_pb2.CheckResponse(
                inputs=request.news, failures=_failures(self._provider.check_config(config))
            )

    def DiffConfig(self, request: Any, context: Context) -> provider_pb2.DiffResponse:
        with _errors(context, set()):
            return _diff(self._provider.diff_config(unmarshal(request.old_inputs)[0], unmarshal(request.news)[0]))

    def Configure(self, request: Any, context: Context) -> provider_pb2.ConfigureResponse:
        with _errors(context, set()):
            self._provider.configure(unmarshal(request.args)[0])
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Context) -> provider_pb2.CheckResponse:
        old, _ = unmarshal(request.olds)
        new, secrets = unmarshal(request.news)
        # An input may get another name here (`stringData` becomes `data`) and must not lose its mark by it.
        secrets |= set(self._provider.secret_outputs(_resource(request)))
        with _errors(context, secrets):
            inputs, failures = self._provider.check(_resource(request), old, new, request.randomSeed)
            return provider_pb2.CheckResponse(inputs=marshal(inputs, secrets), failures=_failures(failures))

    def Diff(self, request: Any, context: Context) -> provider_pb2.DiffResponse:
        old, state, new = (unmarshal(struct)[0] for struct in (request.old_inputs, request.olds, request.news))
        with _errors(context, set()):
            return _diff(self._provider.diff(_resource(request), request.id, old, state, new))

    def Create(self, request: Any, context: Context) -> provider_pb2.CreateResponse:
        resource = _resource(request)
        new, secrets = unmarshal(request.properties)
        secrets |= set(self._provider.secret_outputs(resource))
        with _errors(context, secrets):
            id, outputs = self._provider.create(resource, new)
            return provider_pb2.CreateResponse(id="" if resource.preview else id, properties=marshal(outputs, secrets))

    def Read(self, request: Any, context: Context) -> provider_pb2.ReadResponse:
        resource = _resource(request)
        state, state_secrets = unmarshal(request.properties)
        old, input_secrets = unmarshal(request.inputs)
        secrets = state_secrets | input_secrets | set(self._provider.secret_outputs(resource))
        with _errors(context, secrets):
            live = self._provider.read(resource, request.id, old, state)
            if live is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=live.id, inputs=marshal(live.inputs, secrets), properties=marshal(live.outputs, secrets)
            )

    def Update(self, request: Any, context: Context) -> provider_pb2.UpdateResponse:
        resource = _resource(request)
        old, state = unmarshal(request.old_inputs)[0], unmarshal(request.olds)[0]
        new, secrets = unmarshal(request.news)
        secrets |= set(self._provider.secret_outputs(resource))
        with _errors(context, secrets):
            outputs = self._provider.update(resource, request.id, old, state, new)
            return provider_pb2.UpdateResponse(properties=marshal(outputs, secrets))

    def Delete(self, request: Any, context: Context) -> Empty:
        with _errors(context, set()):
            self._provider.delete(_resource(request), request.id, unmarshal(request.properties)[0])
        return Empty()

    def Invoke(self, request: Any, context: Context) -> provider_pb2.InvokeResponse:
        arguments, _ = unmarshal(request.args)
        with _errors(context, set()):
            result = self._provider.invoke(request.tok, arguments)
        response = provider_pb2.InvokeResponse()
        # The field's name is a keyword here.
        getattr(response, "return").CopyFrom(marshal(result))
        return response

    def Cancel(self, request: Any, context: Context) -> Empty:
        self._host.cancelled.set()
        return Empty()


def serve(factory: Callable[[Host], Provider], name: str) -> None:
    """Serve until the engine ends this process, or has ended itself."""
    parent = os.getppid()
    # The engine ends a plugin by SIGINT (which a terminal's Ctrl-C does not reach: plugins have a process group of
    # their own), and waits 5 s for each that does not listen.
    stop = threading.Event()

    def end(number: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    engine = sys.argv[1] if len(sys.argv) > 1 else None
    # A waiting Create holds its thread, and the engine runs as many at once as the user allows.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=256), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ProviderServicer(factory, engine), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    print(f"{name}: this is the sandbox's stand-in, not the official Pulumi plugin", file=sys.stderr, flush=True)
    # An engine that was killed cannot stop its plugins.
    while not stop.wait(1) and os.getppid() == parent:
        pass
    server.stop(grace=None)
    # A thread that still waits for an object to get ready must not keep the process.
    os._exit(0)
