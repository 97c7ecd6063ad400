"""Nothing is hedged that was not filled."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.state import Stage, State
from core.types import Order, Purpose
from sim.checkers import Step
from sim.checks.sums import FACTORS, band_usd, delta_usd, live_qty, px_usd

if TYPE_CHECKING:
    from sim.world import World


class HedgesAreExplained:
    """A hedge brings the delta of confirmed positions, and of hedges under way, towards zero, from outside the band."""

    name = "hedges"

    def on_step(self, step: Step) -> Iterator[str]:
        hedges = [order for order in step.orders if order.purpose is Purpose.HEDGE]
        if hedges:
            yield from _unexplained(step, hedges)

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())


def _unexplained(step: Step, hedges: list[Order]) -> Iterator[str]:
    state = step.state
    if state.mids_usd != {coin: float(quote.bid + quote.ask) / 2 for coin, quote in state.quotes.items()}:
        yield "the mids are not those of the quotes"
    open_usd = list(delta_usd(state))
    ours = {order.cloid for order in hedges}
    for record in state.orders.open.values():
        order = record.order
        if order.purpose is Purpose.HEDGE and order.coin in FACTORS and order.cloid not in ours:
            open_usd[FACTORS.index(order.coin)] += float(live_qty(record)) * px_usd(state, order.coin)
    if not state.hedge.betas:
        yield f"a hedge by a guess of betas: {hedges[0]}"
    if max(abs(usd) for usd in open_usd) <= _worth_an_order_usd(step):
        yield f"a hedge inside the band of {band_usd(state):.2f}: open were {open_usd}"
    for order in hedges:
        if order.coin not in FACTORS:
            yield f"{order.coin} is no hedge"
            continue
        yield from _too_much(state, order, open_usd[FACTORS.index(order.coin)])


def _too_much(state: State, order: Order, open_usd: float) -> Iterator[str]:
    px = px_usd(state, order.coin)
    usd = float(order.signed_qty) * px
    lot_usd = float(state.instruments[order.coin].lot) * px
    most_usd = max(abs(open_usd), state.settings.twap.min_order_usd) + lot_usd
    if usd * open_usd >= 0 or abs(usd) > most_usd:
        yield f"a hedge of {usd:.2f} USD {order.coin} for an exposure of {open_usd:.2f}"


def _worth_an_order_usd(step: Step) -> float:
    """Return the exposure from which a hedge may be made: a closing session trims to the least order."""
    sessions = (step.state.session, step.before.session)
    if any(s is not None and s.stage is Stage.CLOSING for s in sessions):
        return min(band_usd(step.state), step.state.settings.twap.min_order_usd)
    return band_usd(step.state)
