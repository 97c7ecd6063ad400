"""Pairs that a venue refuses are left out for a while: else one that it never had, or has no more, would cost the others
their stream, since some venues refuse a whole request for one name in it.
"""

import re
from collections.abc import Sequence

from adapters.ports import Clock, VenueError

AGAIN_MS = 600_000
"""A refused pair is asked for again, on the next connection that is made so long after."""

BETWEEN = re.compile(r"[^A-Z0-9]")


class Refused(VenueError):
    """A venue refused a subscription. The text has its reason, which may name the pair."""


class Refusals:
    """Which of a connector's pairs are left out, and until when."""

    def __init__(self, symbols: Sequence[str], clock: Clock) -> None:
        self._symbols, self._clock = tuple(symbols), clock
        self._until_ms: dict[str, int] = {}

    def note(self, reason: str) -> str | None:
        """Leave out the pair that a reason is about and return it, None when it is about none or several."""
        symbol = named(reason, self._symbols)
        if symbol is not None:
            self._until_ms[symbol] = self._clock.now_ms() + AGAIN_MS
        return symbol

    def wanted(self) -> tuple[str, ...]:
        """Return the pairs to ask for; all of them when none is left, for then it is not the pairs."""
        now_ms = self._clock.now_ms()
        kept = tuple(symbol for symbol in self._symbols if self._until_ms.get(symbol, 0) <= now_ms)
        return kept or self._symbols


def named(reason: str, symbols: Sequence[str]) -> str | None:
    """Return the only one of some pairs that a text names, however it writes it: BTC/USD, btcusd, BTC-USD."""
    text = BETWEEN.sub("", reason.upper())
    found = {joined: symbol for symbol in symbols if (joined := symbol.replace("/", "")) in text}
    longest = [joined for joined in found if not any(joined in other for other in found if other != joined)]
    return found[longest[0]] if len(longest) == 1 else None
