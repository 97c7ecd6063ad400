"""Is an index ledger what its events make? Every hash, divisor and level is made again from the ledger alone.

A program of its own: it knows the format, and nothing of the code that wrote it. It counts with fractions and rounds each
number once, to 34 digits, so the digits must be the same. `python research/index_level_again.py LEDGER` prints the
first difference and leaves with 1, or what it has checked with 0.
"""

import json
import sys
from dataclasses import dataclass, field
from decimal import Context, Decimal
from fractions import Fraction as F
from hashlib import sha256
from pathlib import Path
from typing import Any

KIND = ("index level", 1, 34)
"""What a header must have for "ledger", "version" and "digits"."""
SAME_WEIGHT = F(1, 10**12)
BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)
"""What a line raises that is not one."""


class NotALedger(Exception):
    """A file that is no index ledger; the text says what is."""


class Difference(Exception):
    """The first thing that is not what it should be; line 1 is the header."""

    def __init__(self, what: str, told: Any, made: Any) -> None:
        super().__init__(f"{what} is {told}, must be {made}")
        self.line, self.what, self.told, self.made = 0, what, told, made


@dataclass(slots=True)
class Checked:
    """Entries and levels that hold, the hash of the last line that does, and the first difference."""

    entries: int = 0
    levels: int = 0
    head: str = ""
    difference: Difference | None = None


@dataclass(slots=True)
class Index:
    """members: (supply, factor) by symbol. standing: level, members and divisor of each entry, as corrected since.

    announced: the Announce that waits; None again after a Remove or Redenominate, which change what was announced.
    """

    members: dict[str, tuple[F, F]] = field(default_factory=dict)
    divisor: F = F(0)
    sequence: int = -1
    at_ms: int = 0
    stale_ms: int = 0
    announced: dict[str, Any] | None = None
    standing: dict[int, tuple[Decimal, dict[str, tuple[F, F]], F]] = field(default_factory=dict)


def check(path: Path) -> Checked:
    """Go through a ledger up to the first difference. Raises NotALedger."""
    try:
        *lines, rest = path.read_bytes().split(b"\n")
        header = json.loads(lines[0] if lines else rest)
        kind, found, index = (header["ledger"], header["version"], header["digits"]), Checked(), Index()
        found.head, state = header["previous"], header["state"]
    except (OSError, *BROKEN) as error:
        raise NotALedger(f"{path}: cannot be read as an index ledger ({error})") from error
    if kind != KIND:
        raise NotALedger(f"{path}: a ledger {kind}; can be verified: {KIND}")
    for number, line in enumerate([*lines, *([rest] if rest else [])], start=1):
        try:
            must("the end of the line", "none" if line is rest else "newline", "newline")
            told = hashed(line, found.head)
            if number > 1:
                found.levels += entered(index, told["entry"])
                found.entries += 1
            elif state is not None:
                index = Index(pairs(state["members"]), F(state["divisor"]), state["sequence"])
                index.at_ms, index.stale_ms = state["at_ms"], state["stale_ms"]
        except (*BROKEN, Difference) as error:
            found.difference = (
                error if isinstance(error, Difference) else Difference("the line", repr(error), "an entry")
            )
            found.difference.line = number
            return found
        found.head = told["hash"]
    return found


def hashed(line: bytes, head: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line)
    must("the beginning", line[:9] + line[73:75], b'{"hash":"",')
    must("hash", told["hash"], sha256(line[75:]).hexdigest())
    must("previous", told["previous"], head)
    return told


def entered(index: Index, entry: dict[str, Any]) -> bool:
    """Hold an entry against what its event makes of the index; say whether it has a level."""
    event, at_ms, was, divisor = entry["event"], entry["at_ms"], index.members, index.divisor
    must("sequence", entry["sequence"], index.sequence + 1)
    must("at_ms", at_ms, max(at_ms, index.at_ms))
    index.stale_ms = event["stale_ms"] if event["kind"] == "Launch" else index.stale_ms
    index.members = was if entry["members"] is None else pairs(entry["members"])
    index.sequence, index.at_ms = entry["sequence"], at_ms
    if event["kind"] in ("Announce", "Withdraw", "Restate"):
        index.announced = event if event["kind"] == "Announce" else index.announced
        index.announced = None if event["kind"] == "Withdraw" else index.announced
        for correction in event.get("corrections", ()):
            restated(index, *correction)
        must("divisor", Decimal(entry["divisor"]), rounded(divisor))
        told = [entry["members"], entry["prices"], entry["before"], entry["level"]]
        must("members, prices, before and level", told, [None, [], None, None])
        return False
    if event["kind"] in ("Reweight", "Remove", "Redenominate"):
        if index.announced is not None and event["kind"] == "Reweight":
            must("targets", event["targets"], index.announced["targets"])
            must("at_ms", at_ms, max(at_ms, index.announced["effective_at_ms"]))
        index.announced = None
    prices = priced(index, was, entry)
    after = changed(index.members, event, was, prices)
    held, kept = value(was, prices), value(index.members, after)
    if event["kind"] == "Launch":
        made, before = rounded(kept / F(event["base_level"])), None
    else:
        if event.get("variant") == "total_return":
            supply, factor = was[event["parent"]]
            held += prices[event["child"]] * F(event["ratio"]) * supply * factor
        same = held == kept or event["kind"] == "Redenominate"
        made, before = rounded(divisor if same else divisor * kept / held), rounded(held / divisor)
    must("divisor", Decimal(entry["divisor"]), made)
    must("before", None if entry["before"] is None else Decimal(entry["before"]), before)
    index.divisor, level = F(made), rounded(kept / F(made))
    must("level", Decimal(entry["level"]), level)
    index.standing[index.sequence] = level, index.members, index.divisor
    return True


