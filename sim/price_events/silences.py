"""Venues that are not heard, heard late, heard twice, or say the same for ever, while the market goes on."""

from collections.abc import Iterable

from msgspec.structs import replace

from core.prices.types import Tick
from sim.price_events.scene import CALM_S, HEAVIEST, LEVEL, VENUES, Event, at_ms
from sim.price_events.telling import Bend, by, ramp, silent
from sim.price_files.stream import Alive, Down, Heard

DRIFT = ramp(1.02, 60.0)
"""The market rises 2 % in a minute."""

QUIET_S = 40


def _at(price: float) -> Bend:
    return lambda tick: replace(tick, price=price, bid=price * 0.99995, ask=price * 1.00005)


def _stamped(offset_s: float) -> Bend:
    return lambda tick: replace(tick, at_ms=tick.at_ms + round(1000 * offset_s))


def _again(tick: Tick, second: float) -> Iterable[Heard]:
    """Tell each tick again at once, and again when it is 8 s old."""
    yield tick
    if tick.source in ("binance", "kraken") and second >= 0:
        yield tick
        yield replace(tick, received_ms=tick.received_ms + 8000)


def _seldom(tick: Tick, second: float) -> Iterable[Heard]:
    """Tell a price every 40 s, and in between that the stream lives."""
    place = list(VENUES).index(tick.source)
    if second < 0 or int(second) % QUIET_S == 5 * place:
        return (tick,)
    return (Alive(tick.source, tick.received_ms),)


def _lost(count: int) -> Event:
    """Lose all streams but some from second 5 to 45."""
    gone = list(VENUES)[: len(VENUES) - count]
    return Event(
        name=f"disconnected_to_{count}",
        about=f"{len(gone)} of seven streams are lost from 5 to 45 s, {count} left, the market rises",
        seconds=80,
        path=DRIFT,
        tell=silent(gone, since_s=5, until_s=45),
        beside=lambda: [Down(source, at_ms(5.0)) for source in gone],
    )


SILENCES = (
    Event(
        name="frozen",
        about="the heaviest venue repeats its price with fresh stamps while the market rises 2 %",
        seconds=90,
        path=DRIFT,
        tell=by([HEAVIEST], _at(LEVEL)),
        liars=frozenset({HEAVIEST}),
    ),
    Event(
        name="dead",
        about="the heaviest venue falls silent, its stream stays open, the market rises 2 %",
        seconds=90,
        path=DRIFT,
        tell=silent([HEAVIEST]),
        liars=frozenset({HEAVIEST}),
    ),
    Event(
        name="renamed",
        about="the heaviest venue renames its channel while the market rises 2 %",
        seconds=90,
        path=DRIFT,
        tell=by([HEAVIEST], lambda tick: replace(tick, symbol="XBT-USD")),
        liars=frozenset({HEAVIEST}),
    ),
    Event(
        name="clock_ahead",
        about="a venue's clock is 30 s ahead, the market rises",
        path=DRIFT,
        tell=by(["okx"], _stamped(30.0), since_s=-CALM_S),
    ),
    Event(
        name="clock_behind",
        about="the clocks of five venues are 12 s behind, their prices are fresh",
        path=DRIFT,
        tell=by(list(VENUES)[:5], _stamped(-12.0), since_s=-CALM_S),
    ),
    Event(
        name="duplicates",
        about="two venues tell every tick twice, and once more 8 s late, in a crash of 20 %",
        path=ramp(0.8, 2.0),
        tell=_again,
    ),
    Event(
        name="quiet",
        about="a thin market: a price every 40 s from each venue, heartbeats in between",
        seconds=100,
        tell=_seldom,
    ),
    _lost(2),
    _lost(1),
    _lost(0),
)
