"""`nightdesk backtest idio`: history with costs, funding and hedge, beside its rivals, and what it proves.

Four walks over the same days: the rules asked for, the other rules (M3-5), the three signals weighted alike, and a
flat book (M3-6). Each is traded and paid for in the same way, so they differ in their decisions only.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from adapters.panel import read_panel, require_history
from research.backtest_figure import draw
from research.backtest_metrics import Factors, correction, daily_sharpe, difference, summary
from research.backtest_variants import other_rules, with_equal_weights
from research.backtest_walk import Journey, Ledger, Market, market, walk
from strategies.idio_statarb.panel import HEDGES, Panel
from strategies.idio_statarb.parameters import Parameters
from strategies.idio_statarb.pipeline import prepare

DAYS_MIN = 10
"""Shortest span that is worth a statistic."""

SURE = 0.95
SURE_T = 1.96
EQUAL_WEIGHT = "equal_weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """The walks by name, the first one being the one asked for, and what moved around them."""

    parameters: Parameters
    ledgers: dict[str, Ledger]
    factors: Factors

    @property
    def main(self) -> str:
        return self.parameters.rules


def backtest_document(
    data: Path, *, start: date, end: date, out: Path, parameters: Parameters, equity_usd: float
) -> dict[str, object]:
    """Walk a data directory from the close of start to that of end, write the files into out, return the report.

    Writes equity.parquet and attribution.parquet (one row a walk and day), positions.parquet (the walk asked for) and
    backtest.png. A progress bar goes to stderr when that is a terminal. Raises DataFault for bad data and
    ValueError for dates that the data don't have.
    """
    panel = _panel(data, start, end, parameters)
    parameters = replace(parameters, equity_usd=equity_usd)
    with _progress() as progress:
        task = progress.add_task("backtest", total=3 * ((end - start).days + 1))
        tested = backtest(
            panel, (pd.Timestamp(start), pd.Timestamp(end)), parameters, lambda: progress.advance(task)
        )
    out.mkdir(parents=True, exist_ok=True)
    document = report(tested)
    return {"kind": "backtest idio", **document, "files": write(tested, document, out)}


def backtest(
    panel: Panel, span: tuple[pd.Timestamp, pd.Timestamp], parameters: Parameters, on_day: Callable[[], None]
) -> Backtest:
    """Run the walks. Nothing in a row of any of them depends on a later row of the panel."""
    frames = prepare(panel, parameters)
    others = prepare(panel, other_rules(parameters))
    deciders = {
        parameters.rules: frames,
        others.parameters.rules: others,
        EQUAL_WEIGHT: with_equal_weights(frames),
    }
    ledgers = {}
    for name, own in deciders.items():
        journey = Journey(
            frames=own,
            market=market(panel, own),
            span=span,
            equity_usd=parameters.equity_usd,
            projected=own if own is frames else None,
        )
        ledgers[name] = walk(journey, on_day)
    factors = _factors(market(panel, frames), ledgers[parameters.rules])
    return Backtest(parameters=parameters, ledgers=ledgers, factors=factors)


def report(tested: Backtest) -> dict[str, Any]:
    """Return the report: parameters, figures of each walk, the rivals' differences, and who wins, in words."""
    ledgers = tested.ledgers
    trials = np.array([daily_sharpe(ledger) for ledger in ledgers.values()])
    runs = {name: summary(ledger, tested.factors, trials) for name, ledger in ledgers.items()}
    days = ledgers[tested.main].days
    against = {n: difference(ledgers[tested.main], other) for n, other in ledgers.items() if n != tested.main}
    return {
        "start": str(days[0].date()),
        "end": str(days[-1].date()),
        "parameters": asdict(tested.parameters),
        "runs": runs,
        "flat": {"return_annual": 0.0, "sharpe_annual": 0.0},
        "trials": len(trials),
        "difference_to": against,
        "correction": correction(ledgers[tested.main]),
        "verdict": verdict(tested.main, runs, against),
    }


def verdict(main: str, runs: dict[str, dict[str, Any]], against: dict[str, dict[str, float]]) -> list[str]:
    """Say plainly whether the walk beats a flat book, the equal weights and the other rules, net of cost."""
    own = runs[main]
    better = "better" if own["return_annual"] > 0 else "no better"
    proof = "above" if own["deflated_sharpe"] > SURE else "not above"
    lines = [
        f"{main} against flat: {100 * own['return_annual']:+.1f} % a year net of cost, {better} than nothing; "
        f"deflated Sharpe {own['deflated_sharpe']:.2f}, {proof} {SURE}"
    ]
    for name, apart in against.items():
        better = "beats" if apart["bps_daily"] > 0 else "does not beat"
        proof = "significant" if abs(apart["t"]) > SURE_T else "not distinguishable from chance"
        lines.append(
            f"{main} {better} {name}: {apart['bps_daily']:+.2f} bps a day, t {apart['t']:+.1f}, {proof}; "
            f"{name} makes {100 * runs[name]['return_annual']:+.1f} % a year"
        )
    made = {"flat": 0.0} | {name: float(run["return_annual"]) for name, run in runs.items()}
    return [*lines, f"best net of cost: {max(made, key=lambda name: made[name])}"]


def write(tested: Backtest, document: dict[str, Any], out: Path) -> list[str]:
    """Write tables and figure into out; return their names."""
    tables = {name: ledger.table.assign(run=name).reset_index() for name, ledger in tested.ledgers.items()}
    whole = pd.concat(tables.values(), ignore_index=True)
    equity = ["date", "run", "equity", "return", "gross", "physical_gross", "net", "names", "turnover"]
    whole[equity].to_parquet(out / "equity.parquet", index=False)
    whole.to_parquet(out / "attribution.parquet", index=False)
    tested.ledgers[tested.main].positions.to_parquet(out / "positions.parquet", index=False)
    draw(tested.ledgers, tested.main, document, out / "backtest.png")
    return ["equity.parquet", "attribution.parquet", "positions.parquet", "backtest.png"]


def _panel(data: Path, start: date, end: date, parameters: Parameters) -> Panel:
    panel = read_panel(data)
    first, last = panel.days[0].date(), panel.days[-1].date()
    if not first <= start or not end <= last:
        raise ValueError(
            f"the data hold {first} to {last}: {start} to {end} is not inside; choose other dates"
        )
    if (end - start).days < DAYS_MIN:
        raise ValueError(f"{start} to {end} is too short: end must be at least {DAYS_MIN} days after start")
    require_history(panel, pd.Timestamp(start), closes=parameters.min_history_days)
    return panel.until(pd.Timestamp(end))


def _factors(data: Market, ledger: Ledger) -> Factors:
    returns = pd.DataFrame(data.returns[:, data.hedges], index=data.days, columns=list(HEDGES))
    own = returns.loc[ledger.days[0] : ledger.days[-1]]
    return Factors(btc=own[HEDGES[0]], eth=own[HEDGES[1]])


def _progress() -> Progress:
    """A bar on stderr, so that stdout stays one JSON document; silent where stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
