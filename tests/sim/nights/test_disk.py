import errno
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

import state.json_files
from sim.nights.disk import WorldDisk
from sim.nights.disk_faults import DiskFault, DiskFaultKind, corrupt_json
from state.disk import BUSY_S
from state.errors import CorruptFile, JournalLost, StateError
from state.history import History
from state.journal import Journal
from state.kill_switch import UNREADABLE, KillSwitch
from state.lock import InstanceLock, running_pid
from state.nonces import FileNonces
from state.store import Store
from tests.sim.nights.lives import (
    MEMORY,
    US,
    Count,
    Killed,
    Told,
    emptied,
    live,
    script,
    whole_journal,
    world,
)
from tests.state.records import record, records

ALL = {kind: DiskFault(kind, stall_s=3.0) for kind in DiskFaultKind}


@pytest.fixture
def place(tmp_path_factory, request):
    """A directory in memory, where this machine has one."""
    if not (MEMORY.is_dir() and os.access(MEMORY, os.W_OK)):
        yield tmp_path_factory.mktemp("nights")
        return
    directory = MEMORY / f"nightdesk-{os.getpid()}-{request.node.name[:20]}"
    yield emptied(directory)
    emptied(directory).rmdir()


def ended(place, words, *, kill_at, draw, power, **options):
    """Live a script in an empty place until the kill; return what was told and what the crash left."""
    told, count = Told(), Count(kill_at)
    disk = world(emptied(place) / "state", count)
    with suppress(Killed):
        live(place / "state", words, disk=disk, told=told, **options)
    disk.crash(Random(f"{kill_at} {draw}"), power=power)
    assert held_open(place) == []
    return told, count


def held_open(place):
    """Return the files in place that this process has open: one that is closed late takes the next life's log along."""
    targets = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            targets.append(os.readlink(entry))
    return [target for target in targets if target.startswith(str(place))]


def writes(place, words):
    return len(ended(place, words, kill_at=None, draw=0, power=False)[1].names)


# --- killed at any write -------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_write_all_that_was_told_is_there_and_nothing_is_torn(place, seed, power):
    words = script(seed)
    for kill_at in range(writes(place, words) + 1):
        for draw in range(2):
            told, _ = ended(place, words, kill_at=kill_at, draw=draw, power=power)
            told.check(place / "state")


@pytest.mark.parametrize("power", [False, True])
def test_killed_at_a_commit_that_also_checkpoints_nothing_is_torn(place, power):
    words = ["append"] * 12
    often = {"after_open": lambda journal: journal._connection.execute("PRAGMA wal_autocheckpoint = 15")}
    for kill_at in range(20, writes(place, words), 2):
        for draw in range(3):
            told, _ = ended(place, words, kill_at=kill_at, draw=draw, power=power, **often)
            told.check(place / "state")


@pytest.mark.parametrize("seed", range(2))
def test_what_a_second_life_believed_outlives_the_power(place, seed):
    """Killed at each write, started again, and then the power fails at a drawn write of the second life."""
    words, rng = script(seed), Random(seed)
    for kill_at in range(writes(place, words)):
        first, told = world(emptied(place) / "state", Count(kill_at)), Told()
        with pytest.raises(Killed):
            live(place / "state", words, disk=first, told=told)
        first.crash(Random(f"{seed} {kill_at}"), power=False)
        second = world(place / "state", Count(rng.randrange(60)), first.cache)
        believed = []
        with suppress(Killed):
            _second_life(place / "state", second, believed)
        second.crash(rng, power=True)
        _check_believed(place / "state", told, believed)


def _second_life(directory, disk, believed):
    store = Store(directory, disk)
    store.claim(US)
    latch, nonces = KillSwitch(store.kill_switch_path, disk), FileNonces(store.nonces_path, disk)
    journal = Journal.open(store.journal_path, disk)
    seq = journal.last_seq()
    journal.append([record(seq + 1)])
    believed[:] = [latch.read(), nonces.load(), seq + 1]
    nonces.save(nonces.load() + 5)
    believed[1] += 5
    journal.append([record(seq + 2)])
    believed[2] += 1


