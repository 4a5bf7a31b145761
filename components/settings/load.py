"""From the stack's configuration to `Settings`, or to one error with everything that is wrong."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from components.constants import PROJECT
from components.settings.checks import check
from components.settings.errors import Problem, SettingsError, problems_of
from components.settings.models import Cluster, Images, Instance, Settings, Tailnet

KEYS = ("tailnet", "instances", "cluster", "images")

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
    instances: dict[int, Instance] = {}
    listed = raw.get("instances")
    if isinstance(listed, list):
        for index, item in enumerate(cast(list[object], listed)):
            if instance := _part(Instance, f"instances[{index}]", item, problems):
                instances[index] = instance
    else:
        problems.append(Problem("instances", "must be a list. Add one entry for each gateway, with id and people."))
    problems += check(tailnet, cluster, images, instances)
    if problems or tailnet is None or cluster is None or images is None:
        raise SettingsError(problems)
    return Settings.model_construct(
        tailnet=tailnet, instances=tuple(instances.values()), cluster=cluster, images=images
    )


def _part(model: type[M], path: str, value: object, problems: list[Problem]) -> M | None:
    if value is None:
        problems.append(Problem(path, "is missing. Add it."))
        return None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems += problems_of(path, model, error)
        return None
