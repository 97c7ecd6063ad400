"""Ways in which what a venue tells differs from what it should tell."""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from core.prices.types import Tick
from sim.price_events.scene import Path, Tell
from sim.price_files.stream import Heard

Bend = Callable[[Tick], Tick]


def by(sources: Iterable[str], bend: Bend, *, since_s: float = 0.0, until_s: float = 1e9) -> Tell:
    """Bend what these venues tell from one second to another."""
    bent = frozenset(sources)

    def tell(tick: Tick, second: float) -> Iterable[Heard]:
        return (bend(tick) if tick.source in bent and since_s <= second < until_s else tick,)

    return tell


def silent(sources: Iterable[str], *, since_s: float = 0.0, until_s: float = 1e9) -> Tell:
    """Say nothing at all meanwhile."""
    still = frozenset(sources)

    def tell(tick: Tick, second: float) -> Iterable[Heard]:
        return () if tick.source in still and since_s <= second < until_s else (tick,)

    return tell


def times(factor: float) -> Bend:
    """Price and book are a multiple of the honest ones."""

    def bend(tick: Tick) -> Tick:
        bid, ask = tick.bid, tick.ask
        return replace(
            tick,
            price=tick.price * factor,
            bid=None if bid is None else bid * factor,
            ask=None if ask is None else ask * factor,
        )

    return bend


def drifting(sources: Iterable[str], path: Path) -> Tell:
    """Prices of these venues walk away along a path."""
    bent = frozenset(sources)

    def tell(tick: Tick, second: float) -> Iterable[Heard]:
        return (times(path(second))(tick) if tick.source in bent else tick,)

    return tell


def after(first: Tell, second_: Tell) -> Tell:
    """Let a second telling bend what the first one made."""

    def tell(tick: Tick, second: float) -> Iterable[Heard]:
        return [
            last
            for one in first(tick, second)
            for last in (second_(one, second) if isinstance(one, Tick) else (one,))
        ]

    return tell


def ramp(to: float, over_s: float, *, since_s: float = 0.0) -> Path:
    """Go from 1 to a level in a straight line, and stay."""

    def path(second: float) -> float:
        return 1 + (to - 1) * min(max((second - since_s) / over_s, 0.0), 1.0)

    return path
