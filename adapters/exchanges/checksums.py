"""Checksums that venues send with their books (S4-51): CRC32 over the best levels, in the venue's own digits."""

from decimal import Decimal
from itertools import zip_longest
from zlib import crc32

from adapters.exchanges.book import Book, Level

KRAKEN_LEVELS, OKX_LEVELS = 10, 25
"""Levels of each side in a checksum, whatever the depth of the book."""


def kraken_checksum(book: Book) -> int:
    """Return Kraken's: all asks, then all bids, digits of price and size without point and leading zeros."""
    bids, asks = book.top(KRAKEN_LEVELS)
    words = (word for level in (*asks, *bids) for word in (level.price_text, level.size_text))
    return crc32("".join(map(_digits, words)).encode())


def okx_checksum(book: Book) -> int:
    """Return OKX's, a signed number: price:size of bids and asks in turn, what one side lacks left out."""
    words = [f"{level.price_text}:{level.size_text}" for level in _in_turn(book) if level is not None]
    found = crc32(":".join(words).encode())
    return found - 2**32 if found >= 2**31 else found


def _in_turn(book: Book) -> list[Level | None]:
    bids, asks = book.top(OKX_LEVELS)
    return [level for pair in zip_longest(bids, asks) for level in pair]


def _digits(word: str) -> str:
    plain = format(Decimal(word), "f") if "e" in word.lower() else word
    return plain.replace(".", "").lstrip("0")
