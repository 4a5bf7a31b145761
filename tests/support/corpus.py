"""The corpus of the policy pack: cases in tests/policies/corpus/*.yaml, read into what `policies.pack.analyze` takes.

Each file is one class: its `cases`, and `parts` that they share by YAML's anchors. A case has a `name`, a `why` where the name
is not reason enough, and one answer: `refuse: [I1, I3]` (a mandatory violation of one of these), `advise: [probe]` (no mandatory
violation, and advice that has one of these words) or `pass: true` (no mandatory violation). Its resources are given by one of

    of: default/Deployment home-gateway     one object of a golden graph (shape/kind name), changed by `set` and `remove`
    graph: default                          a whole golden graph, changed by `drop` (names) and `change` (name: {set, remove})
    resources: [...]                        written out: manifests, or {type, name, inputs} for what is no manifest

and `resources` beside `of` or `graph` come on top. `as: CronJob` puts the pod of `of` into another kind. `for: [a, b]` makes one
case for each value, which stands where `$it` is written (`$it[key]`: a part of it).

A path is written `spec.ports[0].port`, `containers[gateway]` (by name), `data["openclaw.json"]`, `env[+]` (append); what comes
after ` > ` is inside the JSON text there. `$pod`, `$gateway`, `$tailscale` and `$unseal` are the places in a Deployment.
Values that are made: {$json: x} and {$base64: x} are texts of x, {$repeat: [x, 9]} is x nine times, {$with: x, ...} is x and
more, {$without: [x, list]} is the list but for x. $unknown is a value that a preview does not know, NAME-<hash> the whole name
of an object that the golden files show so.
"""

import base64
import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import yaml
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.support.configs import SHAPES
from tests.support.harness import run_program

Props = dict[str, Any]
Resource = tuple[str, str, Props]  # type token, name, inputs

DIRECTORY: Final = Path(__file__).resolve().parents[1] / "policies" / "corpus"
SORTS: Final = ("refuse", "advise", "pass")
# In each secret that a case plants: no message may repeat one.
PLANTED: Final = "MADEUP"

_SPEC: Final = "spec.template.spec"
_PLACES: Final = {
    "$pod": _SPEC,
    "$gateway": f"{_SPEC}.containers[gateway]",
    "$tailscale": f"{_SPEC}.initContainers[tailscale]",
    "$unseal": f"{_SPEC}.initContainers[unseal]",
}
_STEP: Final = re.compile(r'\.?(?:([\w$/-]+)|\["([^"]+)"\]|\[([^]]+)\])')
_HASHED: Final = re.compile(r"[a-z0-9-]+-<hash>")
_KEYS: Final = {
    *("name", "why", *SORTS, "of", "as", "set", "remove", "graph", "drop", "change", "resources", "for"),
}
# Where another kind has its pods; the kinds that are not here have them where a Deployment has.
_PODS: Final[dict[str, tuple[str, str]]] = {
    "Pod": ("v1", ""),
    "PodTemplate": ("v1", "template"),
    "ReplicationController": ("v1", "spec.template"),
    "Job": ("batch/v1", "spec.template"),
    "CronJob": ("batch/v1", "spec.jobTemplate.spec.template"),
    "Rollout": ("argoproj.io/v1alpha1", "spec.template"),
    "CloneSet": ("apps.kruise.io/v1alpha1", "spec.template"),
    "AdvancedCronJob": ("apps.kruise.io/v1alpha1", "spec.template.jobTemplate.spec.template"),
    "JobSet": ("jobset.x-k8s.io/v1alpha2", "spec.replicatedJobs[0].template.spec.template"),
    "RayCluster": ("ray.io/v1", "spec.headGroupSpec.template"),
    "VolcanoJob": ("batch.volcano.sh/v1alpha1", "spec.tasks[0].template"),
    "MPIJob": ("kubeflow.org/v2beta1", "spec.mpiReplicaSpecs.Launcher.template"),
    "LeaderWorkerSet": ("leaderworkerset.x-k8s.io/v1", "spec.leaderWorkerTemplate.leaderTemplate"),
    "Sandbox": ("agents.x-k8s.io/v1alpha1", "spec.podTemplate"),
    "Unheard": ("example.com/v1", "spec.some.place[0].pods.template"),
}


