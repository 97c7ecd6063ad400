"""The lease is taken by one at a time, and its token never falls, whoever writes the file."""

import sqlite3
import threading
from contextlib import closing

import pytest

from sim.nights.disk import WorldDisk
from sim.nights.disk_faults import DiskFault, DiskFaultKind
from state.errors import DiskRefuses, StateError
from state.lease import LeaseFile, Replaced, Row

FULL, READ_ONLY, LOCKED = (
    DiskFault(kind) for kind in (DiskFaultKind.FULL, DiskFaultKind.READ_ONLY, DiskFaultKind.LOCKED)
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lease.sqlite"


@pytest.fixture
def opened(path):
    files = []

    def open_lease(name="index", **words):
        files.append(LeaseFile.open(path, name, busy_s=0.05, **words))
        return files[-1]

    yield open_lease
    for file in files:
        file.close()


def test_of_two_that_saw_the_same_lease_one_takes_it(opened):
    first, second = opened(), opened()
    seen = first.read()
    assert first.take(seen, holder="a", above=0) == 1
    assert second.take(seen, holder="b", above=0) is None
    assert second.read() == Row("a", 1, 0)


def test_a_lease_that_was_renewed_since_it_was_seen_is_not_taken(opened):
    first, second = opened(), opened()
    first.take(None, holder="a", above=0)
    seen = second.read()
    assert first.renew(1)
    assert second.take(seen, holder="b", above=0) is None


def test_a_renewal_of_a_lease_that_was_taken_fails_and_changes_nothing(opened):
    first, second = opened(), opened()
    first.take(None, holder="a", above=0)
    second.take(second.read(), holder="b", above=0)
    assert not first.renew(1)
    first.release(1)
    assert second.read() == Row("b", 2, 0)


def test_a_lease_that_was_given_back_keeps_its_token_for_the_next(opened):
    file = opened()
    file.take(None, holder="a", above=0)
    file.release(1)
    assert file.read() == Row(None, 1, 0)
    assert not file.renew(1)
    assert file.take(file.read(), holder="b", above=0) == 2


def test_a_new_token_is_above_all_that_the_instance_ever_saw(opened):
    assert opened().take(None, holder="a", above=41) == 42


def test_indices_have_leases_of_their_own(opened):
    assert opened("one").take(None, holder="a", above=0) == 1
    assert opened("other").read() is None


def test_nobody_writes_a_lower_token_or_takes_the_row_away(opened, path):
    opened().take(None, holder="a", above=6)
    with closing(sqlite3.connect(path)) as anybody:
        with pytest.raises(sqlite3.IntegrityError, match="never falls"):
            anybody.execute("UPDATE lease SET token = 6")
        with pytest.raises(sqlite3.IntegrityError, match="never forgotten"):
            anybody.execute("DELETE FROM lease")


def test_the_token_is_there_after_the_file_was_closed(opened):
    opened().take(None, holder="a", above=0)
    opened().close()
    assert opened().read() == Row("a", 1, 0)


def test_whoever_holds_a_file_that_was_removed_holds_nothing(opened, path):
    file = opened()
    file.take(None, holder="a", above=0)
    path.unlink()
    with pytest.raises(Replaced):
        file.renew(1)
    path.touch()
    with pytest.raises(Replaced):
        file.read()


def test_instances_that_create_the_file_together_share_it(path):
    tokens, barrier = [], threading.Barrier(4)

    def stand():
        barrier.wait()
        file = LeaseFile.open(path, "index", busy_s=5.0)
        tokens.append(file.take(None, holder="x", above=0))
        file.close()

    threads = [threading.Thread(target=stand) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tokens, key=str) == [1, None, None, None]


@pytest.mark.parametrize("fault", [FULL, READ_ONLY, LOCKED], ids=lambda fault: fault.kind.value)
def test_a_disk_that_refuses_renews_nothing_and_takes_nothing(fault, opened, tmp_path):
    disk = WorldDisk(tmp_path, on_write=lambda name: None, stall=lambda seconds: None)
    file = opened(disk=disk)
    file.take(None, holder="a", above=0)
    disk.begin(fault)
    for refused in (lambda: file.renew(1), lambda: file.take(file.read(), holder="b", above=0)):
        with pytest.raises(DiskRefuses):
            refused()
    disk.end(fault)
    assert file.read() == Row("a", 1, 0)


def test_a_file_that_another_process_writes_is_waited_for_and_then_refused(opened, path):
    file = opened()
    file.take(None, holder="a", above=0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="another process writes it"):
            file.renew(1)
        assert file.read() == Row("a", 1, 0)
    assert file.renew(1)
