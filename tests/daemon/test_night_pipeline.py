"""What the worker makes of a history and of the closes of a day."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pytest

from daemon import night_pipeline
from daemon.night_requests import PipelineRequest, UniverseRequest
from sim.nights.market import Terms, WorldMarket
from tests.sim.nights.test_pipeline import CLOSE_MS, NOW_MS, SHORT, record

CHANGED, HELD = "kPEPE", "SOL"
TIMES = [Decimal(1000), Decimal("0.001")]
BEFORE, DAY, DAY_MS = "2024-12-30", "2024-12-31", 86_400_000
LOOKBACK_DAYS = SHORT.pool_days + SHORT.window_days
"""A return of the pool is measured with a beta of the window before it."""


@dataclass
class Requoted:
    """A market whose coin was quoted by the single unit until some days before the close."""

    market: WorldMarket
    days: int

    def __getattr__(self, name):
        return getattr(self.market, name)

    def candles(self, coin, interval, **asked):
        rows = self.market.candles(coin, interval, **asked)
        if self.market.assets[coin].name != CHANGED:
            return rows
        old = [row for row in rows if row["t"] < CLOSE_MS - self.days * DAY_MS]
        return [_in_single_units(row) for row in old] + rows[len(old) :]


def _in_single_units(row):
    prices = {k: str(Decimal(row[k]) / 1000) for k in "ohlc"}
    return {**row, **prices, "v": str(Decimal(row["v"]) * 1000)}


def night(path, *, days=10_000):
    """A night of a made world, with a position in the coin whose unit changes, or did so days before its close."""
    market = WorldMarket.drawn(
        2273, coins=19, terms=Terms(history_seed=1, history_days=40), close_ms=CLOSE_MS
    )
    record(Requoted(market, days), path)
    coins = tuple(asset.name for asset in market.assets)
    asked = {"history_path": str(path), "coins": coins, "parameters": SHORT}
    return PipelineRequest(
        day=DAY,
        universe=night_pipeline.universe(UniverseRequest(day=BEFORE, **asked)),
        held_qty={CHANGED: Decimal(500_000), HELD: Decimal(100)},
        equity_usd=Decimal(1_000_000),
        closes={asset.name: market.mid(asset.asset_id, NOW_MS) for asset in market.assets},
        **asked,
    )


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    return night(tmp_path_factory.mktemp("history") / "history.sqlite")


def without(request, coin):
    """The same night of a venue that never had the coin."""
    return msgspec.structs.replace(
        request,
        coins=tuple(c for c in request.coins if c != coin),
        universe=tuple(c for c in request.universe if c != coin),
        held_qty={c: q for c, q in request.held_qty.items() if c != coin},
        closes={c: px for c, px in request.closes.items() if c != coin},
    )


@pytest.mark.parametrize("times", TIMES)
def test_a_close_in_other_units_leaves_the_others_as_if_there_were_no_such_coin(request_, times):
    changed = msgspec.structs.replace(
        request_, closes={**request_.closes, CHANGED: request_.closes[CHANGED] * times}
    )
    assert CHANGED in night_pipeline.proforma(request_).weights
    made = night_pipeline.proforma(changed)
    assert "other units" in made.reasons.pop(CHANGED)
    assert made == night_pipeline.proforma(without(request_, CHANGED))


@pytest.mark.parametrize(
    ("days", "is_traded"), [(2, False), (LOOKBACK_DAYS, False), (LOOKBACK_DAYS + 1, True)]
)
def test_a_unit_that_changed_days_ago_is_forgotten_with_the_last_window_that_sees_it(
    tmp_path, days, is_traded
):
    made = night(tmp_path / "history.sqlite", days=days)
    assert CHANGED in made.universe
    assert (CHANGED in night_pipeline.proforma(made).weights) == is_traded


def test_a_price_that_moved_as_prices_do_is_traded_on(request_):
    moved = msgspec.structs.replace(
        request_, closes={**request_.closes, CHANGED: request_.closes[CHANGED] * Decimal("1.5")}
    )
    assert CHANGED in night_pipeline.proforma(moved).weights


def test_a_hedge_asset_in_other_units_is_no_night_to_trade(request_):
    changed = msgspec.structs.replace(
        request_, closes={**request_.closes, "BTC": request_.closes["BTC"] / 1000}
    )
    with pytest.raises(ValueError, match="the panel has no BTC"):
        night_pipeline.proforma(changed)
