"""A venue's book of one pair, kept from a snapshot and its changes, in the venue's own words for the checksums."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from adapters.exchanges.edge import amount, price


class Level(NamedTuple):
    """A price level as the venue spells it. size is 0 where the level is gone."""

    price: float
    size: float
    price_text: str
    size_text: str


class Unreadable(ValueError):
    """A level that is none; the frame is strange, and nothing of it is taken."""


def level_of(price_word: object, size_word: object) -> Level:
    """Return a level told as two texts or numbers. Raises Unreadable."""
    at, size = price(price_word), amount(size_word)
    if at is None or size is None:
        raise Unreadable("not a level")
    return Level(at, size, str(price_word), str(size_word))


class _Side:
    """Levels by price, the best first: sign is 1 for asks, -1 for bids."""

    def __init__(self, sign: int, depth: int) -> None:
        self._sign, self._depth = sign, depth
        self._keys: list[float] = []
        self._levels: dict[float, Level] = {}

    def change(self, levels: Iterable[Level]) -> None:
        for level in levels:
            key = self._sign * level.price
            if level.size == 0:
                self._drop(key)
                continue
            if key not in self._levels:
                insort(self._keys, key)
            self._levels[key] = level
        for key in self._keys[self._depth :]:
            del self._levels[key]
        del self._keys[self._depth :]

    def best(self) -> float | None:
        return self._levels[self._keys[0]].price if self._keys else None

    def top(self, count: int) -> list[Level]:
        return [self._levels[key] for key in self._keys[:count]]

    def _drop(self, key: float) -> None:
        if self._levels.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]


class Book:
    """Both sides, cut to depth levels as the venue cuts them: what falls out is not told to be gone."""

    def __init__(self, depth: int, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        self._bids, self._asks = _Side(-1, depth), _Side(1, depth)
        self.change(bids, asks)

    def change(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Take all changes of one frame, in its order."""
        self._bids.change(bids)
        self._asks.change(asks)

    @property
    def bid(self) -> float | None:
        return self._bids.best()

    @property
    def ask(self) -> float | None:
        return self._asks.best()

    def top(self, count: int) -> tuple[list[Level], list[Level]]:
        """Return the best bids and asks, best first."""
        return self._bids.top(count), self._asks.top(count)
