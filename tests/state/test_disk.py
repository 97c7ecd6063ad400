"""What the state does when the disk refuses, and what it leaves for whoever comes after."""

import errno
import os
from pathlib import Path
from random import Random

import pytest

from core.types import SessionDay
from sim.nights.disk import WorldDisk
from sim.nights.disk_faults import DiskFault, DiskFaultKind
from state.disk import OS_DISK, sync_directory
from state.errors import JournalLost, StateError
from state.journal import Journal
from state.json_files import JsonFile, append_line, write_atomically
from state.kill_switch import KillSwitch
from state.lock import InstanceLock, running_pid
from state.nonces import FileNonces
from state.store import Identity, Store
from tests.state.records import record, records

DAY = SessionDay("2025-01-31")
FULL = DiskFault(DiskFaultKind.FULL)
READ_ONLY = DiskFault(DiskFaultKind.READ_ONLY)
LOCKED = DiskFault(DiskFaultKind.LOCKED)


def quiet(directory):
    return WorldDisk(directory, on_write=lambda name: None, stall=lambda seconds: None)


@pytest.fixture
def disk(tmp_path):
    return quiet(tmp_path)


def found(directory):
    return {p.relative_to(directory): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


WRITES = {
    "document": lambda at, disk: JsonFile(at / "a.json", Identity, "a", disk=disk).write(Identity("n", "a")),
    "trip": lambda at, disk: KillSwitch(at / "k.json", disk).trip("loss", by="risk", at_ms=1),
    "reset": lambda at, disk: KillSwitch(at / "tripped.json", disk).reset("well", at_ms=1),
    "line": lambda at, disk: append_line(at / "a.log", b"line", disk),
    "nonce": lambda at, disk: FileNonces(at / "nonces.json", disk).save(7),
    "lock": lambda at, disk: InstanceLock.acquire(at, disk),
    "claim": lambda at, disk: Store(at, disk).claim(Identity("n", "a")),
    "report": lambda at, disk: Store(at, disk).write_report(DAY, b"{}"),
    "page": lambda at, disk: Store(at, disk).write_page(DAY, "<p>"),
    "directory": lambda at, disk: Store(at / "another", disk),
    "journal": lambda at, disk: Journal.open(at / "journal.sqlite", disk),
}


@pytest.mark.parametrize("what", WRITES)
def test_nothing_is_written_past_a_disk_that_refuses_and_the_refusal_is_the_states(what, tmp_path, disk):
    Store(tmp_path)
    KillSwitch(tmp_path / "tripped.json").trip("loss", by="risk", at_ms=1)
    before = found(tmp_path)
    disk.begin(READ_ONLY)
    with pytest.raises(StateError):
        WRITES[what](tmp_path, disk)
    assert found(tmp_path) == before
    disk.end(READ_ONLY)
    WRITES[what](tmp_path, disk)
    assert found(tmp_path) != before or what == "directory"


@pytest.mark.parametrize("room_bytes", [0, 1, 20, 60])
def test_a_full_disk_leaves_the_document_and_all_earlier_versions_however_often_it_is_tried(
    tmp_path, disk, room_bytes
):
    file = JsonFile(tmp_path / "a.json", Identity, "a", keep=2, disk=disk)
    for name in "abc":
        file.write(Identity("n", name))
    full = DiskFault(DiskFaultKind.FULL, room_bytes=room_bytes)
    disk.begin(full)
    for _ in range(4):
        with pytest.raises(StateError, match="No space left"):
            file.write(Identity("n", "d"))
    disk.end(full)
    assert [file.read().address, *(old.address for _, old in file.previous())] == ["c", "b", "a"]
    assert not list(tmp_path.glob(".*"))


def test_a_write_that_failed_after_it_kept_the_old_version_does_not_keep_it_twice(tmp_path, monkeypatch):
    file = JsonFile(tmp_path / "a.json", Identity, "a", keep=2)
    for name in "abc":
        file.write(Identity("n", name))
    real = os.replace

    def refused(source, target):
        if str(source).endswith(".part"):
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused)
        for _ in range(3):
            with pytest.raises(StateError, match="Input/output error"):
                file.write(Identity("n", "d"))
    file.write(Identity("n", "d"))
    assert [old.address for _, old in file.previous()] == ["c", "b"]


@pytest.mark.parametrize("room_bytes", [1, 30])
def test_a_line_that_a_full_disk_cut_spoils_no_later_one(tmp_path, disk, room_bytes):
    switch = KillSwitch(tmp_path / "kill_switch.json", disk)
    switch.trip("first", by="risk", at_ms=1)
    full = DiskFault(DiskFaultKind.FULL, room_bytes=room_bytes, file="kill_switch.json.history")
    disk.begin(full)
    with pytest.raises(StateError, match="No space left"):
        switch.trip("second", by="risk", at_ms=2)
    disk.end(full)
    switch.trip("third", by="risk", at_ms=3)
    assert [entry["at_ms"] for entry in switch.history()] == [1, 3]


