"""What an index contradicts for long is disputed, what it confirms is not, and the engine is told nothing else."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.events import PriceDisputed
from core.state import State
from core.types import Coin
from sim.checkers import Step
from sim.checks.sums import is_fresh, px_usd

if TYPE_CHECKING:
    from sim.world import World

LIMIT, AFTER_S, AGREED_S = 0.02, 3.0, 10.0
"""As the daemon has them by default, in which every night is played."""
FAR, NEAR = 2 * LIMIT, LIMIT / 4
"""Prices so far apart, or so near, are so by every look at them, however old a quote is by a second."""
SLACK_S = 5.0
SILENT_S = 2.5


class DisputesAreTold:
    """Prices that were far apart, or near, at every step of a while must be known for it; a silent index proves nothing."""

    name = "disputes"

    def __init__(self) -> None:
        self._since_s: dict[tuple[Coin, bool], float] = {}
        self._rounds, self._heard_s = 0, 0.0

    def on_step(self, step: Step) -> Iterator[str]:
        if not step.world.compares:
            return
        if step.begins and step.state.disputed:
            yield f"a life begins with disputes of another one: {step.state.disputed}"
        if isinstance(step.event, PriceDisputed):
            yield from _told(step.event, step.world)
        if self._is_compared(step):
            yield from self._found(step.state, step.world)
        else:
            self._since_s.clear()

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())

    def _is_compared(self, step: Step) -> bool:
        """Say whether values came all the time since the step before."""
        now_s, rounds = step.world.now_s, step.world.elsewhere.rounds
        silent_s = now_s - self._heard_s
        if rounds != self._rounds:
            self._rounds, self._heard_s = rounds, now_s
        return not step.begins and silent_s <= SILENT_S

    def _found(self, state: State, world: "World") -> Iterator[str]:
        self._since_s = {key: at_s for key, at_s in self._since_s.items() if key[0] in world.elsewhere.said}
        for name, index_usd in world.elsewhere.said.items():
            coin = Coin(name)
            off = abs(px_usd(state, coin) / index_usd - 1) if is_fresh(state, coin) else None
            far_s = self._lasting_s((coin, True), off is not None and off > FAR, world.now_s)
            near_s = self._lasting_s((coin, False), off is not None and off < NEAR, world.now_s)
            if far_s > AFTER_S + SLACK_S and coin not in state.disputed:
                yield f"{coin} was {off:.1%} off its index for {far_s:.1f} s, and nobody was told"
            if near_s > AGREED_S + SLACK_S and coin in state.disputed:
                yield f"{coin} was near its index for {near_s:.1f} s, and is disputed all the same"

    def _lasting_s(self, key: tuple[Coin, bool], holds: bool, now_s: float) -> float:
        """Return for how long something has held, by every step of that time."""
        if not holds:
            self._since_s.pop(key, None)
            return 0.0
        return now_s - self._since_s.setdefault(key, now_s)


def _told(event: PriceDisputed, world: "World") -> Iterator[str]:
    off = float(event.venue_px / event.index_px) - 1
    if abs(off) <= LIMIT or abs(float(event.index_px) / world.elsewhere.said[event.coin] - 1) > 1e-9:
        yield f"a dispute that there is not: {event}, the index said {world.elsewhere.said[event.coin]}"
