"""Where a night plays: which coins it has and when its day closes, so that a fault's coin and times find their place."""

from dataclasses import dataclass

from sim.nights.distortions import Window
from sim.nights.fault import Fault
from sim.nights.listings import HEDGES, listed
from sim.venue.bars import HOUR_MS

SHORTEST_MS = 2_000
"""Prices move every two seconds: what is shorter would be seen by nobody."""


@dataclass(frozen=True, slots=True)
class Scene:
    """coins are names, in the order of the venue's ids; times are in UTC milliseconds."""

    coins: tuple[str, ...]
    close_ms: int

    @classmethod
    def of(cls, coins: int, close_ms: int) -> "Scene":
        """Return the scene of a night with so many coins."""
        return cls(tuple(coin.asset.name for coin in listed()[:coins]), close_ms)

    def place(self, fault: Fault) -> int:
        """Return the id of the coin that a fault concerns; nights of few coins count it round."""
        return fault.coin % len(self.coins)

    def coin(self, fault: Fault) -> str:
        return self.coins[self.place(fault)]

    def name(self, fault: Fault) -> str:
        """Return the coin that a fault concerns where the hedges are spared."""
        return self.coins[HEDGES + fault.coin % (len(self.coins) - HEDGES)]

    def thousands(self, fault: Fault) -> str | None:
        """Return a coin that is quoted by the thousand, None in a night that has none."""
        found = [name for name in self.coins if name[:1] == "k"]
        return found[fault.coin % len(found)] if found else None

    def at_ms(self, fault: Fault) -> int:
        return self.close_ms + round(1000 * fault.at_s)

    def window(self, fault: Fault, coin: str | None) -> Window:
        """Return the time of a fault for a coin, or for all of them (None)."""
        from_ms = self.at_ms(fault)
        return Window(coin, from_ms, from_ms + max(round(1000 * fault.for_s), SHORTEST_MS))

    def after_close(self, fault: Fault, coin: str | None) -> Window:
        """Return as long a window that begins with the close."""
        return Window(coin, self.close_ms, self.close_ms + max(round(1000 * fault.for_s), SHORTEST_MS))

    def hours_before(self, hours: int) -> Window:
        """Return the window of the last hours before the close and of the close's own, for all coins."""
        return Window(None, self.close_ms - hours * HOUR_MS, self.close_ms + HOUR_MS)
