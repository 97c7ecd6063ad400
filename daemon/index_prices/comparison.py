"""Scores of presets for programs, for people, and for docs/index_price.md: `python -m daemon.index_prices.comparison`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.index_prices.comparing import best, event_scores
from research.index_scores import Score, added
from sim.price_events import EVENTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "index_price.md"
BEGIN, END = "<!-- events: begin -->", "<!-- events: end -->"
CELL = "seconds wrong / seconds without a value / largest error in bps"

Rows = Mapping[str, Mapping[str, Score]]


def document(scores: Rows) -> list[dict[str, Any]]:
    """Return what --json prints: one element for each event or symbol, and preset."""
    return [
        {"of": of, "preset": preset, "best": preset in best(row), **asdict(score)}
        for of, row in scores.items()
        for preset, score in row.items()
    ]


def totals(scores: Rows) -> dict[str, Score]:
    """Return each preset's score on all rows together."""
    presets = next(iter(scores.values()))
    return {preset: added([row[preset] for row in scores.values()]) for preset in presets}


def cell(score: Score) -> str:
    return f"{score.wrong_s:g} / {score.halted_s + score.missing_s:g} / {score.max_bps:.0f}"


def view(scores: Rows, head: str) -> RenderableType:
    presets = list(next(iter(scores.values())))
    table = Table(head, *presets, box=None)
    for of, row in scores.items():
        first = best(row)
        table.add_row(of, *(Text(cell(row[p]), style="green" if p in first else "") for p in presets))
    parts: list[RenderableType] = [table, Text(CELL), summary(scores)]
    return Group(*parts)


def summary(scores: Rows) -> Table:
    table = Table("all", *SUMMARY, box=None)
    for preset, cells in _summaries(scores):
        table.add_row(preset, *cells)
    return table


SUMMARY = ("wrong s", "halted s", "missing s", "mean error bps", "largest bps", "roughness bps", "best on")


def _summaries(scores: Rows) -> Iterator[tuple[str, list[str]]]:
    for preset, score in totals(scores).items():
        seconds = [f"{number:g}" for number in (score.wrong_s, score.halted_s, score.missing_s)]
        errors = [f"{score.mean_bps:.2f}", f"{score.max_bps:.0f}", f"{score.smooth_bps:.2f}"]
        yield preset, [*seconds, *errors, str(sum(preset in best(row) for row in scores.values()))]


# --- the page ------------------------------------------------------------------------------------------


def rows_md(scores: Rows) -> list[str]:
    """Return a line for each event; who was best stands in bold."""
    lines = []
    for of, row in scores.items():
        first = best(row)
        cells = [f"**{cell(score)}**" if preset in first else cell(score) for preset, score in row.items()]
        lines.append(f"| `{of}`: {EVENTS[of].about} | {' | '.join(cells)} |")
    return lines


def events_md(scores: Rows) -> str:
    """Return what stands between the marks of the page."""
    presets = list(next(iter(scores.values())))
    lines = [
        f"| event ({CELL}) | {' | '.join(presets)} |",
        "|---" * (len(presets) + 1) + "|",
        *rows_md(scores),
    ]
    lines += ["", f"| all | {' | '.join(SUMMARY)} |", "|---" * (len(SUMMARY) + 1) + "|"]
    return "\n".join(
        [*lines, *(f"| {preset} | {' | '.join(cells)} |" for preset, cells in _summaries(scores))]
    )


def written(page: str, text: str) -> str:
    """Return a page with a text between its marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    PAGE.write_text(written(PAGE.read_text("utf-8"), events_md(event_scores())), "utf-8")


if __name__ == "__main__":
    main()
