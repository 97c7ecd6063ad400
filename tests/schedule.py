"""Which worker runs which test, and what first.

A file's tests run on one worker, so that what they share is made once and not once a worker. Tests that mostly wait for
processes and clocks are one group, "waiting", and begin first: while one worker waits, the others compute. That is why
there is a worker more than there are cores.
"""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadGroupScheduling

APART = (
    "tests/test_kept_nights.py",
    "tests/test_nights.py",
    "tests/test_protected_nights.py",
    "tests/test_refused_nights.py",
    "tests/test_swarm.py",
    "tests/test_world_disk.py",
    "tests/test_world_lives.py",
)
"""Files of long tests that share little: each of these runs wherever there is room."""

FIRST = ("waiting", "rounds")
"""Groups that take minutes of waiting, the one that computes least first."""


class ByFile(LoadGroupScheduling):
    """Hands out whole files; of the files apart, and where xdist_group says so, tests and groups of tests."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope if scope != nodeid or nodeid.startswith(APART) else nodeid.partition("::")[0]


def first_those_that_wait(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests, those of FIRST before the others, otherwise in the order they came in."""
    return sorted(items, key=_place)


def _place(item: pytest.Item) -> int:
    mark = item.get_closest_marker("xdist_group")
    return FIRST.index(mark.args[0]) if mark is not None and mark.args[0] in FIRST else len(FIRST)
