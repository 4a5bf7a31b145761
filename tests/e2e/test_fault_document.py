"""The table of docs/reliability.md and the fault tests say the same."""

from tests.support.fault_report import documented, recorded


def test_every_fault_of_the_document_has_a_test_and_the_other_way_round() -> None:
    tested = [fault for faults in recorded().values() for fault in faults]
    assert len(tested) == len(set(tested)), "two tests record one fault"
    assert documented() == tested


def test_every_file_of_fault_tests_records_what_it_saw() -> None:
    assert [name for name, faults in recorded().items() if not faults] == ["test_fault_document.py"]
