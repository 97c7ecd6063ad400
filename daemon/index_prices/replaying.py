"""`nightdesk index-price replay`: recorded prices through a board, a value at every distinct stamp.

Of many symbols those that were heard at a stamp have a value there, and each other at least once a second: silence is
noticed, and time goes with what was heard and not with symbols times stamps.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from core.prices.board import PriceBoard, symbol_of
from core.prices.methodology import Methodology
from core.prices.settling import Settled, SettlementRules, Settling
from core.prices.types import Published, Reason, Tick
from daemon.index_prices.ledger import Ledger
from daemon.index_prices.settlements import minutes_of
from daemon.options import BadUse
from sim.price_files.names import pair_of
from sim.price_files.reading import read_prices
from sim.price_files.stream import Alive, Down, Heard, Stream, UnreadablePrices
from sim.price_files.tables import is_ledger

SHOWN_EVERY = 200
"""Stamps between two looks at the progress bar."""

EVERY_MS = 1000
"""Longest time without a value of a symbol, where there are stamps."""

SAID_MAX = 20
"""Symbols that a message names."""


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
    """What became of the input: values published, by state; refused are rows and ticks that did not count, by reason.

    settlements are of the windows that end within the series; units are stamps that were not in ms, by theirs; left_out is
    what was not there or not read, and why.
    """

    settlements: list[Settled] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    heard: int = 0


Sink = Callable[[Published, Settled | None], None]
"""Takes each value that was asked for, in order, and what it settled where it closed a window."""


def symbols_of(text: str | None) -> tuple[str, ...]:
    """Return the symbols of BTC/USD,ETH or None. Raises BadUse where one is no index."""
    if text is None:
        return ()
    found = [pair_of(word.strip().upper()) for word in text.split(",") if word.strip()]
    for symbol in found:
        base, slash, quote = symbol.partition("/")
        if not base or (slash and quote != "USD"):
            raise BadUse(f"--symbols {symbol}: an index is in USD; give BTC/USD or BTC, several with commas")
    return tuple(f"{symbol.partition('/')[0]}/USD" for symbol in found)


def settlement_rules(settle_at: str, *, option: str = "--settle-at") -> SettlementRules:
    """Return the rules of a replay whose windows end at HH:MM, several with commas. Raises BadUse."""
    times = [text.strip() for text in settle_at.split(",")]
    if not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) for text in times):
        raise BadUse(f"{option} {settle_at}: give times of the day such as 00:00 or 08:00,16:00")
    rules = replace(SETTLEMENT, at_min=minutes_of(times))
    fault = rules.fault()
    if fault is not None:
        raise BadUse(f"{option} {settle_at}: {fault}")
    return rules


def read(path: Path, symbols: Sequence[str]) -> Stream:
    """Return what a path holds. Raises BadUse, also where it holds none of the symbols that are asked for."""
    try:
        stream = read_prices(path, bases=[symbol.partition("/")[0] for symbol in symbols])
    except UnreadablePrices as error:
        raise BadUse(str(error)) from error
    heard = heard_in(stream)
    if symbols and heard.isdisjoint(symbols):
        there = ", ".join(sorted(heard)[:SAID_MAX]) + (", ..." if len(heard) > SAID_MAX else "")
        raise BadUse(f"--symbols {','.join(symbols)}: not in {path}; in it are {there}")
    return stream


def heard_in(stream: Stream) -> set[str]:
    """Return the indices of which something is in a stream."""
    return {symbol_of(one.base) for one in stream.heard if isinstance(one, Tick) and one.quote}


def take(board: PriceBoard, one: Heard) -> Reason | None:
    """Give one thing that was heard to a board; return why not, where it is not taken."""
    if isinstance(one, Tick):
        return board.tick(one)
    if isinstance(one, Alive):
        board.heartbeat(one.source, one.received_ms)
    else:
        board.disconnected(one.source)
    return None


class Rota:
    """Whose turn it is at a stamp: who was heard there, and who had no value for a second."""

    def __init__(self, board: PriceBoard) -> None:
        self._board = board
        self._latest_ms: dict[str, int] = {}
        """By base, the one evaluated longest ago first."""

    def turns(self, at_ms: int, heard: Sequence[Heard]) -> Sequence[str]:
        """Return the bases to evaluate; a lone one always, and all where a stream was lost."""
        bases = self._board.bases
        chosen: Iterable[str] = bases
        if self._latest_ms and len(bases) > 1 and not any(isinstance(one, Down) for one in heard):
            chosen = {one.base for one in heard if isinstance(one, Tick) and one.base in bases}
            chosen |= self._overdue(at_ms)
        turns = list(chosen)
        for base in turns:
            self._latest_ms.pop(base, None)
            self._latest_ms[base] = at_ms
        return turns

    def _overdue(self, at_ms: int) -> set[str]:
        return set(takewhile(lambda base: at_ms - self._latest_ms[base] >= EVERY_MS, self._latest_ms))


def played(
    stream: Stream, board: PriceBoard, replayed: Replayed, ledger: Ledger | None
) -> Iterator[list[Published]]:
    """Yield the values of each stamp after all that was heard at it."""
    rota, end_ms = Rota(board), stream.heard[-1].received_ms if stream.heard else 0
    for at_ms, heard in stream.stamps():
        for one in heard:
            reason = take(board, one)
            if reason is not None:
                replayed.refused[str(reason)] += 1
            if ledger is not None and reason is not Reason.UNKNOWN_SYMBOL:
                ledger.heard(one)
        replayed.heard += len(heard)
        values = board.evaluate(at_ms, bases=None if at_ms == end_ms else rota.turns(at_ms, heard))
        if ledger is not None:
            ledger.published(values)
        yield values


def replay(
    options: ReplayOptions, sink: Sink, told: Callable[[int, int], None] = lambda done, total: None
) -> Replayed:
    """Replay a path; told: what was heard so far, and all. Raises BadUse for what cannot be read or written."""
    stream = read(options.path, options.symbols)
    missing = [symbol for symbol in options.symbols if symbol not in heard_in(stream)]
    replayed = Replayed(refused=stream.refused, units=stream.units, left_out=stream.left_out)
    replayed.left_out += [f"{symbol}: nothing of it is in {options.path}" for symbol in missing]
    try:
        _play(options, stream, replayed, (sink, told))
    except OSError as error:
        raise BadUse(f"--out {options.out}: cannot be written: {error.strerror}") from error
    if not replayed.states:
        raise BadUse(f"{options.path}: no price of a pair such as BTC/USD or BTC/USDT is in it")
    return replayed


def _play(
    options: ReplayOptions,
    stream: Stream,
    replayed: Replayed,
    to: tuple[Sink, Callable[[int, int], None]],
) -> None:
    symbols = heard_in(stream).intersection(options.symbols)
    board = PriceBoard(options.methodology, symbols=sorted(symbols) or None)
    settling = Settling(options.settlement)
    with ExitStack() as stack:
        ledger = None if options.out is None else _opened(options, options.out, stack)
        for count, values in enumerate(played(stream, board, replayed, ledger)):
            for value in values:
                settled = settling.take(value, led=True)
                if ledger is not None and settled is not None:
                    ledger.settled(settled)
                if not symbols or value.symbol in symbols:
                    replayed.states[value.state] += 1
                    replayed.settlements += [] if settled is None else [settled]
                    to[0](value, settled)
            if count % SHOWN_EVERY == 0:
                to[1](replayed.heard, len(stream.heard))
        if ledger is not None:
            ledger.close()


def _opened(options: ReplayOptions, out: Path, stack: ExitStack) -> Ledger:
    """Open the ledger. Raises OSError."""
    if out.exists() and any(out.samefile(file) for file in _files(options.path)) and not is_ledger(out):
        raise BadUse(f"--out {out}: is what is read; name another file")
    return Ledger(stack.enter_context(out.open("wb")), options.methodology, options.settlement)


def _files(path: Path) -> list[Path]:
    return [file for file in path.iterdir() if file.is_file()] if path.is_dir() else [path]


def replay_with_bar(options: ReplayOptions, sink: Sink) -> Replayed:
    """Replay with a progress bar on a terminal's stderr."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("ticks", total=None)
        return replay(options, sink, lambda done, total: progress.update(task, completed=done, total=total))
