"""Some venues tell what is not so."""

from collections.abc import Iterable
from math import nan

from msgspec.structs import replace

from core.prices.types import Tick
from sim.price_events.scene import HEAVIEST, Event
from sim.price_events.telling import Bend, after, by, drifting, ramp, silent, times
from sim.price_files.stream import Heard

THREE = ("binance", "coinbase", "okx")
"""As many as a minority of seven can be, and the heaviest."""


def _alone(price: float) -> Bend:
    """Tell a price and no book."""
    return lambda tick: replace(tick, price=price, bid=None, ask=None)


def _crossed(tick: Tick) -> Tick:
    return replace(tick, price=tick.price * 1.02, bid=tick.price * 1.03, ask=tick.price * 1.01)


def _volume(factor: float, *, price: float) -> Bend:
    """Tell a multiple of the volume, at a price of one's own."""
    return lambda tick: replace(times(price)(tick), volume_24h=(tick.volume_24h or 0.0) * factor)


def _flapping(tick: Tick, second: float) -> Iterable[Heard]:
    away = tick.source == "okx" and second >= 0 and second % 6 < 3
    return (times(1.04)(tick) if away else tick,)


MINORITY = frozenset(THREE)

LIES = (
    Event(
        name="heaviest_beside",
        about="the heaviest venue stands 2.4 % above, just inside a filter of 2.5 %",
        tell=by([HEAVIEST], times(1.024)),
        liars=frozenset({HEAVIEST}),
    ),
    Event(
        name="boiled_one",
        about="the heaviest venue is drawn up 5 % over 100 s",
        seconds=120,
        tell=drifting([HEAVIEST], ramp(1.05, 100.0)),
        liars=frozenset({HEAVIEST}),
    ),
    Event(
        name="boiled_three",
        about="three of seven, the heaviest, are drawn up 5 % over 100 s",
        seconds=120,
        tell=drifting(THREE, ramp(1.05, 100.0)),
        liars=MINORITY,
    ),
    Event(
        name="split_three_four",
        about="three of seven jump 4 % and stay for 40 s",
        tell=by(THREE, times(1.04), until_s=40),
        liars=MINORITY,
    ),
    Event(
        name="split_two_three",
        about="two venues are dead; of the five left two jump 4 % and stay for 40 s",
        tell=after(
            silent(["bitstamp", "gemini"], since_s=-20), by(["binance", "coinbase"], times(1.04), until_s=40)
        ),
        liars=frozenset({"binance", "coinbase"}),
    ),
    Event(
        name="wash_volume",
        about="a small venue tells 1000 times its volume and stands 2.2 % above",
        tell=by(["bitstamp"], _volume(1000.0, price=1.022)),
        liars=frozenset({"bitstamp"}),
    ),
    Event(
        name="volume_unit",
        about="a venue tells its volume in another unit (50,000 times) and has a premium of 0.8 %",
        tell=by(["kraken"], _volume(50_000.0, price=1.008)),
        liars=frozenset({"kraken"}),
    ),
    Event(
        name="price_unit",
        about="a venue tells its price in thousandths",
        tell=by(["bybit"], times(1000.0)),
        liars=frozenset({"bybit"}),
    ),
    Event(
        name="crossed_book",
        about="a venue's book is crossed and its trades are 2 % off",
        tell=by(["coinbase"], _crossed),
        liars=frozenset({"coinbase"}),
    ),
    Event(
        name="zero_price",
        about="a venue tells 0",
        tell=by(["coinbase"], _alone(0.0)),
        liars=frozenset({"coinbase"}),
    ),
    Event(
        name="no_number", about="a venue tells NaN", tell=by(["okx"], _alone(nan)), liars=frozenset({"okx"})
    ),
    Event(
        name="negative_price",
        about="a venue tells a price below 0",
        tell=by(["binance"], times(-1.0)),
        liars=frozenset({"binance"}),
    ),
    Event(
        name="flapping",
        about="a venue jumps 4 % away and back every 3 s",
        seconds=90,
        tell=_flapping,
        liars=frozenset({"okx"}),
    ),
)
