"""A TWAP order at the venue and the rows of its history, and how both are written on the wire (hyperliquid.md 3.2)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sim.venue.wire import number, usd

SLICE_MS = 30_000


@dataclass(slots=True)
class Twap:
    """size in base units, executed_usd what was exchanged for executed_size. next_ms is when the next slice is due."""

    twap_id: int
    address: str
    asset_id: int
    coin: str
    buy: bool
    size: Decimal
    minutes: int
    reduce_only: bool
    randomize: bool
    at_ms: int
    next_ms: int
    executed_size: Decimal = Decimal(0)
    executed_usd: Decimal = Decimal(0)
    slices: int = 0
    on_agenda: bool = False

    @property
    def slices_max(self) -> int:
        """One slice at once and one every half minute until the end."""
        return self.minutes * 60_000 // SLICE_MS + 1

    @property
    def slice_size(self) -> Decimal:
        return self.size / self.slices_max

    def document(self) -> dict[str, Any]:
        return {
            "coin": self.coin,
            "user": self.address,
            "side": "B" if self.buy else "A",
            "sz": number(self.size),
            "executedSz": number(self.executed_size),
            "executedNtl": number(usd(self.executed_usd)),
            "minutes": self.minutes,
            "reduceOnly": self.reduce_only,
            "randomize": self.randomize,
            "timestamp": self.at_ms,
        }


@dataclass(frozen=True, slots=True)
class TwapRow:
    """What became of a TWAP: activated, finished, terminated, or error with its description."""

    address: str
    twap_id: int
    state: dict[str, Any]
    status: str
    at_ms: int
    description: str | None = None

    def document(self) -> dict[str, Any]:
        """Return a row of twapHistory; its time is in seconds."""
        status = {"status": self.status}
        if self.description is not None:
            status["description"] = self.description
        return {
            "time": self.at_ms // 1000,
            "state": self.state,
            "status": status,
            "twapId": self.twap_id,
        }
