"""Every fault of docs/reliability.md, in a real world. The faults themselves: tests/support/faults."""

from collections.abc import Callable

import pytest

from addons.stack import StackConsole
from tests.support.faults.catalogue import ALL
from tests.support.faults.fault import Fault, run
from tests.support.faults.report import Row, ToldRow
from tests.support.faults.scene import Scene
from tests.support.faults.told import listening

pytest_plugins = ["tests.support.faults.fixtures"]


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.slug)
def test_fault(fault: Fault, scene: Scene, console: StackConsole, record: Callable[[Row, ToldRow], None]) -> None:
    """The status names it meanwhile, and the doctor its cause."""
    with listening(console, fault, scene) as told:
        row = run(fault, scene)
    record(row, told.row())
