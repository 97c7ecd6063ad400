import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.events import ProFormaReady, SnapshotReceived
from core.types import AccountSnapshot, Coin, Phase, ProForma, VenuePosition
from state.errors import CorruptFile, JournalLost, NewerFile, StateError
from state.journal import SCHEMA, InlineJournal, Journal, Record, ThreadedJournal
from tests.state.records import DAY, record, records

ROOT = Path(__file__).resolve().parents[2]
ONCE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def filled(path, count):
    journal = Journal.open(path)
    journal.append(records(1, count))
    return journal


def edit(path, statement, *values):
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


def test_what_was_appended_is_read_back_to_the_last_digit(path):
    filled(path, 40).close()
    found = list(Journal.open(path).read())
    assert found == records(1, 40)
    assert [str(q.bid) for r in found for q in r.quotes] == [
        str(q.bid) for r in records(1, 40) for q in r.quotes
    ]


decimals = st.decimals(allow_nan=False, allow_infinity=False)
floats = st.floats(allow_nan=False, allow_infinity=False)
coins = st.text(st.characters(codec="utf-8"), max_size=8).map(Coin)


@given(
    weights=st.dictionaries(coins, floats),
    held=st.dictionaries(coins, decimals),
    text=st.text(st.characters(codec="utf-8")),
)
def test_any_numbers_and_names_survive(weights, held, text):
    proforma = ProForma(
        weights=weights,
        betas={c: (w, -w) for c, w in weights.items()},
        closes=held,
        adv_usd=weights,
        reasons=dict.fromkeys(held, text),
        solver=text,
        status="optimal",
        objective=-0.0,
        gap=1e-300,
        parameters={"a": 1, "b": 0.1, "c": text},
    )
    positions = {c: VenuePosition(coin=c, qty=q, entry_px=q, mark_px=q) for c, q in held.items()}
    events = (
        ProFormaReady(at_ms=1, session=DAY, phase=Phase.PROJECTED, proforma=proforma),
        SnapshotReceived(
            at_ms=2, snapshot=AccountSnapshot(at_ms=2, equity_usd=Decimal("1.10"), positions=positions)
        ),
    )
    written = [Record(n, n, (), event, ()) for n, event in enumerate(events, start=1)]
    journal = Journal.in_memory()
    journal.append(written)
    assert repr(list(journal.read())) == repr(written)


def test_a_number_that_json_cannot_hold_is_refused_and_nothing_goes_on(path):
    journal = filled(path, 1)
    parameters = {"gamma": float("nan")}
    bad = ProForma(
        weights={},
        betas={},
        closes={},
        adv_usd={},
        reasons={},
        solver="",
        status="",
        objective=0.0,
        gap=0.0,
        parameters=parameters,
    )
    event = ProFormaReady(at_ms=2, session=DAY, phase=Phase.PROJECTED, proforma=bad)
    with pytest.raises(JournalLost, match="cannot be written"):
        journal.append([Record(2, 2, (), event, ())])
    with pytest.raises(JournalLost, match="lost earlier"):
        journal.append([record(2)])
    assert Journal.open(path).verify() == 1


@pytest.mark.parametrize("seq", [0, 3, 5])
def test_a_record_out_of_order_is_refused(path, seq):
    with pytest.raises(JournalLost, match="does not follow 3"):
        filled(path, 3).append([record(seq)])


def test_a_group_is_written_whole_or_not_at_all(path):
    journal = filled(path, 3)
    with pytest.raises(JournalLost):
        journal.append([record(4), record(5), record(7)])
    assert Journal.open(path).last_seq() == 3


def test_reading_can_begin_anywhere(path):
    journal = filled(path, 9)
    assert [r.seq for r in journal.read(after_seq=6)] == [7, 8, 9]
    assert list(journal.read(after_seq=9)) == []


def test_a_reader_follows_the_writer(path):
    writer = filled(path, 2)
    reader = Journal.open_read_only(path)
    assert [r.seq for r in reader.read()] == [1, 2]
    writer.append([record(3)])
    assert reader.last_seq() == 3
    assert [r.seq for r in reader.read(after_seq=2)] == [3]


