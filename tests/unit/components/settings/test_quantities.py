"""Sizes and shares: what no container or volume can work with is refused with the least that works."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.settings.load import parse
from components.settings.quantities import cpu_millis, quantity_bytes
from tests.support.configs import Raw, smallest
from tests.support.settings import lines

SIZES = [
    "0Ki",
    "0Mi",
    "00Gi",
    "0Ti",
    "999999999Ti",
    "65Ti",
    "1Ki",
    "1023Ki",
    "-1Gi",
    "1.5Gi",
    "1e3Mi",
    "10G",
    "10",
    "Gi",
    "9" * 5000 + "Gi",
]
MEMORIES = ["0Ki", "0Mi", "2Ti", "999999999Gi", "-1Gi", "2gi", "2GB", "2G", "2", "", "9" * 5000 + "Mi"]
CPUS = [
    "0",
    "0m",
    "0.0",
    "0.000",
    "00",
    "-1",
    "513",
    "600000m",
    "1e3",
    "1.2345",
    "2 cores",
    "inf",
    "nan",
    "",
    "9" * 5000,
]


@pytest.mark.parametrize("size", SIZES)
def test_a_size_that_no_volume_has_is_refused(size: str) -> None:
    for volume in ("home", "tailnet"):
        (line,) = lines(smallest(storage={volume: {"size": size}}))
        assert line.startswith(f"instances[0].storage.{volume}.size ")


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_memory_that_no_container_has_is_refused(memory: str) -> None:
    for part in ("gateway", "tailscale"):
        for key in ("memoryLimit", "memoryRequest"):
            (line,) = lines(smallest(**{part: {"resources": {key: memory}}}))
            assert line.startswith(f"instances[0].{part}.resources.{key} ")


@pytest.mark.parametrize("cpu", [*CPUS, 0, 0.0, -1, 1000, 1e300, float("nan"), float("inf"), 0.00001, True, [], {}])
def test_a_processor_time_that_no_container_has_is_refused(cpu: Any) -> None:
    for part in ("gateway", "tailscale"):
        for key in ("cpuLimit", "cpuRequest"):
            (line,) = lines(smallest(**{part: {"resources": {key: cpu}}}))
            assert line.startswith(f"instances[0].{part}.resources.{key} ")


@pytest.mark.parametrize(
    ("cpu", "millis"), [(2, 2000), (0.5, 500), (2.0, 2000), (1.25, 1250), ("1500m", 1500), ("1", 1000), (2.125, 2125)]
)
def test_processor_time_may_be_a_number(cpu: Any, millis: int) -> None:
    (instance,) = parse(smallest(gateway={"resources": {"cpuLimit": cpu}})).instances
    assert cpu_millis(instance.gateway.resources.cpu_limit) == millis


@pytest.mark.parametrize("number", [2, 2.0, 0, 2147483648])
def test_a_number_without_a_unit_is_refused_with_the_mend(number: Any) -> None:
    for config in (
        smallest(gateway={"resources": {"memoryLimit": number}}),
        smallest(tailscale={"resources": {"memoryRequest": number}}),
        smallest(storage={"home": {"size": number}}),
    ):
        (line,) = lines(config)
        assert line.endswith("is a number without a unit. Write Ki, Mi, Gi or Ti after it, such as 2Gi.")


@given(amount=st.integers(1, 64), unit=st.sampled_from(["Gi", "Ti"]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_usual_sizes_are_taken(amount: int, unit: str) -> None:
    (instance,) = parse(smallest(storage={"home": {"size": f"{amount}{unit}"}})).instances
    assert quantity_bytes(instance.storage.home.size) == amount * (2**30 if unit == "Gi" else 2**40)


def with_pod(**resources: Any) -> Raw:
    pod = {"id": "p", "kind": "kubernetes", "gateway": "home", "kubernetes": resources}
    return {**smallest(), "nodes": [pod]}


TOO_LITTLE: dict[str, tuple[Raw, str]] = {
    "gateway cpu": (smallest(gateway={"resources": {"cpuRequest": "50m", "cpuLimit": "199m"}}), "200m"),
    "gateway memory": (smallest(gateway={"resources": {"memoryRequest": "64Mi", "memoryLimit": "767Mi"}}), "768Mi"),
    "sidecar cpu": (smallest(tailscale={"resources": {"cpuRequest": "1m", "cpuLimit": "19m"}}), "20m"),
    "sidecar memory": (smallest(tailscale={"resources": {"memoryRequest": "1Mi", "memoryLimit": "35Mi"}}), "48Mi"),
    "home": (smallest(storage={"home": {"size": "127Mi"}}), "128Mi"),
    "pod cpu": (with_pod(resources={"cpuRequest": "1m", "cpuLimit": "99m"}), "100m"),
    "pod memory": (with_pod(resources={"memoryRequest": "64Mi", "memoryLimit": "256Mi"}), "384Mi"),
    "pod sidecar": (with_pod(sidecarResources={"memoryRequest": "1Mi", "memoryLimit": "16Mi"}), "48Mi"),
}


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_a_limit_that_cannot_start_is_refused_with_the_least_that_can(name: str) -> None:
    config, least = TOO_LITTLE[name]
    (line,) = lines(config)
    assert line.endswith(f"Give it at least {least}.")