def priced(index: Index, was: dict[str, tuple[F, F]], entry: dict[str, Any]) -> dict[str, F]:
    """Return the entry's prices: of exactly those it needs, above 0, not of the future, and not too old."""
    event, at_ms = entry["event"], entry["at_ms"]
    needed = {*was, *index.members, *([event["child"]] if event["kind"] == "Fork" else [])}
    must("symbols of prices", [symbol for symbol, *_ in entry["prices"]], sorted(needed))
    for symbol, usd, when in entry["prices"]:
        oldest = when if symbol in event.get("symbols", ()) else at_ms - index.stale_ms
        must(f"time of the price of {symbol}", when, min(max(when, oldest), at_ms))
        must(f"price of {symbol}", F(usd), abs(F(usd)) or "above 0")
    return {symbol: F(usd) for symbol, usd, _ in entry["prices"]}


def changed(
    members: dict[str, tuple[F, F]], event: dict[str, Any], was: dict[str, tuple[F, F]], prices: dict[str, F]
) -> dict[str, F]:
    """Hold the members after an event against it, and return the prices that are right after it."""
    made = dict(was)
    match event["kind"]:
        case "Launch" | "Reweight":
            targets, worth = pairs(event["targets"]), value(was, prices)
            caps = {s: prices[s] * supply for s, (supply, _) in targets.items()}
            scale = sum(caps.values(), F(0)) / sum((weight for _, weight in targets.values()), F(0))
            made = {s: (q, F(rounded(scale * w / caps[s]))) for s, (q, w) in targets.items()}
            if members is was:
                must("supplies", {s: q for s, (q, _) in was.items()}, {s: q for s, (q, _) in targets.items()})
                off = max(abs(caps[s] * was[s][1] / worth - w) for s, (_, w) in targets.items())
                made = was if off <= 2 * SAME_WEIGHT else made
        case "Remove":
            made = {s: was[s] for s in was if s not in event["symbols"]}
        case "ChangeSupply":
            made |= {s: (F(q), was[s][1]) for s, q in event["supplies"]}
        case "Redenominate":
            symbol, ratio = event["symbol"], F(event["ratio"])
            made[symbol] = F(rounded(was[symbol][0] / ratio)), was[symbol][1]
            prices = prices | {symbol: F(rounded(prices[symbol] * ratio))}
        case kind:
            must("kind", kind, kind if kind in ("Fork", "Publish") else "one that is known")
    must("symbols of members", sorted(members), sorted(made))
    for symbol, (supply, factor) in members.items():
        must(f"supply of {symbol}", supply, made[symbol][0])
        must(f"factor of {symbol}", factor, made[symbol][1])
    return prices


def restated(index: Index, sequence: int, old: str, new: str, prices: list[Any]) -> None:
    level, members, divisor = index.standing[sequence]
    right = {symbol: F(usd) for symbol, usd, _ in prices}
    must(f"old level of entry {sequence}", Decimal(old), level)
    must(f"new level of entry {sequence}", Decimal(new), rounded(value(members, right) / divisor))
    index.standing[sequence] = Decimal(new), members, divisor


def value(members: dict[str, tuple[F, F]], prices: dict[str, F]) -> F:
    return sum((prices[s] * supply * factor for s, (supply, factor) in members.items()), F(0))


def pairs(rows: list[Any]) -> dict[str, tuple[F, F]]:
    return {symbol: (F(supply), F(other)) for symbol, supply, other in rows}


def rounded(number: F) -> Decimal:
    return Context(prec=KIND[2]).divide(Decimal(number.numerator), Decimal(number.denominator))


def must(what: str, told: Any, made: Any) -> None:
    if told != made:
        raise Difference(what, told, made)


if __name__ == "__main__":
    checked = check(Path(sys.argv[1]))
    print(f"{checked.entries} entries, {checked.levels} levels, last hash {checked.head}")
    if checked.difference is not None:
        sys.exit(f"then line {checked.difference.line}: {checked.difference}")
