"""From a live object to outputs, and to the inputs that would lead to it: only fields we set count as drift."""

from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.plugins.values import Path, Props, get_maps, is_list, is_map

# The manager of a plain create; what is applied afterwards has a manager of its own for each resource.
CREATE_MANAGER = "pulumi-kubernetes"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SERVER_METADATA = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
_QUANTITIES = {"requests", "limits", "sizeLimit", "hard", "capacity"}
_SUFFIXES = (
    {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)}
    | {unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)}
    | {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)}
)


def outputs(live: Props, *, dry_run: bool = False) -> Props:
    """The object as the server gave it, less bookkeeping; a dry run's uid and status are inventions, so they go too."""
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key != "managedFields"}
    if _LAST_APPLIED in (metadata.get("annotations") or {}):
        # `kubectl apply` puts a Secret's data here in plain text, where nothing marks it as secret.
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    if dry_run:
        metadata = {key: value for key, value in metadata.items() if key not in _SERVER_METADATA}
        live = {key: value for key, value in live.items() if key != "status"}
    return {**live, "metadata": metadata}


def imported(live: Props) -> Props:
    """Inputs for an object that was not declared before."""
    inputs = outputs(live, dry_run=True)
    return {**inputs, "metadata": {k: v for k, v in inputs["metadata"].items() if k not in _SERVER_METADATA}}


def never_applied(existing: Props) -> bool:
    """True when the object is still as it was created, or nobody is known to manage it: a preview then forces."""
    fields = get_maps(existing, "metadata", "managedFields")
    return not fields or any(_created(entry) for entry in fields)


def taken_over(existing: Props, manager: str) -> list[Props] | None:
    """managedFields in which `manager` has applied what our create and kubectl have written; None: there is nothing."""
    fields = get_maps(existing, "metadata", "managedFields")
    written = [entry for entry in fields if _created(entry) or (_is_update(entry) and _of_kubectl(entry))]
    if not written:
        return None
    ours = [entry for entry in fields if entry.get("manager") == manager and entry.get("operation") == "Apply"]
    union: Props = {}
    for entry in [*ours, *written]:
        union = _union(union, entry.get("fieldsV1") or {})
    merged = {**(ours or written)[0], "manager": manager, "operation": "Apply", "fieldsV1": union}
    return [*(entry for entry in fields if entry not in written and entry not in ours), merged]


def _is_update(entry: Props) -> bool:
    return entry.get("operation") == "Update" and not entry.get("subresource")


def _created(entry: Props) -> bool:
    return _is_update(entry) and entry.get("manager") == CREATE_MANAGER


def _of_kubectl(entry: Props) -> bool:
    manager = str(entry.get("manager"))
    return manager == "before-first-apply" or manager.startswith("kubectl")


def _union(first: Props, second: Props) -> Props:
    """Two trees of fieldsV1 as one: their leaves are empty mappings."""
    return {key: _union(first.get(key, {}), second.get(key, {})) for key in first.keys() | second.keys()}


def inputs(live: Props, old: Props) -> Props:
    """The old inputs with the live values in them, so that the difference is exactly the drift."""
    return _restrict(live, old, ())


def _restrict(live: Any, old: Any, path: Path) -> Any:
    if is_map(old) and is_map(live):
        restricted: Props = {}
        for key, value in old.items():
            if key in live:
                restricted[key] = _restrict(live[key], value, (*path, key))
            elif not value:
                # The server leaves zero values out: `ingress: []` comes back as nothing.
                restricted[key] = value
        return restricted
    if is_list(old) and is_list(live):
        return [_restrict(item, old[i], (*path, i)) if i < len(old) else item for i, item in enumerate(live)]
    return old if _same(live, old, path) else live


def _same(live: Any, old: Any, path: Path) -> bool:
    if live == old and isinstance(live, bool) == isinstance(old, bool):
        return True
    if _QUANTITIES.intersection(path) and not isinstance(live, (dict, list)):
        first, second = _quantity(live), _quantity(old)
        return first is not None and first == second
    return False


def _quantity(value: object) -> Decimal | None:
    """`1024Mi` and `1Gi` are the same to the server, which writes back its own form."""
    text = str(value)
    number = text.rstrip("".join(_SUFFIXES))
    factor = _SUFFIXES.get(text[len(number) :])
    try:
        return Decimal(number) * factor if factor is not None else None
    except InvalidOperation:
        return None
