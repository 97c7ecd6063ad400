"""After quiet the night ends as it should: on target or with a reason, nothing open, nothing unknown."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.state import Session, Stage, State
from core.types import Coin, TradingState
from sim.checkers import Step
from sim.checks.sums import FACTORS, ZERO, is_ours
from state.store import Store

if TYPE_CHECKING:
    from sim.world import World

NEED_NOT_HOLD = ("trading is not halted", "equity is explained to 1 bp")
"""What a report may find untrue after a bad night; sim.checks.equity asks what can be asked of the second."""

BY_BETAS = "net delta is inside its band"


class EndsAsItShould:
    """The session is done: one that cannot be closed as it should says so in its report (CLOSING_MAX_MS).

    Where no pipeline gave betas there is no band that a delta could be brought into, and the report says that too.

    figures: off_target, coins that ended farther than a lot from their target, for whatever reason."""

    name = "ending"

    def on_step(self, step: Step) -> Iterator[str]:
        return iter(())

    def at_end(self, world: "World") -> Iterator[str]:
        state = world.daemon.state
        for order in world.venue._account(world.keys.address).open_orders.values():
            if is_ours(order.cloid):
                yield f"{order.cloid} of {order.coin} rests at the venue"
        for cloid, record in state.orders.open.items():
            yield f"{cloid} is still {record.status.value}"
        session = state.session
        if session is None or session.stage is not Stage.DONE:
            yield f"the session ended in stage {session.stage.value if session else 'none'}"
            return
        report = Store(world.directory).read_report(session.day)
        if report is None:
            yield f"{session.day} is done and has no report"
            return
        yield from _reported(world, state, json.loads(report))


def _reported(world: "World", state: State, report: dict[str, Any]) -> Iterator[str]:
    assert state.session is not None
    halted = state.trading is TradingState.HALTED
    excused = NEED_NOT_HOLD if state.hedge.betas else (*NEED_NOT_HOLD, BY_BETAS)
    for invariant in report["invariants"]:
        if not invariant["held"] and not halted and invariant["name"] not in excused:
            yield f"the report says it is not so that {invariant['name']}: {invariant['detail']}"
    theirs = world.venue.positions(world.keys.address)
    targets, off = _targets(state.session), 0
    reasons = {asset["coin"]: asset["reason"] for asset in report["assets"]}
    for coin in sorted({*targets, *theirs} - set(FACTORS)):
        held, instrument = theirs.get(coin, ZERO), state.instruments.get(Coin(coin))
        residual = targets.get(Coin(coin), held) - held
        if instrument is not None and abs(residual) > instrument.lot:
            off += 1
            if not reasons.get(coin):
                yield f"{coin} is {residual} from its target, and the report does not say why"
    assert world.checkers is not None
    world.checkers.figures["off_target"] = off


def _targets(session: Session) -> dict[Coin, Decimal]:
    corrected = session.correction
    return corrected.targets if corrected.proforma is not None else session.projected.targets
