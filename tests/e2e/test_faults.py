"""Every fault of docs/reliability.md, in a real world. The faults themselves: tests/support/faults."""

from collections.abc import Callable

import pytest

from tests.support.faults.catalogue import ALL
from tests.support.faults.fault import Fault, run
from tests.support.faults.report import Row
from tests.support.faults.scene import Scene

pytest_plugins = ["tests.support.faults.fixtures"]


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.slug)
def test_fault(fault: Fault, scene: Scene, record: Callable[[Row], None]) -> None:
    record(run(fault, scene))
