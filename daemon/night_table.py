"""The night in one terminal view, which `make run` ends with. Worst news first; the page has the rest."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from core.types import HEDGE_COINS
from research.night_format import (
    DASH,
    bps,
    cents,
    clock,
    lots,
    milliseconds,
    quantity,
    scientific,
    seconds,
    signed_usd,
    usd,
    whole_usd,
)
from research.night_report import AssetRow, Leg, NightReport, Verdict, read_report, verdict

NAMES_MAX = 20
WHY_MAX = 2
COLOURS = {"good": "green", "warn": "yellow", "bad": "red"}

Row = tuple[Sequence[str], str]
"""The cells of a row and its style."""


def night_table(report: dict[str, Any], page: Path | None) -> Group:
    """Return the view of a session report; page is where the HTML of the night was written, if it was.

    Everything from outside is put in as plain text: no word of it is read as markup.
    Raises msgspec.ValidationError, naming the member that is wrong, when the document is no session report.
    """
    night = read_report(report)
    return Group(
        *_head(night, verdict(night)),
        _phases(night),
        _legs(night),
        *_assets(night),
        *_figures(night),
        Text(f"page    {page or 'none was written'}", style="bold", overflow="fold"),
    )


def _head(night: NightReport, said: Verdict) -> list[RenderableType]:
    why = [*said.why, *(f"preflight: {p}" for p in night.problems)]
    checks = f"{sum(c.held for c in night.invariants)} of {len(night.invariants)} checks hold"
    where = [f"night of {night.session}", f"stage {night.stage or DASH}", night.trading or DASH, checks]
    where += [f"restarts {night.restarts}"] if night.restarts else []
    where += [f"{len(why) - WHY_MAX} more reasons on the page"] if len(why) > WHY_MAX else []
    colour = COLOURS[said.level]
    return [
        Text(said.headline, style=f"bold {colour}"),
        *(_line(f"  {w}", style=colour) for w in why[:WHY_MAX]),
        _line(", ".join(where)),
    ]


def _line(text: str, style: str = "") -> Text:
    """One line, cut at the terminal's edge: the view keeps its length whatever a reason says."""
    return Text(text.replace("\n", " "), style=style, no_wrap=True, overflow="ellipsis")


def _table(columns: Sequence[str], rows: Iterable[Row]) -> Table:
    """A table without lines. Columns that end in '>' stand right; only the last may be cut, a number never.

    rich narrows the columns that may wrap: so only the last one may, and its cells then cut themselves short.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold cyan", pad_edge=False)
    for name in columns:
        title = name.rstrip(">")
        last = name == columns[-1] == title
        table.add_column(title, justify="left" if title == name else "right", no_wrap=not last)
    for cells, style in rows:
        table.add_row(*(_line(cell) for cell in cells), style=style)
    return table


def _phases(night: NightReport) -> Table:
    rows = [
        (
            (
                *(name, p.stage, clock(p.start), clock(p.end), str(p.slices)),
                *(p.solver or DASH, p.solver_status or DASH, scientific(p.gap), p.reason),
            ),
            "" if p.stage == "traded" else "yellow",
        )
        for name, p in night.phases.items()
    ]
    return _table(("phase", "book", "start", "end", "slices>", "solver", "status", "gap>", "reason"), rows)


def _legs(night: NightReport) -> Table:
    f, o = night.fills, night.orders
    legs = {name: leg for name, leg in o.by_leg.items() if leg.orders or leg.fills}
    legs["all"] = Leg(o.count, f.count, o.rejected, f.notional_usd, f.fees_usd, f.slippage_bps)
    rows = [
        (
            (
                *(name, f"{leg.orders:,}", f"{leg.rejected:,}", f"{leg.fills:,}"),
                *(usd(leg.notional_usd), cents(leg.fees_usd), bps(leg.slippage_bps)),
            ),
            "",
        )
        for name, leg in legs.items()
    ]
    return _table(
        ("leg", "orders>", "rejected>", "fills>", "traded USD>", "fees USD>", "slippage bps>"), rows
    )


def _assets(night: NightReport) -> list[RenderableType]:
    names = sorted(night.names, key=lambda a: _size(night, a), reverse=True)
    rows = [_asset(a) for a in names[:NAMES_MAX]]
    table = _table(("asset", "target>", "position>", "lots off>", "USD off>", "reason"), rows)
    if not (rest := names[NAMES_MAX:]):
        return [table]
    off = sum(a.is_off for a in rest) or "none"
    return [table, _line(f"… {len(rest)} smaller of {len(names)} are on the page, {off} of them off target")]


def _asset(asset: AssetRow) -> Row:
    """Off its target with a reason is yellow; off it without one breaks a promise and is red."""
    off = (lots(asset.residual_lots), signed_usd(asset.residual_usd))
    style = ("yellow" if asset.reason else "red") if asset.is_off else ""
    return (asset.coin, quantity(asset.target), quantity(asset.position), *off, asset.reason), style


def _size(night: NightReport, asset: AssetRow) -> tuple[bool, float, float]:
    """Sort key: what is off its target comes first, then the largest position."""
    closes = next((p.closes for p in reversed(night.phases.values()) if p.closes), {})
    value = abs(Decimal(asset.position) * Decimal(closes.get(asset.coin, "0")))
    return asset.is_off, abs(asset.residual_usd or 0.0) if asset.is_off else 0.0, float(value)


def _figures(night: NightReport) -> list[RenderableType]:
    e = night.equity
    change = f"{usd(e.before)} -> {usd(e.after)}, {signed_usd(e.change_usd)} USD ({bps(e.change_bps)} bps)"
    parts = ", ".join(f"{n} {signed_usd(x)}" for n, x in e.parts) or "no opening or no closing snapshot"
    failed = [c.name for c in night.invariants if not c.held]
    return [
        *(_line(_factor(night, coin)) for coin in HEDGE_COINS),
        _line(f"hedge   {_hedging(night)}"),
        _line(f"equity  {change}"),
        _line(f"        {parts}"),
        *([_line(f"failed  {'; '.join(failed)}", style="red")] if failed else []),
    ]


def _hedging(night: NightReport) -> str:
    h = night.hedge
    took = f"after {milliseconds(h.fill_to_hedge_median_ms)} ms (p99 {milliseconds(h.fill_to_hedge_p99_ms)})"
    return f"{h.count} orders {took}, outside ±{usd(h.band_usd)} for {seconds(h.outside_band_s)} s"


def _factor(night: NightReport, coin: str) -> str:
    held = next((quantity(a.position) for a in night.assets if a.coin == coin), DASH)
    final, worst = night.hedge.final_delta_usd.get(coin), night.hedge.worst_delta_usd.get(coin)
    return f"{coin:<6}  {held} held, net delta {whole_usd(final)} USD, worst {usd(worst)}"