@dataclass(frozen=True)
class Case:
    """One case: what is declared, and what the pack must say of it."""

    file: str
    name: str
    sort: str
    wanted: tuple[str, ...]
    """Invariants of which one must be violated, or words of which one must be in the advice."""
    resources: tuple[Resource, ...]
    unchanged: tuple[Resource, ...]
    """What a mutation started from: advice that it gets too is not about the mutation."""

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def cases() -> list[Case]:
    """Every case of the corpus."""
    return [case for path in sorted(DIRECTORY.glob("*.yaml")) for case in _of_file(path)]


def _of_file(path: Path) -> Iterator[Case]:
    document: Props = yaml.safe_load(path.read_text())
    for raw in document["cases"]:
        try:
            yield from _expanded(path.stem, raw)
        except (LookupError, ValueError, TypeError, AssertionError) as error:
            raise ValueError(f"{path.name}: {raw.get('name', raw)}: {error!r}") from error


def _expanded(file: str, raw: Props) -> Iterator[Case]:
    if unheard := raw.keys() - _KEYS:
        raise ValueError(f"unknown keys {sorted(unheard)}")
    if "for" not in raw:
        yield _case(file, raw)
        return
    for number, value in enumerate(raw["for"], 1):
        text = json.dumps(value).strip('"')
        body = {key: _with(item, value) for key, item in raw.items() if key not in ("for", "name")}
        yield _case(file, {"name": f"{raw['name']} {number} [{text[:80]}]", **body})


def _with(value: Any, it: Any) -> Any:
    if isinstance(value, dict):
        return {_with(key, it): _with(item, it) for key, item in cast(Props, value).items()}
    if isinstance(value, list):
        return [_with(item, it) for item in cast(list[Any], value)]
    if value == "$it":
        return copy.deepcopy(it)
    if not isinstance(value, str):
        return value
    fields: Any = it
    value = re.sub(r"\$it\[(\w+)]", lambda found: fields[found[1]], value)
    return value.replace("$it", str(fields))


def _case(file: str, raw: Props) -> Case:
    (sort,) = [sort for sort in SORTS if sort in raw]
    before: list[Resource] = []
    after: list[Resource] = []
    names: Mapping[str, str] = {}
    if "of" in raw:
        shape, _, which = raw["of"].partition("/")
        names = _names(shape)
        before = [_placed(_golden(shape)[which], raw.get("as"))]
        changed = copy.deepcopy(_golden(shape)[which])
        _change(changed[2], raw, names)
        after = [_placed(changed, raw.get("as"))]
    elif "graph" in raw:
        graph = _golden(raw["graph"])
        names = _names(raw["graph"])
        before = list(graph.values())
        kept = {name: copy.deepcopy(graph[name]) for name in graph if name not in raw.get("drop", ())}
        assert len(kept) == len(graph) - len(raw.get("drop", ())), f"not in the graph: {raw['drop']}"
        for name, change in raw.get("change", {}).items():
            _change(kept[name][2], change, names)
        after = list(kept.values())
    after += [_written(resource, names) for resource in raw.get("resources", ())]
    assert after, "no resources"
    wanted = () if sort == "pass" else tuple(raw[sort])
    return Case(file, raw["name"], sort, wanted, tuple(after), tuple(before))


@functools.cache
def _golden(shape: str) -> dict[str, Resource]:
    """The resources that the program declares in one of the golden shapes, by kind and name."""
    return {
        f"{one.kind} {one.name}": (one.type, one.name, one.plain)
        for one in run_program(SHAPES[shape]).all()
        if one.custom and not one.type.startswith("pulumi:")
    }


@functools.cache
def _names(shape: str) -> dict[str, str]:
    """The whole name of each object, by the name that the golden files show."""
    names = [props["metadata"]["name"] for _, _, props in _golden(shape).values() if "metadata" in props]
    return {re.sub(r"-[0-9a-f]{10}$", "-<hash>", name): name for name in names}


