"""A book through history, day by day: decided at a close, traded at it, marked at the next one.

Weights decided with data up to the close of t are traded at that close plus costs (phase two trades minutes after
it) and earn the simple returns of t + 1, hedged in BTC and ETH with the betas of t (E3-1, E3-3, E3-28). Funding is
what was paid on t + 1, positive when longs pay (E3-6); its first payment, at 00:00, is charged to the new book, which
trades minutes later. Nothing at t looks at a later row, so a longer
panel changes no number.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from strategies.idio_statarb.costs import BPS, PARTICIPATION_MAX
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.pipeline import Frames, Targets, targets_at

Floats = NDArray[np.float64]

PROJECTED_SHARE = 660 / 900
"""Share of the projected TWAP that is done when the correction freezes it: 23:50 to 00:01 of 15 minutes."""

VOL_DAYS = 30
FLOWS = ("price_alts", "price_hedge", "funding_alts", "funding_hedge", "fees_and_spread", "impact")
SIGNAL_FLOWS = (*(f"idio_{name}" for name in FACTORS), "idio_rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What the walk reads of a day, all (days, symbols): made of rows up to that day only.

    returns are simple, zero where a name has no mark that day (it stays at its last one, E3-27); vol is the newest
    daily volatility, idiosyncratic for alts and total for the hedges; adv_usd the newest mean value traded.
    hedged is the return over betas of the day before, paper the in-sample residual that a naive backtest would book;
    components (days, symbols, 3) are the parts of mu that the three signals make up.
    """

    days: pd.DatetimeIndex
    symbols: pd.Index
    returns: Floats
    funding: Floats
    vol: Floats
    adv_usd: Floats
    components: Floats
    hedged: Floats
    paper: Floats
    hedges: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One walk: what decides, what happens, from when to when, and with how much money.

    projected, when given, is what decides at 23:50 with the day before's row; None leaves phase one out.
    """

    frames: Frames
    market: Market
    span: tuple[pd.Timestamp, pd.Timestamp]
    equity_usd: float
    projected: Frames | None = None


@dataclass(slots=True)
class Ledger:
    """What happened: a dict and a book a day, flows in USD; unpaid counts name-days held without known funding."""

    rows: list[dict[str, float]] = field(default_factory=list)
    days: list[pd.Timestamp] = field(default_factory=list)
    books: list[dict[str, Any]] = field(default_factory=list)
    unpaid: int = 0

    @property
    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, index=pd.DatetimeIndex(self.days, name="date"))

    @property
    def positions(self) -> pd.DataFrame:
        """date, symbol, leg (idio or hedge), weight and previous (shares of equity), notional_usd, cost_usd."""
        return pd.concat([pd.DataFrame(book) for book in self.books], ignore_index=True)


@dataclass(slots=True)
class Book:
    """Weights (symbols,) as shares of equity before costs, hedges in their own columns; equity after costs, USD."""

    weights: Floats
    base_usd: float
    equity_usd: float


def market(panel: Panel, frames: Frames) -> Market:
    """Return the arrays of a walk over the days that panel and frames share."""
    days = frames.days
    close = panel.close.where(panel.live).loc[days[0] : days[-1]]
    returns = close.ffill().pct_change(fill_method=None)
    hedges = np.array([frames.symbols.get_loc(hedge) for hedge in HEDGES])
    vol = frames.model.idio_vol.ffill().to_numpy().copy()
    vol[:, hedges] = returns.iloc[:, hedges].rolling(VOL_DAYS).std().to_numpy()
    funding = panel.funding.loc[days[0] : days[-1]].to_numpy()
    return Market(
        days=days,
        symbols=frames.symbols,
        returns=np.nan_to_num(returns.to_numpy(), nan=0.0),
        funding=funding,
        vol=vol,
        adv_usd=frames.universe.adv_usd.ffill().to_numpy(),
        components=frames.signals.matrix
        * frames.weighting.fit[list(FACTORS)].to_numpy()[:, None, :]
        * vol[:, :, None],
        hedged=frames.model.resid_trade.to_numpy(),
        paper=np.nan_to_num(frames.model.resid_signal.to_numpy(), nan=0.0),
        hedges=hedges,
    )


def walk(journey: Journey, on_day: Callable[[], None]) -> Ledger:
    """Trade every close of the span and mark every one after the first; the last book is marked, not sold.

    Raises ValueError when the account is ruined.
    """
    data = journey.market
    rows = np.flatnonzero((data.days >= journey.span[0]) & (data.days <= journey.span[1])).tolist()
    book = Book(np.zeros(len(data.symbols)), journey.equity_usd, journey.equity_usd)
    ledger = Ledger()
    for row in rows:
        entry = dict.fromkeys(("paper", *FLOWS, *SIGNAL_FLOWS), 0.0)
        opening = book.equity_usd
        if row > rows[0]:
            book = _marked(book, data, row, entry, ledger)
        _trade(journey, row, book, entry, ledger)
        entry |= {"equity": book.equity_usd, "return": book.equity_usd / opening - 1}
        ledger.rows.append(entry)
        ledger.days.append(data.days[row])
        on_day()
    return ledger


# --- the day: from the close before to this one ------------------------------------------------------------


def _marked(book: Book, data: Market, row: int, entry: dict[str, float], ledger: Ledger) -> Book:
    """Return the book at this close: earned its returns, paid its funding, weights drifted."""
    held = book.weights != 0
    funding = data.funding[row]
    ledger.unpaid += int((held & ~np.isfinite(funding)).sum())
    earned = book.weights * data.returns[row] * book.base_usd
    paid = -np.where(held & np.isfinite(funding), book.weights * np.nan_to_num(funding), 0.0) * book.base_usd
    hedge = np.zeros(len(held), dtype=bool)
    hedge[data.hedges] = True
    entry["price_alts"], entry["price_hedge"] = float(earned[~hedge].sum()), float(earned[hedge].sum())
    entry["funding_alts"], entry["funding_hedge"] = float(paid[~hedge].sum()), float(paid[hedge].sum())
    entry["paper"] = float(book.weights[~hedge] @ data.paper[row, ~hedge]) * book.base_usd
    _explain(book, data, row, entry)
    equity = book.equity_usd + float(earned.sum() + paid.sum())
    if equity <= 0:
        raise ValueError(f"the account is ruined on {data.days[row].date()}: equity {equity:,.0f} USD")
    drifted = book.weights * (1 + data.returns[row]) * book.base_usd / equity
    return Book(drifted, equity, equity)


def _explain(book: Book, data: Market, row: int, entry: dict[str, float]) -> None:
    """Split the hedged price result by the signal that the book followed.

    The weights are regressed on the parts of mu that each signal made up (weight times score times volatility);
    each signal gets the hedged returns of its fitted part, the rest is what limits, costs and habit did.
    """
    idio = entry["price_alts"] + entry["price_hedge"]
    parts = data.components[row - 1]
    known = np.isfinite(parts).all(axis=1) & np.isfinite(data.hedged[row])
    explained = np.zeros(len(FACTORS))
    if known.sum() > len(FACTORS):
        share = np.linalg.lstsq(parts[known], book.weights[known], rcond=None)[0]
        explained = (data.hedged[row, known] @ parts[known]) * share * book.base_usd
    for name, value in zip(SIGNAL_FLOWS, (*explained, idio - explained.sum()), strict=True):
        entry[name] = float(value)


# --- the close: from the drifted book to the target -----------------------------------------------------------


def _trade(journey: Journey, row: int, book: Book, entry: dict[str, float], ledger: Ledger) -> None:
    """Move the book to the day's target, pay for it, and note what the projection before it would have added."""
    frames, data = journey.frames, journey.market
    targets = _targets(frames, data, row, book)
    wanted = hedged_book(targets, data)
    traded = np.abs(wanted - book.weights)
    flat, impact = trading_cost(traded, data, row, book.base_usd, frames.parameters)
    entry["fees_and_spread"] = -float(flat.sum()) * book.base_usd
    entry["impact"] = -float(impact.sum()) * book.base_usd
    entry |= _correction(journey, row, book, wanted)
    entry |= _size(wanted, traded, data) | {"gap": targets.solution.gap}
    entry["by_cvxpy"] = float(targets.solution.solver.startswith("cvxpy"))
    entry["held"] = float(targets.solution.status != "optimal")
    ledger.books.append(_positions(data, row, book, wanted, (flat + impact) * book.base_usd))
    book.weights = wanted
    book.equity_usd = book.base_usd + entry["fees_and_spread"] + entry["impact"]


