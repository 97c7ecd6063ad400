"""Random numbers by address: the same seed, name and place always give the same number, in any order of asking."""

import math
from hashlib import blake2b
from struct import Struct

_PLACE = Struct("<qqB").pack
_WORDS = Struct("<8I").unpack
_UNIT = 2.0**-32
_TURNS_MAX = 50_000
MARKET_SHARE = 0.8
"""Correlation of the draws of two coins: alts and majors move together within a day."""

Uniforms = tuple[float, ...]


class Draws:
    """Eight uniforms in (0, 1) and one standard normal for any (start, end, purpose) of one named stream."""

    def __init__(self, seed: int, name: str, *, market: "Draws | None" = None) -> None:
        self._base = blake2b(f"{seed}:{name}".encode(), digest_size=32)
        self._market = market
        self._turns: dict[tuple[int, int], tuple[float, Uniforms]] = {}

    def uniforms(self, start: int, end: int, purpose: int = 0) -> Uniforms:
        state = self._base.copy()
        state.update(_PLACE(start, end, purpose))
        return tuple([(word + 0.5) * _UNIT for word in _WORDS(state.digest())])

    def turns(self, start: int, end: int) -> tuple[float, Uniforms]:
        """Return the stream's own normal and uniforms at a place, kept because every coin of the market asks for them."""
        known = self._turns.get((start, end))
        if known is not None:
            return known
        if len(self._turns) >= _TURNS_MAX:
            self._turns.clear()
        uniforms = self.uniforms(start, end)
        drawn = self._turns[(start, end)] = normal_of(uniforms), uniforms
        return drawn

    def move(self, start: int, end: int, uniforms: Uniforms) -> tuple[float, Uniforms]:
        """Return a standard normal that is partly the market's, and the uniforms by which coins turn together.

        uniforms are this place's own.
        """
        own = normal_of(uniforms)
        if self._market is None:
            return own, uniforms
        shared, turns = self._market.turns(start, end)
        return _LOAD * shared + _REST * own, turns


def normal_of(uniforms: Uniforms) -> float:
    """Return a standard normal from the first two uniforms (Box and Muller 1958)."""
    return math.sqrt(-2.0 * math.log(uniforms[0])) * math.cos(2.0 * math.pi * uniforms[1])


_LOAD = math.sqrt(MARKET_SHARE)
_REST = math.sqrt(1.0 - MARKET_SHARE)
