"""Quantities of memory, storage and processor time, within what can work."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from components.settings.text import Text

_QUANTITY = re.compile(r"([0-9]{1,9})(Ki|Mi|Gi|Ti)")
_CPU = re.compile(r"[0-9]{1,9}m|[0-9]{1,9}(\.[0-9]{1,3})?")
_UNITS: Final = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
# No machine gives more, so nothing with more would ever run.
MEMORY_MAXIMUM: Final = "1Ti"
CPU_MAXIMUM: Final = 512
VOLUME_MINIMUM: Final = "1Mi"
VOLUME_MAXIMUM: Final = "64Ti"


def quantity_bytes(quantity: str) -> int:
    """Bytes of a memory or storage quantity such as `2Gi`."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError("is not a quantity. Write a whole number with Ki, Mi, Gi or Ti, such as 2Gi")
    return int(match[1]) * _UNITS[match[2]]


def cpu_millis(cpu: str) -> int:
    """Thousandths of a core of a CPU quantity such as `250m` or `2`."""
    if _CPU.fullmatch(cpu) is None:
        raise ValueError("is not a CPU quantity. Write cores, such as 2 or 0.5, or thousandths, such as 250m")
    return int(cpu[:-1]) if cpu.endswith("m") else round(float(cpu) * 1000)


def _number(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("is a number without a unit. Write Ki, Mi, Gi or Ti after it, such as 2Gi")
    return value


def _memory(value: str) -> str:
    amount = quantity_bytes(value)
    if amount == 0:
        raise ValueError("must be more than zero. Write an amount of memory, such as 2Gi")
    if amount > quantity_bytes(MEMORY_MAXIMUM):
        raise ValueError(f"is more than any machine has. Write at most {MEMORY_MAXIMUM}")
    return value


def _volume(value: str) -> str:
    if not quantity_bytes(VOLUME_MINIMUM) <= quantity_bytes(value) <= quantity_bytes(VOLUME_MAXIMUM):
        raise ValueError(f"is not a volume size. Write a size from {VOLUME_MINIMUM} to {VOLUME_MAXIMUM}, such as 10Gi")
    return value


def _cores(value: object) -> object:
    # `cpuLimit: 2` is a number for YAML, and means two cores.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _cpu(value: str) -> str:
    millis = cpu_millis(value)
    if millis == 0:
        raise ValueError("must be more than zero. Write cores, such as 2 or 0.5, or thousandths, such as 250m")
    if millis > CPU_MAXIMUM * 1000:
        raise ValueError(f"is more than any machine has. Write at most {CPU_MAXIMUM} cores")
    return value


Memory = Annotated[Text, AfterValidator(_memory), BeforeValidator(_number)]
VolumeSize = Annotated[Text, AfterValidator(_volume), BeforeValidator(_number)]
Cpu = Annotated[Text, AfterValidator(_cpu), BeforeValidator(_cores)]
