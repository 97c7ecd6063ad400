"""100 assets by 500 days with a daily optimisation and costs: our walk beside cvxportfolio's.

`python -m bench.backtest [--json] [--rounds N]`. Both see the same synthetic returns, with a planted reversal so that
the optimiser works, and both pay proportional and square-root costs and obey caps and a gross limit. Ours includes
modules A to C and the BTC and ETH hedge; cvxportfolio runs SinglePeriodOptimization with its own forecasts, full
covariance and CLARABEL. The models are of the same shape, not the same formula: compare time, not profit. BLAS
is pinned to one thread; the two take turns; figures are medians over rounds.
"""

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from research.backtest_walk import Journey, Ledger, market, walk  # noqa: E402
from strategies.idio_statarb.panel import Panel  # noqa: E402
from strategies.idio_statarb.parameters import Parameters  # noqa: E402
from strategies.idio_statarb.pipeline import prepare  # noqa: E402

ASSETS, DAYS, WARM_UP = 100, 500, 100
OWN_PER_ROUND = 3
RATIO_WANTED = 10.0
EQUITY_USD = 1e6
PARAMETERS = Parameters(min_volume_usd=0.0, weight_max=0.08, holding_days=1.0)


def synthetic_panel(seed: int) -> Panel:
    """Two factors, 100 coins with betas, fat-tailed residuals that revert by a third from one day to the next."""
    rng = np.random.default_rng(seed)
    rows = WARM_UP + DAYS
    index = pd.date_range("2022-01-01", periods=rows, freq="D", unit="ms", name="date")
    names = pd.Index(sorted(["BTC", "ETH", *(f"C{i:03d}" for i in range(ASSETS))]), name="symbol")
    factors = rng.standard_normal((rows, 2)) @ np.array([[0.025, 0.02], [0.0, 0.015]])
    shocks = rng.standard_t(4, size=(rows, ASSETS)) * rng.uniform(0.01, 0.03, ASSETS)
    shocks[1:] -= 0.35 * shocks[:-1]
    betas = np.vstack((rng.normal(0.8, 0.3, ASSETS), rng.normal(0.3, 0.2, ASSETS)))
    returns = np.clip(np.hstack((factors, factors @ betas + shocks)), -0.5, 1.0)
    close = pd.DataFrame(100 * np.cumprod(1 + returns, axis=0), index, names)
    value_usd = pd.DataFrame(1e8 * np.exp(0.3 * rng.standard_normal(close.shape)), index, names)
    funding = pd.DataFrame(1e-4 * rng.standard_normal(close.shape), index, names)
    return Panel(
        open=close,
        high=close,
        low=close,
        close=close,
        volume=value_usd / close,
        live=close.notna(),
        funding=funding,
        funding_n=close.notna() * 24.0,
    )


def own(panel: Panel) -> Ledger:
    frames = prepare(panel, PARAMETERS)
    span = panel.days[WARM_UP], panel.days[-1]
    journey = Journey(frames=frames, market=market(panel, frames), span=span, equity_usd=EQUITY_USD)
    return walk(journey, lambda: None)


def peer(panel: Panel) -> Any:
    """Run cvxportfolio's single-period optimisation over the same alts and days."""
    import cvxportfolio as cvx

    alts = panel.close.columns.drop(["BTC", "ETH"])
    close = panel.close[alts].tz_localize("UTC")
    returns = close.shift(-1) / close - 1
    returns["USDOLLAR"] = 0.0
    data = cvx.UserProvidedMarketData(
        returns=returns,
        volumes=(panel.volume[alts] * panel.close[alts]).tz_localize("UTC"),
        prices=close,
        cash_key="USDOLLAR",
        min_history=pd.Timedelta(days=60),
    )
    policy = cvx.SinglePeriodOptimization(
        cvx.ReturnsForecast()
        - 5 * cvx.FullCovariance()
        - cvx.StocksTransactionCost()
        - cvx.StocksHoldingCost(),
        [cvx.LeverageLimit(1), cvx.MaxWeights(0.08), cvx.MinWeights(-0.08)],
        solver="CLARABEL",
    )
    costs = [cvx.StocksTransactionCost(), cvx.StocksHoldingCost()]
    simulator = cvx.MarketSimulator(market_data=data, costs=costs)
    return simulator.backtest(
        policy, start_time=close.index[WARM_UP], end_time=close.index[-1], initial_value=EQUITY_USD
    )


def timed(call: Callable[[Panel], Any], panel: Panel) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call(panel)
    return time.perf_counter() - start, result


def measure(rounds: int) -> dict[str, Any]:
    panel = synthetic_panel(0)
    own_s: list[float] = []
    peer_s: list[float] = []
    ledger = own(panel)
    for _ in range(rounds):
        own_s += [timed(own, panel)[0] for _ in range(OWN_PER_ROUND)]
        peer_s.append(timed(peer, panel)[0])
    table = ledger.table
    ratio = statistics.median(peer_s) / statistics.median(own_s)
    return {
        "assets": ASSETS,
        "days": len(table),
        "own_s": statistics.median(own_s),
        "own_ms_per_day": 1e3 * statistics.median(own_s) / len(table),
        "cvxportfolio_spo_s": statistics.median(peer_s),
        "cvxportfolio_ms_per_day": 1e3 * statistics.median(peer_s) / len(table),
        "ratio": ratio,
        "ratio_wanted": RATIO_WANTED,
        "reached": ratio >= RATIO_WANTED,
        "runs": {"own": len(own_s), "cvxportfolio": len(peer_s)},
        "own_gross_mean": float(table["gross"].mean()),
        "own_turnover_mean": float(table["turnover"].mean()),
        "own_gap_max": float(table["gap"].max()),
        "own_solved_by_cvxpy": float(table["by_cvxpy"].mean()),
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    arguments.add_argument("--rounds", type=int, default=1, help="turns of the two, half a minute each")
    chosen = arguments.parse_args()
    warnings.filterwarnings("ignore", module="cvxp.*")
    found = measure(chosen.rounds)
    if chosen.json:
        print(json.dumps(found, indent=1))
        return 0
    print(f"{found['assets']} assets by {found['days']} days")
    print(f"  own          {found['own_s']:8.2f} s  {found['own_ms_per_day']:6.2f} ms a day")
    print(
        f"  cvxportfolio {found['cvxportfolio_spo_s']:8.2f} s  {found['cvxportfolio_ms_per_day']:6.2f} ms a day"
    )
    print(f"  ratio        {found['ratio']:8.1f}    wanted {found['ratio_wanted']:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