def _check_believed(directory, told, believed):
    store = Store(directory)
    latch, nonce = KillSwitch(store.kill_switch_path).read(), FileNonces(store.nonces_path).load()
    last = whole_journal(store.journal_path)
    assert last >= told.records
    assert nonce >= told.nonces[-1]
    if believed:
        assert latch == believed[0]
        assert nonce - believed[1] in (0, 5)
        assert last - believed[2] in (0, 1)


def test_a_dead_life_writes_nothing_more(place):
    disk = world(place, lambda name: None)
    journal = Journal.open(place / "journal.sqlite", disk)
    journal.append([record(1)])
    write_handle = disk.open(place / "open.log", os.O_WRONLY | os.O_CREAT)
    killed = Killed()
    disk.kill(killed)
    before = {p.name: p.read_bytes() for p in place.iterdir()}
    tries = [
        lambda: journal.append([record(2)]),
        journal.close,
        lambda: journal.prune(before_seq=1),
        lambda: Journal.open(place / "journal.sqlite", disk),
        lambda: FileNonces(place / "nonces.json", disk).save(1),
        lambda: KillSwitch(place / "k.json", disk).trip("x", by="y", at_ms=1),
        lambda: InstanceLock.acquire(place, disk),
        lambda: disk.write(write_handle, b"x"),
        lambda: disk.fsync(write_handle),
        lambda: disk.truncate(write_handle),
        lambda: disk.close(write_handle),
        lambda: disk.replace(place / "open.log", place / "b"),
        lambda: disk.link(place / "open.log", place / "b"),
        lambda: disk.unlink(place / "open.log"),
        lambda: disk.mkdir(place / "b", 0o700),
    ]
    for attempt in tries:
        with pytest.raises(Killed) as raised:
            attempt()
        assert raised.value is killed
    assert {p.name: p.read_bytes() for p in place.iterdir()} == before
    disk.crash(Random(0), power=False)
    assert whole_journal(place / "journal.sqlite") == 1


def test_a_killed_life_lets_go_of_its_lock(place):
    disk = world(place, lambda name: None)
    InstanceLock.acquire(place, disk)
    assert running_pid(place) == os.getpid()
    disk.kill(Killed())
    disk.crash(Random(0), power=False)
    assert running_pid(place) is None


def test_every_write_is_told_before_and_after_by_a_name_without_pid_or_place(place):
    words = ["append", "trip", "nonces", "page", "reset"]
    names = ended(place, words, kill_at=None, draw=0, power=False)[1].names
    assert names[1::2] == [f"{name}: done" for name in names[::2]]
    assert {
        "commit journal.sqlite",
        "fsync .",
        "mkdir .",
        "fsync ..",
        "write nonces.json.part",
        "unlink kill_switch.json",
    } <= {*names}
    assert not any(str(os.getpid()) in name or str(place) in name for name in names)


def test_a_write_under_way_is_lost_torn_or_whole_as_drawn(place):
    left = set()
    for draw in range(40):
        disk = world(emptied(place), Count(2))
        with pytest.raises(Killed):
            FileNonces(place / "nonces.json", disk).save(1)
        disk.crash(Random(draw), power=False)
        [part] = place.iterdir()
        left.add(len(part.read_bytes()))
    assert 0 in left
    assert len(left) > 5


def test_a_commit_under_way_is_lost_torn_or_whole_as_drawn(place):
    outcomes = set()
    for draw in range(40):
        disk = world(emptied(place), count := Count())
        journal = Journal.open(place / "journal.sqlite", disk)
        journal.append(records(1, 3))
        size = (place / "journal.sqlite-wal").stat().st_size
        count.kill_at = len(count.names)
        with pytest.raises(Killed):
            journal.append(records(4, 9))
        disk.crash(Random(draw), power=bool(draw % 2))
        grown = (place / "journal.sqlite-wal").stat().st_size > size
        outcomes.add((whole_journal(place / "journal.sqlite"), grown))
    assert outcomes == {(3, False), (3, True), (9, True)}


