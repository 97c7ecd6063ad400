from dataclasses import replace as with_fields

from msgspec.structs import replace

from core.config import HedgeSettings, RiskSettings, TwapSettings
from core.types import Purpose, TradingState
from sim.checks.limits import WithinLimits
from tests.sim.checks.recorded import found, ordering, steps, stepwise, with_state


def limited(**changed):
    """What is found on the night by tighter limits than it had."""

    def tighter(step):
        settings = step.state.settings
        return with_state(step, settings=settings.__class__(**{**fields(settings), **changed}))

    return found(lambda _: WithinLimits(), stepwise(tighter))


def fields(settings):
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def risk(**changed):
    return {"risk": RiskSettings(**changed)}


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(lambda _: WithinLimits()) == []


def test_an_order_too_large_is_found():
    assert any("an order of" in text for text in limited(**risk(order_max_usd=100.0)))


def test_a_position_too_large_is_found():
    assert any("a position of" in text for text in limited(**risk(position_max=0.0001)))


def test_a_gross_too_large_is_found():
    assert any("a gross of" in text for text in limited(**risk(gross_max=0.001)))


def test_orders_too_many_are_found():
    assert any("orders within a minute" in text for text in limited(**risk(orders_per_min_max=5)))


def test_too_much_hedging_is_found():
    tight = HedgeSettings(turnover_max_per_min=0.0001)
    assert any("hedged within a minute" in text for text in limited(hedge=tight))


def test_hedging_that_only_closes_is_not_too_much():
    """Held so much on the other side that no order of the night does more than close."""

    def against(step):
        held = {o.coin: -1000 * o.signed_qty for o in step.orders}
        book = replace(step.state.book, positions={**step.state.book.positions, **held})
        executed = tuple(with_fields(f, start_position=-1000 * f.signed_size) for f in step.executed)
        settings = with_fields(step.state.settings, hedge=HedgeSettings(turnover_max_per_min=0.0001))
        return with_fields(with_state(step, book=book, settings=settings), executed=executed)

    assert not any(
        "hedged within a minute" in text for text in found(lambda _: WithinLimits(), stepwise(against))
    )


def test_what_was_executed_is_what_was_hedged():
    """One order is within a cap that it fills; the same once more, within a minute of its execution, is not."""
    step = ordering("hedge")
    (order, *_) = [o for o in step.orders if o.purpose is Purpose.HEDGE]
    usd = sum(float(o.qty * o.arrival_mid) for o in step.orders if o.purpose is Purpose.HEDGE)
    cap = HedgeSettings(turnover_max_per_min=usd / float(step.state.account.snapshot.equity_usd))
    settings = with_fields(step.state.settings, hedge=cap)
    row = next(f for s in steps() for f in s.executed if f.cloid == order.cloid)
    checker, step = WithinLimits(), with_state(step, settings=settings, session=None)
    late = with_state(step, at_ms=step.state.at_ms + 61_000, settings=settings, session=None)
    assert texts(checker, with_fields(step, executed=())) == []
    assert any(
        "hedged within a minute" in text for text in texts(checker, with_fields(step, executed=(row,)))
    )
    assert texts(checker, with_fields(late, executed=())) == []


def texts(checker, step):
    return list(checker.on_step(step))


def test_a_slice_that_bursts_is_found():
    assert any(
        "at once" in text
        for text in limited(twap=TwapSettings(catch_up_max=1.0, slice_s=6.0, min_order_usd=10))
    )


def test_an_order_that_adds_while_only_reducing_is_found():
    reducing = stepwise(lambda step: with_state(step, trading=TradingState.REDUCING))
    assert any("while none may" in text for text in found(lambda _: WithinLimits(), reducing))


def test_an_order_that_reduces_is_over_no_limit():
    """Held so much that every order is small beside it, none can be more than a reduction or a small addition."""

    def against(step):
        held = {o.coin: -1000 * o.signed_qty for o in step.orders}
        book = replace(step.state.book, positions={**step.state.book.positions, **held})
        return with_state(step, book=book, trading=TradingState.REDUCING)

    assert not any("while none may" in text for text in found(lambda _: WithinLimits(), stepwise(against)))
