"""The graph that a program declared: resources as the engine would receive them, in plain data with the paths of their secrets."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

Path = tuple[str | int, ...]

UNKNOWN: Final = rpc.UNKNOWN
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Value:
    """A property value without the engine's marks, and where the marks were."""

    plain: Any
    secrets: frozenset[Path] = frozenset()

    def is_secret(self, *path: str | int) -> bool:
        """True when the value at `path` is secret, by itself or within a secret."""
        return any(path[: len(secret)] == secret for secret in self.secrets)

    def leaves(self) -> Iterator[tuple[Path, Any]]:
        """Every scalar with its path."""
        return _leaves(self.plain, ())

    def public_texts(self) -> Iterator[tuple[Path, str]]:
        """Every text that is not secret: values and keys."""
        return ((path, text) for path, text in _texts(self.plain, ()) if not self.is_secret(*path))


def value_of(struct: struct_pb2.Struct) -> Value:
    """The value that a request carries."""
    secrets: set[Path] = set()
    plain = {key: _plain(item, (key,), secrets) for key, item in struct.fields.items()}
    return Value(plain, frozenset(secrets))


def _plain(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            fields = value.struct_value.fields
            if SIGNATURE in fields:
                assert fields[SIGNATURE].string_value == SECRET, f"unexpected special value at {path}"
                secrets.add(path)
                return _plain(fields["value"], path, secrets)
            return {key: _plain(item, (*path, key), secrets) for key, item in fields.items()}
        case "list_value":
            return [_plain(item, (*path, index), secrets) for index, item in enumerate(value.list_value.values)]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, item in cast(Mapping[str, Any], value).items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast(Sequence[Any], value)):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for key in cast(Mapping[str, Any], value):
            yield (*path, key), key
    for inner, leaf in _leaves(value, path):
        yield inner, str(leaf)


@dataclass(frozen=True)
class Resource:
    """One registered resource; `parent`, `provider` and `dependencies` are URNs."""

    urn: str
    type: str
    name: str
    custom: bool
    inputs: Value
    raw: struct_pb2.Struct
    """The inputs as they were sent, for the policy pack."""
    outputs: Value
    parent: str
    provider: str
    dependencies: frozenset[str]
    property_dependencies: Mapping[str, frozenset[str]]
    additional_secret_outputs: tuple[str, ...]
    protect: bool
    retain: bool

    @property
    def plain(self) -> Any:
        """The inputs, as the API gets them."""
        return self.inputs.plain

    @property
    def is_kubernetes(self) -> bool:
        return self.type.startswith("kubernetes:")

    @property
    def kind(self) -> str:
        return self.type.rsplit(":", 1)[-1]

    @property
    def namespace(self) -> str | None:
        """The namespace of a Kubernetes object, or None when it belongs to the whole cluster."""
        return self.plain["metadata"].get("namespace")

    @property
    def object_name(self) -> str:
        """The name of a Kubernetes object, chosen or made by the provider."""
        return self.outputs.plain["metadata"]["name"]


@dataclass
class Graph:
    """Everything that one run declared."""

    resources: dict[str, Resource] = field(default_factory=dict[str, Resource])
    """By URN, in the order of registration."""
    component_outputs: dict[str, Value] = field(default_factory=dict[str, Value])
    """By URN of the component; the stack's are its exports."""
    logs: list[str] = field(default_factory=list[str])
    hooks: dict[str, Callable[[Any], object]] = field(default_factory=dict[str, Callable[[Any], object]], compare=False)
    """Hooks that the engine would call before a step, by name."""
    exports: Value = field(default_factory=lambda: Value({}))

    def all(self) -> list[Resource]:
        return list(self.resources.values())

    def kubernetes(self) -> list[Resource]:
        """The Kubernetes objects."""
        return [resource for resource in self.all() if resource.is_kubernetes]

    def of(self, kind: str, namespace: str | None = None) -> list[Resource]:
        """Resources by the last part of their type, in one namespace or all."""
        return [
            resource
            for resource in self.all()
            if resource.kind == kind
            and (namespace is None or (resource.is_kubernetes and resource.namespace == namespace))
        ]

    def one(self, kind: str, name: str) -> Resource:
        """The only resource with this kind and logical name."""
        (only,) = [resource for resource in self.of(kind) if resource.name == name]
        return only

    def below(self, component: Resource) -> list[Resource]:
        """The custom resources under a component, at any depth."""
        return [resource for resource in self.all() if resource.custom and component.urn in self.ancestors(resource)]

    def ancestors(self, resource: Resource) -> list[str]:
        """URNs from the parent up to the stack's."""
        above: list[str] = []
        urn = resource.parent
        while urn:
            above.append(urn)
            urn = self.resources[urn].parent if urn in self.resources else ""
        return above

    def qualified_names(self) -> list[str]:
        """The part of each URN that the program decides: the types of all parents, the own one, and the name."""
        qualified: list[str] = []
        for resource in self.all():
            parents = [self.resources[urn].type for urn in reversed(self.ancestors(resource)) if urn in self.resources]
            qualified.append(f"{'$'.join([*parents, resource.type])}::{resource.name}")
        return qualified

    def comes_after(self, resource: Resource) -> frozenset[str]:
        """URNs that the engine creates before, and deletes after: a component waits for what it depends on, and its
        children wait for the component."""
        chain = [resource, *(self.resources[urn] for urn in self.ancestors(resource) if urn in self.resources)]
        return frozenset(urn for link in chain for urn in link.dependencies)
