"""The interface of a stand-in: typed methods over plain values. The servicer (server.py) does the protocol around them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import ClassVar

from sandbox.plugins.changes import Change
from sandbox.plugins.values import Path, Props


class ProviderError(Exception):
    """For the person who runs the engine: what failed, where, and a hint. Shown without a traceback."""


class InitFailed(ProviderError):
    """The object exists but did not become ready: the engine keeps it in the state, and the next `up` updates it."""

    def __init__(self, id: str, outputs: Props, reasons: Sequence[str], inputs: Props | None = None) -> None:
        super().__init__("; ".join(reasons))
        self.id, self.outputs, self.reasons, self.inputs = id, outputs, list(reasons), inputs


@dataclass(frozen=True)
class Failure:
    """An input that cannot be right."""

    property: str
    reason: str


@dataclass(frozen=True)
class Resource:
    """The resource of a call. `timeout` in seconds is the resource's customTimeouts, 0 when it has none."""

    urn: str
    type: str
    name: str
    timeout: float = 0
    preview: bool = False


@dataclass(frozen=True)
class Diff:
    changes: Sequence[Change] = ()
    replace: Collection[Change] = ()
    delete_before_replace: bool = False
    # False: the paths are of outputs, where the inputs show nothing (a key that went invalid).
    of_inputs: bool = True


@dataclass(frozen=True)
class Live:
    """The result of Read: the inputs that would lead to it, and the outputs."""

    id: str
    inputs: Props
    outputs: Props


def _silent(severity: str, urn: str, message: str) -> None:
    pass


@dataclass
class Host:
    """The engine's side: `log(severity, urn, message)`, severity info, status, warning or error; `cancelled` ends waits."""

    log: Callable[[str, str, str], None] = _silent
    cancelled: Event = field(default_factory=Event)


class Provider(ABC):
    """One provider plugin. Inputs in a preview may hold UNKNOWN; then a method must not send them anywhere."""

    name: ClassVar[str]
    # The official plugin whose behaviour this one follows.
    version: ClassVar[str]

    def __init__(self, host: Host) -> None:
        self.host = host

    def check_config(self, config: Props) -> list[Failure]:
        return []

    def diff_config(self, old: Props, new: Props) -> Diff:
        """By default any change of the provider's settings is an update of the provider."""
        from sandbox.plugins.changes import changes

        return Diff(changes(old, new))

    @abstractmethod
    def configure(self, config: Props) -> None: ...

    @abstractmethod
    def check(self, resource: Resource, old: Props, new: Props, seed: bytes) -> tuple[Props, list[Failure]]:
        """The inputs with defaults filled in; `old` is empty for a new object or a replacement."""

    @abstractmethod
    def diff(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Diff:
        """`old` and `new` are inputs, `state` is what Create, Update or Read returned last."""

    @abstractmethod
    def create(self, resource: Resource, new: Props) -> tuple[str, Props]:
        """Id and outputs; the id is not looked at in a preview."""

    @abstractmethod
    def read(self, resource: Resource, id: str, old: Props, state: Props) -> Live | None:
        """None when the object is gone. `old` is empty for an import."""

    @abstractmethod
    def update(self, resource: Resource, id: str, old: Props, state: Props, new: Props) -> Props: ...

    @abstractmethod
    def delete(self, resource: Resource, id: str, state: Props) -> None: ...

    def invoke(self, token: str, arguments: Props) -> Props:
        raise ProviderError(f"the function {token} is not in the sandbox's {self.name} stand-in")

    def secret_outputs(self, resource: Resource) -> Collection[Path]:
        """Outputs that are secret whatever the inputs were."""
        return ()
