from dataclasses import replace as with_fields
from types import SimpleNamespace

from msgspec.structs import replace

from core.events import ClockTicked, KillTripped
from core.intents import CancelEverything, TripKill
from core.types import Purpose, TradingState
from sim.checks.kill import NothingAfterTheKill
from state.kill_switch import KillSwitch
from state.store import Store
from tests.sim.checks.recorded import found, night, ordering, seen, steps, with_state


def kill(_):
    return NothingAfterTheKill()


def halted(step, **changed):
    return with_state(step, trading=TradingState.HALTED, halt_reason="test", **changed)


def begun():
    """Return a checker that has seen the start of the night's one life."""
    checker = NothingAfterTheKill()
    assert list(checker.on_step(next(s for s in steps() if s.begins))) == []
    return checker


def of(step):
    return list(begun().on_step(step))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(kill) == []
    assert list(NothingAfterTheKill().at_end(night().world)) == []


def test_an_order_after_the_kill_is_found_unless_it_closes():
    step = halted(ordering("hedge"))
    step = with_fields(step, before=step.state)
    assert "after the kill" in of(step)[0]
    closing = tuple(
        replace(i, orders=tuple(replace(o, purpose=Purpose.FLATTEN) for o in i.orders))
        for i in step.intents
        if hasattr(i, "orders")
    )
    assert of(with_fields(step, intents=closing)) == []


def test_a_halt_that_cancels_nothing_or_is_not_latched_is_found():
    step = halted(next(s for s in steps() if not s.intents))
    trip, cancel = TripKill(reason="test"), CancelEverything()
    assert "cancels nothing" in of(step)[0]
    assert of(with_fields(step, intents=(trip,)))
    assert of(with_fields(step, intents=(cancel,)))
    assert of(with_fields(step, intents=(trip, cancel))) == []


def test_trading_again_without_a_reset_is_found():
    step = steps()[-5]
    assert "without a reset" in of(with_fields(step, before=halted(step).state))[0]


def test_a_kill_that_does_not_halt_is_found():
    step = steps()[-5]
    event = KillTripped(at_ms=step.state.at_ms, reason="test", by="test")
    assert "does not halt" in of(with_fields(step, event=event))[0]


def test_a_kill_that_comes_before_the_start_of_its_life_is_found():
    checker = NothingAfterTheKill()
    started = next(s for s in steps() if s.begins)
    kill = KillTripped(at_ms=started.state.at_ms, reason="test", by="test")
    early = with_fields(halted(started), before=halted(started).state, event=kill)
    assert "before the start" in next(checker.on_step(early))
    assert list(checker.on_step(started)) == []
    assert list(checker.on_step(early)) == []
    assert "before the start" in next(checker.on_step(with_fields(early, world=next_life())))


def next_life():
    lives = night().world.lives
    return seen(lives=SimpleNamespace(all=[*lives.all, lives.all[-1]]))


def test_a_stop_that_cancels_nothing_is_found():
    stop = next(s for s in steps() if type(s.event).__name__ == "StopRequested")
    assert of(stop) == []
    assert "a stop that cancels nothing" in of(with_fields(stop, intents=()))[0]


def test_a_halt_without_a_latch_and_a_latch_without_a_halt_are_found(tmp_path):
    state = night().world.daemon.state
    over = replace(state, trading=TradingState.HALTED, halt_reason="test")
    world = seen(directory=tmp_path, daemon=SimpleNamespace(state=over))
    checker = NothingAfterTheKill()
    assert "without a latch" in next(checker.at_end(world))
    KillSwitch(Store(tmp_path).kill_switch_path).trip("test", by="test", at_ms=1)
    assert list(checker.at_end(world)) == []
    assert "latched" in next(checker.at_end(seen(directory=tmp_path)))


def ticks(directory, *, state=None):
    """What a checker says of a tick each second in a world with this directory."""
    checker = begun()
    step = next(s for s in steps() if isinstance(s.event, ClockTicked) and not s.intents)
    step = step if state is None else with_fields(step, state=state, before=state)
    worlds = (seen(directory=directory, now_s=float(second)) for second in range(10))
    return [text for world in worlds for text in checker.on_step(with_fields(step, world=world))]


def test_a_latch_that_a_running_daemon_does_not_read_is_found(tmp_path):
    assert ticks(tmp_path) == []
    KillSwitch(Store(tmp_path).kill_switch_path).trip("test", by="test", at_ms=1)
    assert "latched since 0.0 s, and trading" in ticks(tmp_path)[0]
    over = replace(steps()[-5].state, trading=TradingState.HALTED, halt_reason="test")
    assert ticks(tmp_path, state=over) == []