# --- what the layer can catch --------------------------------------------------------------------------


def set_synchronous(level):
    return lambda journal: journal._connection.execute(f"PRAGMA synchronous = {level}")


@pytest.mark.parametrize(("level", "loses"), [("FULL", False), ("NORMAL", True), ("OFF", True)])
def test_only_a_journal_synced_at_each_commit_keeps_its_records_when_the_power_fails(place, level, loses):
    words, lost = ["append"] * 5, 0
    last = writes(place, words) - 8
    for draw in range(20):
        told, _ = ended(place, words, kill_at=last, draw=draw, power=True, after_open=set_synchronous(level))
        lost += whole_journal(place / "state" / "journal.sqlite") < told.records
    assert told.records
    assert (lost > 0) == loses


def test_without_the_power_failing_an_unsynced_journal_keeps_what_returned(place):
    for draw in range(10):
        told, _ = ended(
            place, ["append"] * 5, kill_at=None, draw=draw, power=False, after_open=set_synchronous("OFF")
        )
        told.check(place / "state")


def test_what_was_checkpointed_is_kept_though_the_log_is_not(place):
    for draw in range(10):
        disk = world(emptied(place), lambda name: None)
        journal = Journal.open(place / "journal.sqlite", disk)
        journal._connection.execute("PRAGMA synchronous = NORMAL")
        journal.append(records(1, 5))
        journal._connection.execute("PRAGMA wal_checkpoint")
        journal.append(records(6, 9))
        disk.crash(Random(draw), power=True)
        assert whole_journal(place / "journal.sqlite") in (5, 9)


class NoFileSync(WorldDisk):
    def _fsync(self, handle):
        if self._handles[handle].content.now is None:
            super()._fsync(handle)


def survivors(place, disk_kind):
    """Save one nonce, lose the power, and say what each draw left."""
    left = []
    for draw in range(30):
        disk = disk_kind(emptied(place), on_write=lambda name: None, stall=lambda seconds: None)
        FileNonces(place / "nonces.json", disk).save(7)
        FileNonces(place / "nonces.json", disk).save(8)
        disk.crash(Random(draw), power=True)
        try:
            left.append(FileNonces(place / "nonces.json").load())
        except CorruptFile:
            left.append("corrupt")
    return set(left)


def test_a_document_whose_bytes_or_name_were_not_synced_is_lost_with_the_power(place, monkeypatch):
    assert survivors(place, WorldDisk) == {8}
    assert "corrupt" in survivors(place, NoFileSync)
    monkeypatch.setattr(state.json_files, "sync_directory", lambda directory, disk: None)
    assert survivors(place, WorldDisk) == {0, 7, 8}


# --- faults --------------------------------------------------------------------------------------------


def refused(attempt):
    with pytest.raises((OSError, sqlite3.Error)) as raised:
        attempt()
    error = raised.value
    if isinstance(error, OSError):
        return type(error), error.errno, error.strerror
    return type(error), str(error), error.sqlite_errorcode, error.sqlite_errorname


def test_sqlite_refuses_in_sqlites_own_words(place):
    """Each fault beside the same refusal by SQLite itself, brought about by its own means."""
    path, insert = place / "a.sqlite", "INSERT INTO a VALUES (zeroblob(90000))"
    disk = world(place, lambda name: None)
    watched = disk.connect(path, mode="rwc")
    watched.execute("PRAGMA journal_mode = WAL")
    watched.execute("CREATE TABLE a (x)")
    real = sqlite3.connect(path, timeout=0, isolation_level=None)
    readers = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    real.execute("PRAGMA max_page_count = 3")
    own = {DiskFaultKind.FULL: refused(lambda: real.execute(insert))}
    own[DiskFaultKind.READ_ONLY] = refused(lambda: readers.execute(insert))
    watched.execute("BEGIN IMMEDIATE")
    own[DiskFaultKind.LOCKED] = refused(lambda: real.execute(insert))
    watched.execute("ROLLBACK")
    for kind, words in own.items():
        disk.begin(ALL[kind])
        assert refused(lambda: watched.execute(insert)) == words
        assert watched.execute("SELECT count(*) FROM a").fetchone() == (0,)
        disk.end(ALL[kind])
    nowhere = refused(lambda: sqlite3.connect(place / "nowhere" / "a.sqlite"))
    disk.begin(ALL[DiskFaultKind.READ_ONLY])
    assert refused(lambda: disk.connect(path, mode="rwc")) == nowhere


