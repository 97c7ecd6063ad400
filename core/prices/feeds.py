"""One venue's pair: what it last said, and whether that can be taken."""

from collections import deque
from dataclasses import dataclass, field
from math import exp

from core.prices.methodology import Health, Methodology, Price
from core.prices.types import Reason, Tick

DAY_MS = 86_400_000
USUAL_MS = 1_000.0
"""A feed's usual time between changes, before it has shown one."""

SETTLED_MS = 3_600_000
"""A volume that is told for so long is believed, however far it jumped."""

HEAVY = 0.2
"""How much the last interval counts in the usual one."""

PRICES = 1e-18, 1e18
"""What a price can be: beyond, products and ratios of prices would leave what a float holds."""

VOLUME_MAX = 1e30
"""No volume is larger: sums of volumes must not leave what a float holds either."""

FLAW = frozenset({Reason.BAD_PRICE, Reason.CROSSED, Reason.WIDE, Reason.FUTURE, Reason.PAST})
"""Ticks after which nobody knows what the venue's price is; the others leave the last one standing."""


@dataclass(slots=True)
class Feed:
    """What is remembered of one source's pair.

    heard_ms is the last sign of life. flaw is what was wrong with its last tick. median_then is where the others
    stood when its price last changed. told is the last volume that it told, volume the slow one. out: not believed;
    back_ms: within the band again since; reviewed: out too often.
    """

    source: str
    symbol: str
    quote: str = field(init=False)
    tick: Tick | None = None
    price: float = 0.0
    heard_ms: int = 0
    flaw: Reason | None = None
    connected: bool = True
    changed_ms: int = 0
    interval_ms: float = USUAL_MS
    median_then: float | None = None
    told: float | None = None
    volume: float | None = None
    volume_ms: int = 0
    volume_odd_ms: int | None = None
    out: bool = False
    back_ms: int | None = None
    reviewed: bool = False
    outs_ms: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.quote = self.symbol.partition("/")[2]


def take(feed: Feed, tick: Tick, methodology: Methodology) -> Reason | None:
    """Take a tick into the feed, or say why not. A flawed one leaves the feed unheard until a good one comes."""
    reason = refusal(feed, tick, methodology.health)
    if reason is not None:
        if reason in FLAW:
            feed.flaw = reason
        return reason
    price = chosen(tick, methodology.price)
    if feed.tick is None or price != feed.price:
        _changed(feed, tick.received_ms)
    feed.tick, feed.price, feed.flaw, feed.connected = tick, price, None, True
    feed.heard_ms = max(feed.heard_ms, tick.received_ms)
    _take_volume(feed, tick, methodology)
    return None


def refusal(feed: Feed, tick: Tick, health: Health) -> Reason | None:
    """Say what is wrong with a tick as such, and beside the feed's last one."""
    flaw = flaw_of(tick, health)
    if flaw is not None or feed.tick is None:
        return flaw
    if tick.at_ms < feed.tick.at_ms:
        return Reason.REORDERED
    return Reason.DUPLICATE if tick == feed.tick else None


def flaw_of(tick: Tick, health: Health) -> Reason | None:
    """Say what is wrong with a tick that needs no memory to see."""
    if not PRICES[0] <= tick.price <= PRICES[1]:
        return Reason.BAD_PRICE
    if tick.bid is not None and tick.ask is not None:
        if not (PRICES[0] <= tick.bid <= PRICES[1] and PRICES[0] <= tick.ask <= PRICES[1]):
            return Reason.BAD_PRICE
        if tick.bid > tick.ask:
            return Reason.CROSSED
        if health.spread_max and tick.ask - tick.bid > health.spread_max * tick.ask:
            return Reason.WIDE
    if tick.at_ms > tick.received_ms + 1000 * health.future_s:
        return Reason.FUTURE
    return Reason.PAST if tick.at_ms < tick.received_ms - 1000 * health.past_s else None


def chosen(tick: Tick, price: Price) -> float:
    """Return the number that counts: the middle of the book where it is asked for and there is one (E4-6)."""
    if price is Price.MID and tick.bid is not None and tick.ask is not None:
        return (tick.bid + tick.ask) / 2
    return tick.price


def _changed(feed: Feed, at_ms: int) -> None:
    if feed.tick is not None:
        feed.interval_ms += HEAVY * (at_ms - feed.changed_ms - feed.interval_ms)
    feed.changed_ms, feed.median_then = at_ms, None


def _take_volume(feed: Feed, tick: Tick, methodology: Methodology) -> None:
    """Let the slow volume follow what is told; a jump is not believed before it has stood for an hour (E4-13)."""
    told, jump = tick.volume_24h, methodology.health.volume_jump
    if told is None:
        return
    if not 0 <= told <= VOLUME_MAX:
        feed.volume_odd_ms = feed.volume_odd_ms or tick.received_ms
        return
    if feed.volume and jump and not feed.volume / jump <= told <= feed.volume * jump:
        feed.volume_odd_ms = feed.volume_odd_ms or tick.received_ms
        if tick.received_ms - feed.volume_odd_ms < SETTLED_MS:
            return
        feed.volume = told
    feed.told = told
    since_ms, feed.volume_ms, feed.volume_odd_ms = tick.received_ms - feed.volume_ms, tick.received_ms, None
    if not feed.volume:
        feed.volume = told
    else:
        memory_ms = methodology.weighing.memory_days * DAY_MS
        feed.volume += (told - feed.volume) * (1 - exp(-max(since_ms, 0) / memory_ms))