def _targets(frames: Frames, data: Market, row: int, book: Book) -> Targets:
    held = book.weights.copy()
    held[data.hedges] = 0.0
    names = np.flatnonzero(held)
    previous = pd.Series(held[names], index=data.symbols[names])
    return targets_at(frames, data.days[row], previous=previous, equity_usd=book.base_usd)


def hedged_book(targets: Targets, data: Market) -> Floats:
    """Return the day's weights on all symbols, with the BTC and ETH positions that neutralise them (E3-19)."""
    weights = np.zeros(len(data.symbols))
    chosen = targets.solution.weights
    weights[data.symbols.get_indexer(targets.symbols)] = chosen
    weights[data.hedges] = -(chosen @ targets.problem.beta_btc), -(chosen @ targets.problem.beta_eth)
    return weights


def trading_cost(
    traded: Floats, data: Market, row: int, equity_usd: float, parameters: Parameters
) -> tuple[Floats, Floats]:
    """Return fee with half-spread, and square-root impact, of trading these weights, as shares of equity.

    Impact is Y sigma sqrt(traded notional over the value traded in a day); a name without a known one
    is charged the largest participation that the model allows (E3-15, D3-10).
    """
    bps = np.full(len(traded), parameters.fee_bps + parameters.half_spread_bps)
    bps[data.hedges] = parameters.hedge_cost_bps
    adv = data.adv_usd[row]
    known = np.isfinite(adv) & (adv > 0)
    share = np.where(known, traded * equity_usd / np.where(known, adv, 1.0), PARTICIPATION_MAX)
    impact = parameters.impact_y * np.nan_to_num(data.vol[row]) * np.sqrt(share)
    return traded * bps * BPS, traded * impact