def test_a_lock_that_cannot_be_written_is_the_states_error_and_is_not_kept(tmp_path, disk):
    disk.begin(FULL)
    with pytest.raises(StateError, match=r"nightdesk\.pid: cannot be written"):
        InstanceLock.acquire(tmp_path, disk)
    disk.end(FULL)
    InstanceLock.acquire(tmp_path, disk).release()


def test_a_disk_that_fails_in_the_night_does_not_hide_why_it_ended(tmp_path, disk):
    def night():
        with InstanceLock.acquire(tmp_path, disk):
            disk.begin(READ_ONLY)
            raise JournalLost("the disk is read-only")

    with pytest.raises(JournalLost):
        night()
    assert running_pid(tmp_path) is None


@pytest.mark.parametrize("fault", [FULL, READ_ONLY, LOCKED])
def test_a_journal_that_cannot_be_pruned_says_so_in_words_of_the_state_and_goes_on(tmp_path, disk, fault):
    journal = Journal.open(tmp_path / "journal.sqlite", disk)
    journal.append(records(1, 9))
    journal.save_snapshot(9, b"state")
    disk.begin(fault)
    with pytest.raises(StateError):
        journal.prune(before_seq=5)
    disk.end(fault)
    journal.append([record(10)])
    assert journal.prune(before_seq=5) == 4
    assert journal.verify() == 6


def test_the_state_directorys_own_name_is_on_the_disk_before_anything_is_kept_in_it(tmp_path):
    for draw in range(40):
        root = tmp_path / str(draw)
        root.mkdir()
        disk = quiet(root / "deep" / "state")
        Store(root / "deep" / "state", disk)
        journal = Journal.open(root / "deep" / "state" / "journal.sqlite", disk)
        journal.append([record(1)])
        disk.crash(Random(draw), power=True)
        assert Journal.open(root / "deep" / "state" / "journal.sqlite").last_seq() == 1


def test_a_start_makes_durable_what_a_killed_run_left_unsynced_before_it_is_believed(tmp_path):
    class Killed(BaseException):
        pass

    def killed_before_the_name_is_synced(name):
        if name == "replace kill_switch.json: done":
            raise Killed

    Store(tmp_path).claim(Identity("n", "a"))
    for draw in range(40):
        KillSwitch(tmp_path / "kill_switch.json").reset("another round", at_ms=0)
        first = WorldDisk(tmp_path, on_write=killed_before_the_name_is_synced, stall=lambda seconds: None)
        with pytest.raises(Killed):
            KillSwitch(tmp_path / "kill_switch.json", first).trip("loss", by="risk", at_ms=1)
        first.crash(Random(draw), power=False)
        second = WorldDisk(
            tmp_path, on_write=lambda name: None, stall=lambda seconds: None, cache=first.cache
        )
        Store(tmp_path, second).claim(Identity("n", "a"))
        assert KillSwitch(tmp_path / "kill_switch.json", second).read().reason == "loss"
        second.crash(Random(draw), power=True)
        assert KillSwitch(tmp_path / "kill_switch.json").read().reason == "loss"


def test_the_place_above_may_be_somebody_elses(tmp_path):
    class Private(type(OS_DISK)):
        def open(self, path, flags, mode=0o600):
            if path == tmp_path:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return super().open(path, flags, mode)

    (tmp_path / "state").mkdir()
    Store(tmp_path / "state", Private()).claim(Identity("n", "a"))
    assert Store(tmp_path / "state").identity() == Identity("n", "a")


def test_a_write_is_synced_before_it_gets_its_name_and_its_name_before_it_returns(tmp_path):
    names = []
    disk = WorldDisk(tmp_path, on_write=names.append, stall=lambda seconds: None)
    write_atomically(tmp_path / "a.json", b"{}", disk)
    assert [name for name in names if not name.endswith(": done")] == [
        "create a.json.part",
        "write a.json.part",
        "fsync a.json.part",
        "replace a.json",
        "fsync .",
    ]


def test_a_short_write_of_a_disk_is_continued(tmp_path):
    class Short(type(OS_DISK)):
        def write(self, handle, data):
            return super().write(handle, bytes(data)[:3])

    append_line(tmp_path / "a.log", b"0123456789", Short())
    write_atomically(tmp_path / "a.json", b"0123456789", Short())
    assert found(tmp_path) == {Path("a.log"): b"0123456789\n", Path("a.json"): b"0123456789"}


def test_a_directory_that_is_not_there_cannot_be_synced(tmp_path):
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "nowhere")
