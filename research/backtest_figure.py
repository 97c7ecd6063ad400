"""One picture of a backtest: equity of the rivals, drawdown, where the money came from, size and turnover."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from research.backtest_walk import Ledger

COLOURS = {"corrected": "#1f5fa8", "literal": "#c0562f", "equal_weight": "#3f8f5f"}
SPLIT = {
    "hedged price": (("price_alts", "price_hedge"), "#1f5fa8"),
    "funding": (("funding_alts", "funding_hedge"), "#3f8f5f"),
    "fees and spread": (("fees_and_spread",), "#c0562f"),
    "impact": (("impact",), "#8a5fb0"),
}
GREY = "#666666"


def draw(ledgers: Mapping[str, Ledger], main: str, document: Mapping[str, Any], path: Path) -> None:
    """Draw the picture as PNG. The flat book is the line at zero."""
    figure = Figure(figsize=(11, 10), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, 1, sharex=True, height_ratios=(3, 1.2, 2, 1.5))
    tables = {name: ledger.table for name, ledger in ledgers.items()}
    _equity(axes[0], tables, document)
    _drawdown(axes[1], tables)
    _split(axes[2], tables[main], main)
    _size(axes[3], tables[main], main)
    figure.suptitle(
        f"Idiosyncratic stat-arb, {document['start']} to {document['end']}, net of costs", fontsize=13
    )
    figure.savefig(path, dpi=110)


def _equity(axes: Axes, tables: Mapping[str, pd.DataFrame], document: Mapping[str, Any]) -> None:
    for name, table in tables.items():
        run = document["runs"][name]
        label = (
            f"{name.replace('_', ' ')}: Sharpe {run['sharpe_annual']:.2f} ± {run['sharpe_annual_error']:.2f}"
        )
        growth = 100 * (table["equity"] / table["equity"].iloc[0] - 1)
        axes.plot(growth.index, growth, label=label, color=COLOURS[name], linewidth=1.4)
    _key(axes)
    _dress(axes, "profit, % of first equity")


def _drawdown(axes: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    for name, table in tables.items():
        fall = 100 * (table["equity"] / table["equity"].cummax() - 1)
        axes.plot(fall.index, fall, color=COLOURS[name], linewidth=1.0)
    _dress(axes, "drawdown, %")


def _split(axes: Axes, table: pd.DataFrame, main: str) -> None:
    for label, (columns, colour) in SPLIT.items():
        flow = table[list(columns)].sum(axis=1).cumsum() / 1000
        axes.plot(flow.index, flow, label=label, color=colour, linewidth=1.2)
    _key(axes)
    _dress(axes, f"{main}: where it came\nfrom, thousand USD")


def _size(axes: Axes, table: pd.DataFrame, main: str) -> None:
    axes.fill_between(
        table.index, 0, table["gross"], color=COLOURS[main], alpha=0.25, linewidth=0, label="gross of alts"
    )
    axes.plot(table.index, table["physical_gross"], color=GREY, linewidth=0.8, label="gross with hedges")
    axes.plot(
        table.index,
        table["turnover"].rolling(20).mean(),
        color="#c0562f",
        linewidth=1.1,
        label="turnover, 20 days",
    )
    axes.set_ylim(bottom=0)
    _key(axes)
    _dress(axes, f"{main}: size,\nshare of equity")


def _key(axes: Axes) -> None:
    """Above the plot, where no line can run through it."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=9, borderaxespad=0.2
    )


def _dress(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=9)
    axes.axhline(0, color=GREY, linewidth=0.6)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
