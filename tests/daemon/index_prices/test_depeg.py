"""March 2023, minute by minute: USDC fell by 12 %, and what a bitcoin was worth in dollars did not."""

import os
from pathlib import Path

import pytest

from core.prices.board import PriceBoard
from core.prices.presets import PRESETS
from core.prices.types import Published, State
from daemon.index_prices.replaying import Replayed, played
from sim.price_files.reading import read_prices
from sim.price_files.stream import Stream, merged

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[3] / "../shared"))
MINUTES = SHARED / "data" / "multi_venue" / "btc_minutes_2023_03.parquet"
MIDNIGHT_MS = 1_678_492_800_000
"""2023-03-11 00:00 UTC; the announcement came in the evening before, the low at about 08:00."""

pytestmark = pytest.mark.skipif(not MINUTES.exists(), reason="the shared minutes of March 2023 are not here")


@pytest.fixture(scope="module")
def morning() -> Stream:
    """The ten hours in which USDC fell."""
    whole = merged([read_prices(MINUTES, bases=["BTC"])])
    whole.heard = [one for one in whole.heard if 0 <= one.received_ms - MIDNIGHT_MS < 10 * 3_600_000]
    return whole


def values(stream: Stream, preset: str, symbol: str) -> list[Published]:
    board = PriceBoard(PRESETS[preset])
    return [v for found in played(stream, board, Replayed(), None) for v in found if v.symbol == symbol]


def dollar_prices(value: Published) -> list[float]:
    return [
        i.price for i in value.inputs if i.symbol == "BTC/USD" and i.price is not None and i.reason != "stale"
    ]


def test_the_index_stays_with_the_dollar_venues_through_the_depeg(morning: Stream) -> None:
    found = values(morning, "nightdesk", "BTC/USD")
    assert len(found) == 600
    assert {value.state for value in found[1:]} == {State.OK}
    for value in found[1:]:
        prices = dollar_prices(value)
        assert value.price is not None
        assert min(prices) <= value.price <= max(prices)


def test_the_conversion_index_shows_how_far_usdc_fell(morning: Stream) -> None:
    low = min(value.price for value in values(morning, "nightdesk", "USDC/USD") if value.price is not None)
    assert 0.86 < low < 0.90


def test_bitcoin_in_usdc_stood_far_above_the_index_and_converted_near_it(morning: Stream) -> None:
    """E4-4: what a conversion is for."""
    asked, converted = [], []
    for value in values(morning, "nightdesk", "BTC/USD"):
        for given in value.inputs:
            if given.symbol == "BTC/USDC" and given.usd is not None and given.received_ms == value.at_ms:
                assert value.price is not None
                assert given.price is not None
                asked.append(given.price / value.price - 1)
                converted.append(abs(given.usd / value.price - 1))
    assert max(asked) > 0.10
    assert sorted(converted)[len(converted) // 2] < 0.005
