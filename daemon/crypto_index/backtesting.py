"""What `nightdesk index backtest` was asked for: which rule books, and how the figures are shown."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from daemon.crypto_index.methodology_file import BUNDLED, chosen, top
from daemon.options import BadUse
from strategies.crypto_index.methodology import Methodology

ALL, NONE = "all", "none"
TOP_MAX = 1000


def books(named: Sequence[str], tops: str) -> list[Methodology]:
    """Return the rule books asked for, then the fixed numbers. Raises BadUse."""
    if not named:
        raise BadUse("--methodology: name a file, one of the bundled methodologies, or all")
    wanted = [name for one in named for name in (BUNDLED if one == ALL else (one,))]
    return [chosen(name) for name in wanted] + [top(k) for k in _numbers(tops)]


def backtest(*, data: Path, books: list[Methodology], days: tuple[date, date], out: Path) -> dict[str, Any]:
    """Return the backtest's report. Raises BadUse for data, days or files that cannot be used."""
    from research.index_backtest import backtest_document

    try:
        return backtest_document(data, books=books, start=days[0], end=days[1], out=out)
    except (ValueError, OSError) as error:
        raise BadUse(str(error)) from error


def view(document: dict[str, Any], out: Path) -> Group:
    """Return the comparison as a table, and where the page is."""
    table = Table(title=f"crypto indices, {document['start']} to {document['end']}, net of costs")
    for name in ("index", "return a year", "volatility", "drawdown", "Sharpe", "PSR", "deflated"):
        table.add_column(name, justify="left" if name == "index" else "right")
    for name in ("tracking error", "turnover a year", "cost a year", "members"):
        table.add_column(name, justify="right")
    for name, one in document["indices"].items():
        table.add_row(
            name,
            *(_percent(one[key]) for key in ("return_annual", "volatility_annual", "max_drawdown")),
            *(f"{one[key]:.2f}" for key in ("sharpe_annual", "psr", "deflated_sharpe")),
            *(_percent(one[key]) for key in ("tracking_error_annual", "turnover_annual", "cost_annual")),
            f"{one['members_mean']:.1f}",
        )
    market = document["total_market"]
    table.add_row(
        "total market",
        *(_percent(market[key]) for key in ("return_annual", "volatility_annual", "max_drawdown")),
        f"{market['sharpe_annual']:.2f}",
        style="dim",
    )
    return Group(table, Text(f"the page: {out / 'report.html'}"))


def _percent(value: float) -> str:
    return f"{100 * value:,.1f} %"


def _numbers(text: str) -> list[int]:
    if text.strip() == NONE:
        return []
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or any(not 1 <= k <= TOP_MAX for k in numbers):
        raise BadUse(f"--top {text}: give whole numbers from 1 to {TOP_MAX} with commas, as 5,10,20, or none")
    return list(dict.fromkeys(numbers))