def _placed(resource: Resource, kind: str | None) -> Resource:
    """A Deployment as another kind, with the same pods."""
    if kind is None:
        return resource
    _, name, props = resource
    template: Any = copy.deepcopy(props["spec"]["template"])
    if kind.endswith("List"):
        return f"kubernetes:apps/v1:{kind}", name, {"apiVersion": "apps/v1", "kind": kind, "items": [props]}
    version, path = _PODS.get(kind, ("apps/v1", "spec.template"))
    head = {"apiVersion": version, "kind": kind.removeprefix("Volcano"), "metadata": props["metadata"]}
    token = f"kubernetes:{'core/v1' if version == 'v1' else version}:{head['kind']}"
    if not path:
        return token, name, {**head, "spec": template["spec"]}
    for step in reversed(path.replace("[0]", ".0").split(".")):
        template = [template] if step == "0" else {step: template}
    return token, name, head | template


def _written(raw: Props, names: Mapping[str, str]) -> Resource:
    value = _value(raw, names)
    if "type" in raw and "inputs" in raw:
        return value["type"], value.get("name", "x"), value["inputs"]
    version = value["apiVersion"]
    token = f"kubernetes:{'core/v1' if version == 'v1' else version}:{value['kind']}"
    return token, value.get("metadata", {}).get("name", "x"), value


def _value(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        fields = {key: _value(item, names) for key, item in cast(Props, value).items()}
        if fields.keys() == {"$json"}:
            return json.dumps(fields["$json"])
        if fields.keys() == {"$base64"}:
            return base64.b64encode(fields["$base64"].encode()).decode()
        if fields.keys() == {"$repeat"}:
            text, times = fields["$repeat"]
            return text * times
        if fields.keys() == {"$without"}:
            left_out, items = fields["$without"]
            return [item for item in cast(list[Any], items) if item != left_out]
        if "$with" in fields:
            return fields.pop("$with") | fields
        return fields
    if isinstance(value, list):
        return [_value(item, names) for item in cast(list[Any], value)]
    if value == "$unknown":
        return UNKNOWN_STRING_VALUE
    return _HASHED.sub(lambda found: names[found[0]], value) if isinstance(value, str) else value


def _change(props: Props, raw: Props, names: Mapping[str, str]) -> None:
    for path in raw.get("remove", ()):
        _put(props, path, None, remove=True)
    for path, value in raw.get("set", {}).items():
        _put(props, path, _value(value, names))


def _put(root: Any, path: str, value: Any, remove: bool = False) -> None:
    outer, _, inner = path.partition(" > ")
    place, _, rest = outer.partition(".")
    steps = _steps(f"{_PLACES[place]}.{rest}".rstrip(".") if place in _PLACES else outer)
    here = root
    for step in steps[:-1]:
        here = _within(here, step, create=not remove)
    last = steps[-1]
    if inner:
        document = json.loads(here[last])
        _put(document, inner, value, remove)
        here[last] = json.dumps(document, indent=2)
    elif last == "+":
        here.append(value)
    elif isinstance(here, list):
        index = _index(cast(list[Any], here), last)
        here[index : index + 1] = [] if remove else [value]
    elif remove:
        del here[last]
    else:
        here[last] = value


def _steps(path: str) -> list[str]:
    steps = ["".join(match.groups(default="")) for match in _STEP.finditer(path)]
    assert "".join(match[0] for match in _STEP.finditer(path)) == path, f"not a path: {path}"
    return steps


def _within(here: Any, step: str, create: bool) -> Any:
    if isinstance(here, list):
        items = cast(list[Any], here)
        return items[_index(items, step)]
    return here.setdefault(step, {}) if create else here[step]


def _index(items: Sequence[Any], step: str) -> int:
    if step.isdigit():
        return int(step)
    (index,) = [index for index, item in enumerate(items) if item.get("name") == step]
    return index
