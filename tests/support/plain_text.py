"""Looks for secrets in plain text, in every disguise: everything that a stack leaves on disk, prints, sends or stores (I4)."""

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from engine.stack import Result
from engine.state import HIDDEN, masked
from sandbox.world import World
from tests.support.engine_world import Cluster, Stack, Values

# Where the sandbox keeps secrets on purpose, for its user alone: the backend's passphrase, the tailnet's own database,
# the cluster's own database, the administrator's credentials.
_STORES = ("run/passphrase", "run/world", "tailnet/", "run/etcd/", "run/pki/", "kubeconfig")
# How an exported state shows a secret: its JSON as text.
_PLAINTEXT: Final = "plaintext"
# What is secret only because it stands beside a secret, in one property: whom a key is for.
_COMPANIONS: Final = frozenset({"subject"})
# Shorter ones are words like `true`.
_SHORTEST: Final = 12


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
    for kind, item in cluster.of_stack(stack):
        if kind != "Secret":
            yield f"{kind} {item['metadata']['name']}", json.dumps(item)
        else:
            # Its data is where secrets belong; its labels, annotations and field managers are not.
            yield f"metadata of {kind} {item['metadata']['name']}", json.dumps(item["metadata"])


def _is_input(path: Path, root: Path) -> bool:
    return path.parent == root and path.suffix == ".yaml"


def secrets_of(stack: Stack, *instances: Values) -> dict[str, str]:
    """Every secret that the engine keeps for the stack, by where it is in the state."""
    exported = stack.engine(*instances).export()["deployment"]
    secrets: dict[str, str] = {}
    for resource in exported["resources"]:
        name = resource["urn"].rpartition("::")[2]
        for part in ("inputs", "outputs"):
            secrets |= {f"{name}.{part}{path}": text for path, text in _secret_leaves(resource.get(part, {}))}
    return {path: text for path, text in secrets.items() if len(text) >= _SHORTEST}


def _secret_leaves(value: Any, path: str = "", secret: bool = False) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if _PLAINTEXT in value:
            yield from _secret_leaves(json.loads(value[_PLAINTEXT]), path, True)  # pyright: ignore[reportUnknownArgumentType]  # JSON of the state
        else:
            for key, entry in value.items():  # pyright: ignore[reportUnknownVariableType]  # JSON of the state
                if key not in _COMPANIONS:
                    yield from _secret_leaves(entry, f"{path}.{key}", secret)
    elif isinstance(value, list):
        for number, entry in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # as above
            yield from _secret_leaves(entry, f"{path}[{number}]", secret)
    elif secret and isinstance(value, str):
        yield path, value


def encodings(text: str) -> dict[str, str]:
    """The forms in which a secret can stand in another text, by the form's name: of its characters, and of the bytes
    that they encode."""
    forms = {"as it is": text, "in a URL": quote(text, safe=""), "in JSON": json.dumps(text)[1:-1]}
    for name, raw in {"": text.encode(), **_decoded(text)}.items():
        forms |= {f"{form}{name}": encoded for form, encoded in _written(raw).items()}
    return {form: encoded for form, encoded in forms.items() if len(encoded) >= _SHORTEST}


def _decoded(text: str) -> dict[str, bytes]:
    """The bytes that a text stands for, where it is hexadecimal or base64."""
    contents: dict[str, bytes] = {}
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", text):
        contents[" of its hex"] = bytes.fromhex(text)
    with contextlib.suppress(binascii.Error):
        standard = text.replace("-", "+").replace("_", "/").rstrip("=")
        contents[" of its base64"] = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    for name, raw in list(contents.items()):
        if raw.isascii() and len(raw) >= _SHORTEST:
            # A Secret's data is base64, of what may be base64 itself.
            contents |= {f"{name}{inner}": content for inner, content in _decoded(raw.decode()).items()}
    return contents


def _written(raw: bytes) -> dict[str, str]:
    forms = {
        "hex": raw.hex(),
        "hex in capitals": raw.hex().upper(),
        "decimal": str(int.from_bytes(raw)) if len(raw) <= 64 else "",
    }
    forms["base32"] = base64.b32encode(raw[: len(raw) // 5 * 5]).decode()
    for before in range(3):
        # In the middle of a longer text the first and last characters also hold their neighbours' bits.
        inner = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")[-(-before * 4 // 3) :]
        inner = inner[: len(inner) - 1] if (before + len(raw)) % 3 else inner
        forms[f"base64 after {before}"] = inner
        forms[f"base64url after {before}"] = inner.replace("+", "-").replace("/", "_")
    return forms


def hidden_in(places: Mapping[str, str], secrets: Mapping[str, str]) -> list[str]:
    """`place: secret (form)` for each that is found, in any encoding."""
    forms = {
        (name, form): encoded for name, value in secrets.items() if value for form, encoded in encodings(value).items()
    }
    return [
        f"{place}: {name} ({form})"
        for place, text in places.items()
        for (name, form), encoded in forms.items()
        if encoded in text
    ]


def marked_secret(values: Mapping[str, Any], *properties: str) -> bool:
    """True when a resource of the state has these properties, and all leaves of them as secrets."""

    def leaves(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            for entry in value.values():  # pyright: ignore[reportUnknownVariableType]  # JSON of the state
                yield from leaves(entry)
        else:
            yield value

    shown = [leaf for name in properties for leaf in leaves(masked(values[name]))]
    return bool(shown) and all(leaf == HIDDEN for leaf in shown)
