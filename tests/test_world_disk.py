"""Faults of the disk under the daemon, one kind at a time: each strikes, and the daemon does what it should."""

import pytest

from core.events import KillReset, KillTripped, Started
from core.types import TradingState
from state.errors import CorruptFile, DiskRefuses, JournalLost
from state.kill_switch import KillSwitch
from state.store import Store
from tests.test_world_lives import ASKS_TIME_S, play, strikes

__all__ = ["play"]


def changes_of_the_latch(world):
    return KillSwitch(Store(world.directory).kill_switch_path).history()


@pytest.mark.parametrize(
    ("name", "words"), [("disk-full", "the disk is full"), ("disk-read-only", "cannot be written")]
)
def test_a_disk_that_takes_nothing_for_four_seconds_costs_seconds_and_nobody_has_to_look(play, name, words):
    world, seen = play(strikes(name), end_s=0.0)
    assert isinstance(world.lives.errors[0], JournalLost)
    assert all(isinstance(error, DiskRefuses) for error in world.lives.errors[1:])
    assert words in str(world.lives.errors[0])
    again_s = seen.of(Started)[-1][0]
    assert -46 <= again_s < -46 + world.manager.unit.restart_s + 1.5
    assert world.daemon.state.trading is TradingState.ACTIVE
    assert not seen.of(KillTripped)
    assert not changes_of_the_latch(world)


def test_a_disk_that_stays_full_is_given_up_latched_and_trades_when_a_person_has_mended_it(play):
    world, seen = play(strikes("disk-full", intensity=0.0, for_s=60.0), quiet_s=10.0, end_s=40.0)
    assert len(world.lives.errors) == world.manager.unit.start_limit
    changes = [(entry["action"], entry["reason"]) for entry in changes_of_the_latch(world)]
    assert changes == [
        ("trip", "nightdesk.service failed"),
        ("reset", "looked at the error, mended its cause"),
    ]
    assert len(seen.of(Started)) == 2
    assert world.daemon.state.trading is TradingState.ACTIVE


@pytest.mark.parametrize(("at_s", "removed"), [(-27.5, ["identity.json"]), (-25.5, [])])
def test_nobody_mends_what_failed_when_the_night_is_all_but_over(play, monkeypatch, at_s, removed):
    monkeypatch.setattr("sim.nights.operator.COMES_S", (4.0, 4.0))
    world, _ = play(strikes("json-corrupt", at_s=at_s, for_s=0.5, intensity=0.2), quiet_s=-20.0)
    assert len(world.lives.errors) == 1
    assert world.operator.removed == removed


def test_nothing_is_acted_on_that_a_full_disk_did_not_take(play):
    world, seen = play(strikes("disk-full", intensity=0.0), end_s=0.0)
    again_s = seen.of(Started)[1][0]
    fills = world.venue.fills(world.keys.address)
    in_between = [f for f in fills if -49 < (f.at_ms - world.close_ms) / 1000 < again_s]
    assert fills
    assert not in_between


def test_a_slow_disk_makes_orders_late_and_ends_nothing(play):
    world, _ = play(strikes("slow-fsync", for_s=10.0, intensity=1.0))
    assert len(world.lives.all) == 1
    assert not world.lives.errors
    assert world.daemon.state.trading is TradingState.ACTIVE


def test_a_lock_that_goes_within_the_patience_is_waited_for(play):
    world, _ = play(strikes("journal-locked", for_s=3.0))
    assert len(world.lives.all) == 1
    assert not world.lives.errors


def test_a_lock_that_stays_ends_the_life(play):
    world, seen = play(strikes("journal-locked", for_s=8.0), end_s=0.0)
    assert "another process writes it" in str(world.lives.errors[0])
    assert len(seen.of(Started)) == 2


@pytest.mark.parametrize("at_s", [-88.0, -58.5, -50.0, -45.1])
def test_a_power_cut_loses_what_was_not_synced_and_the_next_life_goes_on(play, at_s):
    world, seen = play(strikes("power-cut", at_s=at_s))
    assert [at for at, _ in seen.of(Started)] == pytest.approx([-110, at_s + 4], abs=ASKS_TIME_S)
    assert not world.lives.errors
    assert world.daemon.state.trading is TradingState.ACTIVE


def test_a_latch_that_cannot_be_read_counts_as_tripped_until_a_person_takes_it_back(play):
    _, seen = play(strikes("latch-garbled"))
    tripped_s, tripped = seen.of(KillTripped)[0]
    ((reset_s, _),) = seen.of(KillReset)
    assert -50 <= tripped_s <= -48.5
    assert tripped.by == "unreadable latch"
    assert -46 <= reset_s < -45


@pytest.mark.parametrize(("intensity", "name"), [(0.2, "identity.json"), (0.8, "nonces.json")])
def test_a_document_that_cannot_be_read_stops_the_start_until_it_is_mended(play, intensity, name):
    world, seen = play(strikes("json-corrupt", intensity=intensity), quiet_s=-22.0)
    (error,) = world.lives.errors
    assert isinstance(error, CorruptFile)
    assert name in str(error)
    assert len(seen.of(Started)) == 2
