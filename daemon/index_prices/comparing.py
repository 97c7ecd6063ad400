"""`nightdesk index-price compare`: every preset on the same input, scored against what was right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from core.prices.board import RATES, PriceBoard
from core.prices.methodology import Methodology
from core.prices.presets import PRESETS
from core.prices.types import Tick
from core.robust import median
from daemon.index_prices.replaying import read, take
from daemon.options import BadUse
from research.index_figure import draw_scores
from research.index_scores import Sample, Score, scored
from sim.price_events import EVENTS
from sim.price_events.scene import CALM_S, Event, at_ms, heard
from sim.price_files.stream import Stream

STEP_S = 0.5
"""A scripted event is looked at this often."""

FRESH_MS = 60_000
LONGEST_S = 60.0
"""A gap of the input longer than this counts as one of this length."""

Told = Callable[[int, int], None]


def event_score(event: Event, methodology: Methodology) -> Score:
    """Play an event to a methodology and score it from the second at which the event begins."""
    board, waiting, samples = PriceBoard(methodology, symbols=["BTC/USD"]), iter(heard(event)), []
    upcoming = next(waiting, None)
    for step in range(round((event.seconds + CALM_S) / STEP_S)):
        second = step * STEP_S - CALM_S
        if second < 0 and step % 2:
            continue
        while upcoming is not None and upcoming.received_ms <= at_ms(second):
            take(board, upcoming)
            upcoming = next(waiting, None)
        value = board.evaluate(at_ms(second))[-1]
        if second >= 0:
            samples.append(Sample(str(value.state), value.price, STEP_S, event.truth(second)))
    return scored(samples)


def event_scores(
    names: Iterable[str] = EVENTS, told: Told = lambda done, total: None
) -> dict[str, dict[str, Score]]:
    """Return the score of each preset on each event."""
    chosen = list(names)
    found: dict[str, dict[str, Score]] = {}
    for count, name in enumerate(chosen):
        found[name] = {preset: event_score(EVENTS[name], rules) for preset, rules in PRESETS.items()}
        told(count + 1, len(chosen))
    return found


def best(scores: Mapping[str, Score]) -> list[str]:
    """Return who did best: fewest wrong seconds, then fewest without a value, then the smallest error."""
    least = min(score.rank for score in scores.values())
    return [name for name, score in scores.items() if score.rank == least]


def path_scores(
    path: Path, symbols: Sequence[str], told: Told = lambda done, total: None
) -> dict[str, dict[str, Score]]:
    """Return the score of each preset on each symbol of a path. Raises BadUse."""
    stream = read(path, symbols)
    right = references(stream)
    found: dict[str, dict[str, Score]] = {}
    for count, (preset, rules) in enumerate(PRESETS.items()):
        for symbol, samples in _samples(stream, rules, symbols, right).items():
            found.setdefault(symbol, {})[preset] = scored(samples)
        told(count + 1, len(PRESETS))
    if not found:
        raise BadUse(f"{path}: no price of a pair such as BTC/USD or BTC/USDT is in it")
    return found


def references(stream: Stream) -> dict[tuple[int, str], tuple[float, float]]:
    """Return the median of fresh dollar prices of two venues or more, by stamp and symbol: nobody's methodology."""
    newest: dict[tuple[str, str], Tick] = {}
    found: dict[tuple[int, str], tuple[float, float]] = {}
    for at, heard_then in stream.stamps():
        for one in heard_then:
            if isinstance(one, Tick) and one.quote == "USD" and 0 < one.price < float("inf"):
                newest[one.symbol, one.source] = one
        fresh: dict[str, list[float]] = {}
        for (symbol, _), tick in newest.items():
            if at - tick.received_ms < FRESH_MS:
                fresh.setdefault(symbol, []).append(tick.price)
        found |= {(at, symbol): (median(p), median(p)) for symbol, p in fresh.items() if len(p) > 1}
    return found


def _samples(
    stream: Stream,
    rules: Methodology,
    symbols: Sequence[str],
    right: Mapping[tuple[int, str], tuple[float, float]],
) -> dict[str, list[Sample]]:
    board, found = PriceBoard(rules, symbols=symbols or None), dict[str, list[Sample]]()
    stamps = [at for at, _ in stream.stamps()]
    lengths = [min((b - a) / 1000, LONGEST_S) for a, b in zip(stamps, [*stamps[1:], stamps[-1]], strict=True)]
    for (at, heard_then), seconds in zip(stream.stamps(), lengths, strict=True):
        for one in heard_then:
            take(board, one)
        for value in board.evaluate(at):
            if value.symbol.partition("/")[0] not in RATES or value.symbol in symbols:
                sample = Sample(str(value.state), value.price, seconds, right.get((at, value.symbol)))
                found.setdefault(value.symbol, []).append(sample)
    return found


def with_bar(path: Path | None, *, events: bool, symbols: Sequence[str]) -> dict[str, dict[str, Score]]:
    """Score a path or the scripted events, with a progress bar on a terminal's stderr. Raises BadUse."""
    if events == (path is not None):
        raise BadUse("name PRICES to score the presets on, or give --events: one of them")
    if events and symbols:
        raise BadUse("--symbols goes with PRICES: the scripted events are of BTC/USD")
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("events" if path is None else "presets", total=None)

        def told(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return event_scores(told=told) if path is None else path_scores(path, symbols, told)


def draw(scores: Mapping[str, Mapping[str, Score]], to: Path) -> None:
    """Write the picture of a comparison. Raises BadUse where it cannot be written."""
    try:
        draw_scores(scores, to)
    except (OSError, ValueError) as error:
        raise BadUse(f"--figure {to}: cannot be written: {error}") from error
