"""A picture of a comparison: where each preset was wrong, and where it gave nothing."""

from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from research.index_scores import Score

PANELS: Mapping[str, Callable[[Score], float]] = {
    "seconds wrong": lambda score: score.wrong_s,
    "seconds without a value": lambda score: score.halted_s + score.missing_s,
}


def draw_scores(scores: Mapping[str, Mapping[str, Score]], to: Path) -> None:
    """Write a figure with a cell for each row and preset. Raises OSError or ValueError where it cannot be written."""
    presets = list(next(iter(scores.values())))
    figure = Figure(figsize=(4 + 1.1 * len(presets), 1.5 + 0.24 * len(scores)), layout="constrained")
    for axes, (title, number) in zip(
        figure.subplots(1, len(PANELS), sharey=True), PANELS.items(), strict=True
    ):
        cells = [[number(row[preset]) for preset in presets] for row in scores.values()]
        axes.imshow(cells, aspect="auto", cmap="Reds", vmin=0)
        axes.set_title(title)
        axes.set_xticks(range(len(presets)), presets, rotation=60, ha="right")
        axes.set_yticks(range(len(scores)), list(scores))
        for y, line in enumerate(cells):
            for x, seconds in enumerate(line):
                if seconds:
                    axes.text(x, y, f"{seconds:g}", ha="center", va="center", fontsize=7)
    figure.savefig(to)
