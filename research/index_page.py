"""An index backtest as one HTML file that opens without a network: a table of figures, and the pictures inside."""

from base64 import b64encode
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from research import index_drawings as drawings
from research.index_record import Track, changes
from research.index_walk import Walk
from strategies.quant.trailing import Floats

if TYPE_CHECKING:
    from jinja2 import Environment

ROW_IN = 0.17
"""Height of a coin's row in the picture of who was in."""

ROWS: tuple[tuple[str, str, str], ...] = (
    ("return_total", "return, total", "percent"),
    ("return_annual", "return a year", "percent"),
    ("volatility_annual", "volatility a year", "percent"),
    ("max_drawdown", "largest drawdown", "percent"),
    ("value_at_risk_95_1d", "loss of a day not exceeded in 95 %", "percent"),
    ("expected_shortfall_95_1d", "mean loss of the worst 5 % of days", "percent"),
    ("sharpe_daily", "Sharpe ratio, daily", "ratio"),
    ("sharpe_annual", "Sharpe ratio, annual", "ratio"),
    ("psr", "probability that it is above 0 (PSR)", "ratio"),
    ("min_track_record_days", "days needed to say so at 95 %", "count"),
    ("deflated_sharpe", "the same, deflated by all that was tried", "ratio"),
    ("tracking_error_annual", "tracking error to the total market, a year", "percent"),
    ("correlation_total_market", "correlation with the total market", "ratio"),
    ("turnover_annual", "turnover a year, one way", "percent"),
    ("cost_annual", "cost a year", "percent"),
    ("members_mean", "members, mean", "count"),
    ("entries", "came in", "count"),
    ("exits", "went out", "count"),
)
"""Keys of the report that the table shows, in words, and how."""


def page(
    walks: Mapping[str, Walk], tracks: Mapping[str, Track], market: Floats, document: Mapping[str, Any]
) -> str:
    """Return the page; document is the backtest's report."""
    indices: Mapping[str, Mapping[str, Any]] = document["indices"]
    return (
        _environment()
        .get_template("index.html.j2")
        .render(
            report=document,
            names=list(indices),
            rows=[(words, [shown(one[key], how) for one in indices.values()]) for key, words, how in ROWS],
            gross=[shown(one["gross"]["return_annual"], "percent") for one in indices.values()],
            total=shown(document["total_market"]["return_annual"], "percent"),
            total_fall=shown(document["total_market"]["max_drawdown"], "percent"),
            level=_inline(drawings.levels(tracks, market), height_in=5.0),
            drawdown=_inline(drawings.drawdowns(tracks, market), height_in=3.4),
            indices=[_index(name, walk) for name, walk in walks.items()],
            style=(files("research") / "templates" / "night.css").read_text("utf-8"),
        )
    )


def shown(value: float | None, how: str) -> str:
    """Return a figure as the table has it; a dash for what cannot be said."""
    if value is None:
        return "–"
    if how == "percent":
        return f"{100 * value:,.1f} %"
    return f"{value:.3f}" if how == "ratio" else f"{value:,.0f}"


def _index(name: str, walk: Walk) -> dict[str, Any]:
    was_in, rows = drawings.memberships(walk)
    return {
        "name": name,
        "title": walk.methodology.title,
        "about": " ".join(walk.methodology.about.split()),
        "weights": _inline(drawings.weights(walk), height_in=3.6),
        "members": _inline(was_in, height_in=drawings.TOP_IN + drawings.BOTTOM_IN + ROW_IN * rows),
        "changes": [(day, " ".join(came), " ".join(gone)) for day, came, gone in changes(walk)],
    }


def _inline(draw: drawings.Picture, *, height_in: float) -> str:
    return "data:image/svg+xml;base64," + b64encode(drawings.svg(draw, height_in=height_in)).decode()


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("research"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
