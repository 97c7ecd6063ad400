"""The edge: what may pass as a number, a side or a row, and what is said about the rest."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

from core.types import ClientOrderId, Side

ROW_SHOWN = 300
"""Characters of a refused row that a fault shows."""

SIDES = {"B": Side.BUY, "A": Side.SELL}
SIDE_WORDS = {Side.BUY: "B", Side.SELL: "A"}

CLOID = re.compile(r"0[xX][0-9a-fA-F]{32}")

Id = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

T = TypeVar("T")
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Fault:
    """One member of a message that could not be read: where it was, why, and the words as they came."""

    where: str
    why: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.why}; received {self.text}"


class Unreadable(ValueError):
    """A value that is not what the venue promises; it becomes a Fault and leaves this package only as one."""


BAD = (Unreadable, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading outside bytes may raise."""


def shown(payload: bytes | str) -> str:
    """Return the beginning of a payload, for a message to a person."""
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else payload
    return text if len(text) <= ROW_SHOWN else text[:ROW_SHOWN] + "…"


def fault(where: str, error: Exception, payload: bytes | str) -> Fault:
    return Fault(where, f"{error}", shown(payload))


def finite(number: Decimal) -> Decimal:
    """Return the number if it is one that can be reckoned with: no NaN, no infinity, not absurdly large or small."""
    if number.is_finite() and -30 < number.adjusted() < 25:
        return number
    raise Unreadable(f"{number} is not a usable number")


def is_price(number: Decimal) -> bool:
    """Say whether positive() would let the number pass; for values that are left out and not complained of."""
    return number.is_finite() and number > 0 and -30 < number.adjusted() < 25


def positive(number: Decimal) -> Decimal:
    """Return a price or size that is above zero."""
    if finite(number) > 0:
        return number
    raise Unreadable(f"{number} is not above zero")


def not_negative(number: Decimal) -> Decimal:
    if finite(number) >= 0:
        return number
    raise Unreadable(f"{number} is below zero")


def side(word: str) -> Side:
    try:
        return SIDES[word]
    except KeyError:
        raise Unreadable(f"side is {word!r}, allowed are 'B' and 'A'") from None


def cloid(word: str | None) -> ClientOrderId | None:
    """Return a client order id; what has not the form of one is nobody's, and the row that carries it still counts."""
    return ClientOrderId(word.lower()) if word and CLOID.fullmatch(word) else None


_rows = msgspec.json.Decoder(list[msgspec.Raw])


def read_rows(
    where: str,
    payload: bytes | str | msgspec.Raw,
    *,
    batch: msgspec.json.Decoder[list[Row]],
    one: msgspec.json.Decoder[Row],
    convert: Callable[[Row], T],
) -> tuple[list[T], tuple[Fault, ...]]:
    """Decode a list of rows; a row that cannot be read becomes a fault and the others come through.

    batch decodes the whole list at once, which is what happens on every good day; one decodes a single row.
    Raises one of BAD when the payload is not a list at all.
    """
    try:
        return [convert(row) for row in batch.decode(payload)], ()
    except BAD:
        return _read_one_by_one(where, _rows.decode(payload), one=one, convert=convert)


def _read_one_by_one(
    where: str, raws: Sequence[msgspec.Raw], *, one: msgspec.json.Decoder[Row], convert: Callable[[Row], T]
) -> tuple[list[T], tuple[Fault, ...]]:
    items: list[T] = []
    faults: list[Fault] = []
    for index, raw in enumerate(raws):
        try:
            items.append(convert(one.decode(raw)))
        except BAD as error:
            faults.append(fault(f"{where}[{index}]", error, bytes(raw)))
    return items, tuple(faults)
