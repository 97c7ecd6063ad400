"""What index prices are made of: ticks, the reasons for leaving one out, and a published value with its proof.

Prices and volumes are float: an index price is a statistic (E4-17). Times are integer milliseconds (UTC).
A volume is the venue's 24 h turnover in quote currency (E4-3).
"""

from enum import StrEnum

from core.types import Value


class State(StrEnum):
    """What a consumer may do with the value (E4-12): docs/index_price.md has the table of transitions."""

    STARTING = "STARTING"
    OK = "OK"
    DEGRADED = "DEGRADED"
    HALTED = "HALTED"


class Reason(StrEnum):
    """Why a feed does not count in a value, or a tick is not taken."""

    NO_TICK = "no_tick"
    BAD_PRICE = "bad_price"
    CROSSED = "crossed"
    WIDE = "wide"
    FUTURE = "future"
    PAST = "past"
    REORDERED = "reordered"
    DUPLICATE = "duplicate"
    UNKNOWN_SYMBOL = "unknown_symbol"
    DISCONNECTED = "disconnected"
    STALE = "stale"
    FROZEN = "frozen"
    NO_CONVERSION = "no_conversion"
    SECONDARY = "secondary"
    UNIT = "unit"
    VOLUME = "volume"
    OUTLIER = "outlier"
    DWELL = "dwell"
    REVIEW = "review"


class Cause(StrEnum):
    """Why a state is what it is."""

    NONE = ""
    QUORUM = "below_minimum_feeds"
    NO_FEEDS = "no_feeds"
    MOVE = "move_awaits_confirmation"
    UNCONFIRMED = "unconfirmed_move_published"
    SPLIT = "split_market"
    MANUAL = "manual_hold"


class Tick(Value, frozen=True, kw_only=True):
    """One observation of one pair at one venue, normalised (S4-10, S4-11).

    symbol is BASE/QUOTE. at_ms is the venue's stamp, received_ms ours. volume_24h is in quote currency, None where
    the message does not say it. bid and ask stand where the message has a book.
    """

    source: str
    symbol: str
    price: float
    at_ms: int
    received_ms: int
    volume_24h: float | None = None
    volume_24h_base: float | None = None
    bid: float | None = None
    ask: float | None = None

    @property
    def base(self) -> str:
        return self.symbol.partition("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.partition("/")[2]


class Rate(Value, frozen=True, kw_only=True):
    """What one unit of a quote currency is worth in the index currency, from our own index of it (E4-4)."""

    quote: str
    price: float
    at_ms: int
    feeds: int
    state: State


class Input(Value, frozen=True, kw_only=True):
    """One feed in one value: what it said, how old that was, and what became of it.

    price is what the venue said (mid or last, as the methodology takes it); usd is it in the index currency; used is
    usd after the clamp. weight is 0 where reason says why.
    """

    source: str
    symbol: str
    price: float | None
    at_ms: int | None
    received_ms: int | None
    volume: float | None
    rate: float | None
    usd: float | None
    used: float | None
    weight: float
    reason: Reason | None
    bid: float | None = None
    ask: float | None = None


class Published(Value, frozen=True, kw_only=True):
    """One value of one index, with its proof (M4-6).

    price is None until there was a first one. candidate is what the inputs give before breaker and holds decide;
    confidence is in the index currency (E4-14). good_ms is when the price was last confirmed by inputs. accepted says
    that a move beyond the limits was confirmed (E4-11). sequence rises by one; token is the lease's (E4-16).
    """

    symbol: str
    at_ms: int
    sequence: int
    token: int
    state: State
    cause: Cause
    price: float | None
    candidate: float | None
    median: float | None
    confidence: float | None
    spread: float | None
    good_ms: int | None
    active_feeds: int
    accepted: bool
    methodology: str
    inputs: tuple[Input, ...]

    @property
    def age_ms(self) -> int | None:
        """Age of the price: 0 while inputs confirm it."""
        return None if self.good_ms is None else self.at_ms - self.good_ms
