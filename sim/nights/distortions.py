"""What can be wrong with prices and data for a while, as values.

The market moves on its ticks: a distortion begins at the first tick of its window and ends at the first one from its end on.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum

from sim.venue.agenda import FOREVER_MS

GAP_MAX = 0.3
SPREAD_MAX_BPS = 5_000
CANDLE_FIELDS = frozenset("ohlcv")
CONTEXT_FIELDS = frozenset({"mark", "oracle", "mid", "prev_day_px", "day_notional_usd", "day_base_volume"})


@dataclass(frozen=True, slots=True)
class Window:
    """Where and when: one coin, or all of them (None), in [from_ms, to_ms)."""

    coin: str | None
    from_ms: int
    to_ms: int = FOREVER_MS

    def __post_init__(self) -> None:
        if self.from_ms >= self.to_ms:
            raise ValueError(f"{self}: a window must end after it began")

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
    """A coin trades in other units: its price is times larger, or smaller with a times below one.

    Positions are not converted: who holds the coin wins or loses a thousandfold.
    """

    at: Window
    times: float = 1000.0

    def __post_init__(self) -> None:
        _refuse_unit(self.at.coin, self.times)


def _refuse_unit(coin: str | None, times: float) -> None:
    if coin is None or coin[:1] != "k":
        raise ValueError(f"coin {coin!r}: only a coin of a thousand units (kPEPE) changes its unit")
    if times not in (1000.0, 0.001):
        raise ValueError(f"times {times}: units change by 1000 or 0.001")


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

    def __post_init__(self) -> None:
        if not 0 <= self.depth_bps <= SPREAD_MAX_BPS:
            raise ValueError(
                f"depth_bps {self.depth_bps}: it must be at least 0 and at most {SPREAD_MAX_BPS}"
            )


@dataclass(frozen=True, slots=True)
class ThinBook:
    """Every size is a share of what it would be, at least a lot."""

    at: Window
    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"share {self.share}: it must be at least 0 and below 1")


@dataclass(frozen=True, slots=True)
class WideSpread:
    """The spread is so wide, in basis points of the price."""

    at: Window
    spread_bps: float

    def __post_init__(self) -> None:
        if not 0 < self.spread_bps <= SPREAD_MAX_BPS:
            raise ValueError(f"spread_bps {self.spread_bps}: it must be above 0 and at most {SPREAD_MAX_BPS}")


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

    def __post_init__(self) -> None:
        if not 0 < abs(self.fraction) < 1:
            raise ValueError(f"fraction {self.fraction}: it must be within -1 and 1, not 0")


@dataclass(frozen=True, slots=True)
class CandleUnit:
    """While the window lasts the day that ended last is told in other units than the coin trades in."""

    at: Window
    times: float = 1000.0

    def __post_init__(self) -> None:
        _refuse_unit(self.at.coin, self.times)


@dataclass(frozen=True, slots=True)
class MissingFunding:
    """Payments stamped in the window are not in the funding history, whenever it is asked for."""

    at: Window


@dataclass(frozen=True, slots=True)
class BadNumber:
    """While the window lasts a text stands where a number should.

    field is one of CANDLE_FIELDS (of the day that ended last) or of CONTEXT_FIELDS; mid is that of allMids too. A candle
    carries any text, a context what reads as a decimal (NaN, -1, 0). The venue itself reckons with the true numbers.
    """

    at: Window
    field: str
    text: str

    def __post_init__(self) -> None:
        if self.field not in CANDLE_FIELDS | CONTEXT_FIELDS:
            raise ValueError(f"field {self.field!r}: there are {sorted(CANDLE_FIELDS | CONTEXT_FIELDS)}")
        if self.field in CONTEXT_FIELDS and not _reads_as_decimal(self.text):
            raise ValueError(f"text {self.text!r}: a context carries decimals")


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


def _reads_as_decimal(text: str) -> bool:
    try:
        Decimal(text)
    except InvalidOperation:
        return False
    return True


OfPath = Gap | FrozenPrice | Halted | UnitChange
OfBook = EmptyBook | CrossedBook | ThinBook | WideSpread | Halted
OfData = MissingClose | RevisedClose | CandleUnit | MissingFunding | BadNumber
Distortion = OfPath | OfBook | OfData | Delisting | Listing
