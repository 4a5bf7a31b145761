"""Where a secret could lie in plain text: everything that a stack leaves on disk, prints, sends or stores (I4)."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine_world import Cluster

from sandbox.engine import Result
from sandbox.stack_state import HIDDEN, masked
from sandbox.world import World

# Where the sandbox keeps secrets on purpose, for its user alone: the backend's passphrase, the tailnet's own database,
# the cluster's own database, the administrator's credentials.
_STORES = ("run/passphrase", "run/world", "tailnet/", "run/etcd/", "run/pki/", "kubeconfig")


def everything_kept(world: World, cluster: Cluster, stack: str, results: Iterable[Result]) -> dict[str, str]:
    """Text by place: files of the world, logs of its parts, the engine's output and events, the cluster's objects."""
    return dict(_kept(world, cluster, stack, results))


def _kept(world: World, cluster: Cluster, stack: str, results: Iterable[Result]) -> Iterator[tuple[str, str]]:
    root = world.home.root
    for path in sorted(root.rglob("*")):
        place = str(path.relative_to(root))
        if path.is_file() and not path.is_symlink() and not place.startswith(_STORES) and not _is_input(path, root):
            yield place, path.read_text(errors="replace")
    for name, path in world.logs().items():
        yield f"log of {name}", path.read_text(errors="replace")
    for number, result in enumerate(results):
        yield f"output {number}", result.output
        yield f"outputs {number}", json.dumps(result.outputs)
        yield f"events {number}", json.dumps(result.events, default=vars)
    for kind, found in cluster.of_stack(stack):
        if kind != "Secret":
            yield f"{kind} {found['metadata']['name']}", json.dumps(found)
        else:
            # Its data is where secrets belong; its labels, annotations and field managers are not.
            yield f"metadata of {kind} {found['metadata']['name']}", json.dumps(found["metadata"])


def _is_input(path: Path, root: Path) -> bool:
    return path.parent == root and path.suffix == ".yaml"


def hidden_in(places: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """`place: secret` for each that is found, as it is or in base64."""
    written = {
        name: {value, base64.b64encode(value.encode()).decode().rstrip("=")} for name, value in secrets.items() if value
    }
    return [
        f"{place}: {name}"
        for place, text in places.items()
        for name, forms in written.items()
        if any(form in text for form in forms)
    ]


def marked_secret(values: Mapping[str, Any], *properties: str) -> bool:
    """Whether a resource of the state has these properties, and all leaves of them as secrets."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for entry in value.values():  # pyright: ignore[reportUnknownVariableType]  # JSON of the state
                yield from leaves(entry)
        else:
            yield value

    shown = [leaf for name in properties for leaf in leaves(masked(values[name]))]
    return bool(shown) and all(leaf == HIDDEN for leaf in shown)
