"""Faults that distort the market do to it what their texts say: asked of the market itself, without a night."""

from decimal import Decimal

import pytest

from sim.faults import KINDS, distortions_of
from sim.nights.fault import Fault
from sim.nights.market import WorldMarket
from sim.nights.scene import Scene

CLOSE_MS = 1_735_689_600_000
COINS = 8
AT_S, FOR_S = -40.0, 20.0
SCENE = Scene.of(COINS, CLOSE_MS)


def market(name=None, intensity=0.6, coin=2):
    faults = (
        [] if name is None else [Fault(name=name, at_s=AT_S, for_s=FOR_S, intensity=intensity, coin=coin)]
    )
    return WorldMarket.drawn(1, coins=COINS, close_ms=CLOSE_MS, distortions=distortions_of(faults, SCENE))


def ms(seconds):
    return CLOSE_MS + round(1000 * seconds)


DURING, AFTER = ms(-30), ms(-10)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.distorts is not None])
@pytest.mark.parametrize("intensity", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("coin", [0, 7, 19])
def test_every_distortion_can_be_made_at_any_intensity_of_any_coin(name, intensity, coin):
    made = market(name, intensity, coin)
    assert all(made.context(asset.asset_id, DURING) for asset in made.assets)


def test_a_frozen_price_stands_still_and_moves_again():
    frozen = market("frozen-price")
    mids = {frozen.mid(2, ms(s)) for s in range(-38, -20, 2)}
    assert len(mids) == 1
    assert len({frozen.mid(2, ms(s)) for s in range(-18, 0, 2)}) > 1


def test_an_empty_book_lacks_the_side_of_its_coin():
    assert [market("empty-book", coin=coin).ladder(coin, DURING).bids == () for coin in (3, 4, 5)] == [
        True,
        False,
        True,
    ]
    assert market("empty-book", coin=3).ladder(3, AFTER).bids


def test_a_crossed_book_has_its_bid_above_its_ask():
    bid, ask = market("crossed-book").best(2, DURING)
    assert bid.px > ask.px
    bid, ask = market("crossed-book").best(2, AFTER)
    assert bid.px < ask.px


def test_a_wide_spread_is_as_wide_as_its_intensity_says():
    bid, ask = market("wide-spread", intensity=0.5).best(2, DURING)
    assert abs((ask.px - bid.px) / ask.px - Decimal("0.026")) < Decimal("0.001")


def test_thin_books_have_a_share_of_their_sizes():
    (thin, _), (usual, _) = market("partial-fills").best(2, DURING), market().best(2, DURING)
    assert thin.size <= usual.size * Decimal("0.021")


@pytest.mark.parametrize(("coin", "sign"), [(2, -1), (3, 1)])
def test_a_price_gap_is_as_deep_as_its_intensity_says(coin, sign):
    gapped = market("price-gap", 0.7, coin).mid(coin, DURING) / market().mid(coin, DURING) - 1
    assert abs(gapped - sign * Decimal("0.21")) < Decimal("0.002")
    assert market("price-gap", 0.7, coin).mid(coin, AFTER) == market().mid(coin, AFTER)


@pytest.mark.parametrize(("name", "others"), [("halted-coin", False), ("halted-matching", True)])
def test_a_halt_takes_the_book_of_one_coin_or_of_all(name, others):
    halted = market(name)
    assert halted.best(2, DURING) is None
    assert (halted.best(3, DURING) is None) is others
    assert halted.best(2, AFTER) is not None


def test_a_delisting_spares_the_hedges_and_ends_a_coins_trading():
    delisted = market("delisting", coin=0)
    assert [delisted.live(i, DURING) for i in range(3)] == [True, True, False]
    assert delisted.live(2, ms(-41))


def test_a_unit_change_is_of_a_coin_that_is_quoted_by_the_thousand():
    changed, usual = market("unit-change"), market()
    place = next(a.asset_id for a in usual.assets if a.name[:1] == "k")
    assert round(changed.mid(place, DURING) / usual.mid(place, DURING)) == 1000
    assert changed.mid(2, DURING) == usual.mid(2, DURING)


def test_a_context_may_carry_a_number_that_is_none():
    assert market("bad-number", intensity=0.2).mid(2, DURING).is_nan()
