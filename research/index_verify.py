"""Is a ledger of index prices what its rules and its ticks make? Every value is made again from what was heard."""

import json
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

from research.index_again.heard import Record, expect, hear, new_book
from research.index_again.lines import Line, footer, read
from research.index_again.settled import Windows
from research.index_again.value import value_of

KIND = "index price"
VERSION = 1
WITHIN = 1e-9
"""Largest relative difference of two numbers that are the same: both sum in their own order."""

RATES = ("USDT/USD", "USDC/USD")
IN_PRICE = frozenset({"price", "candidate", "median", "confidence", "usd", "used"})
IN_SHARES = frozenset({"weight", "spread"})
LINE = 10**9
"""Sequences of one token in a live ledger: they begin again with each."""

BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""What a record raises that is not one."""


WANTED = "Name a ledger: one of index prices (replay --out, run --out), or an index's ledger.jsonl"


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
    """values and settlements made again, the largest relative difference of a price among them, and the first mismatch.

    closed: the ledger has its last line, which counts and digests the others. Without it what follows may be lost.
    file is the last one that was read.
    """

    file: Path
    values: int = 0
    settlements: int = 0
    largest: float = 0.0
    mismatch: Mismatch | None = None
    closed: bool = False


def header_of(path: Path) -> Record:
    """Return the first line of a file that may be a ledger. Raises NotALedger."""
    try:
        with path.open(encoding="utf-8") as file:
            header = json.loads(file.readline() or "null")
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise NotALedger(f"{path}: cannot be read ({why}). {WANTED}") from error
    if not isinstance(header, dict) or "ledger" not in header:
        raise NotALedger(f"{path}: its first line is no header of a ledger. {WANTED}")
    return header


def verify(*paths: Path) -> Verified:
    """Make every value of a ledger again, up to the first mismatch; its files in their order. Raises NotALedger."""
    first, *rest = paths
    header, found = _checked(first), Verified(first)
    if "continues" in header:
        raise NotALedger(f"{first}: goes on where another file ends: name that one before it")
    walk = Walk(header)
    following = _verified(first, walk, found)
    for path in rest:
        if found.mismatch is not None:
            return found
        begins = _checked(path).get("continues")
        if begins is None:
            raise NotALedger(f"{path}: is of another run, it goes on from no file: verify it by itself")
        if following is None or begins != following:
            raise NotALedger(f"{path}: does not begin where {found.file} ends. Name the files in their order")
        found.file = path
        following = _verified(path, walk, found)
    return found


def _checked(path: Path) -> Record:
    header = header_of(path)
    if header["ledger"] != KIND or not isinstance(header.get("methodology"), dict):
        raise NotALedger(f"{path}: a ledger of kind {header['ledger']!r}; can be verified: {KIND!r}")
    if header.get("version") != VERSION:
        raise NotALedger(f"{path}: version {header.get('version')!r}; can be verified: {VERSION}")
    return header


def _verified(path: Path, walk: "Walk", found: Verified) -> str | None:
    """Verify one file; return the digest that the next one must name, None where there is no next one."""
    before, last = (found.values, found.settlements), None
    for line in read(path):
        if line.cut:
            return None
        try:
            if last is not None:
                found.mismatch = Mismatch(line.number, "a line after the last", "there", "nothing")
            elif (last := footer(line.record)) is not None:
                found.mismatch = walk.untold(line.number) or _miscounted(line, found, before)
            else:
                found.mismatch = _taken(found, walk, line)
        except BROKEN as error:
            found.mismatch = Mismatch(
                line.number, "the record", f"{type(error).__name__}: {error}", "a value"
            )
        if found.mismatch is not None:
            return None
    found.closed = last is not None and not last["continued"]
    return last["sha256"] if last is not None and last["continued"] else None


def _miscounted(line: Line, found: Verified, before: tuple[int, int]) -> Mismatch | None:
    said = footer(line.record)
    right = {
        "values": found.values - before[0],
        "settlements": found.settlements - before[1],
        "continued": bool(said["continued"]),
        "sha256": line.sha256.hexdigest(),
    }
    return None if said == right else Mismatch(line.number, "the last line", said, right)


def _taken(found: Verified, walk: "Walk", line: Line) -> Mismatch | None:
    """Count a line and return what is wrong with it."""
    record = line.record
    if "settlement" in record:
        wrong = walk.settlement(line.number, record["settlement"])
        found.settlements += wrong is None
    elif "step" in record:
        wrong = walk.step(line.number, record)
    else:
        wrong = walk.mismatch(line.number, record)
        found.largest = max(found.largest, walk.difference)
        found.values += wrong is None
    return wrong


class Walk:
    """The memory of a ledger's indices as its lines go by."""

    def __init__(self, header: Record) -> None:
        self.difference = 0.0
        """Relative difference of the last price."""
        self._rules: Record = header["methodology"]
        self._books: dict[str, Record] = {}
        self._rates: dict[str, tuple[int, float, str]] = {}
        self._at_ms, self._token, self._sequence = -inf, -inf, -1
        self._windows = Windows(header["settlement"]) if header.get("settlement") else None
        self._untold: list[Record] = []
        self._live = header.get("live")
        self._stepped: dict[str, Record] = {}
        self._stepping = 0
        if self._live:
            self._expect(self._live)

    def mismatch(self, line: int, record: Record) -> Mismatch | None:
        """Return what is wrong with the next value, None where nothing is. Raises what a broken record raises."""
        symbol, now, token = record["symbol"], record["at_ms"], record["token"]
        wrong = self._untold_of(line, symbol) or self._out_of_order(line, record)
        if wrong is not None:
            return wrong
        self._at_ms, self._token = now, token
        made = self._stepped.pop(symbol) if self._live else self._made(symbol, now, record["heard"])
        if self._live:
            made = made | {"sequence": self._sequence}
        self._settle(symbol, made, led=True, token=token)
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

    def settlement(self, line: int, told: Record) -> Mismatch | None:
        """Return what is wrong with a settlement: it must be the next that the values before it make."""
        made = next((one for one in self._untold if one["symbol"] == told["symbol"]), None)
        if made is None:
            return Mismatch(line, "a settlement", told["symbol"], "none: no window was closed")
        self._untold.remove(made)
        for field, wanted in made.items():
            if not _alike(told.get(field), wanted):
                return Mismatch(line, f"settlement {field}", told.get(field), wanted)
        return None

    def untold(self, line: int) -> Mismatch | None:
        """Say where a settlement is missing at the end."""
        return next((Mismatch(line, "a settlement", None, one) for one in self._untold), None)

    def step(self, line: int, record: Record) -> Mismatch | None:
        """Make every index of a live ledger as its instance did: what is published of it follows."""
        if not self._live:
            return Mismatch(line, "a step", record["step"], "none: this is no live ledger")
        now, token = record["step"], record["token"]
        for said in record["heard"]:
            self._hear(said)
        self._at_ms, self._stepping, self._rates, self._stepped = now, token, {}, {}
        for symbol in self._order():
            self._stepped[symbol] = self._made(symbol, now, [])
            if not token:
                # somebody else publishes, and this instance calculates what it would
                wrong = self._untold_of(line, symbol)
                if wrong is not None:
                    return wrong
                self._settle(symbol, self._stepped[symbol], led=False, token=0)
        return None

    def _expect(self, live: Record) -> None:
        for symbol in live["indices"]:
            self._book(symbol)
        for source, pair in live["expected"]:
            expect(self._book(f"{pair.split('/')[0]}/USD"), source, pair)

    def _order(self) -> list[str]:
        return [*(rate for rate in RATES if rate in self._books), *sorted(self._books.keys() - set(RATES))]

    def _hear(self, said: Record) -> None:
        if "hold" in said:
            self._book(said["hold"])["by_hand"] = said["on"]
        elif "tick" in said:
            hear(self._book(f"{said['tick']['symbol'].split('/')[0]}/USD"), said)
        else:
            for book in self._books.values():
                hear(book, said)

    def _out_of_order(self, line: int, record: Record) -> Mismatch | None:
        now, token = record["at_ms"], record["token"]
        heard_ms = max((_received_ms(said) for said in record["heard"]), default=now)
        for what, told, least in (("at_ms", now, max(self._at_ms, heard_ms)), ("token", token, self._token)):
            if not told >= least:  # NaN is neither
                return Mismatch(line, what, told, f"at least {least}")
        if self._live:
            step = self._at_ms, self._stepping
            if (now, token) != step or record["symbol"] not in self._stepped:
                return Mismatch(line, "at_ms and token", (now, token), f"of the step before it, {step}")
            self._sequence = self._sequence + 1 if token == self._token else token * LINE + 1
        return None

    def _untold_of(self, line: int, symbol: str) -> Mismatch | None:
        untold = next((one for one in self._untold if one["symbol"] == symbol), None)
        return None if untold is None else Mismatch(line, "a settlement", None, untold)

    def _settle(self, symbol: str, made: Record, *, led: bool, token: int) -> None:
        settled = self._windows and self._windows.take(symbol, made, led=led, token=token)
        if settled:
            self._untold.append(settled)

    def _made(self, symbol: str, now: int, heard: list[Record]) -> Record:
        book = self._book(symbol)
        for said in heard:
            hear(book, said)
        rates = {quote: (price, state) for quote, (at, price, state) in self._rates.items() if at == now}
        made = value_of(book, now, rates)
        if symbol in RATES and made["price"] is not None:
            self._rates[symbol.split("/")[0]] = now, made["price"], made["state"]
        return made

    def _book(self, symbol: str) -> Record:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = new_book(self._rules_of(symbol))
        return book

    def _rules_of(self, symbol: str) -> Record:
        if symbol not in RATES:
            return self._rules
        breaker = {**self._rules["breaker"], "feeds_min": self._rules["rate_feeds_min"]}
        return {**self._rules, "breaker": breaker}


def _alike(told: Any, made: Any) -> bool:
    """Say whether what a settlement tells is what is made of it, lists and tables part by part."""
    if isinstance(made, dict):
        return (
            isinstance(told, dict)
            and made.keys() == told.keys()
            and all(_alike(told[name], made[name]) for name in made)
        )
    if isinstance(made, list):
        return isinstance(told, list) and len(told) == len(made) and all(map(_alike, told, made))
    return _same(told, made, 0.0)


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
