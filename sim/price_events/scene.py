"""A market of seven venues whose true price is known, and what an event makes of what they tell."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import sin
from random import Random

from core.prices.types import Tick
from core.robust import median
from sim.price_files.stream import Heard

T0_MS = 1_700_000_000_000
LEVEL = 50_000.0
CALM_S = 25
"""Seconds of a calm market before the event begins at second 0."""

SECOND = 1000
SPREAD = 1e-4
NOISE = 2e-5
LATE_S = 1.5
"""Truth of so long ago is true still: a venue speaks once a second, and its words travel."""

VENUES: Mapping[str, float] = {
    "binance": 900e6,
    "coinbase": 500e6,
    "okx": 300e6,
    "bybit": 250e6,
    "kraken": 150e6,
    "bitstamp": 80e6,
    "gemini": 40e6,
}
"""24 h turnover, USD. The first has two fifths of all."""

HEAVIEST = "binance"

Path = Callable[[float], float]
"""A price as a multiple of its level, by the second of the event."""

Tell = Callable[[Tick, float], Iterable[Heard]]
"""What is heard in place of an honest tick, at a second."""


def calm(second: float) -> float:
    return 1.0


def as_it_is(tick: Tick, second: float) -> Iterable[Heard]:
    return (tick,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One abnormal market. path is the true price; lag_s says which venues follow it how late.

    tell makes of an honest tick what is heard; liars are venues whose prices are not part of the truth. quotes are pairs
    other than BTC/USD, worth by their quote currency; converters tell what those are worth.
    """

    name: str
    about: str
    seconds: int = 60
    path: Path = calm
    lag_s: Mapping[str, float] = field(default_factory=dict)
    tell: Tell = as_it_is
    liars: frozenset[str] = frozenset()
    quotes: Mapping[str, str] = field(default_factory=dict)
    worth: Mapping[str, Path] = field(default_factory=dict)
    converters: tuple[tuple[str, str], ...] = ()
    beside: Callable[[], Iterable[Heard]] = tuple

    def true_price(self, second: float) -> float:
        """Return the median of what a BTC is worth at each honest venue, USD."""
        return median([self.worth_at(source, second) for source in VENUES if source not in self.liars])

    def worth_at(self, source: str, second: float) -> float:
        return LEVEL * wander(second) * self.path(second - self.lag_s.get(source, 0.0))

    def truth(self, second: float) -> tuple[float, float]:
        """Return the lowest and highest true price of the last moments, USD."""
        recent = [self.true_price(second - LATE_S * part / 6) for part in range(7)]
        return min(recent), max(recent)


def wander(second: float) -> float:
    """Return how a market moves when nothing happens: a few basis points."""
    return 1 + 3e-4 * sin(second / 17) + 2e-4 * sin(second / 5.3)


def at_ms(second: float) -> int:
    return T0_MS + round(SECOND * second)


def heard(event: Event) -> list[Heard]:
    """Return all that is heard of an event's venues, in the order of receipt; the same each time."""
    draw, found = Random(event.name), list(event.beside())
    for second in range(-CALM_S, event.seconds):
        for place, source in enumerate(VENUES):
            moment = second + place / len(VENUES)
            found += event.tell(honest(event, source, moment, draw), moment)
            found += [converter(event, pair, moment) for pair in event.converters if pair[0] == source]
    return sorted(found, key=lambda one: one.received_ms)


def honest(event: Event, source: str, second: float, draw: Random) -> Tick:
    """Return what a venue would tell."""
    quote = event.quotes.get(source, "USD")
    worth = event.worth_at(source, second) / event.worth.get(quote, calm)(second)
    price = worth * (1 + draw.gauss(0, NOISE))
    return told(source, f"BTC/{quote}", price, second, volume=VENUES[source])


def converter(event: Event, pair: tuple[str, str], second: float) -> Tick:
    source, symbol = pair
    base, _, quote = symbol.partition("/")
    price = event.worth[base](second) / event.worth.get(quote, calm)(second)
    return told(source, symbol, price, second, volume=1e7)


def told(source: str, symbol: str, price: float, second: float, *, volume: float) -> Tick:
    half = price * SPREAD / 2
    stamp_ms = at_ms(second)
    return Tick(
        source=source,
        symbol=symbol,
        price=price,
        at_ms=stamp_ms,
        received_ms=stamp_ms + 40,
        volume_24h=volume,
        bid=price - half,
        ask=price + half,
    )
