"""After a kill nothing is sent but what closes positions, whatever comes and however often the daemon starts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.events import ClockTicked, KillReset, KillTripped, StopRequested
from core.intents import CancelEverything, TripKill
from core.types import Purpose, TradingState
from sim.checkers import Step
from state.kill_switch import KillSwitch
from state.store import Store

if TYPE_CHECKING:
    from sim.world import World

LOOKS, LOOKED_S = 5, 5.0
"""The daemon looks at the latch's file once a second: so many ticks and seconds later it has seen it."""


class NothingAfterTheKill:
    """A halt cancels everything, is latched on the disk, and ends with a reset alone. A stop cancels everything too.

    A latch that somebody else wrote halts the daemon that runs, and the one that starts: once it has started, for
    before that its state is the one that the life before it left.
    """

    name = "kill"

    def __init__(self) -> None:
        self._unread_s: list[float] = []
        self._begun = 0

    def on_step(self, step: Step) -> Iterator[str]:
        halted = step.state.trading is TradingState.HALTED
        if halted and not isinstance(step.event, KillReset):
            for order in step.orders:
                if order.purpose is not Purpose.FLATTEN:
                    yield f"an order for {order.purpose.value} after the kill: {order}"
        kinds = {type(intent) for intent in step.intents}
        was = step.before.trading is TradingState.HALTED
        if halted and not was and not step.begins and not {TripKill, CancelEverything} <= kinds:
            yield "a halt that cancels nothing, or is not latched"
        if was and not halted and not isinstance(step.event, KillReset) and not step.begins:
            yield f"trading again without a reset, after {type(step.event).__name__}"
        if isinstance(step.event, KillTripped) and not halted:
            yield "a kill that does not halt"
        if isinstance(step.event, StopRequested) and CancelEverything not in kinds:
            yield "a stop that cancels nothing"
        if step.begins:
            self._begun = len(step.world.lives.all)
            self._unread_s.clear()
        elif len(step.world.lives.all) > self._begun:
            yield f"{type(step.event).__name__} before the start of life {len(step.world.lives.all)}"
        if isinstance(step.event, ClockTicked):
            yield from self._unread(step)

    def _unread(self, step: Step) -> Iterator[str]:
        """Count the ticks since a latch has been there that halted nothing."""
        state, path = step.state, Store(step.world.directory).kill_switch_path
        if state.trading is TradingState.HALTED or state.stopping or not path.exists():
            self._unread_s.clear()
            return
        self._unread_s.append(step.world.now_s)
        if len(self._unread_s) > LOOKS and step.world.now_s - self._unread_s[0] > LOOKED_S:
            yield f"latched since {self._unread_s[0]:.1f} s, and trading"

    def at_end(self, world: "World") -> Iterator[str]:
        state = world.daemon.state
        latch = KillSwitch(Store(world.directory).kill_switch_path).read()
        halted = state.trading is TradingState.HALTED
        if halted and latch is None:
            yield f"halted without a latch: {state.halt_reason}"
        if latch is not None and not halted and state.starts:
            yield f"latched, and trading: {latch.reason}"