# --- what must be noticed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE record SET event = replace(event, '1.50', '1.51') WHERE seq = 4", "record 4"),
        ("UPDATE record SET intents = '[]' WHERE seq = 4", "record 4"),
        ("UPDATE record SET at_ms = at_ms + 1 WHERE seq = 5", "record 5"),
        ("UPDATE record SET quotes = x'' WHERE seq = 3", "record 3"),
        ("DELETE FROM record WHERE seq = 4", "record 4"),
        ("DELETE FROM record WHERE seq = 1", "record 1"),
        ("UPDATE record SET seq = 99 WHERE seq = 8", "last record should be 8"),
        ("DELETE FROM record WHERE seq > 6", "last record should be 8, found 6"),
        ("DELETE FROM record", "last record should be 8, found nothing"),
        ("DELETE FROM chain WHERE place = 'end'", "the end of its chain is missing"),
    ],
)
def test_an_edit_is_found_and_named(path, statement, named):
    filled(path, 8).close()
    edit(path, statement)
    with pytest.raises(CorruptFile, match=named):
        Journal.open(path).verify()


def test_moving_a_byte_between_columns_is_found(path):
    filled(path, 2).close()
    edit(
        path,
        "UPDATE record SET intents = substr(event, -1) || intents,"
        " event = substr(event, 1, length(event) - 1) WHERE seq = 2",
    )
    with pytest.raises(CorruptFile, match="record 2"):
        Journal.open(path).verify()


def test_a_record_of_another_history_is_found_though_it_is_whole(tmp_path, path):
    filled(path, 8).close()
    other = Journal.open(tmp_path / "other.sqlite")
    first = record(1)
    other.append([Record(1, first.at_ms + 1, first.quotes, first.event, first.intents), *records(2, 8)])
    [row] = other._connection.execute("SELECT * FROM record WHERE seq = 5").fetchall()
    edit(path, "DELETE FROM record WHERE seq = 5")
    edit(path, "DROP TRIGGER chain_end")
    edit(path, "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", *row)
    with pytest.raises(CorruptFile, match="record 5"):
        Journal.open(path).verify()


@ONCE
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found_or_harmless(tmp_path, where, bit):
    whole, path = tmp_path / "whole.sqlite", tmp_path / "flipped.sqlite"
    if not whole.exists():
        filled(whole, 60).close()
    data = bytearray(whole.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    path.write_bytes(data)
    try:
        journal = Journal.open(path)
        journal.verify()
        found = list(journal.read())
    except StateError:
        return
    finally:
        for rest in tmp_path.glob("flipped.sqlite*"):
            rest.unlink()
    assert found == records(1, 60)


@ONCE
@given(where=st.floats(0, 1))
def test_a_torn_write_ahead_log_loses_only_whole_commits_from_the_end(tmp_path, where):
    path, copy = tmp_path / "journal.sqlite", tmp_path / "torn.sqlite"
    if not path.exists():
        journal = filled(path, 1)
        for seq in range(2, 30, 3):
            journal.append(records(seq, seq + 2))
        shutil.copy(path, tmp_path / "main")
        shutil.copy(f"{path}-wal", tmp_path / "wal")
    log = (tmp_path / "wal").read_bytes()
    shutil.copy(tmp_path / "main", copy)
    Path(f"{copy}-wal").write_bytes(log[: int(where * len(log))])
    try:
        torn = Journal.open(copy)
        seq = torn.last_seq()
        assert seq == 0 or (seq - 1) % 3 == 0
        assert list(torn.read()) == records(1, seq)
        torn.close()
    finally:
        for rest in tmp_path.glob("torn.sqlite*"):
            rest.unlink()


@pytest.mark.parametrize("round_", range(8))
def test_after_kill_9_all_that_was_called_durable_is_there(path, round_):
    rng = Random(round_)
    command = [sys.executable, "-m", "tests.state.appender", str(path), str(round_)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        timer = threading.Timer(rng.uniform(0, 0.15), child.send_signal, [signal.SIGKILL])
        timer.start()
        said = [int(line) for line in child.stdout if line.endswith(b"\n")]
    assert child.returncode == -signal.SIGKILL
    journal = Journal.open(path)
    last = journal.last_seq()
    assert last >= max(said, default=1)
    assert journal.verify() == last
    assert list(journal.read()) == records(1, last)
    snapshot = journal.latest_snapshot()
    assert snapshot is None or (snapshot[0] <= last and snapshot[1] == b"state %d" % snapshot[0])
    journal.append([record(last + 1)])


# --- files that cannot be used -------------------------------------------------------------------------


def test_a_newer_schema_is_refused_by_writer_and_reader(path):
    filled(path, 1).close()
    edit(path, "PRAGMA user_version = 7")
    for way in (Journal.open, Journal.open_read_only):
        with pytest.raises(NewerFile, match=r"schema 7.*up to 1"):
            way(path)


def test_an_older_schema_is_migrated_by_the_writer_and_refused_by_a_reader(path):
    connection = sqlite3.connect(path)
    connection.executescript(f"PRAGMA application_id = {SCHEMA.application_id}; CREATE TABLE old (a);")
    connection.close()
    with pytest.raises(StateError, match="schema 0, expected 1"):
        Journal.open_read_only(path)
    assert Journal.open(path).last_seq() == 0


def test_another_programs_database_is_left_alone(path):
    edit(path, "CREATE TABLE precious (a)")
    with pytest.raises(StateError, match="not a journal of nightdesk"):
        Journal.open(path)


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database_is_named_and_kept(path, content):
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"journal\.sqlite: the file is damaged"):
        Journal.open(path)
    assert path.read_bytes() == content


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StateError, match=r"nowhere/journal\.sqlite: cannot be written"):
        Journal.open(tmp_path / "nowhere" / "journal.sqlite")


