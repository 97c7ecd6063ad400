"""The night as one HTML file that opens without a network: tables written here, charts drawn by the script inside.

The first screen answers: is the book where it should be? Below it: how it got there, name by name.
"""

from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from core.types import HEDGE_COINS, Fill
from research import night_format
from research.night_charts import chart_data
from research.night_exposure import exposure
from research.night_report import AssetRow, NightReport, read_report, verdict
from research.night_series import (
    ZERO,
    Night,
    Steps,
    by_coin,
    disagreements,
    positions,
    read_night,
    session_fills,
    targets,
)
from state.errors import StateError

if TYPE_CHECKING:
    from jinja2 import Environment

INCIDENTS_MAX = 200

Document = dict[str, Any]


class PageRequest(msgspec.Struct, frozen=True):
    """journal_path: the journal's file; report: the session report's JSON."""

    journal_path: str
    report: bytes


def page(request: PageRequest) -> str:
    """Return the page. A journal that cannot be read costs the charts, not the page; a report that cannot, raises.

    Raises msgspec.DecodeError or ValidationError, naming the member of the report that is wrong.
    """
    report = read_report(request.report)
    fault = ""
    try:
        night = read_night(Path(request.journal_path), report)
    except StateError as error:
        fault, night = str(error), Night(start_ms=report.close_ms, end_ms=report.close_ms)
    return _rendered(report, night, fault)


def _rendered(report: NightReport, night: Night, fault: str) -> str:
    from plotly.offline import get_plotlyjs

    walked, rows = exposure(night, report), _rows(report, night)
    return (
        _environment()
        .get_template("night.html.j2")
        .render(
            report=report,
            verdict=verdict(report),
            checks=[*report.invariants, *_own_checks(report, night)],
            rows=rows,
            incidents=night.incidents[:INCIDENTS_MAX],
            incidents_left=max(len(night.incidents) - INCIDENTS_MAX, 0),
            fault=fault,
            records=night.records,
            parameters=next((p.parameters for p in report.phases.values() if p.parameters), {}),
            data=_json(chart_data(report, night, walked, [r["coin"] for r in rows])),
            plotly=get_plotlyjs(),
            style=_template("night.css"),
            script=_template("night.js"),
        )
    )


def _environment() -> "Environment":
    """Escape everything. jinja2 and plotly are imported late: the daemon loads this module and never draws."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader("research"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(night_format.FILTERS)
    return environment


def _template(name: str) -> str:
    return (files("research") / "templates" / name).read_text("utf-8")


def _json(data: Document) -> str:
    """Return JSON that no name in it can end early: a script element ends at the first '</'."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")


# --- tables --------------------------------------------------------------------------------------------


def _own_checks(report: NightReport, night: Night) -> list[Document]:
    """Compare the report with the journal: the page rebuilt the book from fills, without the engine."""
    if not night.records:
        return []
    off = disagreements(night, report)
    detail = "; ".join(f"{c}: journal {ours}, report {said}" for c, (ours, said) in off.items())
    return [
        {"name": "the journal's fills add up to the reported positions", "held": not off, "detail": detail}
    ]


def _rows(report: NightReport, night: Night) -> list[Document]:
    """Return a row for each asset: names by size of trade, then the hedges; what only the journal knows comes too."""
    fills = by_coin(session_fills(night, report))
    known = {a.coin: a for a in report.assets}
    coins = [*known, *sorted((fills.keys() | {o.coin for o in night.orders.values()}) - known.keys())]
    steps, wanted, start = positions(night, report), targets(report), _previous(report)
    nothing = None if report.equity.before is None else "0"
    rows = [
        _row(known.get(c, AssetRow(c, reason="not in the report")), fills.get(c, []), night)
        | {"previous": start.get(c, nothing), "spark": _spark(night, steps.get(c), wanted.get(c))}
        for c in coins
    ]
    return sorted(rows, key=lambda r: (r["coin"] in HEDGE_COINS, -r["traded_usd"], r["coin"]))


def _row(asset: AssetRow, fills: Sequence[Fill], night: Night) -> Document:
    traded_usd = sum((f.qty * f.px for f in fills), ZERO)
    slipped = [(f, o) for f in fills if (o := night.orders.get(f.cloid or "")) is not None]
    slippage_usd = sum(((f.px - o.arrival_mid) * f.signed_qty for f, o in slipped), ZERO)
    compared_usd = sum((f.qty * f.px for f, _ in slipped), ZERO)
    return {
        "coin": asset.coin,
        "target": _target(asset),
        "position": asset.position,
        "residual_lots": asset.residual_lots,
        "residual_usd": asset.residual_usd,
        "reason": asset.reason,
        "is_off": asset.is_off and not asset.is_hedge,
        "fills": len(fills),
        "traded_usd": float(traded_usd),
        "fees_usd": float(sum((f.fee_usd for f in fills), ZERO)),
        "slippage_bps": float(slippage_usd / compared_usd * 10_000) if compared_usd else None,
    }


def _target(asset: AssetRow) -> str | None:
    """Return the target; a hedge's is a result of division, so it is cut to the digits that the position has."""
    if asset.target is None or not asset.is_hedge:
        return asset.target
    places = Decimal(asset.position).as_tuple().exponent
    return f"{Decimal(asset.target):.{max(-int(places), 4)}f}"


def _previous(report: NightReport) -> dict[str, str]:
    return next((p.previous for p in report.phases.values() if p.previous), {})


SPARK_WIDTH, SPARK_HEIGHT = 110, 22


def _spark(night: Night, held: Steps | None, wanted: Steps | None) -> Document | None:
    """Return the position over the window as a path of a small picture, and where the last target lies in it."""
    if held is None or len(held.value) < 2:
        return None
    goal = wanted.value[-1] if wanted else None
    values = [float(v) for v in (*held.value, *([goal] if goal is not None else []))]
    low, high = min(values), max(values)
    span_ms = night.end_ms - night.start_ms

    def x(at_ms: int) -> float:
        return round((at_ms - night.start_ms) / span_ms * SPARK_WIDTH, 1)

    def y(value: Decimal) -> float:
        share = (float(value) - low) / (high - low) if high > low else 0.5
        return round(2 + (SPARK_HEIGHT - 4) * (1 - share), 1)

    points = list(zip(held.at_ms, held.value, strict=True))
    path = f"M0 {y(held.value[0])}" + "".join(f"H{x(t)}V{y(v)}" for t, v in points[1:]) + f"H{SPARK_WIDTH}"
    return {"path": path, "goal": None if goal is None else y(goal)}
