"""What venues and pairs are called: one name for each, however a file spells it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

SOURCE = ("source", "venue", "exchange")
SYMBOL = ("symbol", "pair")
"""Names of the columns that say who speaks and of what; the first that is there counts."""

QUOTES = ("USDT", "USDC", "USD", "EUR", "GBP", "JPY")
"""Quotes that are known without a separator before them, the longer ones first."""

COINS = {"XBT": "BTC"}
JOINED = re.compile(rf"(?P<base>[A-Z0-9]{{2,}}?)(?P<quote>{'|'.join(QUOTES)})")
PARTED = re.compile(r"(?P<base>[A-Z0-9]+)[/_:-](?P<quote>[A-Z0-9]+)")


def pair_of(symbol: str) -> str:
    """Return BASE/QUOTE of BTCUSDT, btc-usdt or XBT/USD; what is none of these as it is (a perpetual, say)."""
    word = symbol.strip().upper()
    found = PARTED.fullmatch(word) or JOINED.fullmatch(word)
    if found is None:
        return symbol
    return f"{COINS.get(found['base'], found['base'])}/{found['quote']}"


def column_of(names: Iterable[str], wanted: tuple[str, ...]) -> str | None:
    """Return the first of the wanted columns that is there."""
    there = set(names)
    return next((name for name in wanted if name in there), None)


def said(row: Mapping[str, Any], wanted: tuple[str, ...]) -> Any:
    """Return what the first of the wanted columns says, None where none says anything."""
    return next((row[name] for name in wanted if row.get(name) is not None), None)


def is_name(value: object) -> TypeGuard[str]:
    """Say whether a value can name something: text that can be printed and written."""
    return isinstance(value, str) and value.strip() != "" and value.isprintable()


class Spellings:
    """A venue in other letters is the same venue: it must not have two voices. The first spelling is its name."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def __call__(self, source: str) -> str:
        word = source.strip()
        return self._first.setdefault(word.casefold(), word)
