"""The common parts of the configuration's models."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from components.settings.quantities import Cpu, Memory


class Model(BaseModel):
    """Base: keys are camelCase as in the stack file, unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, value: Any) -> Any:
        """A key with everything in it commented out is as good as no key."""
        if not isinstance(value, dict):
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        items = cast(dict[Any, Any], value).items()
        return {key: item for key, item in items if item is not None or key not in known}


class Resources(Model):
    """Requests and limits of one container."""

    cpu_request: Cpu
    cpu_limit: Cpu
    memory_request: Memory
    memory_limit: Memory
