"""Faults of the daemon's process, one kind at a time: each strikes, and the daemon does what it should."""

import json
from dataclasses import dataclass, field
from functools import partial

import pytest

from core.events import (
    ClockSet,
    ConfigChanged,
    KillReset,
    KillTripped,
    ProFormaFailed,
    ProFormaReady,
    Started,
    StopRequested,
)
from core.types import Phase, TradingState
from daemon import played as module
from daemon.played import in_memory, play_night, played
from sim.checks import all_checks
from sim.night import Night
from sim.nights.fault import Fault


@dataclass
class Seen:
    """A checker that keeps what the engine was told, and when (seconds from the close)."""

    name: str = "seen"
    events: list = field(default_factory=list)

    def on_step(self, step):
        self.events.append((step.world.now_s, step.event))
        return ()

    def at_end(self, world):
        return ()

    def of(self, kind):
        return [(at_s, event) for at_s, event in self.events if isinstance(event, kind)]


ASKS_TIME_S = 0.2
"""A start asks the venue its time first: a round trip."""

MANY_FILLS = {"seed": 3, "coins": 8}
"""A night whose book trades more than two hundred times."""


def _checks(seen, world, *, without):
    """A night that is left before its deadline has no end to be checked."""
    return (*(checker for checker in all_checks(world) if checker.name not in without), seen)


@pytest.fixture
def play(monkeypatch):
    """Play the middle of a night with faults in it; return the world, and what was seen."""
    with in_memory() as directory:

        def playing(*faults, end_s=-20.0, quiet_s=-30.0, **given):
            seen = Seen()
            within = [] if end_s >= 75.0 else ["ending"]
            monkeypatch.setattr(module, "all_checks", partial(_checks, seen, without=within))
            drawn = {"seed": 5, "coins": 8, "end_s": end_s, "quiet_s": quiet_s} | given
            night = Night(faults=faults, **drawn)
            world = played(night, directory)
            assert not world.checkers.failures
            return world, seen

        yield playing


def strikes(name, *, at_s=-50.0, for_s=4.0, intensity=0.5):
    return Fault(name=name, at_s=at_s, for_s=for_s, intensity=intensity)


def test_a_kill_ends_one_life_and_the_next_starts_when_the_fault_says(play):
    world, seen = play(strikes("kill"))
    assert [at_s for at_s, _ in seen.of(Started)] == pytest.approx([-110, -46], abs=ASKS_TIME_S)
    assert not [at_s for at_s, _ in seen.events if -50 < at_s < -46]
    assert not world.lives.errors


@pytest.mark.parametrize("name", ["kill-at-step", "kill-at-write"])
def test_a_kill_before_a_later_step_or_write_is_restarted_by_the_service_manager(play, name):
    world, seen = play(strikes(name, intensity=0.1), quiet_s=-25.0)
    (_, _), (again_s, _) = seen.of(Started)
    last_s = max(at_s for at_s, _ in seen.events if at_s < again_s)
    assert last_s >= -50
    assert again_s - last_s >= world.manager.unit.restart_s
    assert again_s - last_s < world.manager.unit.restart_s + 1.5
    assert len(world.lives.all) == 2


def test_a_sigterm_lets_the_daemon_leave_in_order(play):
    world, seen = play(strikes("sigterm"))
    (stopped_s, stop), _ = seen.of(StopRequested)
    assert (round(stopped_s), stop.reason) == (-50, "SIGTERM")
    (_, _), (again_s, _) = seen.of(Started)
    assert -46 <= again_s < -36
    assert not world.lives.errors


def test_a_stalled_daemon_does_nothing_and_then_goes_on(play):
    world, seen = play(strikes("stall", for_s=15.0))
    assert not [at_s for at_s, _ in seen.events if -50 < at_s < -35]
    assert [at_s for at_s, _ in seen.events if -35 <= at_s < -34]
    assert len(world.lives.all) == 1


def test_a_daemon_stalled_for_longer_than_the_watchdog_waits_is_killed_and_started_again(play):
    world, seen = play(strikes("stall", for_s=45.0), end_s=0.0, quiet_s=-5.0)
    (_, _), (again_s, _) = seen.of(Started)
    assert -21 < again_s < -17
    assert not world.lives.errors


def test_late_timers_are_twenty_seconds_late(play):
    _, seen = play(strikes("late-timers"))
    assert not [at_s for at_s, _ in seen.events if -50 < at_s < -30]
    assert [at_s for at_s, _ in seen.events if at_s >= -30]


