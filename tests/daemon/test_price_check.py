"""Index values against the venue's prices: by hand, and beside a whole night's engine."""

import asyncio
import math

import pytest
from msgspec.structs import replace

from core.events import PriceAgreed, PriceDisputed
from core.prices.types import State as IndexState
from core.types import Coin, Instrument, Purpose
from daemon.price_check import Desk, PriceCheck, coin_of
from daemon.settings import IndexPriceSettings, keys
from tests.core.desk import BTC, CLOSE_MS, INSTRUMENTS, PRICES, SOL, D, desk, quote
from tests.daemon.index_prices.values import value
from tests.daemon.staged import ms, play

PEPE = Coin("kPEPE")


class Bench:
    """A comparison, and hands on its clock, on what the venue quotes and on what the index says."""

    def __init__(self, **settings):
        self.told, self.state, self.now_s = [], desk(), 0.0
        seen = Desk(lambda: self.state, self.told.append, lambda: CLOSE_MS, lambda: self.now_s)
        self.check = PriceCheck(IndexPriceSettings(**settings), seen)

    def says(self, seconds, coin=BTC, off=1.05, **changes):
        """Let the index of a coin say a price of so many times the venue's, ten times a second."""
        for _ in range(10 * seconds):
            self.now_s += 0.1
            price = float(PRICES.get(coin, 0)) * off
            self.check.take([value(**{"symbol": f"{coin}/USD", "price": price, **changes})])

    def heard(self):
        """Return what was told since the last time: coins, those agreed on in small letters."""
        heard, self.told[:] = [e.coin if type(e) is PriceDisputed else e.coin.lower() for e in self.told], []
        return heard


def test_a_price_far_from_its_index_is_told_once_with_both_and_once_when_it_is_back():
    bench = Bench()
    bench.says(10)
    [event] = bench.told
    px = PRICES[BTC]
    assert event == PriceDisputed(at_ms=CLOSE_MS, coin=BTC, venue_px=px, index_px=px * D("1.05"))
    bench.says(9, off=1.0)
    assert bench.heard() == [BTC]
    bench.says(5, off=1.0)
    assert bench.told == [PriceAgreed(at_ms=CLOSE_MS, coin=BTC)]


@pytest.mark.parametrize("state", [s for s in IndexState if s is not IndexState.OK])
def test_a_value_that_is_not_ok_neither_begins_a_dispute_nor_ends_one(state):
    bench = Bench()
    bench.says(10, state=state)
    assert bench.heard() == []
    bench.says(10)
    bench.says(20, off=1.0, state=state)
    assert bench.heard() == [BTC]


@pytest.mark.parametrize("price", [None, math.nan, math.inf, 0.0, -1.0])
def test_no_price_is_no_information(price):
    bench = Bench()
    bench.says(10, price=price)
    assert bench.heard() == []


@pytest.mark.parametrize("wrong", [{"at_ms": CLOSE_MS - 16_000}, {"bid": D(100_001), "ask": D(99_999)}])
def test_a_price_of_the_venue_that_is_old_or_crossed_is_no_information(wrong):
    bench = Bench()
    bench.state = replace(bench.state, quotes={BTC: replace(quote(BTC), **wrong)})
    bench.says(10)
    bench.state = replace(bench.state, quotes={})
    bench.says(10)
    assert bench.heard() == []


def test_a_coin_that_is_only_held_is_compared_by_its_mid():
    bench = Bench()
    px = PRICES[SOL]
    bench.state = replace(bench.state, quotes={SOL: replace(quote(SOL), bid=px, ask=px)})
    bench.says(10, coin=SOL)
    assert bench.heard() == [SOL]


def test_a_coin_of_thousands_is_compared_with_the_index_of_its_unit():
    bench = Bench()
    listed = Instrument(coin=PEPE, asset_id=9, size_decimals=0, leverage_max=10)
    bench.state = replace(
        bench.state, instruments={PEPE: listed}, quotes={PEPE: replace(quote(BTC, D("0.0198")), coin=PEPE)}
    )
    bench.says(10, symbol="PEPE/USD", price=0.0000198)
    assert bench.heard() == []
    bench.says(10, symbol="PEPE/USD", price=0.0000188)
    assert bench.told[0].index_px == D("0.0188")


def test_an_index_of_what_the_venue_does_not_have_is_left_alone():
    bench = Bench()
    bench.says(10, symbol="USDT/USD", price=1.0)
    assert bench.heard() == []
    assert coin_of("USDT/USD", INSTRUMENTS) == (None, 1)


def test_how_far_and_how_long_are_settings_and_nothing_is_compared_unless_asked():
    bench = Bench(dispute_bps=600.0, dispute_s=20.0)
    bench.says(30)
    assert bench.heard() == []
    bench.says(19, off=1.07)
    assert bench.heard() == []
    bench.says(3, off=1.07)
    assert bench.heard() == [BTC]
    assert keys()["index_price.beside"].default is False


# --- a night -----------------------------------------------------------------------------------------------


BENT = "23:51", "23:52"


async def tells(night, place):
    """An index of SOL that is the venue's mid, but for a minute in the projected phase; it fails once, in the middle."""
    market = night.peer.venue.market
    [sol] = [asset.asset_id for asset in market.assets if asset.name == "SOL"]
    from_ms, to_ms = map(ms, BENT)
    while True:
        now_ms = night.peer.now_ms
        price = float(market.mid(sol, now_ms)) * (0.95 if from_ms <= now_ms < to_ms else 1.0)
        place.take([value(symbol="SOL/USD", price=price)])
        if now_ms > from_ms + 30_000 and not night.failed:
            night.failed.append(now_ms)
            raise ConnectionError("an index that fails")
        await asyncio.sleep(1.0)


def test_beside_an_engine_slices_of_a_disputed_coin_stop_and_go_on_and_a_failing_index_stops_nothing(
    tmp_path,
):
    said = {}

    def stage(night):
        ended, night.ended, night.failed = night.alerts.ended, [], []
        night.alerts.ended = lambda code: (night.ended.append(code), ended(code))
        night.peer.at(ms("23:51:40"), lambda: said.update(night.service.status()))

    night = play(tmp_path / "state", start="23:49", until="23:53:30", stage=stage, index=tells)
    assert night.error is None
    assert night.failed
    first, last = (e for e, _ in night.records() if isinstance(e, PriceDisputed | PriceAgreed))
    assert (type(first), type(last), first.coin, last.coin) == (PriceDisputed, PriceAgreed, "SOL", "SOL")
    assert 3_000 <= first.at_ms - ms(BENT[0]) < 6_000
    assert 10_000 <= last.at_ms - ms(BENT[1]) < 13_000
    slices = [o for o in night.submitted() if o.purpose is Purpose.PROJECTED]
    within = {o.coin for o in slices if first.at_ms < o.created_ms < last.at_ms}
    assert "SOL" not in within
    assert len(within) > 3
    assert "SOL" in {o.coin for o in slices if o.created_ms > last.at_ms}
    assert said["disputed"].keys() == {"SOL"}
    assert "price.disputed.SOL" in night.ended
    assert night.replayed().disputed == night.state.disputed == {}
    night.check_against_the_venue()