def test_files_are_refused_in_the_systems_own_words(place):
    disk = world(place, lambda name: None)
    with open("/dev/full", "wb", buffering=0) as full:
        no_room = refused(lambda: full.write(b"x"))
    handle = disk.open(place / "a.log", os.O_WRONLY | os.O_CREAT)
    room = DiskFault(DiskFaultKind.FULL, room_bytes=3)
    disk.begin(room)
    assert disk.write(handle, b"12345") == 3
    assert refused(lambda: disk.write(handle, b"45")) == no_room
    disk.end(room)
    disk.begin(ALL[DiskFaultKind.READ_ONLY])
    read_only = (OSError, errno.EROFS, os.strerror(errno.EROFS))
    assert refused(lambda: disk.write(handle, b"45")) == read_only
    assert refused(lambda: disk.open(place / "b", os.O_WRONLY | os.O_CREAT)) == read_only
    assert refused(lambda: disk.replace(place / "a.log", place / "b")) == read_only
    assert disk.open(place, os.O_RDONLY | os.O_DIRECTORY) > 0
    assert (place / "a.log").read_bytes() == b"123"


@pytest.mark.parametrize("kind", [DiskFaultKind.FULL, DiskFaultKind.READ_ONLY, DiskFaultKind.LOCKED])
def test_a_journal_that_was_refused_is_lost_and_whole_after_a_restart(place, kind):
    disk = world(place, lambda name: None)
    journal = Journal.open(place / "journal.sqlite", disk)
    journal.append([record(1)])
    disk.begin(ALL[kind])
    with pytest.raises(JournalLost):
        journal.append([record(2)])
    disk.end(ALL[kind])
    with pytest.raises(JournalLost, match="lost earlier"):
        journal.append([record(2)])
    journal.close()
    disk.crash(Random(0), power=True)
    with closing(Journal.open(place / "journal.sqlite")) as again:
        again.append([record(2)])
        assert again.verify() == 2


def test_a_database_does_not_open_on_a_full_disk_but_does_where_its_index_fits(place):
    disk = world(place, lambda name: None)
    Journal.open(place / "journal.sqlite", disk).close()
    disk.crash(Random(0), power=False)
    disk = world(place, lambda name: None)
    disk.begin(DiskFault(DiskFaultKind.FULL, room_bytes=1000))
    with pytest.raises(StateError, match="disk I/O error"):
        Journal.open(place / "journal.sqlite", disk)
    disk.end(DiskFault(DiskFaultKind.FULL, room_bytes=1000))
    disk.begin(DiskFault(DiskFaultKind.FULL, room_bytes=100_000))
    journal = Journal.open(place / "journal.sqlite", disk)
    with pytest.raises(JournalLost, match="disk is full"):
        journal.append([record(1)])
    disk.crash(Random(0), power=False)


def test_a_lock_is_waited_for_as_long_as_sqlite_waits_and_not_longer(place):
    waited = []
    disk = WorldDisk(place, on_write=lambda name: None, stall=waited.append)
    journal = Journal.open(place / "journal.sqlite", disk)
    locked = DiskFault(DiskFaultKind.LOCKED, file="journal.sqlite")
    disk.begin(locked)
    disk._stall = lambda seconds: (waited.append(seconds), disk.end(locked))
    journal.append([record(1)])
    assert waited == [BUSY_S]
    history = History.open(place / "history.sqlite", disk)
    disk.begin(locked)
    history.record_funding([], now_ms=0)
    assert waited == [BUSY_S]


