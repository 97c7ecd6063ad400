import shutil
import sqlite3
from dataclasses import replace as with_fields
from types import SimpleNamespace

from msgspec.structs import replace

from sim.checks.orders_once import OrdersOnce
from sim.checks.replay import JournalReplays
from state.store import Store
from tests.sim.checks.recorded import at_end_with, night, seen, steps


def of(world):
    return list(JournalReplays(OrdersOnce(night().world)).at_end(world))


def test_a_night_as_it_was_replays():
    assert of(night().world) == []


def test_a_state_that_is_not_the_journals_is_found():
    state = night().world.daemon.state
    assert of(at_end_with(replace(state, starts=state.starts + 1))) == [
        "starts is not what the journal leads to"
    ]


def test_a_last_life_that_was_killed_may_have_had_in_mind_what_it_never_wrote():
    world = at_end_with(replace(night().world.daemon.state, starts=99))
    world.lives = SimpleNamespace(was_killed=True)
    assert of(world) == []


def test_prices_that_no_record_needed_may_differ():
    state = night().world.daemon.state
    assert of(at_end_with(replace(state, quotes={}, mids_usd={}))) == []


def test_a_journal_that_leads_elsewhere_is_found(monkeypatch):
    """A quote is lost on the way: what is wanted next is another thing."""
    monkeypatch.setattr("sim.checks.replay._quoted", lambda state, _: state)
    assert "wanted something else" in of(night().world)[0]


def test_a_journal_that_was_changed_is_found(tmp_path):
    copied = tmp_path / "state"
    shutil.copytree(night().world.directory, copied)
    with sqlite3.connect(Store(copied).journal_path) as connection:
        connection.execute("DELETE FROM record WHERE seq = 100")
    assert "cannot be read" in of(seen(directory=copied))[0]


def test_an_order_that_the_journal_does_not_know_is_found_unless_it_stands_in_one_moved_aside():
    sent = SimpleNamespace(sent=frozenset({"0x1"}))
    sent.journaled = lambda cloids: [] if "0x1" in cloids else ["0x1 is not on record"]
    begins = next(step for step in steps() if step.begins)

    def found(moved_aside):
        checker = JournalReplays(sent)
        world = seen(operator=SimpleNamespace(moved_aside=moved_aside))
        assert list(checker.on_step(with_fields(begins, world=world))) == []
        return list(checker.at_end(night().world))

    assert found([]) == found(["history.sqlite"]) == ["0x1 is not on record"]
    assert found(["journal.sqlite"]) == []
