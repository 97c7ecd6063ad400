"""Is a ledger of index prices what its rules and its ticks make? Every value is made again from what was heard."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

from research.index_again.heard import Record, hear, new_book
from research.index_again.value import value_of

KIND = "index price"
VERSION = 1
WITHIN = 1e-9
"""Largest relative difference of two numbers that are the same: both sum in their own order."""

RATES = ("USDT/USD", "USDC/USD")
IN_PRICE = frozenset({"price", "candidate", "median", "confidence", "usd", "used"})
IN_SHARES = frozenset({"weight", "spread"})
BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""What a record raises that is not one."""


class NotALedger(Exception):
    """A file that is no ledger of index prices; the text says what is."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first value that is not what it should be: line of the file (1 is the header), field, and both sides."""

    line: int
    what: str
    told: Any
    made: Any

    def __str__(self) -> str:
        return f"line {self.line}: {self.what} is {self.told!r}, must be {self.made!r}"


@dataclass(slots=True)
class Verified:
    """values made again, the largest relative difference of a price among them, and the first mismatch."""

    values: int = 0
    largest: float = 0.0
    mismatch: Mismatch | None = None


def header_of(path: Path) -> Record:
    """Return the first line of a ledger. Raises NotALedger."""
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline() or "null")
    except (OSError, ValueError, RecursionError) as error:
        raise NotALedger(f"{path}: cannot be read ({error}). Name a file that replay --out wrote") from error
    if not isinstance(header, dict) or "ledger" not in header:
        raise NotALedger(
            f"{path}: its first line is no header of a ledger. Name a file that replay --out wrote"
        )
    return header


def verify(path: Path) -> Verified:
    """Make every value of a ledger again, up to the first mismatch. Raises NotALedger."""
    header, found = header_of(path), Verified()
    if header["ledger"] != KIND or not isinstance(header.get("methodology"), dict):
        raise NotALedger(f"{path}: a ledger of kind {header['ledger']!r}; can be verified: {KIND!r}")
    if header.get("version") != VERSION:
        raise NotALedger(f"{path}: version {header.get('version')!r}; can be verified: {VERSION}")
    walk = Walk(header["methodology"])
    for line, record in _records(path):
        try:
            found.mismatch = walk.mismatch(line, record)
            found.largest = max(found.largest, walk.difference)
        except BROKEN as error:
            found.mismatch = Mismatch(line, "the record", f"{type(error).__name__}: {error}", "a value")
        if found.mismatch is not None:
            return found
        found.values += 1
    return found


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        next(file)
        for line, text in enumerate(file, start=2):
            try:
                yield line, json.loads(text)
            except (ValueError, RecursionError):
                yield line, text[:40]


class Walk:
    """The memory of a ledger's indices as its values go by."""

    def __init__(self, rules: Record) -> None:
        self.difference = 0.0
        """Relative difference of the last price."""
        self._rules = rules
        self._books: dict[str, Record] = {}
        self._rates: dict[str, tuple[int, float, str]] = {}
        self._at_ms, self._token = -inf, -inf

    def mismatch(self, line: int, record: Record) -> Mismatch | None:
        """Return what is wrong with the next value, None where nothing is. Raises what a broken record raises."""
        symbol, now, token = record["symbol"], record["at_ms"], record["token"]
        heard_ms = max((_received_ms(said) for said in record["heard"]), default=now)
        for what, told, least in (("at_ms", now, max(self._at_ms, heard_ms)), ("token", token, self._token)):
            if not told >= least:  # NaN is neither
                return Mismatch(line, what, told, f"at least {least}")
        self._at_ms, self._token = now, token
        made = self._made(symbol, now, record["heard"])
        told_inputs, made_inputs = record["inputs"], made.pop("inputs")
        price = made["price"] or made["candidate"] or 1.0
        self.difference = _difference(record["price"], made["price"], 0.0)
        if len(told_inputs) != len(made_inputs):
            return Mismatch(line, "number of inputs", len(told_inputs), len(made_inputs))
        pairs = [
            ("", record, made),
            *(("input ", t, m) for t, m in zip(told_inputs, made_inputs, strict=True)),
        ]
        return next(
            (wrong for pair in pairs if (wrong := _wrong(line, *pair, price=price)) is not None), None
        )

    def _made(self, symbol: str, now: int, heard: list[Record]) -> Record:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = new_book(self._rules_of(symbol))
        for said in heard:
            hear(book, said)
        rates = {quote: (price, state) for quote, (at, price, state) in self._rates.items() if at == now}
        made = value_of(book, now, rates)
        if symbol in RATES and made["price"] is not None:
            self._rates[symbol.split("/")[0]] = now, made["price"], made["state"]
        return made

    def _rules_of(self, symbol: str) -> Record:
        if symbol not in RATES:
            return self._rules
        breaker = {**self._rules["breaker"], "feeds_min": self._rules["rate_feeds_min"]}
        return {**self._rules, "breaker": breaker}


def _received_ms(said: Record) -> int:
    found: int = said["tick"]["received_ms"] if "tick" in said else said.get("at_ms", 0)
    return found


def _wrong(line: int, where: str, told: Record, made: Record, *, price: float) -> Mismatch | None:
    name = f"{where}{told['source']} {told['symbol']} " if where else ""
    for field, wanted in made.items():
        # JSON has no word for what is not finite, and the ledger has null there
        right = None if isinstance(wanted, float) and not isfinite(wanted) else wanted
        said = told.get(field)
        scale = price if field in IN_PRICE else 1.0 if field in IN_SHARES else 0.0
        if not _same(said, right, scale):
            return Mismatch(line, f"{name}{field}", said, right)
    return None


def _same(told: Any, made: Any, scale: float) -> bool:
    if isinstance(told, bool) or isinstance(made, bool) or not _numbers(told, made):
        return type(told) is type(made) and told == made
    if isinstance(made, int):
        # a time or a count: a billionth of a time is more than a second
        return bool(told == made)
    return told == made or (isfinite(told) and isfinite(made) and _difference(told, made, scale) <= WITHIN)


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


def _difference(told: Any, made: Any, scale: float) -> float:
    """Return the difference as a fraction of the larger, or of a scale where that is larger."""
    if not _numbers(told, made) or told == made:
        return 0.0
    return float(abs(told - made) / max(abs(told), abs(made), scale))
