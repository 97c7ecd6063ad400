"""A scripted venue's book: levels one unit apart on both sides of the price, which go up and down with it."""

from typing import NamedTuple

from sim.exchanges.speech import Moment

BEST_SIZE = 0.12345678


class Level(NamedTuple):
    price: float
    size: float


def bids(now: Moment, depth: int) -> list[Level]:
    """Return so many levels, the best first."""
    return [_level(now.bid - place, place) for place in range(depth)]


def asks(now: Moment, depth: int) -> list[Level]:
    """Return so many levels, the best first."""
    return [_level(now.ask + place, place) for place in range(depth)]


def _level(price: float, place: int) -> Level:
    """Sizes belong to prices, but for the best level: a move changes both ends of each side and no more."""
    price = round(price, 2)
    return Level(price, BEST_SIZE if place == 0 else 0.5 + int(price) % 8 / 8)


def changed(old: list[Level], new: list[Level]) -> list[Level]:
    """Return the levels that are new or of another size."""
    return [level for level in new if level not in old]


def gone(old: list[Level], new: list[Level]) -> list[Level]:
    """Return the levels that are there no more."""
    prices = {level.price for level in new}
    return [level for level in old if level.price not in prices]
