"""What runs on one worker, and what wherever there is room."""

from pathlib import Path

import pytest

from tests.schedule import APART, FIRST, ByFile, first_those_that_wait

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/core/test_report.py::test_one[0]", "tests/core/test_report.py"),
        ("tests/core/test_report.py::test_other[a::b@c]", "tests/core/test_report.py"),
        ("tests/test_swarm.py::test_one[20]", "tests/test_swarm.py::test_one[20]"),
        ("tests/test_swarm.py::test_one[20]@some group", "some group"),
        ("tests/test_docs.py::test_one@documents", "documents"),
    ],
)
def test_a_file_is_one_unit_unless_it_is_kept_apart_or_its_tests_name_a_group(nodeid, unit):
    assert object.__new__(ByFile)._split_scope(nodeid) == unit


class Item:
    def __init__(self, name, group=None):
        self.name, self.group = name, group

    def get_closest_marker(self, _):
        return self.group and pytest.mark.xdist_group(self.group).mark


def test_the_waiting_begin_first_and_the_rest_stays_in_its_order():
    items = [
        Item("a"),
        Item("b", "rounds"),
        Item("c", "help"),
        Item("d", "waiting"),
        Item("e", "rounds"),
        Item("f"),
    ]
    assert "".join(item.name for item in first_those_that_wait(items)) == "dbeacf"
    assert FIRST == ("waiting", "rounds")


def test_what_is_kept_apart_is_there():
    assert all((ROOT / place).exists() for place in APART)