def _correction(journey: Journey, row: int, book: Book, wanted: Floats) -> dict[str, float]:
    """Return what the detour over the projected book costs, in USD, and how many names turn round (E3-24).

    There are no prices of 23:50 for a whole book, so the projection is what the close of the day before wanted:
    an upper bound, as ten minutes move a book less than a day does. Both legs pay for all that they trade together.
    """
    if row == 0 or journey.projected is None:
        return {}
    data, parameters = journey.market, journey.frames.parameters
    projected = hedged_book(_targets(journey.projected, data, row - 1, book), data)
    first = PROJECTED_SHARE * (projected - book.weights)
    second = wanted - book.weights - first
    direct, detour = np.abs(wanted - book.weights), np.abs(first) + np.abs(second)
    costs = [np.sum(trading_cost(w, data, row, book.base_usd, parameters)) for w in (direct, detour)]
    return {
        "correction_cost": float(costs[1] - costs[0]) * book.base_usd,
        "correction_traded": float((detour - direct).sum()),
        "flips": float((first * second < 0).sum()),
    }


def _size(weights: Floats, traded: Floats, data: Market) -> dict[str, float]:
    alts = np.ones(len(weights), dtype=bool)
    alts[data.hedges] = False
    return {
        "gross": float(np.abs(weights[alts]).sum()),
        "physical_gross": float(np.abs(weights).sum()),
        "net": float(weights[alts].sum()),
        "hedge_btc": float(weights[data.hedges[0]]),
        "hedge_eth": float(weights[data.hedges[1]]),
        "turnover": float(traded[alts].sum()),
        "turnover_hedge": float(traded[~alts].sum()),
        "names": float((weights[alts] != 0).sum()),
    }


def _positions(data: Market, row: int, book: Book, wanted: Floats, cost_usd: Floats) -> dict[str, Any]:
    rows = np.flatnonzero((wanted != 0) | (book.weights != 0))
    return {
        "date": data.days[row],
        "symbol": data.symbols[rows],
        "leg": np.where(np.isin(rows, data.hedges), "hedge", "idio"),
        "weight": wanted[rows],
        "previous": book.weights[rows],
        "notional_usd": wanted[rows] * book.base_usd,
        "cost_usd": cost_usd[rows],
    }
