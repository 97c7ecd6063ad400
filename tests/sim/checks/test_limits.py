from dataclasses import replace as with_fields
from types import SimpleNamespace

from msgspec.structs import replace

from core.config import HedgeSettings, RiskSettings, TwapSettings
from core.intents import SubmitOrders
from core.types import Purpose, TradingState
from sim.checkers import Step
from sim.checks.limits import WithinLimits
from sim.checks.orders_once import OrdersOnce
from tests.sim.checks.recorded import found, ordering, steps, stepwise, with_state

NOWHERE = SimpleNamespace(venue=SimpleNamespace(observers=[]), market=SimpleNamespace(assets=()))


def limits(world):
    return WithinLimits(OrdersOnce(world))


def limited(**changed):
    """What is found on the night by tighter limits than it had."""

    def tighter(step):
        settings = step.state.settings
        return with_state(step, settings=settings.__class__(**{**fields(settings), **changed}))

    return found(limits, stepwise(tighter))


def fields(settings):
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def risk(**changed):
    return {"risk": RiskSettings(**changed)}


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(limits) == []


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


def test_what_a_life_decided_on_and_neither_kept_nor_sent_does_not_count_against_the_next():
    """The same orders once more under ids that nobody knows, and a life that begins with the record without them."""
    quiet = next(s for s in steps() if s.begins)

    def twice(entry):
        if isinstance(entry, Step) and counted(entry):
            lost = tuple(replace(o, cloid=o.cloid[:-8] + "fedcba98") for o in entry.orders)
            intents = (SubmitOrders(orders=lost),)
            return with_fields(entry, intents=intents), with_fields(quiet, state=entry.before), entry
        return (entry,)

    def without_the_start(entry):
        return tuple(e for e in twice(entry) if not (isinstance(e, Step) and e.begins and e is not entry))

    stamps_ms = [s.state.at_ms for s in steps() for _ in range(counted(s))]
    most = max(sum(0 <= ms - other < 60_000 for other in stamps_ms) for ms in stamps_ms)
    assert any("orders within a minute" in text for text in found(limits, capped(without_the_start, most)))
    assert not any("orders within a minute" in text for text in found(limits, capped(twice, most)))


def test_orders_of_a_minute_ago_do_not_count_though_one_before_them_was_stamped_by_a_clock_ahead():
    first, *_, last = (s for s in steps() if any(o.purpose is Purpose.HEDGE for o in s.orders))

    def told(*stamps_ms):
        checker = limits(NOWHERE)
        for step, at_ms in zip((first, first, last), stamps_ms, strict=True):
            settings = with_most(step, counted(first) + counted(last))
            found = list(checker.on_step(with_state(step, at_ms=at_ms, settings=settings)))
        return any("orders within a minute" in text for text in found)

    assert not told(1, 0, 60_000)
    assert told(1, 1, 60_000)


def test_what_was_executed_before_a_clock_was_set_back_is_of_that_moment_at_the_latest():
    """Stamped half a minute ahead, and sixty seconds after the clock was set right another as large: within the cap."""
    step, settings, row = a_hedge_at_its_cap()
    now_ms = step.state.at_ms

    def told(*offsets_ms):
        checker = limits(NOWHERE)
        ahead_ms, set_ms, then_ms = (now_ms + ms for ms in offsets_ms)
        filled = with_fields(
            with_state(step, at_ms=ahead_ms, settings=settings), intents=(), executed=(row,) * 9
        )
        right = with_fields(with_state(step, at_ms=set_ms, settings=settings), intents=())
        then = with_state(step, at_ms=then_ms, settings=settings, session=None)
        return [t for s in (filled, right, then) for t in checker.on_step(s) if "hedged" in t]

    assert told(30_000, 0, 59_000)
    assert not told(30_000, 0, 61_000)


def a_hedge_at_its_cap():
    """A step that hedges, settings whose turnover a minute it uses up, and what was executed of its first order."""
    step = ordering("hedge")
    hedges = [o for o in step.orders if o.purpose is Purpose.HEDGE]
    usd = sum(float(o.qty * o.arrival_mid) for o in hedges)
    cap = HedgeSettings(turnover_max_per_min=usd / float(step.state.account.snapshot.equity_usd))
    row = next(f for s in steps() for f in s.executed if f.cloid == hedges[0].cloid)
    return step, with_fields(step.state.settings, hedge=cap), row


def counted(step):
    """How many orders of a step the limit a minute counts."""
    return sum(o.purpose is not Purpose.FLATTEN for o in step.orders)


def with_most(step, most):
    risk = with_fields(step.state.settings.risk, orders_per_min_max=most)
    return with_fields(step.state.settings, risk=risk)


def capped(change, most):
    """A change, and after it at most so many orders a minute."""

    def with_limits(entry):
        for one in change(entry):
            yield with_state(one, settings=with_most(one, most)) if isinstance(one, Step) else one

    return with_limits


def test_hedging_that_only_closes_is_not_too_much():
    """Held so much on the other side that no order of the night does more than close."""

    def against(step):
        held = {o.coin: -1000 * o.signed_qty for o in step.orders}
        book = replace(step.state.book, positions={**step.state.book.positions, **held})
        executed = tuple(with_fields(f, start_position=-1000 * f.signed_size) for f in step.executed)
        settings = with_fields(step.state.settings, hedge=HedgeSettings(turnover_max_per_min=0.0001))
        return with_fields(with_state(step, book=book, settings=settings), executed=executed)

    assert not any("hedged within a minute" in text for text in found(limits, stepwise(against)))


def test_what_was_executed_is_what_was_hedged():
    """One order is within a cap that it fills; the same once more, within a minute of its execution, is not."""
    step, settings, row = a_hedge_at_its_cap()
    checker, step = limits(NOWHERE), with_state(step, settings=settings, session=None)
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
    assert any("while none may" in text for text in found(limits, reducing))


def test_an_order_that_reduces_is_over_no_limit():
    """Held so much that every order is small beside it, none can be more than a reduction or a small addition."""

    def against(step):
        held = {o.coin: -1000 * o.signed_qty for o in step.orders}
        book = replace(step.state.book, positions={**step.state.book.positions, **held})
        return with_state(step, book=book, trading=TradingState.REDUCING)

    assert not any("while none may" in text for text in found(limits, stepwise(against)))
