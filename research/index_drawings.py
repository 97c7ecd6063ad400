"""The figures of an index backtest, each an SVG picture as bytes: levels, drawdowns, weights over time, who was in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from itertools import groupby
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, ScalarFormatter
from numpy.typing import NDArray

from research.index_record import Track
from research.index_walk import Walk
from strategies.quant.trailing import Floats

COLOURS = (
    "#1f5fa8", "#c0562f", "#3f8f5f", "#8a5fb0", "#b8860b", "#2b9ba6", "#d1437e", "#6b7f2a",
    "#7a4a2b", "#4456c7", "#e08a3c", "#5aa469", "#a33d3d", "#3d7fa3", "#9c6fd1",
)  # fmt: skip
GREY, FAINT = "#666666", "#c9ced6"
SHOWN = 14
"""Members with a colour of their own; the others are one band."""
DAYS_APART = 7
WIDTH_IN, LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 11.0, 0.75, 0.95, 0.35, 0.5
"""Size and margins of a picture; on the right is room for the names of members, below for the year."""

Picture = Callable[[Figure], None]


def svg(draw: Picture, *, height_in: float) -> bytes:
    """Return what draw puts on a figure, the same bytes each time."""
    figure = Figure(figsize=(WIDTH_IN, height_in))
    FigureCanvasAgg(figure)
    figure.subplots_adjust(
        left=LEFT_IN / WIDTH_IN,
        right=1 - RIGHT_IN / WIDTH_IN,
        bottom=BOTTOM_IN / height_in,
        top=1 - TOP_IN / height_in,
    )
    draw(figure)
    out = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "nightdesk", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def levels(tracks: Mapping[str, Track], market: Floats) -> Picture:
    """Draw all levels before costs as multiples of the first close, and the total market behind them."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        days = _times(next(iter(tracks.values())).days)
        axes.plot(days, market / market[0], color=GREY, linewidth=2.4, alpha=0.45, label="total market")
        for colour, (name, track) in _coloured(tracks):
            axes.plot(
                _times(track.days), track.gross / track.gross[0], color=colour, linewidth=1.2, label=name
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(ScalarFormatter())
        axes.tick_params(which="minor", labelsize=7)
        _key(axes)
        _dress(axes, "level, multiple of the first, log scale")

    return draw


def drawdowns(tracks: Mapping[str, Track], market: Floats) -> Picture:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        days = _times(next(iter(tracks.values())).days)
        axes.fill_between(days, _fall(market), 0, color=GREY, alpha=0.2, linewidth=0, label="total market")
        for colour, (name, track) in _coloured(tracks):
            axes.plot(_times(track.days), _fall(track.net), color=colour, linewidth=0.9, label=name)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        _key(axes)
        _dress(axes, "below the last peak, net")

    return draw


def weights(walk: Walk) -> Picture:
    """Draw the weights at weekly closes, the largest on average at the bottom."""
    days = [day for k, day in enumerate(walk.days) if k % DAYS_APART == 0]
    shown = largest(walk, SHOWN)
    bands = [[day.weights.get(symbol, 0.0) for day in days] for symbol in shown]
    rest = [1.0 - sum(column) for column in zip(*bands, strict=True)]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        colours = [*COLOURS[: len(shown)], FAINT]
        axes.stackplot(
            _times([day.day for day in days]),
            *bands,
            np.maximum(rest, 0.0),
            labels=[*shown, "others"],
            colors=colours,
            linewidth=0.2,
            edgecolor="white",
        )
        axes.set_ylim(0, 1)
        axes.margins(x=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8, reverse=True)
        _dress(axes, "weight")

    return draw


def memberships(walk: Walk) -> tuple[Picture, int]:
    """Return who was in when, a row a coin with the first ones on top, and the number of rows."""
    stays = _stays(walk)
    order = sorted(stays, key=lambda s: (stays[s][0][0], -sum(n for _, n in stays[s]), s))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, symbol in enumerate(order):
            bars = [(_number(day), float(days)) for day, days in stays[symbol]]
            axes.broken_barh(bars, (row - 0.38, 0.76), color=COLOURS[row % len(COLOURS)])
        axes.set_yticks(range(len(order)), labels=order)
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_xlim(_number(walk.days[0].day), _number(walk.days[-1].day))
        axes.xaxis_date()
        _dress(axes, "")
        axes.tick_params(axis="y", labelsize=7)

    return draw, len(order)


def largest(walk: Walk, count: int) -> list[str]:
    """Return the members with the largest mean weight, by falling weight."""
    total: dict[str, float] = {}
    for day in walk.days:
        for symbol, weight in day.weights.items():
            total[symbol] = total.get(symbol, 0.0) + weight
    return sorted(total, key=lambda symbol: (-total[symbol], symbol))[:count]


def _stays(walk: Walk) -> dict[str, list[tuple[date, int]]]:
    """Return for each member when it came and for how many days it stayed, each time."""
    days: dict[str, list[date]] = {}
    for day in walk.days:
        for symbol in day.weights:
            days.setdefault(symbol, []).append(day.day)
    return {symbol: list(_runs(seen)) for symbol, seen in days.items()}


def _runs(days: Sequence[date]) -> Iterator[tuple[date, int]]:
    for _, run in groupby(enumerate(days), key=lambda kd: kd[1] - timedelta(days=kd[0])):
        stay = [day for _, day in run]
        yield stay[0], len(stay)


def _times(days: Sequence[date]) -> NDArray[np.datetime64]:
    return np.array(days, dtype="datetime64[D]")


def _number(day: date) -> float:
    """Return a day as matplotlib counts them."""
    return float(date2num(day))  # type: ignore[no-untyped-call]


def _coloured(tracks: Mapping[str, Track]) -> Iterator[tuple[str, tuple[str, Track]]]:
    return ((COLOURS[k % len(COLOURS)], item) for k, item in enumerate(tracks.items()))


def _fall(values: Floats) -> Floats:
    return np.asarray(values / np.maximum.accumulate(values) - 1)


def _key(axes: Axes) -> None:
    """Above the plot, where no line can run through it."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=5, frameon=False, fontsize=8, borderaxespad=0.2
    )


def _dress(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=9)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