@pytest.mark.parametrize("intensity", [0.0, 1.0])
def test_a_small_step_of_the_machines_clock_does_not_move_the_daemons(play, intensity):
    world, seen = play(strikes("clock-step", for_s=10.0, intensity=intensity), end_s=100.0, quiet_s=20.0)

    def ahead_s(at_s, event):
        return (event.at_ms - world.close_ms) / 1000 - at_s

    assert world.lives.all[0].skew_ms == 0
    assert max(abs(ahead_s(at_s, event)) for at_s, event in seen.events) < 0.1
    assert world.daemon.state.session.stage.value == "done"


@pytest.mark.parametrize("intensity", [0.1, 0.9], ids=["back", "ahead"])
@pytest.mark.parametrize("at_s", [-100, -88, -75, -59, -40, -20, -2, 6, 16, 40])
def test_a_clock_that_leaps_at_any_moment_changes_nothing_of_the_night(at_s, intensity):
    def night(*faults):
        return play_night(Night(faults=faults, **MANY_FILLS))

    calm = night()
    leapt = night(strikes("clock-leap", at_s=at_s, for_s=20.0, intensity=intensity))
    assert leapt.failures == ()
    assert (leapt.stage, leapt.fills, leapt.positions) == (calm.stage, calm.fills, calm.positions)
    assert calm.fills > 100


@pytest.mark.parametrize("intensity", [0.0, 1.0], ids=["behind", "ahead"])
def test_a_start_on_a_clock_an_hour_wrong_goes_on_in_the_venues_time(play, intensity):
    faults = strikes("clock-leap", at_s=-55.0, for_s=60.0, intensity=intensity), strikes("kill")
    world, seen = play(*faults, end_s=100.0, quiet_s=20.0, **MANY_FILLS)
    (_, _), (again_s, again) = seen.of(Started)
    # begun at -46; the venue overrules the wall with two answers, three seconds apart (decision 0010)
    assert -44 < again_s < -41
    assert abs((again.at_ms - world.close_ms) / 1000 - again_s) < 1
    assert world.daemon.state.session.stage.value == "done"
    assert len(world.venue.fills(world.keys.address)) > 200


def test_a_start_that_nobody_tells_the_time_is_set_right_when_the_venue_answers(play):
    """The daemon starts an hour ahead while nothing gets through; what it stamped until then holds up nothing."""
    faults = (
        strikes("clock-leap", at_s=-105.0, for_s=70.0, intensity=1.0),
        strikes("kill", at_s=-100.0, for_s=2.0),
        strikes("both-down", at_s=-99.0, for_s=8.0),
    )
    world, seen = play(*faults, end_s=185.0, quiet_s=20.0, **MANY_FILLS)
    (set_s, told), *_ = seen.of(ClockSet)
    assert -91 < set_s < -75
    assert abs((told.at_ms - world.close_ms) / 1000 - set_s) < 1
    assert world.daemon.state.session.stage.value == "done"
    assert len(world.venue.fills(world.keys.address)) > 200


def test_a_good_file_is_taken_over_key_by_key_and_used_by_the_next_start(play):
    for seed in range(8):
        world, seen = play(strikes("sighup-good", intensity=seed / 8), strikes("kill", at_s=-44.0))
        changed = {key for _, event in seen.of(ConfigChanged) for key in event.changes}
        assert world.config != world.night.config
        if changed:
            return
    raise AssertionError("no draw changed a key that may change now")


def test_a_bad_file_is_refused_and_nothing_changes(play):
    world, seen = play(strikes("sighup-bad"))
    assert not seen.of(ConfigChanged)
    assert world.config == world.night.config
    assert len(world.lives.all) == 1


def test_a_start_with_a_bad_file_waits_for_a_person_who_mends_it(play):
    world, seen = play(
        strikes("sighup-bad", for_s=30.0), strikes("kill", at_s=-45.0, for_s=0.5), quiet_s=-22.0
    )
    assert [type(error).__name__ for error in world.lives.errors] == ["ConfigError"]
    assert len(world.lives.all) == 3
    assert len(seen.of(Started)) == 2


def test_an_operator_kills_and_takes_it_back_with_a_reason(play):
    world, seen = play(strikes("operator-kill"))
    ((tripped_s, tripped),) = seen.of(KillTripped)
    ((reset_s, reset),) = seen.of(KillReset)
    assert (round(tripped_s), tripped.by) == (-50, "operator")
    assert (round(reset_s), reset.reason) == (-46, "it was nothing")
    assert [asked.answers[0].keys() for asked in world.operator.asked] == [
        {"killed", "reason"},
        {"reset", "was"},
    ]
    assert world.daemon.state.trading is TradingState.ACTIVE