def test_a_slow_disk_takes_its_time_at_each_sync_and_commit(place):
    waited = []
    disk = WorldDisk(place, on_write=lambda name: None, stall=waited.append)
    journal = Journal.open(place / "journal.sqlite", disk)
    disk.begin(ALL[DiskFaultKind.SLOW_SYNC])
    journal.append([record(1)])
    assert waited == [3.0]
    FileNonces(place / "nonces.json", disk).save(1)
    slow = len(waited)
    assert slow > 1 + 2, "the file and its directory, at least"
    disk.end(ALL[DiskFaultKind.SLOW_SYNC])
    journal.append([record(2)])
    assert waited == [3.0] * slow


@pytest.mark.parametrize("kind", [DiskFaultKind.FULL, DiskFaultKind.READ_ONLY])
def test_a_database_closed_on_a_disk_that_takes_no_write_keeps_its_log(place, kind):
    disk = world(place, lambda name: None)
    journal = Journal.open(place / "journal.sqlite", disk)
    journal.append(records(1, 3))
    before = {p.name: p.read_bytes() for p in place.iterdir() if not p.name.endswith("-shm")}
    disk.begin(ALL[kind])
    journal.close()
    assert {p.name: p.read_bytes() for p in place.iterdir()} == before
    assert whole_journal(place / "journal.sqlite") == 3


# --- corrupt documents, determinism --------------------------------------------------------------------


@pytest.mark.parametrize("draw", range(60))
def test_a_corrupt_document_is_never_taken_for_a_whole_one(tmp_path, draw):
    store, latch = Store(tmp_path), KillSwitch(tmp_path / "kill_switch.json")
    store.claim(US)
    latch.trip("loss", by="risk", at_ms=1)
    FileNonces(store.nonces_path).save(77)
    disk = world(tmp_path, lambda name: None)
    for name in ("kill_switch.json", "nonces.json", "identity.json"):
        disk.corrupt_json(name, Random(f"{name} {draw}"))
    assert latch.read().by == UNREADABLE
    with pytest.raises(StateError):
        FileNonces(store.nonces_path).load()
    with pytest.raises(StateError):
        store.claim(US)


def test_documents_are_both_cut_and_garbled(tmp_path):
    whole, lengths = b'{"body": "0123456789"}\n', set()
    for draw in range(30):
        (tmp_path / "a.json").write_bytes(whole)
        corrupt_json(tmp_path / "a.json", Random(draw))
        lengths.add(len((tmp_path / "a.json").read_bytes()))
    assert len(whole) in lengths
    assert len(lengths) > 5


def test_a_document_corrupted_between_two_lives_is_what_the_power_leaves(tmp_path):
    disk = world(tmp_path, lambda name: None)
    FileNonces(tmp_path / "nonces.json", disk).save(7)
    disk.crash(Random(0), power=False)
    second = world(tmp_path, lambda name: None, disk.cache)
    second.corrupt_json("nonces.json", Random(1))
    corrupted = (tmp_path / "nonces.json").read_bytes()
    second.crash(Random(2), power=True)
    assert (tmp_path / "nonces.json").read_bytes() == corrupted


def test_the_same_draws_leave_the_same(place):
    words = script(5, length=6)

    def left(kill_at, power):
        _, count = ended(place, words, kill_at=kill_at, draw=1, power=power)
        files = [p for p in sorted((place / "state").rglob("*")) if p.is_file()]
        documents = {
            p.name.replace(str(os.getpid()), ""): p.read_bytes() for p in files if ".sqlite" not in p.name
        }
        sizes = {p.name: p.stat().st_size for p in files if ".sqlite" in p.name}
        with sqlite3.connect(place / "state" / "journal.sqlite") as journal:
            rows = list(journal.iterdump())
        journal.close()
        return count.names, documents, sizes, rows

    for kill_at in range(30, writes(place, words), 3):
        for power in (False, True):
            assert left(kill_at, power) == left(kill_at, power)
