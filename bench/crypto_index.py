"""The crypto index beside others: `python -m bench.crypto_index [--json] [--rounds 3]`.

One market of 300 coins from 2020-01-01 to 2025-10-31, drawn, each with a birth. Walked through it: the thirty largest with
weights of 1 to 35 percent, renewed each month, a level each day. Beside it in the same run the same index as pandas loops,
and its accounting alone by bt, which is given our weights and decides nothing. Then one review of 300 coins to 100 members
with every verdict in words, by market cap and by minimum variance; beside it the pandas loop, and skfolio, which does the
minimum variance (Ledoit-Wolf, the same limits) and nothing else. Processor seconds, medians over rounds; all levels are
checked to be the same. bt and skfolio are left out where they are not installed.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from importlib import import_module
from typing import Any

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from bench.plain_crypto_index import plain_levels, plain_weights  # noqa: E402
from research.index_walk import Walk, walked  # noqa: E402
from strategies.crypto_index.market import Market  # noqa: E402
from strategies.crypto_index.methodology import (  # noqa: E402
    Base,
    CappedCap,
    Eligibility,
    Every,
    Fixed,
    Methodology,
    MinimumVariance,
    Schedule,
)
from strategies.crypto_index.pipeline import reviewed  # noqa: E402

COINS, MEMBERS, REVIEWED = 300, 30, 100
START, FIRST, END = date(2020, 1, 1), date(2020, 3, 1), date(2025, 10, 31)
FIVE_YEARS_S, REVIEW_S = 5.0, 0.05
"""What is to be reached: the whole history, and a review of a hundred names."""
SAME = 1e-9

RULES = Methodology(
    name="bench",
    base=Base(day=FIRST, level=1000.0),
    schedule=Schedule(weights=Every.MONTH, members=Every.MONTH),
    eligibility=Eligibility(mdvt_min_usd=1e6, mdvt_days=30),
    count=Fixed(k=MEMBERS),
    weights=CappedCap(cap=0.35, floor=0.01),
)
HUNDRED = replace(RULES, count=Fixed(k=REVIEWED), weights=CappedCap(cap=0.35, floor=0.001))
CALM = replace(HUNDRED, weights=MinimumVariance(cap=0.35, floor=0.001, days=90))


def drawn(seed: int = 0) -> Market:
    """Return a market: one factor, fat tails, sizes that fall steeply, a third of the coins born later."""
    rng = np.random.default_rng(seed)
    days = (END - START).days + 1
    factor = 0.03 * rng.standard_t(4, (days, 1))
    moves = np.clip(
        factor * rng.uniform(0.6, 1.4, COINS) + 0.03 * rng.standard_t(4, (days, COINS)), -0.5, 1.0
    )
    close = 10 * np.exp(np.cumsum(np.log1p(moves), axis=0))
    born = np.where(np.arange(COINS) % 3 == 2, rng.integers(0, days - 400, COINS), 0)
    close[np.arange(days)[:, None] < born] = np.nan
    supply = np.tile(1e10 / np.arange(1, COINS + 1) ** 1.3, (days, 1))
    return Market(
        days=np.datetime64(START) + np.arange(days),
        symbols=tuple(f"C{i:03d}" for i in range(COINS)),
        close=close,
        supply=supply,
        volume_usd=np.where(np.isfinite(close), 2e6 * np.exp(rng.standard_normal(close.shape)), np.nan),
        kinds={},
    )


def frames(market: Market) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    index = pd.DatetimeIndex(market.days.astype("datetime64[ns]"))
    tables = (market.close, market.supply, market.volume_usd)
    close, supply, volume = (pd.DataFrame(t, index, list(market.symbols)) for t in tables)
    return close, supply, volume


def by_bt(market: Market, walk: Walk) -> pd.Series:
    """Return the level as bt accounts for it, given the weights of each review."""
    bt: Any = import_module("bt")
    close = frames(market)[0].loc[pd.Timestamp(FIRST) :].ffill().bfill()
    targets = pd.DataFrame({pd.Timestamp(d.day): d.weights for d in walk.decisions}).T.fillna(0.0)
    steps = [
        bt.algos.RunOnDate(*targets.index),
        bt.algos.SelectAll(include_no_data=True),
        bt.algos.WeighTarget(targets),
        bt.algos.Rebalance(),
    ]
    test = bt.Backtest(
        bt.Strategy("bench", steps), close, initial_capital=1e6, integer_positions=False, progress_bar=False
    )
    done = bt.run(test)
    found: pd.Series = done.prices["bench"].loc[pd.Timestamp(FIRST) :]
    level: pd.Series = found / found.iloc[0] * 1000
    return level


def by_skfolio(market: Market, names: list[str]) -> Any:
    """Return the minimum-variance weights as skfolio finds them."""
    optimization: Any = import_module("skfolio.optimization")
    moments: Any = import_module("skfolio.moments")
    prior: Any = import_module("skfolio.prior")
    columns = [market.place(name) for name in names]
    moves = np.diff(np.log(market.close[-91:, columns]), axis=0)
    model = optimization.MeanRisk(
        min_weights=0.001,
        max_weights=0.35,
        prior_estimator=prior.EmpiricalPrior(covariance_estimator=moments.LedoitWolf()),
    )
    model.fit(moves)
    return model.weights_


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def has(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


def measure(rounds: int) -> dict[str, Any]:
    market = drawn()
    tables, last = frames(market), pd.Timestamp(END)
    first = pd.Timestamp(FIRST)
    walk = walked(market, RULES, FIRST, END)
    whole = list(reviewed(market, CALM).weights)
    works: dict[str, Callable[[], Any]] = {
        "history": lambda: walked(market, RULES, FIRST, END),
        "history_pandas": lambda: plain_levels(*tables, first=first, k=MEMBERS),
        "review": lambda: reviewed(market, HUNDRED),
        "review_pandas": lambda: plain_weights(tables[0] * tables[1], tables[2], last, k=REVIEWED),
        "review_minimum_variance": lambda: reviewed(market, CALM),
    }
    if has("bt"):
        works["history_bt"] = lambda: by_bt(market, walk)
    if has("skfolio"):
        works["weights_skfolio"] = lambda: by_skfolio(market, whole)
    took: dict[str, list[float]] = {name: [] for name in works}
    made: dict[str, Any] = {}
    for _ in range(rounds):
        for name, work in works.items():
            seconds, made[name] = timed(work)
            took[name].append(seconds)
    return _figures({name: statistics.median(runs) for name, runs in took.items()}, made, rounds)


def _figures(took_s: dict[str, float], made: dict[str, Any], rounds: int) -> dict[str, Any]:
    ours = np.array([float(day.level) for day in made["history"].days])
    apart = {
        name: float(np.abs(made[name].to_numpy() / ours - 1).max())
        for name in ("history_pandas", "history_bt")
        if name in made
    }
    assert all(gap < SAME for gap in apart.values()), apart
    ratios = {
        name: took_s[name] / took_s[own]
        for name, own in (
            ("history_pandas", "history"),
            ("history_bt", "history"),
            ("review_pandas", "review"),
            ("weights_skfolio", "review_minimum_variance"),
        )
        if name in took_s
    }
    return {
        "coins": COINS,
        "days": len(ours),
        "rounds": rounds,
        "median_s": took_s,
        "times_as_long_as_ours": ratios,
        "levels_differ_by": apart,
        "history_s_wanted": FIVE_YEARS_S,
        "review_s_wanted": REVIEW_S,
        "reached": took_s["history"] < FIVE_YEARS_S
        and max(took_s["review"], took_s["review_minimum_variance"]) < REVIEW_S,
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--json", action="store_true", help="print one JSON document")
    arguments.add_argument("--rounds", type=int, default=3, help="turns of each")
    chosen = arguments.parse_args()
    found = measure(chosen.rounds)
    if chosen.json:
        print(json.dumps(found, indent=1))
        return 0
    print(f"{found['coins']} coins by {found['days']} days, medians of {found['rounds']}, processor time")
    for name, seconds in found["median_s"].items():
        ratio = found["times_as_long_as_ours"].get(name)
        said = "" if ratio is None else f"  {ratio:6.1f} times as long as ours"
        print(f"  {name:26} {1e3 * seconds:10.1f} ms{said}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
