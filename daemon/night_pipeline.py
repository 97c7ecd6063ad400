"""Runs in the worker process: history file in, universe or pro forma out. The only daemon module that loads pandas."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from core.types import HEDGE_COINS, Coin, ProForma
from daemon.night_requests import PipelineRequest, UniverseRequest
from state.history import FundingDay, History
from strategies.idio_statarb import pipeline
from strategies.idio_statarb.optimizer import Problem, Solution, optimise
from strategies.idio_statarb.panel import Panel, with_provisional_row
from strategies.idio_statarb.parameters import Parameters
from strategies.idio_statarb.universe import universe as active_universe

DAY_MS = 86_400_000
FIELDS = ("open", "high", "low", "close", "volume")
JUMP_MAX = 10.0
"""No close is so many times that of the day before, or a part so small of it: the coin is quoted in other units."""
JUMPED = f"its close moved more than {JUMP_MAX:g} times within a day, it is quoted in other units"
GAP_UNKNOWN = 1e9
"""The relative gap of an answer about which nothing is certified."""


def warm() -> None:
    """Pay the imports and a first solve before the night needs them."""
    n = 3
    zeros, ones = np.zeros(n), np.ones(n)
    optimise(
        Problem(
            mu=np.array([0.01, -0.01, 0.0]),
            covariance=np.eye(n) * 1e-3,
            cost=zeros,
            previous=zeros,
            cap=ones,
            beta_btc=ones,
            beta_eth=zeros,
            gamma=5.0,
            gross_max=1.0,
            physical_gross_max=2.0,
        )
    )


def universe(request: UniverseRequest) -> tuple[Coin, ...]:
    """Return the names that are active on complete days up to day (S3-6, S3-7, E3-23)."""
    day = pd.Timestamp(request.day)
    panel = read_history(Path(request.history_path), request.coins).until(day)
    if panel.days[-1] != day:
        raise ValueError(
            f"history ends on {panel.days[-1].date()}, the universe of {request.day} needs that day"
        )
    active = active_universe(panel, request.parameters).active.iloc[-1]
    return tuple(Coin(str(s)) for s in active.index[active.to_numpy()])


def proforma(request: PipelineRequest) -> ProForma:
    """Run modules A to D for one phase, on complete days plus the day that is being traded.

    A coin that jumps within a lookback is left out, whoever holds it: its beta of thousands would hedge the book of the
    others in the optimiser's eyes, and at its new price a position may be worth ten times the equity.
    """
    day = pd.Timestamp(request.day)
    panel = _with_day(read_history(Path(request.history_path), request.coins), day, request.closes)
    jumping = _jumping(panel, request.parameters)
    panel = _without(panel, jumping)
    equity = float(request.equity_usd)
    held = {c: q for c, q in request.held_qty.items() if c in request.closes and c in panel.symbols}
    previous = pd.Series({c: float(q * request.closes[c]) / equity for c, q in held.items()}, dtype=float)
    result = pipeline.run(
        panel,
        day,
        parameters=replace(request.parameters, equity_usd=equity),
        previous=previous,
        universe=frozenset(request.universe),
    )
    made = _proforma(result, request)
    return msgspec.structs.replace(made, reasons=made.reasons | dict.fromkeys(jumping, JUMPED))


def read_history(path: Path, coins: Sequence[Coin]) -> Panel:
    """Return the recorded days of coins as a panel; a day is live when something was traded on it."""
    history = History.open_read_only(path)
    try:
        candles = {c: history.candles(c) for c in coins}
        funding = {c: history.daily_funding(c) for c in coins}
    finally:
        history.close()
    return _panel({c: rows for c, rows in candles.items() if rows}, funding)


def _panel(
    candles: Mapping[Coin, Sequence[tuple[int, float, float, float, float, float, int]]],
    funding: Mapping[Coin, Sequence[FundingDay]],
) -> Panel:
    if not candles:
        raise ValueError("the history is empty: no daily candle of any coin was fetched yet")
    first = min(rows[0][0] for rows in candles.values()) // DAY_MS
    ends = [rows[-1][0] // DAY_MS for rows in candles.values() if rows]
    ends += [rows[-1][0] for rows in funding.values() if rows]
    last = max(ends)
    days = pd.date_range(pd.Timestamp(first * DAY_MS, unit="ms"), periods=last - first + 1, freq="D")
    symbols = sorted(candles)
    values = {f: np.full((len(days), len(symbols)), np.nan) for f in (*FIELDS, "funding")}
    counts = np.zeros((len(days), len(symbols)))
    for j, coin in enumerate(symbols):
        rows = np.array(candles[coin], dtype=float)
        at = (rows[:, 0] // DAY_MS).astype(int) - first
        for k, field in enumerate(FIELDS, start=1):
            values[field][at, j] = rows[:, k]
        values["funding"][:, j], counts[:, j] = _daily_funding(funding.get(coin, ()), first, len(days))
    frames = {f: pd.DataFrame(v, index=days, columns=symbols) for f, v in values.items()}
    live = frames["volume"].fillna(0.0) > 0
    return Panel(**frames, live=live, funding_n=pd.DataFrame(counts, index=days, columns=symbols))


def _daily_funding(rows: Iterable[FundingDay], first: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sums and counts by day; NaN where nothing was paid (D3-5)."""
    sums, counts = np.full(n, np.nan), np.zeros(n)
    for day, rate, count in rows:
        if 0 <= day - first < n:
            sums[day - first], counts[day - first] = rate, count
    return sums, counts


