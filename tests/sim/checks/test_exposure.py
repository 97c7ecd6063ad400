from dataclasses import replace as with_fields

import pytest
from msgspec.structs import replace

from core.config import HedgeSettings
from core.events import ClockTicked
from core.types import Purpose, TradingState
from sim.checks.exposure import ExposureIsWorkedOn
from sim.checks.sums import FACTORS, band_usd, delta_usd
from tests.sim.checks.recorded import at_end_with, found, night, ordering, steps, with_state


def idle():
    """A tick at which the book is far out of its band, and no hedge is on its way."""
    step = next(s for s in steps() if isinstance(s.event, ClockTicked))
    state = ordering("hedge").state
    live = {c: r for c, r in state.orders.open.items() if r.order.purpose is not Purpose.HEDGE}
    positions = {**state.book.positions, "BTC": 1 + state.book.positions.get("BTC", 0)}
    state = replace(
        state, orders=replace(state.orders, open=live), book=replace(state.book, positions=positions)
    )
    return with_fields(step, state=state, intents=())


def of(step):
    return list(ExposureIsWorkedOn().on_step(step))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(lambda _: ExposureIsWorkedOn()) == []


def test_a_delta_outside_its_band_that_nobody_works_on_is_found():
    assert "nothing is done about it" in of(idle())[0]


@pytest.mark.parametrize(
    "reason",
    [
        {"trading": TradingState.HALTED},
        {"quotes": {}},
        {"instruments": {}},
        {"account": replace(idle().state.account, snapshot=None)},
        {"hedge": replace(idle().state.hedge, betas={})},
    ],
    ids=["halted", "no price", "not listed", "no account", "no betas"],
)
def test_there_may_be_a_reason(reason):
    assert of(with_state(idle(), **reason)) == []


def test_a_turnover_that_is_used_up_is_a_reason_unless_there_is_a_position_to_close():
    step = idle()
    settings = with_fields(step.state.settings, hedge=HedgeSettings(turnover_max_per_min=1e-9))
    positions = step.state.book.positions
    others = {c: q for c, q in positions.items() if c not in FACTORS}
    lone = replace(step.state.book, positions=others)
    assert max(map(abs, delta_usd(with_state(step, book=lone).state))) > band_usd(step.state)
    assert of(with_state(step, settings=settings, book=lone)) == []
    assert of(with_state(step, book=lone))
    long = replace(step.state.book, positions={**others, FACTORS[0]: 100})
    assert of(with_state(step, settings=settings, book=long))


def test_a_hedge_on_its_way_is_work():
    hedging = ordering("hedge")
    step = idle()
    assert of(with_state(step, orders=hedging.state.orders)) == []


def test_a_pause_after_a_hedge_is_a_reason_and_ends():
    checker, hedging, step = ExposureIsWorkedOn(), ordering("hedge"), idle()
    list(checker.on_step(hedging))
    at_ms = hedging.state.at_ms
    assert list(checker.on_step(with_state(step, at_ms=at_ms + 250))) == []
    assert list(checker.on_step(with_state(step, at_ms=at_ms + 400)))
    failed = replace(step.state.hedge, failures=3)
    assert list(checker.on_step(with_state(step, at_ms=at_ms + 9_000, hedge=failed))) == []
    assert list(checker.on_step(with_state(step, at_ms=at_ms + 14_000, hedge=failed)))


def test_seconds_outside_the_band_are_counted_as_the_daemon_counts_them():
    """The daemon's own record is of the session; the night has none outside of it."""
    checker = ExposureIsWorkedOn()
    for step in steps():
        world = type("", (), {"now_s": step.state.at_ms / 1000})()
        list(checker.on_step(with_fields(step, world=world)))
    world = at_end_with(night().world.daemon.state)
    world.now_s = steps()[-1].state.at_ms / 1000
    list(checker.at_end(world))
    figures, kept = night().world.checkers.figures, night().world.daemon.state.hedge
    assert figures["outside_s"] == pytest.approx(kept.outside_s, abs=0.01)
    assert figures["worst_delta_usd"] == pytest.approx(max(kept.worst_usd), abs=0.01)
    assert figures["outside_s"] > 0


def counted(late_mids):
    """Return the figures of the played night, with other mids in its second half."""
    checker = ExposureIsWorkedOn()
    middle = len(steps()) // 2
    for k, step in enumerate(steps()):
        world = type("", (), {"now_s": step.state.at_ms / 1000})()
        told = with_state(step, mids_usd=late_mids(step.state.mids_usd)) if k > middle else step
        list(checker.on_step(with_fields(told, world=world)))
    world = at_end_with(night().world.daemon.state)
    world.now_s = steps()[-1].state.at_ms / 1000
    list(checker.at_end(world))
    return dict(night().world.checkers.figures)


def test_a_coin_told_in_other_units_makes_no_exposure_of_millions():
    told_true = counted(lambda mids: mids)
    told_wrong = counted(lambda mids: {coin: usd * 1000 for coin, usd in mids.items()})
    assert told_wrong["worst_delta_usd"] == pytest.approx(told_true["worst_delta_usd"], rel=0.5)
    assert (
        told_true["worst_delta_usd"]
        < counted(lambda mids: {c: 9 * m for c, m in mids.items()})["worst_delta_usd"]
    )