@pytest.mark.skipif(
    os.getuid() != 0, reason="a child gives up root's rights to see what an ordinary user sees"
)
def test_a_file_without_write_rights_is_named(path, tmp_path):
    filled(path, 1).close()
    code = (
        "import os, sys; from pathlib import Path; from state.journal import Journal;"
        " os.setuid(65534); Journal.open(Path(sys.argv[1]))"
    )
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(0o755)
    run = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "cannot be written" in run.stderr


def test_a_full_disk_stops_the_journal_for_good(path):
    journal = filled(path, 1)
    journal._connection.execute("PRAGMA max_page_count = 8")
    with pytest.raises(JournalLost, match=r"disk is full.*Free space"):
        journal.append(records(2, 400))
    journal._connection.execute("PRAGMA max_page_count = 100000")
    with pytest.raises(JournalLost, match="lost earlier"):
        journal.append([record(2)])
    assert journal.failure is not None
    assert Journal.open(path).verify() == 1


def test_a_write_error_of_the_system_stops_the_journal_for_good(path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = ThreadedJournal(filled(path, 1))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        done = journal.append(records(2, 400))
        with pytest.raises(JournalLost):
            done.result(timeout=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    with pytest.raises(JournalLost, match="lost earlier"):
        journal.append([record(2)])
    journal.close()
    assert Journal.open(path).verify() == 1


# --- snapshots and pruning -----------------------------------------------------------------------------


def test_the_newest_three_snapshots_are_kept(path):
    journal = filled(path, 9)
    for seq in (2, 4, 6, 8):
        journal.save_snapshot(seq, b"state %d" % seq)
    assert journal.latest_snapshot() == (8, b"state 8")
    kept = journal._connection.execute("SELECT seq FROM snapshot ORDER BY seq").fetchall()
    assert kept == [(4,), (6,), (8,)]


def test_a_damaged_snapshot_falls_back_to_the_one_before(path):
    journal = filled(path, 9)
    for seq in (4, 6):
        journal.save_snapshot(seq, b"state %d" % seq)
    edit(path, "UPDATE snapshot SET state = x'00' WHERE seq = 6")
    assert journal.latest_snapshot() == (4, b"state 4")
    edit(path, "UPDATE snapshot SET seq = 5 WHERE seq = 4")
    assert journal.latest_snapshot() is None


def test_a_snapshot_of_what_is_not_durable_yet_is_refused(path):
    with pytest.raises(ValueError, match="ends at 3"):
        filled(path, 3).save_snapshot(4, b"")


def test_pruning_keeps_what_the_oldest_snapshot_needs_and_the_chain_holds(path):
    journal = filled(path, 20)
    assert journal.prune(before_seq=10) == 0
    for seq in (5, 15):
        journal.save_snapshot(seq, b"")
    assert journal.prune(before_seq=3) == 2
    assert journal.prune(before_seq=18) == 3
    assert [r.seq for r in journal.read()] == list(range(6, 21))
    journal.close()
    journal = Journal.open(path)
    assert journal.verify() == 15
    journal.append([record(21)])
    edit(path, "DELETE FROM record WHERE seq = 6")
    with pytest.raises(CorruptFile, match="record 6"):
        journal.verify()


def test_a_pruned_journal_without_a_whole_snapshot_is_not_replayed_from_the_middle(path):
    journal = filled(path, 4)
    journal.save_snapshot(2, b"state 2")
    assert journal.prune(before_seq=3) == 2
    edit(path, "UPDATE snapshot SET state = x'00'")
    with pytest.raises(CorruptFile, match="the records up to 2 were pruned"):
        journal.latest_snapshot()


def test_a_journal_can_be_pruned_empty_and_goes_on(path):
    journal = filled(path, 4)
    journal.save_snapshot(4, b"all")
    assert journal.prune(before_seq=5) == 4
    journal.close()
    journal = Journal.open(path)
    assert (journal.last_seq(), journal.verify()) == (4, 0)
    journal.append([record(5)])
    assert [r.seq for r in journal.read(after_seq=4)] == [5]


# --- writers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [InlineJournal, ThreadedJournal])
def test_a_writer_commits_in_order_and_says_when(path, kind):
    writer = kind(Journal.open(path))
    done = [writer.append([record(seq)]) for seq in range(1, 200)]
    done.append(writer.save_snapshot(150, b"half"))
    done.append(writer.append([]))
    assert writer.prune(before_seq=100).result(timeout=10) == 99
    assert [f.result(timeout=10) for f in done] == [None] * len(done)
    writer.close()
    journal = Journal.open(path)
    assert journal.verify() == 100
    assert journal.latest_snapshot() == (150, b"half")


@pytest.mark.parametrize("kind", [InlineJournal, ThreadedJournal])
def test_after_a_failed_commit_every_writer_says_so_at_once(path, kind):
    writer = kind(Journal.open(path))
    with pytest.raises(JournalLost, match="does not follow"):
        writer.append([record(2)]).result(timeout=10)
    with pytest.raises(JournalLost, match="lost earlier"):
        writer.append([record(1)])
    writer.close()


def test_what_arrives_during_a_commit_goes_into_the_next_one_together(path):
    journal = Journal.open(path)
    groups, begun, go = [], threading.Event(), threading.Event()
    append = journal.append

    def slow(group):
        begun.set()
        assert go.wait(10)
        groups.append(len(group))
        append(group)

    journal.append = slow
    writer = ThreadedJournal(journal)
    done = [writer.append([record(1)])]
    assert begun.wait(10)
    done += [writer.append([record(seq)]) for seq in range(2, 51)]
    go.set()
    for future in done:
        future.result(timeout=10)
    writer.close()
    assert [size for size in groups if size] == [1, 49]


def test_a_disk_that_hangs_is_not_waited_for_for_ever(path):
    journal = Journal.open(path)
    go = threading.Event()
    append = journal.append
    journal.append = lambda group: (go.wait(10), append(group))[1]
    writer = ThreadedJournal(journal, backlog_max=10)
    writer.append([record(1)])
    with pytest.raises(JournalLost, match="hangs"):
        writer.append(records(2, 30))
    go.set()
    writer.close()


def test_one_lost_record_fails_all_that_waited_with_it(path):
    journal = Journal.open(path)
    go = threading.Event()
    append = journal.append
    journal.append = lambda group: (go.wait(10), append(group))[1]
    writer = ThreadedJournal(journal)
    done = [writer.append([record(seq)]) for seq in (1, 2, 4, 5)]
    go.set()
    writer.close()
    errors = [future.exception(timeout=10) for future in done]
    assert all(isinstance(error, JournalLost) for error in errors[2:])