def test_a_kill_that_a_stalled_daemon_does_not_answer_is_latched_in_its_file(play):
    faults = strikes("stall", at_s=-51.0, for_s=20.0), strikes("operator-kill", for_s=24.0)
    world, seen = play(*faults, quiet_s=-24.0)
    assert seen.of(KillTripped)
    assert seen.of(KillReset)
    lines = (world.directory / "kill_switch.json.history").read_bytes().splitlines()
    history = [
        (entry["action"], (entry["at_ms"] - world.close_ms) / 1000) for entry in map(json.loads, lines)
    ]
    assert history[0] == ("trip", -40.0)
    assert [action for action, _ in history].count("reset") == 1


def test_a_latch_that_nobody_took_back_is_reset_after_things_are_quiet(play):
    world, seen = play(strikes("operator-kill", for_s=60.0), end_s=0.0)
    ((reset_s, _),) = [(at_s, e) for at_s, e in seen.of(KillReset) if at_s < 0][:1]
    assert -30 < reset_s < -20
    assert world.daemon.state.trading is TradingState.ACTIVE


@pytest.mark.parametrize("name", ["worker-dies", "worker-hangs"])
def test_a_worker_that_gives_nothing_is_a_failed_pipeline_with_its_reason(play, name):
    words = {"worker-dies": "the worker process died", "worker-hangs": "no result within 23 s"}
    world, seen = play(strikes(name, at_s=-62.0, for_s=3.0), end_s=40.0, quiet_s=20.0)
    assert world.worker.struck
    assert words[name] in seen.of(ProFormaFailed)[0][1].reason


def test_a_problem_without_a_solution_holds_the_book(play):
    world, seen = play(strikes("worker-infeasible", at_s=-62.0, for_s=10.0))
    ((_, ready),) = seen.of(ProFormaReady)
    assert ready.proforma.status == "held: cvxpy ended with infeasible"
    assert world.worker.struck


def test_an_answer_that_is_not_a_number_reaches_no_order(play):
    world, seen = play(strikes("worker-nan", at_s=-62.0, for_s=10.0))
    assert world.worker.struck
    assert all(event.proforma.status.startswith("held") for _, event in seen.of(ProFormaReady))


def test_a_daemon_that_starts_with_positions_holds_and_hedges_them(play):
    world, _ = play(held_usd={2: 9_000.0, 4: -7_000.0}, end_s=-95.0)
    assets = world.market.assets
    state = world.daemon.state
    assert state.book.positions == world.venue.positions(world.keys.address)
    assert state.book.positions[assets[2].name] > 0
    assert state.book.positions[assets[4].name] < 0


@pytest.mark.parametrize("start_s", [-75.0, -30.0, 3.0, 14.0])
def test_a_daemon_that_starts_in_any_phase_ends_the_session(play, start_s):
    world, seen = play(start_s=start_s, quiet_s=20.0, end_s=100.0, held_usd={3: 5_000.0})
    assert seen.of(Started)[0][0] == pytest.approx(start_s, abs=ASKS_TIME_S)
    assert world.daemon.state.session.stage.value == "done"


def test_a_kill_and_its_reset_that_arrive_together_leave_no_latch_behind(play):
    faults = strikes("stall", at_s=-51.0, for_s=8.0), strikes("operator-kill", for_s=3.0)
    world, seen = play(*faults, quiet_s=-40.0)
    assert len(seen.of(KillTripped)) == len(seen.of(KillReset)) == 1
    assert world.daemon.state.trading is TradingState.ACTIVE
    assert not (world.directory / "kill_switch.json").exists()


def test_a_start_while_the_venue_is_away_waits_for_it_and_is_not_given_up(play):
    world, seen = play(strikes("both-down", at_s=-110.0, for_s=112.0), end_s=25.0, quiet_s=10.0)
    assert len(seen.of(Started)) == len(world.lives.all) == 1
    assert world.daemon.state.account.stream_up


def test_a_worker_that_hangs_in_the_correction_is_given_up_in_time_for_another_try(play):
    """The worker is well again before it is given up; deadline 75 s."""
    world, seen = play(strikes("worker-hangs", at_s=14.0, for_s=10.0), end_s=100.0)
    ((failed_s, failed),) = seen.of(ProFormaFailed)
    assert (failed.phase, world.worker.struck) == (Phase.CORRECTION, 1)
    ready_s = next(at_s for at_s, event in seen.of(ProFormaReady) if event.phase is Phase.CORRECTION)
    assert 15 + 10 <= failed_s < ready_s < 55
    assert world.daemon.state.session.correction.proforma is not None
