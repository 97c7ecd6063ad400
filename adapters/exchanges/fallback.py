"""Prices by request for what the stream does not bring, until it does again (S4-9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.exchanges.blame import blamed
from adapters.exchanges.ports import Rest
from adapters.ports import Clock, VenueError
from core.prices.types import Tick

SLOWER_MAX = 16
"""A venue that answers nothing is asked ever more rarely, at most by so much."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A connector's patience, in seconds.

    down_s is for how long a symbol may be without a stream before it is asked for, quiet_s for how long it may be
    without a tick on one that is open: a renamed channel is as silent as a calm market, and asking settles it. With
    poll_s it is below what makes a feed stale (10 s). again_s is the first wait before a new connection; later ones
    are longer.
    """

    connect_s: float = 10.0
    down_s: float = 3.0
    quiet_s: float = 6.0
    poll_s: float = 2.0
    again_s: float = 0.5


class Fallback:
    """Knows which symbols the stream owes a tick, and asks for those each poll_s.

    A pair that is silent on an open stream and has the price of the last answer is calm: it is asked for each quiet_s.
    """

    def __init__(self, rest: Rest, symbols: Sequence[str], *, clock: Clock, terms: Terms) -> None:
        self._rest, self._clock, self._terms = rest, clock, terms
        now_ms = clock.now_ms()
        self._due_ms = dict.fromkeys(symbols, now_ms + round(1000 * terms.down_s))
        self._open: dict[str, float | None] = {}
        """Symbols whose stream has brought a tick and not ended, with the price of the last answer since."""
        self._failures = 0

    def streamed(self, symbol: str, now_ms: int) -> None:
        """Note that the stream brought a tick."""
        self._open[symbol] = None
        self._due_ms[symbol] = now_ms + round(1000 * self._terms.quiet_s)

    def lost(self, now_ms: int) -> None:
        """Note that the stream ended."""
        self._open.clear()
        latest_ms = now_ms + round(1000 * self._terms.down_s)
        for symbol, due_ms in self._due_ms.items():
            self._due_ms[symbol] = min(due_ms, latest_ms)

    @property
    def owed(self) -> tuple[str, ...]:
        """The symbols that are to be asked for now."""
        now_ms = self._clock.now_ms()
        return tuple(symbol for symbol, due_ms in self._due_ms.items() if due_ms <= now_ms)

    async def run(self, take: Callable[[Tick], None], tell: Callable[[str], None]) -> None:
        """Give answers to take and troubles to tell, until cancelled; then the way to the venue is closed."""
        try:
            while True:
                slower = min(2**self._failures, SLOWER_MAX)
                await self._clock.sleep(slower * self._terms.poll_s)
                if owed := self.owed:
                    await self._ask(owed, take, tell)
        finally:
            await self._rest.close()

    async def _ask(
        self, owed: Sequence[str], take: Callable[[Tick], None], tell: Callable[[str], None]
    ) -> None:
        try:
            with blamed("REST"):
                ticks = await self._rest.ticks(owed)
        except VenueError as error:
            self._failures += 1
            tell(str(error))
            return
        self._failures = 0
        still = self.owed
        for tick in ticks:
            if tick.symbol in still:
                self._answered(tick)
                take(tick)

    def _answered(self, tick: Tick) -> None:
        """Ask for a calm pair no more often than keeps it from being stale; one whose price moves unseen goes on."""
        if tick.symbol in self._open:
            before, self._open[tick.symbol] = self._open[tick.symbol], tick.price
            if before is None or before == tick.price:
                self._due_ms[tick.symbol] = self._clock.now_ms() + round(1000 * self._terms.quiet_s)
