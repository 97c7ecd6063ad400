"""A made history has signals in it: the strategy trades, with its own settings and with those of a cheap night."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from daemon import night_pipeline
from daemon.night_requests import PipelineRequest, UniverseRequest
from sim.nights.market import Terms, WorldMarket
from state.history import History
from strategies.idio_statarb.parameters import Parameters

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
CLOSE_MS = 1_735_689_600_000
NOW_MS = CLOSE_MS - 600_000
SHORT = Parameters(window_days=15, cov_days=20, pool_days=20, min_history_days=16, kappa=0.0001)
TRADED = 1e-6


@dataclass
class Candle:
    coin: str
    open_ms: int
    close_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int


@dataclass
class Rate:
    coin: str
    hour_ms: int
    rate: Decimal


def record(market, path):
    """Write what the market tells of the days before its night into a history file, as the daemon would."""
    history = History.open(path)
    for coin, asset in enumerate(market.assets):
        rows = market.candles(coin, "1d", start_ms=0, end_ms=NOW_MS, now_ms=NOW_MS)
        prices = [[Decimal(row[k]) for k in "ohlcv"] for row in rows]
        candles = [
            Candle(asset.name, r["t"], r["T"], *px, r["n"]) for r, px in zip(rows, prices, strict=True)
        ]
        history.record_candles(candles, now_ms=NOW_MS)
        since = market.first_ms
        while paid := market.funding_history(coin, start_ms=since, end_ms=NOW_MS, now_ms=NOW_MS):
            rates = [
                Rate(asset.name, r["time"] // HOUR_MS * HOUR_MS, Decimal(r["fundingRate"])) for r in paid
            ]
            history.record_funding(rates, now_ms=NOW_MS)
            since = paid[-1]["time"] + 1
    history.close()


def traded(market, path, parameters):
    """Return (names in the universe, names with a weight)."""
    record(market, path)
    coins = tuple(asset.name for asset in market.assets)
    asked = {"history_path": str(path), "coins": coins, "parameters": parameters}
    universe = night_pipeline.universe(UniverseRequest(day="2024-12-30", **asked))
    closes = {asset.name: market.mid(asset.asset_id, NOW_MS) for asset in market.assets}
    book = {"universe": universe, "held_qty": {}, "equity_usd": Decimal(1_000_000), "closes": closes}
    proforma = night_pipeline.proforma(PipelineRequest(day="2024-12-31", **book, **asked))
    return len(universe), sum(abs(weight) > TRADED for weight in proforma.weights.values())


@pytest.mark.parametrize("history_seed", range(6))
@pytest.mark.parametrize(
    ("days", "parameters"),
    [(80, Parameters(kappa=0.0001)), (80, Parameters()), (40, SHORT)],
    ids=["weak penalty", "defaults", "short windows"],
)
def test_the_strategy_trades_at_least_half_of_the_names(tmp_path, history_seed, days, parameters):
    terms = Terms(history_seed=history_seed, history_days=days)
    market = WorldMarket.drawn(1, coins=20, close_ms=CLOSE_MS, terms=terms)
    names, held = traded(market, tmp_path / "history.db", parameters)
    assert names == 18
    assert held >= 9
