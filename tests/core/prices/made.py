"""Ticks and indices for tests of the index price."""

from core.index_price import IndexPrice
from core.prices.methodology import Methodology
from core.prices.presets import NIGHTDESK
from core.prices.types import Input, Published, Tick

T = 1_700_000_000_000


def tick(
    source: str,
    price: float,
    *,
    at_ms: int = T,
    volume: float | None = 1e9,
    symbol: str = "BTC/USD",
    book: tuple[float, float] | None = None,
    received_ms: int | None = None,
) -> Tick:
    bid, ask = book or (None, None)
    return Tick(
        source=source,
        symbol=symbol,
        price=price,
        at_ms=at_ms,
        received_ms=at_ms if received_ms is None else received_ms,
        volume_24h=volume,
        bid=bid,
        ask=ask,
    )


def index(methodology: Methodology = NIGHTDESK, symbol: str = "BTC/USD") -> IndexPrice:
    return IndexPrice(symbol, methodology)


def value_of(prices: dict[str, float], methodology: Methodology = NIGHTDESK, *, at_ms: int = T) -> Published:
    """Return the first value of one tick a source, all of one volume."""
    return after(index(methodology), prices, at_ms)


def after(made: IndexPrice, prices: dict[str, float], at_ms: int) -> Published:
    """Give an index one tick a source, and return its value then."""
    for source, price in prices.items():
        made.tick(tick(source, price, at_ms=at_ms))
    return made.evaluate(at_ms)


def fed(made: IndexPrice, prices: dict[str, float], *, from_ms: int, seconds: int) -> Published:
    """The same each second for some seconds; return the last value."""
    value = after(made, prices, from_ms)
    for second in range(1, seconds):
        value = after(made, prices, from_ms + 1000 * second)
    return value


def input_of(value: Published, source: str) -> Input:
    return next(given for given in value.inputs if given.source == source)
