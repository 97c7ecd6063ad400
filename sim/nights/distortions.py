"""What can be wrong with prices and data for a while, as values.

The market moves on its ticks: a distortion begins at the first tick of its window and ends at the first one from its end on.
"""

from dataclasses import dataclass
from enum import Enum

from sim.venue.agenda import FOREVER_MS

GAP_MAX = 0.3


@dataclass(frozen=True, slots=True)
class Window:
    """Where and when: one coin, or all of them (None), in [from_ms, to_ms)."""

    coin: str | None
    from_ms: int
    to_ms: int = FOREVER_MS

    def of(self, coin: str) -> bool:
        return self.coin is None or self.coin == coin

    def holds(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms < self.to_ms


class Side(Enum):
    BIDS = "bids"
    ASKS = "asks"
    BOTH = "both"


# --- of the path -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Gap:
    """The price is off by a fraction, at most 30 % either way, and comes back when the window ends."""

    at: Window
    fraction: float

    def __post_init__(self) -> None:
        if not 0 < abs(self.fraction) <= GAP_MAX:
            raise ValueError(f"a gap of {self.fraction}: it must be within -{GAP_MAX} and {GAP_MAX}, not 0")


@dataclass(frozen=True, slots=True)
class FrozenPrice:
    """Price and book stay as they were at the window's first tick, though ticks go on."""

    at: Window


@dataclass(frozen=True, slots=True)
class Halted:
    """No ticks and no book; the coin is live all the same, and its price the last one."""

    at: Window


@dataclass(frozen=True, slots=True)
class UnitChange:
    """A coin is quoted in other units: its price is times larger, or smaller with a times below one."""

    at: Window
    times: float = 1000.0

    def __post_init__(self) -> None:
        if self.at.coin is None or self.at.coin[:1] != "k":
            raise ValueError(
                f"coin {self.at.coin!r}: only a coin of a thousand units (kPEPE) changes its unit"
            )
        if self.times not in (1000.0, 0.001):
            raise ValueError(f"times {self.times}: units change by 1000 or 0.001")


# --- of the book -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EmptyBook:
    """No levels on one side or on both."""

    at: Window
    side: Side = Side.BOTH


@dataclass(frozen=True, slots=True)
class CrossedBook:
    """The best bid stands depth_bps above the best ask; 0: at it."""

    at: Window
    depth_bps: float = 5.0


@dataclass(frozen=True, slots=True)
class ThinBook:
    """Every size is a share of what it would be, at least a lot."""

    at: Window
    share: float


@dataclass(frozen=True, slots=True)
class WideSpread:
    """The spread is so wide, in basis points of the price."""

    at: Window
    spread_bps: float


# --- of the data -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MissingClose:
    """While the window lasts candles have no row of the day that ended last."""

    at: Window


@dataclass(frozen=True, slots=True)
class RevisedClose:
    """While the window lasts the day that ended last shows a close off by a fraction; later the true one."""

    at: Window
    fraction: float


@dataclass(frozen=True, slots=True)
class MissingFunding:
    """Payments stamped in the window are not in the funding history, whenever it is asked for."""

    at: Window


@dataclass(frozen=True, slots=True)
class BadNumber:
    """While the window lasts a text stands where a number should.

    field is a candle's o, h, l, c or v (of the day that ended last), or a context's mark, oracle, mid or prev_day_px:
    a context carries what reads as a decimal (NaN, -1, 0), a candle any text.
    """

    at: Window
    field: str
    text: str


# --- of the listing --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delisting:
    coin: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Listing:
    """The coin trades from at_ms on and has no history before it."""

    coin: str
    at_ms: int


OfPath = Gap | FrozenPrice | Halted | UnitChange
OfBook = EmptyBook | CrossedBook | ThinBook | WideSpread | Halted
OfData = MissingClose | RevisedClose | MissingFunding | BadNumber
Distortion = OfPath | OfBook | OfData | Delisting | Listing
