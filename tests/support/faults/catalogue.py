"""All faults, in the order in which they are tried and stand in docs/reliability.md. A fault is added to the list of its group."""

from typing import Final

from tests.support.faults import keys, network, processes, storage
from tests.support.faults.fault import Fault

GROUPS: Final = (keys, network, processes, storage)
ALL: Final[tuple[Fault, ...]] = tuple(fault for group in GROUPS for fault in group.FAULTS)
