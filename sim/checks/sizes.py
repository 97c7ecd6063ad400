"""Every target is its weight of the account, to the nearest lot, or what is held for a reason."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.events import ProFormaReady
from core.state import State
from sim.checkers import Step

if TYPE_CHECKING:
    from sim.world import World

HALF_A_LOT = Decimal("0.5")
SLACK = Decimal("1e-9")
"""Weights are floats: by so much of a target the nearest lot may be another."""


class TargetsAreTheWeights:
    name = "sizes"

    def on_step(self, step: Step) -> Iterator[str]:
        if isinstance(step.event, ProFormaReady):
            yield from _wrong(step.state, step.event)

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())


def _wrong(state: State, event: ProFormaReady) -> Iterator[str]:
    session, proforma = state.session, event.proforma
    if session is None or session.opening is None or session.phase(event.phase).proforma is not proforma:
        return
    equity_usd = session.opening.snapshot.equity_usd
    for coin, target in session.phase(event.phase).targets.items():
        if coin in session.held:
            continue
        exact = Decimal(proforma.weights[coin]) * equity_usd / proforma.closes[coin]
        if abs(target - exact) > HALF_A_LOT * state.instruments[coin].lot + abs(exact) * SLACK:
            yield f"the target of {coin} is {target}, its weight makes {exact:f}"
