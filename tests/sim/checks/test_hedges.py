from dataclasses import replace as with_fields

from msgspec.structs import replace

from core.intents import SubmitOrders
from core.types import Purpose, Side
from sim.checks.hedges import HedgesAreExplained
from tests.sim.checks.recorded import found, ordering, with_state


def of(change):
    step = ordering("hedge")
    hedges = [o for o in step.orders if o.purpose is Purpose.HEDGE]
    others = [o for o in step.orders if o.purpose is not Purpose.HEDGE]
    bad = with_fields(step, intents=(SubmitOrders(orders=(*map(change, hedges), *others)),))
    return list(HedgesAreExplained().on_step(bad))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(lambda _: HedgesAreExplained()) == []


def test_more_than_the_exposure_is_found():
    assert "for an exposure of" in of(lambda o: replace(o, qty=o.qty * 2))[0]


def test_a_hedge_that_adds_is_found():
    assert (
        "for an exposure of"
        in of(lambda o: replace(o, side=Side.SELL if o.side is Side.BUY else Side.BUY))[0]
    )


def test_a_hedge_of_what_is_not_filled_is_found():
    """The position it is for is not in the book: it is a target, and nothing else."""
    step = ordering("hedge")
    empty = with_state(step, book=replace(step.state.book, positions={}))
    assert "inside the band" in next(HedgesAreExplained().on_step(empty))


def test_a_hedge_of_what_another_hedge_covers_already_is_found():
    step = ordering("hedge")
    order = next(o for o in step.orders if o.purpose is Purpose.HEDGE)
    record = replace(
        step.state.orders.open[order.cloid], order=replace(order, cloid="0xelse", qty=order.qty * 3)
    )
    orders = replace(step.state.orders, open={**step.state.orders.open, "0xelse": record})
    assert list(HedgesAreExplained().on_step(with_state(step, orders=orders)))


def test_a_hedge_in_a_coin_that_is_no_factor_is_found():
    assert "is no hedge" in of(lambda o: replace(o, coin="SOL"))[0]


def test_a_hedge_without_any_betas_is_found():
    step = ordering("hedge")
    blind = with_state(step, hedge=replace(step.state.hedge, betas={}))
    assert "by a guess" in next(HedgesAreExplained().on_step(blind))


def test_mids_that_are_not_those_of_the_quotes_are_found():
    step = ordering("hedge")
    off = with_state(step, mids_usd={coin: 2 * px for coin, px in step.state.mids_usd.items()})
    assert "the mids are not" in next(HedgesAreExplained().on_step(off))
