import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import risk
from core.config import TradingSettings
from core.events import PriceAgreed, PriceDisputed, Started
from core.intents import CancelOrders, RaiseAlert
from core.orders import register
from core.state import OrderStatus, decode, encode
from core.types import Purpose, Tif
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DOGE,
    ETH,
    PRICES,
    SOL,
    XRP,
    D,
    after,
    desk,
    fill,
    fills,
    of,
    order,
    sent,
    tick,
)
from tests.core.nights import FLIPPED, LONG_SHORT, night
from tests.core.test_nights import check
from tests.core.test_trade import at, correcting, sliced

SLICES = (Purpose.PROJECTED, Purpose.CORRECTION)


def disputed(coin, *, at_ms=CLOSE_MS, off="0.95"):
    """The venue's price is that much of the index'."""
    px = PRICES[coin]
    return PriceDisputed(at_ms=at_ms, coin=coin, venue_px=px, index_px=px / D(off))


def agreed(coin, *, at_ms=CLOSE_MS):
    return PriceAgreed(at_ms=at_ms, coin=coin)


def screened(state, *orders):
    return risk.screen(state, orders)


@given(
    position=st.integers(-20, 20),
    qty=st.integers(-40, 40).filter(bool),
    which=st.sets(st.sampled_from([BTC, ETH, SOL, DOGE])),
    purpose=st.sampled_from(list(Purpose)),
)
def test_a_slice_goes_where_no_price_is_disputed_that_it_would_be_opened_or_hedged_at(
    position, qty, which, purpose
):
    held = {SOL: D(position)} if position else {}
    state, _ = after(desk(held), *(disputed(coin) for coin in sorted(which)))
    passed, refused = screened(state, order(SOL, D(qty), purpose=purpose))
    reduces = position * qty < 0 and abs(qty) <= abs(position)
    free = purpose not in SLICES or not which & {SOL, BTC, ETH}
    assert bool(passed) == (reduces or free)
    assert passed or "no new risk at a disputed price: the venue's" in refused[SOL]


def test_the_reason_names_both_prices_and_an_own_dispute_comes_before_that_of_a_hedge():
    state, _ = after(desk(), disputed(BTC), disputed(SOL))
    _, refused = screened(state, order(SOL, D(10)), order(XRP, D(100)))
    assert refused[SOL].endswith("the venue's SOL price 150 is -5.0% off the index price 157.89474")
    assert "BTC price" in refused[XRP]


def test_slices_of_other_coins_and_those_that_reduce_go_on_and_all_do_when_it_is_over():
    state = at(correcting({SOL: D(500), DOGE: D(0), XRP: D(0)}, {DOGE: D(300_000), XRP: D(9_000)}), 130)
    state, _ = after(state, disputed(SOL, at_ms=state.at_ms), disputed(DOGE, at_ms=state.at_ms))
    less, orders = sliced(state)
    assert {o.coin for o in orders} == {DOGE, XRP}
    assert "SOL price" in less.session.held[SOL]
    state, _ = after(state, agreed(SOL, at_ms=state.at_ms))
    assert {o.coin for o in sliced(state)[1]} == {SOL, DOGE, XRP}


@pytest.mark.parametrize("hedge", [BTC, ETH])
def test_while_a_hedges_price_is_disputed_nothing_is_opened_and_what_is_filled_is_hedged(hedge):
    state = at(correcting({SOL: D(500), DOGE: D(0)}, {DOGE: D(300_000)}), 130)
    state, _ = after(state, disputed(hedge, at_ms=state.at_ms))
    assert {o.coin for o in sliced(state)[1]} == {DOGE}
    _, intents = after(state, fills(fill(SOL, D(500)), at_ms=state.at_ms + 1))
    assert {o.coin for o in sent(intents, Purpose.HEDGE)} == {BTC, ETH}


