"""From the stack's configuration to `Settings`, or to one error with everything that is wrong."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from components.constants import PROJECT
from components.settings.checks import check
from components.settings.errors import Problem, SettingsError, problems_of
from components.settings.models import Cluster, Images, Instance, Tailnet
from components.settings.node_checks import check_nodes
from components.settings.nodes import Node
from components.settings.stack import Settings

KEYS = ("tailnet", "instances", "nodes", "cluster", "images")

M = TypeVar("M", bound=BaseModel)


def load() -> Settings:
    """The settings of the stack that runs. Raises `SettingsError`."""
    # Only here: the models are also read where no engine is, and the SDK takes half a second to import.
    import pulumi
    import pulumi.runtime.config as runtime_config

    given = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    own = [key.removeprefix(f"{PROJECT}:") for key in given if key.startswith(f"{PROJECT}:")]
    config = pulumi.Config(PROJECT)
    try:
        return parse({key: config.get_object(key) for key in own})
    except pulumi.ConfigTypeError as error:
        raise SettingsError([Problem(error.key.removeprefix(f"{PROJECT}:"), "must be an object or a list.")]) from None


def parse(raw: Mapping[str, Any]) -> Settings:
    """Settings from plain data, shaped as in a stack file without the project's prefix. Raises `SettingsError`."""
    problems = [Problem(key, f"is not a known key. Known here: {', '.join(KEYS)}.") for key in raw if key not in KEYS]
    tailnet = _part(Tailnet, "tailnet", raw.get("tailnet"), problems)
    cluster = _part(Cluster, "cluster", raw.get("cluster", {}), problems)
    images = _part(Images, "images", raw.get("images", {}), problems)
    instances = _list(
        Instance, "instances", raw.get("instances"), "one entry for each gateway, with id and people", problems
    )
    nodes = _list(Node, "nodes", raw.get("nodes", []), "one entry for each node, with id, kind and gateway", problems)
    problems += check(tailnet, cluster, images, instances)
    problems += check_nodes(tailnet, images, instances, nodes, _ids(raw.get("instances")))
    if problems or tailnet is None or cluster is None or images is None:
        raise SettingsError(problems)
    return Settings.model_construct(
        tailnet=tailnet,
        instances=tuple(instances.values()),
        nodes=tuple(nodes.values()),
        cluster=cluster,
        images=images,
    )


def _list(model: type[M], path: str, listed: object, entries: str, problems: list[Problem]) -> dict[int, M]:
    """The items of a list that validate, by their place in it."""
    if not isinstance(listed, list):
        problems.append(Problem(path, f"must be a list. Add {entries}."))
        return {}
    found = {
        index: _part(model, f"{path}[{index}]", item, problems) for index, item in enumerate(cast(list[object], listed))
    }
    return {index: item for index, item in found.items() if item is not None}


def _ids(listed: object) -> frozenset[object]:
    """The ids in a list, also of items that did not validate: who refers to one of those has made no mistake."""
    items = cast(list[object], listed) if isinstance(listed, list) else []
    found = [cast(dict[object, object], item).get("id") for item in items if isinstance(item, dict)]
    return frozenset(item for item in found if isinstance(item, str))


def _part(model: type[M], path: str, value: object, problems: list[Problem]) -> M | None:
    if value is None:
        problems.append(Problem(path, "is missing. Add it."))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems += problems_of(path, model, error)
        return None