def _with_day(history: Panel, day: pd.Timestamp, closes: Mapping[Coin, Decimal]) -> Panel:
    before = history.until(day - pd.Timedelta(days=1))
    known = {str(c): float(px) for c, px in closes.items() if c in before.symbols}
    funding = _values(history.funding.loc[day].dropna()) if day in history.days else {}
    return with_provisional_row(before, day=day, prices=known, funding=funding)


def _jumping(panel: Panel, parameters: Parameters) -> list[Coin]:
    """Return the coins whose unit changed on a day that is still seen: by the betas of the oldest return that is used."""
    days = max(parameters.cov_days, parameters.pool_days) + parameters.window_days + 1
    closes = panel.close.ffill().iloc[-days:]
    moves = np.abs(np.diff(np.log(closes.to_numpy(dtype=float)), axis=0))
    jumps = (np.nan_to_num(moves) >= np.log(JUMP_MAX)).any(axis=0)
    return [Coin(str(s)) for s in panel.symbols[jumps]]


def _without(panel: Panel, coins: Sequence[Coin]) -> Panel:
    return Panel(**{f.name: getattr(panel, f.name).drop(columns=list(coins)) for f in fields(Panel)})


def _values(row: pd.Series | pd.DataFrame) -> dict[str, float]:
    """Return one day's values by symbol; what pandas calls a frame here is a single row."""
    assert isinstance(row, pd.Series)
    return dict(zip(map(str, row.index), row.to_numpy(dtype=float).tolist(), strict=True))


def _proforma(result: pipeline.PipelineResult, request: PipelineRequest) -> ProForma:
    targets, frames = result.targets, result.frames
    coins = [Coin(str(s)) for s in targets.symbols]
    problem, solution = targets.problem, targets.solution
    adv = _values(frames.universe.adv_usd.loc[targets.asof, list(targets.symbols)].fillna(0.0))
    _refuse_nonsense(targets)
    return ProForma(
        weights=dict(zip(coins, solution.weights.tolist(), strict=True)),
        betas=dict(
            zip(coins, zip(problem.beta_btc.tolist(), problem.beta_eth.tolist(), strict=True), strict=True)
        ),
        closes={c: request.closes[c] for c in (*coins, *HEDGE_COINS)},
        adv_usd={c: adv[c] for c in coins},
        reasons={c: r for c, r in zip(coins, targets.reasons, strict=True) if r},
        solver=solution.solver,
        status=solution.status,
        objective=float(solution.objective),
        gap=_gap(solution),
        parameters=_parameters(frames.parameters, targets),
    )


def _gap(solution: Solution) -> float:
    """Return the certified gap as a number: a flat book that is held has an infinite one, which JSON does not know."""
    return min(float(solution.gap), GAP_UNKNOWN)


def _refuse_nonsense(targets: pipeline.Targets) -> None:
    """NaN never passes this edge: what is journaled must be readable at the next start."""
    numbers = {
        "weights": targets.solution.weights,
        "BTC betas": targets.problem.beta_btc,
        "ETH betas": targets.problem.beta_eth,
        "objective and gap": np.array([targets.solution.objective, _gap(targets.solution)]),
    }
    if bad := [name for name, values in numbers.items() if not np.isfinite(values).all()]:
        raise ValueError(f"the pipeline gave numbers that are not finite: {', '.join(bad)}")


def _parameters(parameters: Parameters, targets: pipeline.Targets) -> dict[str, str | int | float]:
    """Return every parameter used, with the two that the data chose (D3-14) and the days without a signal (E3-13)."""
    chosen = {"kappa": targets.kappa, "ridge_alpha": targets.ridge_alpha}
    used = {**asdict(parameters), **chosen, "zero_weight_days": targets.zero_weight_days}
    return {name: "none" if _is_unknown(value) else value for name, value in used.items()}


def _is_unknown(value: object) -> bool:
    """Say whether a parameter has no value tonight: an empty pool has no penalty, and NaN may not be journaled."""
    return value is None or (isinstance(value, float) and not np.isfinite(value))
