"""The pack as Pulumi's engine calls it. Each resource is decoded once, for all policies.

The SDK's own server (pulumi_policy) decodes it anew for every policy, behind proxies that raise at each unknown leaf: that
was nearly all of the pack's time, and the pack a quarter of a preview. The protocol is the one of the SDK's language host.
"""

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, json_format

from policies import pack
from policies.decode import TooMuchError
from policies.pack import DESCRIPTION, NAME, POLICIES, Violation
from policies.protocol import analyzer as proto
from policies.protocol import plugin, services
from policies.rules.kinds import Resource
from policies.rules.rule import Invariant
from policies.rules.settings import SettingsError, schema, settings

# The engine takes the version of PulumiPolicy.yaml.
_VERSION: Final = "0.0.1"
_LARGEST_MESSAGE: Final = 400 * 1024 * 1024
_LEVELS: Final = {True: proto.ADVISORY, False: proto.MANDATORY}


class Analyzer:
    """Answers the engine. Refusals are said resource by resource; advice once, at the end, with how often it applies."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels = {policy.name: _LEVELS[policy.advisory] for policy in POLICIES}
        self._setup = pack.DEFAULT
        self._wrong_settings: str | None = None
        self._resources: dict[str, Resource | None] = {}
        self._advice: list[tuple[str, Violation]] = []

    def Handshake(self, request: Any, context: Any) -> Any:
        return proto.AnalyzerHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin.PluginInfo(version=_VERSION)

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
        return proto.AnalyzerInfo(
            name=NAME,
            version=_VERSION,
            description=DESCRIPTION,
            supportsConfig=True,
            policies=[_info(policy) for policy in POLICIES],
        )

    def Configure(self, request: Any, context: Any) -> Any:
        parameters: dict[str, dict[str, Any]] = {}
        excepted = set(pack.DEFAULT.excepted)
        for name, config in request.policyConfig.items():
            self._levels[name] = config.enforcementLevel
            parameters[name] = json_format.MessageToDict(config.properties)
            match parameters[name].pop("exceptions", None):
                case True:
                    excepted.add(name)
                case False:
                    excepted.discard(name)
                case _:
                    pass
        disabled = frozenset(name for name, level in self._levels.items() if level == proto.DISABLED)
        try:
            self._setup = pack.Setup(settings(parameters), frozenset(excepted), disabled)
        except SettingsError as error:
            self._wrong_settings = str(error)
        return empty_pb2.Empty()

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        return proto.AnalyzerStackConfigureResponse()

    def Analyze(self, request: Any, context: Any) -> Any:
        if not pack.is_seen(request.type):
            return proto.AnalyzeResponse()
        violations = self._judged(request)
        now = [one for one in violations if self._level(one) != proto.ADVISORY]
        with self._lock:
            self._advice += [(request.urn, one) for one in violations if self._level(one) == proto.ADVISORY]
        return proto.AnalyzeResponse(diagnostics=[self._diagnostic(one) for one in now])

    def AnalyzeStack(self, request: Any, context: Any) -> Any:
        # A resource that was not judged alone, as it is not changed (`--target`), has its part in the whole all the same.
        for one in request.resources:
            if one.urn not in self._resources and pack.is_seen(one.type):
                self._decoded(one)
        stack = pack.Stack(self._setup)
        for one in request.resources:
            if resource := self._resources.get(one.urn):
                stack.add(resource)
        together = list(stack.judge())
        there = {one.urn for one in request.resources}
        with self._lock:
            advice = [one for urn, one in self._advice if urn in there]
            self._advice.clear()
        advice += [one for one in together if self._level(one) == proto.ADVISORY]
        said = [self._diagnostic(one) for one in together if self._level(one) != proto.ADVISORY]
        said += [self._diagnostic(one, message) for one, message in _counted(advice)]
        if self._wrong_settings:
            message = f"The pack's configuration is wrong: {self._wrong_settings}."
            said.append(self._diagnostic(Violation("I1", "", "", message, policy=POLICIES[0].name)))
        return proto.AnalyzeResponse(diagnostics=said)

    def Remediate(self, request: Any, context: Any) -> Any:
        return proto.RemediateResponse()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _judged(self, request: Any) -> list[Violation]:
        resource = self._decoded(request)
        if resource is None:
            return [pack.unreadable(request.type, request.name)]
        return list(pack.judge(resource, self._setup))

    def _decoded(self, request: Any) -> Resource | None:
        try:
            resource = pack.decoded(request.type, request.name, request.properties, self._setup)
        except TooMuchError:
            resource = None
        self._resources[request.urn] = resource
        return resource

    def _level(self, violation: Violation) -> Any:
        level = self._levels[violation.policy]
        # Nothing here repairs anything; a level can also be made weaker than advice is only by disabling it.
        if level == proto.REMEDIATE:
            level = proto.MANDATORY
        excepted = violation.advisory and not _policy(violation.policy).advisory
        return proto.ADVISORY if excepted else level

    def _diagnostic(self, violation: Violation, message: str | None = None) -> Any:
        policy = _policy(violation.policy)
        return proto.AnalyzeDiagnostic(
            policyName=policy.name,
            policyPackName=NAME,
            policyPackVersion=_VERSION,
            description=policy.description,
            message=f"{policy.description}\n{message or violation.message}",
            enforcementLevel=self._level(violation),
        )


def _policy(name: str) -> Invariant:
    return next(policy for policy in POLICIES if policy.name == name)


def _info(policy: Invariant) -> Any:
    info = proto.PolicyInfo(
        name=policy.name,
        description=policy.description,
        enforcementLevel=_LEVELS[policy.advisory],
        policy_type=proto.POLICY_TYPE_RESOURCE,
    )
    info.configSchema.properties.update(schema(policy.parameters))
    return info


def _counted(advice: Iterable[Violation]) -> Iterator[tuple[Violation, str]]:
    """Advice by rule: the first in full, and how many more there are. An exception is told each time."""
    first: dict[tuple[str, str], Violation] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for number, one in enumerate(advice):
        excepted = not _policy(one.policy).advisory
        key = (one.policy, f"{number}" if excepted else one.rule)
        first.setdefault(key, one)
        counts[key] += 1
    for key, one in first.items():
        more = f" The same is said of {counts[key] - 1} more." if counts[key] > 1 else ""
        yield one, one.message + more


def serve() -> None:
    """Serve the engine until it ends the process; the port stands on the first line of the output."""
    server: Any = grpc.server(
        ThreadPoolExecutor(max_workers=4), options=[("grpc.max_receive_message_length", _LARGEST_MESSAGE)]
    )
    services.add_AnalyzerServicer_to_server(Analyzer(), server)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # An engine that gives up interrupts its plugins; that is no error of theirs.
    with contextlib.suppress(KeyboardInterrupt):
        server.wait_for_termination()
