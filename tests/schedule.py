"""Which worker runs which test: a file's tests run on one, so that what they share is made once and not once a worker."""

from xdist.scheduler import LoadGroupScheduling

APART = (
    "tests/processes/",
    "tests/test_kept_nights.py",
    "tests/test_nights.py",
    "tests/test_protected_nights.py",
    "tests/test_refused_nights.py",
    "tests/test_swarm.py",
    "tests/test_world_disk.py",
    "tests/test_world_lives.py",
)
"""Files of long tests that share little: each of these runs wherever there is room, after everything else."""


class ByFile(LoadGroupScheduling):
    """Hands out whole files; of the files apart, and where xdist_group says so, tests and groups of tests."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope if scope != nodeid or nodeid.startswith(APART) else nodeid.partition("::")[0]
