"""Raw frames, one a line behind the time they were received, read by the words of the venue that sent them."""

import importlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from adapters.exchanges.ports import Words, WordsOf
from sim.price_files.stream import Alive, Down, Stream, UnreadablePrices
from sim.price_files.tables import lines

LINE = re.compile(r"(?P<stamp>\d{9,20}(?:\.\d+)?):? (?P<frame>[\[{\"].*)", re.S)
"""`<recv_s>: <json>` or `<recv_ns> <json>`; lines of what was sent begin with the URL."""

DIGITS_MS = 12
"""Milliseconds since 1970 have so many digits or up to two more, microseconds three more."""

CONNECTED = re.compile(r"wss?://\S+ <->")
DERIVATIVE = ("futures", "usdm", "cm", "coinm", "perp", "swap", "options")
"""What follows the venue in the name of a file whose prices are not spot."""

BASES = ("BTC", "ETH", "SOL", "XRP", "USDT", "USDC")
QUOTES = ("USD", "USDT", "USDC")
VENUES = "adapters.exchanges.venues"


def is_frames(path: Path) -> bool:
    """Say whether a text file holds raw frames."""
    for count, line in enumerate(lines(path)):
        if LINE.match(line) or CONNECTED.match(line):
            return True
        if count == 2:
            break
    return False


def venues() -> Mapping[str, WordsOf]:
    """Return what reads each venue's frames, by the venue's name; nothing where this nightdesk has no venues."""
    try:
        module = importlib.import_module(VENUES)
    except ModuleNotFoundError:
        return {}
    found: dict[str, WordsOf] = {}
    for name in module.VENUES:
        with suppress(ModuleNotFoundError):
            found[name] = module.words_of(name)
    return found


def heard_in_frames(path: Path, bases: Sequence[str], known: Mapping[str, WordsOf] | None = None) -> Stream:
    """Return what the frames of a file said about these bases, by default the usual ones. Raises UnreadablePrices."""
    known = venues() if known is None else known
    source = venue_of(path, known)
    return _heard(path, known[source], _pairs(bases or BASES))


def venue_of(path: Path, known: Mapping[str, WordsOf]) -> str:
    """Return the venue that a file is named after. Raises UnreadablePrices where nothing reads its frames."""
    stem = path.name.partition(".")[0].lower()
    named = [name for name in known if stem == name or stem.startswith(f"{name}_")]
    venue = max(named, key=len, default=None)
    rest = "" if venue is None else stem[len(venue) + 1 :]
    if venue is None or rest.partition("_")[0] in DERIVATIVE:
        allowed = ", ".join(sorted(known)) or "none in this nightdesk"
        raise UnreadablePrices(
            f"{path}: no parser for the raw frames of {stem}. The file's name must begin with a spot venue: {allowed}"
        )
    return venue


def _pairs(bases: Sequence[str]) -> list[str]:
    wanted = [*bases, *(b for b in ("USDT", "USDC") if b not in bases)]
    return [f"{base}/{quote}" for base in wanted for quote in QUOTES if base != quote]


def _heard(path: Path, words_of: WordsOf, pairs: Sequence[str]) -> Stream:
    stream, words = Stream(), words_of(pairs)
    for line in lines(path):
        if CONNECTED.match(line):
            words = words_of(pairs)
        elif (found := LINE.match(line)) is not None:
            received_ms = _milliseconds(found["stamp"])
            if not _said(stream, words, found["frame"].rstrip("\r\n"), received_ms):
                words = words_of(pairs)
        elif not line.startswith("ws"):
            stream.refused["not_a_frame"] += 1
    return stream


def _said(stream: Stream, words: Words, frame: str, received_ms: int) -> bool:
    """Add what a frame said; say whether the connection can go on."""
    read = words.read(frame, received_ms)
    stream.heard += read.ticks
    if read.alive:
        stream.heard.append(Alive(words.source, received_ms))
    if read.strange is not None:
        stream.refused["strange_frame"] += 1
    if read.fault is not None:
        stream.heard.append(Down(words.source, received_ms))
    return read.fault is None


def _milliseconds(stamp: str) -> int:
    """Return milliseconds of seconds with a fraction, or of milli-, micro- or nanoseconds, by their size."""
    whole, _, part = stamp.partition(".")
    if len(whole) < DIGITS_MS:
        return int(whole) * 1000 + int((part + "000")[:3])
    thousands = (len(whole) - DIGITS_MS) // 3
    return int(whole) // int(1000**thousands)