@pytest.mark.parametrize(("coin", "left"), [(SOL, {XRP}), (BTC, set())])
def test_slices_that_rest_are_cancelled_when_a_dispute_begins(coin, left):
    made = [
        order(c, D(10), tif=Tif.ALO, cloid=f"0x6e64{n:028x}", purpose=Purpose.CORRECTION)
        for n, c in enumerate((SOL, XRP))
    ]
    state = register(desk(), made)
    resting = {c: replace(r, status=OrderStatus.RESTING) for c, r in state.orders.open.items()}
    state = replace(state, orders=replace(state.orders, open=resting))
    state, intents = after(state, disputed(coin))
    [cancel] = of(intents, CancelOrders)
    assert {SOL, XRP} - {c for c, _ in cancel.orders} == left
    assert not sent(intents)


def test_it_is_told_once_and_noted_when_it_begins_and_when_it_ends():
    state, intents = after(
        correcting(), disputed(SOL), disputed(SOL, off="0.9"), agreed(SOL), agreed(SOL), agreed(XRP)
    )
    assert [(a.level, a.code) for a in of(intents, RaiseAlert)] == [("error", "price.disputed.SOL")]
    assert [text for _, text in state.session.notices] == [
        "the venue's SOL price 150 is -5.0% off the index price 157.89474: no SOL position is opened until they "
        "agree; closing and hedging go on",
        "the SOL price agrees with its index again",
    ]
    assert state.disputed == {}


def test_a_start_knows_of_no_dispute_and_a_snapshot_keeps_them():
    state, _ = after(desk(), disputed(SOL), disputed(BTC))
    assert decode(encode(state)).disputed == state.disputed
    state, _ = after(state, Started(at_ms=CLOSE_MS + 1, version="1", settings=TradingSettings()))
    assert state.disputed == {}


def test_a_kill_closes_positions_whatever_is_disputed():
    state, _ = after(desk({SOL: D(10)}), disputed(SOL), disputed(BTC))
    assert screened(state, order(SOL, D(-10), purpose=Purpose.FLATTEN))[0]


def test_ticks_without_slices_say_nothing_more_of_it():
    state, _ = after(desk(), disputed(BTC))
    _, intents = after(state, *(tick(CLOSE_MS + 1_000 * n) for n in range(5)))
    assert not of(intents, RaiseAlert)


@given(
    seed=st.integers(0, 10**6),
    spans=st.lists(
        st.tuples(st.sampled_from([BTC, SOL, DOGE]), st.integers(-600, 400), st.integers(1, 500)),
        min_size=1,
        max_size=3,
        unique_by=lambda span: span[0],
    ),
)
@settings(max_examples=8, deadline=None)
def test_a_night_with_disputes_opens_nothing_in_them_and_says_why_it_ended_off_its_targets(seed, spans):
    played = night(LONG_SHORT, FLIPPED, seed=seed)
    for coin, from_s, for_s in spans:
        from_ms, to_ms = CLOSE_MS + 1000 * from_s, CLOSE_MS + 1000 * (from_s + for_s)
        played.at(from_ms, lambda c=coin, ms=from_ms: played.deliver(disputed(c, at_ms=ms)))
        played.at(to_ms, lambda c=coin, ms=to_ms: played.deliver(agreed(c, at_ms=ms)))
    played.play(-930, 540)
    check(played)
    for coin, from_s, for_s in spans:
        within = [o for o in played.orders if from_s < (o.created_ms - CLOSE_MS) / 1000 < from_s + for_s]
        assert not [o for o in within if o.purpose in SLICES and opens(played, o) and coin in (BTC, o.coin)]


def opens(played, one):
    """Say whether an order was not only closing what was held when it was made."""
    held = sum(
        (
            f.signed_qty
            for e in played.events
            for f in getattr(e, "fills", ())
            if e.at_ms <= one.created_ms and f.coin == one.coin
        ),
        D(0),
    )
    return not (held * one.signed_qty < 0 and one.qty <= abs(held))
