"""A journal played again: nothing differs in what this nightdesk wrote, and the first thing that does is shown."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.intents import CancelEverything, SubmitOrders
from core.state import decode, encode
from daemon.played import in_memory, played
from daemon.replay import replay
from sim.night import Night
from sim.nights.fault import Fault
from state.journal import Journal
from tests.daemon.command_line import nightdesk

KILLED = Night(seed=3, coins=8, faults=(Fault(name="kill", at_s=-30.0, for_s=3.0),))


@pytest.fixture(scope="module")
def night():
    """The state directory of a night that was killed in the middle and went on."""
    with in_memory() as directory:
        yield played(KILLED, directory).directory


@pytest.fixture(scope="module")
def records(night):
    journal = Journal.open_read_only(night / "journal.sqlite")
    yield list(journal.read())
    journal.close()


def written(path: Path, records, snapshot=None) -> Path:
    journal = Journal.open(path)
    journal.append(records)
    if snapshot is not None:
        journal.save_snapshot(*snapshot)
    journal.close()
    return path


def snapshots(night):
    journal = Journal.open_read_only(night / "journal.sqlite")
    found = journal.snapshots()
    journal.close()
    return found


def test_a_night_with_a_kill_in_it_leads_where_it_led(night, records):
    replayed = replay(night)
    assert replayed.difference is None
    assert replayed.records == len(records) > 100
    assert replayed.snapshots == len(snapshots(night)) > 0


def test_an_order_that_would_be_another_today_is_shown_and_nothing_after_it_is_played(records, tmp_path):
    n = next(i for i, r in enumerate(records) if any(isinstance(x, SubmitOrders) for x in r.intents))
    (order, *rest) = next(x for x in records[n].intents if isinstance(x, SubmitOrders)).orders
    other = SubmitOrders(orders=(replace(order, qty=order.qty * 2), *rest))
    intents = tuple(other if isinstance(x, SubmitOrders) else x for x in records[n].intents)
    path = written(
        tmp_path / "j.sqlite", [*records[:n], replace(records[n], intents=intents), *records[n + 1 :]]
    )
    found = replay(path).difference
    assert (found.seq, found.what) == (records[n].seq, "intents")
    assert [line.strip() for line in found.lines() if line[0] == "-"] == [
        f'-        "qty": "{order.qty * 2}",'
    ]
    assert [line.strip() for line in found.lines() if line[0] == "+"] == [f'+        "qty": "{order.qty}",']


def test_an_intent_too_many_is_a_difference(records, tmp_path):
    intents = (*records[-1].intents, CancelEverything())
    path = written(tmp_path / "j.sqlite", [*records[:-1], replace(records[-1], intents=intents)])
    assert replay(path).difference.seq == len(records)


def test_a_state_that_differs_at_a_snapshot_is_a_difference_in_its_fields_only(night, records, tmp_path):
    seq, kept = snapshots(night)[-1]
    other = replace(decode(kept), starts=77, at_ms=1)
    found = replay(written(tmp_path / "j.sqlite", records, (seq, encode(other)))).difference
    assert (found.seq, found.what) == (seq, "state")
    assert found.wanted == ("{", '  "starts": 77', "}")


def test_a_record_that_no_step_takes_is_a_difference(records, tmp_path, monkeypatch):
    def refuse(state, record):
        raise AssertionError("an order of nothing")

    path = written(tmp_path / "j.sqlite", records)
    monkeypatch.setattr("daemon.replay.stepped", refuse)
    found = replay(path).difference
    assert (found.what, found.seq) == ("error", 1)
    assert found.got == ("AssertionError: an order of nothing",)


def test_a_journal_whose_first_records_were_pruned_is_played_from_its_oldest_snapshot(
    night, records, tmp_path
):
    seq, kept = snapshots(night)[0]
    path = written(tmp_path / "j.sqlite", records, (seq, kept))
    journal = Journal.open(path)
    assert journal.prune(before_seq=seq) > 0
    journal.close()
    replayed = replay(path)
    assert replayed.difference is None
    assert 0 < replayed.after_seq <= seq
    assert replayed.records == len(records) - replayed.after_seq


def test_the_command_says_what_it_found(night, records, tmp_path):
    said = nightdesk("replay", night, "--json")
    assert said.code == 0
    assert said.document["held"] is True
    assert said.document["records"] == len(records)
    path = written(tmp_path / "j.sqlite", [replace(records[0], intents=()), *records[1:]])
    said = nightdesk("replay", path, "--json")
    assert said.code == 7
    assert said.document["difference"]["seq"] == 1
    assert said.document["difference"]["event"]["type"] == "Started"
    said = nightdesk("replay", path)
    assert said.code == 7


BAD = {
    "missing": (lambda path: None, "no journal is there"),
    "corrupt": (lambda path: path.write_bytes(b"SQLite format 3\x00" + b"x" * 5000), "damaged"),
    "text": (lambda path: path.write_text("hello" * 200), "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_journal_is_one_message(name, tmp_path):
    make, words = BAD[name]
    make(tmp_path / "journal.sqlite")
    for given in (tmp_path, tmp_path / "journal.sqlite"):
        said = nightdesk("replay", given)
        assert said.code == 2
        assert words in said.err
        assert said.err.count("\n") == 1


def test_a_journal_of_a_newer_nightdesk_is_refused(records, tmp_path):
    path = written(tmp_path / "journal.sqlite", records[:3])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    said = nightdesk("replay", path)
    assert said.code == 2
    assert "Install the newer nightdesk" in said.err


def test_a_record_that_was_changed_by_hand_is_refused(records, tmp_path):
    path = written(tmp_path / "journal.sqlite", records[:30])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE record SET intents = '[]' WHERE seq = 1")
    connection.close()
    said = nightdesk("replay", path)
    assert said.code == 2
    assert "record 1 is missing or was changed" in said.err
