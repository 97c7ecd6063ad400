"""`nightdesk index-price replay`: recorded prices through a board, a value at every distinct stamp."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from core.prices.board import PriceBoard
from core.prices.methodology import Methodology
from core.prices.settling import Settled, SettlementRules, Settling
from core.prices.types import Published, Reason, Tick
from daemon.index_prices import documents, settlements
from daemon.index_prices.ledger import Ledger
from daemon.index_prices.settlements import minutes_of
from daemon.options import BadUse
from sim.price_files.reading import read_prices
from sim.price_files.stream import Alive, Heard, Stream, UnreadablePrices

SHOWN_EVERY = 200
"""Stamps between two looks at the progress bar."""


STANDS_S = 60.0
"""Recorded prices may be minutes: a value stands so long for a settlement."""

SETTLEMENT = SettlementRules(stands_s=STANDS_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """symbols such as BTC/USD; empty for all that the input has."""

    path: Path
    methodology: Methodology
    symbols: tuple[str, ...] = ()
    out: Path | None = None
    settlement: SettlementRules = SETTLEMENT


@dataclass(slots=True)
class Replayed:
    """What was asked for of the published series, in order; refused are rows and ticks that did not count, by reason.

    settlements are of the windows that end within the series.
    """

    values: list[Published] = field(default_factory=list)
    settlements: list[Settled] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    heard: int = 0


def symbols_of(text: str | None) -> tuple[str, ...]:
    """Return the symbols of BTC/USD,ETH or None. Raises BadUse where one is no index."""
    if text is None:
        return ()
    found = [word.strip().upper().replace("-", "/") for word in text.split(",") if word.strip()]
    for symbol in found:
        base, slash, quote = symbol.partition("/")
        if not base or (slash and quote != "USD"):
            raise BadUse(f"--symbols {symbol}: an index is in USD; give BTC/USD or BTC, several with commas")
    return tuple(f"{symbol.partition('/')[0]}/USD" for symbol in found)


def settlement_rules(settle_at: str) -> SettlementRules:
    """Return the rules of a replay whose windows end at HH:MM, several with commas. Raises BadUse."""
    times = [text.strip() for text in settle_at.split(",")]
    if not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) for text in times):
        raise BadUse(f"--settle-at {settle_at}: give times of the day such as 00:00 or 08:00,16:00")
    rules = replace(SETTLEMENT, at_min=minutes_of(times))
    fault = rules.fault()
    if fault is not None:
        raise BadUse(f"--settle-at {settle_at}: {fault}")
    return rules


def read(path: Path, symbols: Sequence[str]) -> Stream:
    """Return what a path holds. Raises BadUse."""
    try:
        return read_prices(path, bases=[symbol.partition("/")[0] for symbol in symbols])
    except UnreadablePrices as error:
        raise BadUse(str(error)) from error


def take(board: PriceBoard, one: Heard) -> Reason | None:
    """Give one thing that was heard to a board; return why not, where it is not taken."""
    if isinstance(one, Tick):
        return board.tick(one)
    if isinstance(one, Alive):
        board.heartbeat(one.source, one.received_ms)
    else:
        board.disconnected(one.source)
    return None


def played(
    stream: Stream, board: PriceBoard, replayed: Replayed, ledger: Ledger | None
) -> Iterator[list[Published]]:
    """Yield the values of each stamp after all that was heard at it."""
    for at_ms, heard in stream.stamps():
        for one in heard:
            reason = take(board, one)
            if reason is not None:
                replayed.refused[str(reason)] += 1
            if ledger is not None and reason is not Reason.UNKNOWN_SYMBOL:
                ledger.heard(one)
        replayed.heard += len(heard)
        values = board.evaluate(at_ms)
        if ledger is not None:
            ledger.published(values)
        yield values


def replay(options: ReplayOptions, told: Callable[[int, int], None] = lambda done, total: None) -> Replayed:
    """Replay a path; told: what was heard so far, and all. Raises BadUse for what cannot be read or written."""
    stream = read(options.path, options.symbols)
    replayed = Replayed(refused=stream.refused, left_out=stream.left_out)
    try:
        _play(options, stream, replayed, told)
    except OSError as error:
        raise BadUse(f"--out {options.out}: cannot be written: {error.strerror}") from error
    if not replayed.values:
        raise BadUse(f"{options.path}: no price of a pair such as BTC/USD or BTC/USDT is in it")
    return replayed


def _play(
    options: ReplayOptions, stream: Stream, replayed: Replayed, told: Callable[[int, int], None]
) -> None:
    board = PriceBoard(options.methodology, symbols=options.symbols or None)
    settling = Settling(options.settlement)
    with ExitStack() as stack:
        ledger = None if options.out is None else _opened(options, options.out, stack)
        for count, values in enumerate(played(stream, board, replayed, ledger)):
            replayed.values += [v for v in values if not options.symbols or v.symbol in options.symbols]
            for settled in settled_by(settling, values):
                if ledger is not None:
                    ledger.settled(settled)
                if not options.symbols or settled.symbol in options.symbols:
                    replayed.settlements.append(settled)
            if count % SHOWN_EVERY == 0:
                told(replayed.heard, len(stream.heard))
        if ledger is not None:
            ledger.close()


def settled_by(settling: Settling, values: Sequence[Published]) -> Iterator[Settled]:
    """Yield what values that are published close."""
    for value in values:
        settled = settling.take(value, led=True)
        if settled is not None:
            yield settled


def _opened(options: ReplayOptions, out: Path, stack: ExitStack) -> Ledger:
    """Open the ledger. Raises OSError."""
    if out.exists() and out.samefile(options.path):
        raise BadUse(f"--out {out}: is what is read; name another file")
    return Ledger(stack.enter_context(out.open("wb")), options.methodology, options.settlement)


def series(replayed: Replayed) -> list[dict[str, Any]]:
    """Return a replayed series as JSON: a value that closed a window has what it settles at under settlements."""
    closed = {(one.symbol, one.at_ms): [settlements.document(one)] for one in replayed.settlements}
    return [
        documents.document(value)
        | ({"settlements": closed[place]} if (place := (value.symbol, value.at_ms)) in closed else {})
        for value in replayed.values
    ]


def replay_with_bar(options: ReplayOptions) -> Replayed:
    """Replay with a progress bar on a terminal's stderr."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("ticks", total=None)
        return replay(options, lambda done, total: progress.update(task, completed=done, total=total))
