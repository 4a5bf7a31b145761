"""From the stack's configuration to `Settings`, or to one error with everything that is wrong."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from pydantic import BaseModel, ValidationError

from components.constants import PROJECT
from components.settings.checks import check
from components.settings.errors import Problem, SettingsError, counted, problems_of, unknown_key
from components.settings.models import Cluster, Images, Instance, Tailnet
from components.settings.nodes import Node
from components.settings.places import HIDDEN, known_words
from components.settings.plain_text import plain_secrets
from components.settings.stack import Settings

KEYS: Final = ("tailnet", "instances", "nodes", "cluster", "images")
_LISTS: Final = ("instances", "nodes")

M = TypeVar("M", bound=BaseModel)


def load() -> Settings:
    """The settings of the stack that runs. Raises `SettingsError`."""
    # Only here: the models are also read where no engine is, and the SDK takes half a second to import.
    import pulumi.runtime.config as runtime_config

    given: dict[str, Any] = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    own_keys = [key.removeprefix(f"{PROJECT}:") for key in given if key.startswith(f"{PROJECT}:")]
    encrypted = runtime_config.get_config_secret_keys_env()
    plain = {
        key
        for key in KEYS
        if f"{PROJECT}:{key}" not in encrypted and not runtime_config.is_config_secret(f"{PROJECT}:{key}")
    }
    problems: list[Problem] = []
    # The value of an unknown key is not even read.
    raw = {
        key: _decoded(key, runtime_config.get_config(f"{PROJECT}:{key}"), problems) if key in KEYS else None
        for key in own_keys
    }
    return _parsed(raw, plain, problems)


def _decoded(key: str, value: object, problems: list[Problem]) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        # Not the decoder's words: they may quote the text.
        problems.append(Problem(key, "must be a list." if key in _LISTS else "must be an object: a mapping of keys."))
        return None


def parse(raw: Mapping[str, Any], plain: Collection[str] = ()) -> Settings:
    """Settings from plain data, shaped as in a stack file without the project's prefix. Raises `SettingsError`.

    `plain`: the top keys in which nothing is encrypted; a secret there is a problem.
    """
    return _parsed(raw, plain, [])


def _parsed(raw: Mapping[str, Any], plain: Collection[str], problems: list[Problem]) -> Settings:
    # Only here: the kinds of nodes that it knows are made of settings.
    from components.settings.node_checks import check_nodes

    unreadable = {problem.path for problem in problems}
    problems += _unknown(raw)
    tailnet = _part(Tailnet, "tailnet", raw.get("tailnet"), problems) if "tailnet" not in unreadable else None
    cluster = _part(Cluster, "cluster", _given(raw, "cluster", {}), problems)
    images = _part(Images, "images", _given(raw, "images", {}), problems)
    instances = _list(
        Instance, "instances", raw.get("instances"), "one entry for each gateway, with id and people", problems
    )
    entries = "one entry for each node, with id, kind and gateway"
    nodes = _list(Node, "nodes", _given(raw, "nodes", []), entries, problems)
    problems += check(tailnet, cluster, images, instances)
    problems += check_nodes(tailnet, cluster, images, instances, nodes, _ids(raw.get("instances")))
    parts: dict[str, Mapping[str, BaseModel | None]] = {
        "tailnet": {"tailnet": tailnet},
        "instances": {f"instances[{index}]": item for index, item in instances.items()},
        "nodes": {f"nodes[{index}]": item for index, item in nodes.items()},
    }
    for key in sorted({*plain} & {*parts}):
        for path, part in parts[key].items():
            problems += plain_secrets(path, part)
    if problems or tailnet is None or cluster is None or images is None:
        raise SettingsError(problems)
    return Settings.model_construct(
        tailnet=tailnet,
        instances=tuple(instances.values()),
        nodes=tuple(nodes.values()),
        cluster=cluster,
        images=images,
    )


def _given(raw: Mapping[str, Any], key: str, default: object) -> object:
    # A section with everything in it commented out is null, and as good as none.
    value = raw.get(key)
    return default if value is None else value


def _unknown(keys: Iterable[object]) -> list[Problem]:
    problems: Counter[Problem] = Counter()
    for key in keys:
        if key in KEYS:
            continue
        text = str(key)
        path, message = unknown_key("", text, KEYS, known_words(Settings))
        if text.startswith(tuple(f"{known}{mark}" for known in KEYS for mark in ".[")):
            parts = [part for part in re.split(r"[.\[\]]+", text) if part]
            words = {*KEYS, *known_words(Settings)}
            shown = all(part in words or re.fullmatch(r"[0-9]{1,4}", part) for part in parts)
            path = text if shown else HIDDEN
            message = "is a path, but was set as a single key. Set it again with `pulumi config set --path`."
        problems[Problem(path, message)] += 1
    return [counted(problem, count) for problem, count in problems.items()]


def _list(model: type[M], path: str, listed: object, entries: str, problems: list[Problem]) -> dict[int, M]:
    """The items of a list that validate, by their place in it."""
    if not isinstance(listed, list):
        if not any(problem.path == path for problem in problems):
            problems.append(Problem(path, f"must be a list. Add {entries}."))
        return {}
    validated = {
        index: _part(model, f"{path}[{index}]", item, problems) for index, item in enumerate(cast(list[object], listed))
    }
    return {index: item for index, item in validated.items() if item is not None}


def _ids(listed: object) -> frozenset[object]:
    """The ids in a list, also of items that did not validate: who refers to one of those has made no mistake."""
    items = cast(list[object], listed) if isinstance(listed, list) else []
    ids = [cast(dict[object, object], item).get("id") for item in items if isinstance(item, dict)]
    return frozenset(item for item in ids if isinstance(item, str))


def _part(model: type[M], path: str, value: object, problems: list[Problem]) -> M | None:
    if value is None:
        entry = path.endswith("]")
        problems.append(Problem(path, "is empty. Fill it, or remove its dash." if entry else "is missing. Add it."))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems += problems_of(path, model, error, known_words(Settings))
        return None
