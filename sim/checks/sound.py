"""Every order is one that the venue takes: on the grid, of a fresh price, worth enough, and near the market."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.state import State
from core.types import Order, Purpose, Side, Tif
from sim.checkers import Step
from sim.checks.sums import ZERO, is_fresh
from sim.checks.whims import is_as_listed
from sim.venue.actions import Envelope
from sim.venue.order_actions import OrderAction
from sim.venue.reply import Document

if TYPE_CHECKING:
    from sim.world import World

MIN_ORDER_USD = Decimal(10)
FAULTS = ("invalid size", "invalid price", "tick size", "minimum value", "zero size")
"""Words of the venue's refusals that nobody needs to hear who does his sums right (hyperliquid.md 2.7)."""


class OrdersAreSound:
    """By the books before it is sent; and by the venue's answer.

    Refusals that a fault planted are counted and left out. In a night whose listings, closes or units are not what they
    were before, the venue may be right and the daemon could not know (sim.nights.data_faults).
    """

    name = "sound orders"

    def __init__(self, world: "World") -> None:
        self._refused: list[str] = []
        self._heeds = is_as_listed(world.night)
        self._venue, self._told = world.venue, Counter[str]()
        world.venue.observers.append(self._arrived)

    def on_step(self, step: Step) -> Iterator[str]:
        yield from self._refused
        self._refused.clear()
        for order in step.orders:
            yield from _faults(step.state, order)

    def at_end(self, world: "World") -> Iterator[str]:
        yield from self._refused

    def _arrived(self, envelope: Envelope, said: Document) -> None:
        if self._heeds and isinstance(envelope.action, OrderAction):
            for words in _errors(said):
                self._told[words] += 1
                planted = self._told[words] <= self._venue.refused_without_reason(words)
                if not planted and any(fault in words for fault in FAULTS):
                    self._refused.append(f"refused: {words}")


def _errors(said: Document) -> Iterator[str]:
    """Yield what an answer says went wrong: with all of it, or with each order."""
    response = said["response"]
    if isinstance(response, str):
        yield response
        return
    for status in response["data"]["statuses"]:
        if "error" in status:
            yield status["error"]


def _faults(state: State, order: Order) -> Iterator[str]:
    quote, instrument = state.quotes.get(order.coin), state.instruments[order.coin]
    if quote is None or not is_fresh(state, order.coin) or order.arrival_mid != quote.mid:
        yield f"made of a price that is not fresh, {quote}: {order}"
        return
    if order.qty <= 0 or order.qty % instrument.lot or instrument.delisted:
        yield f"not whole lots of {instrument.lot}, or not listed: {order}"
    closes = order.reduce_only and order.signed_qty == -state.book.positions.get(order.coin, ZERO)
    if order.qty * order.arrival_mid < MIN_ORDER_USD and not closes:
        yield f"worth less than the venue takes: {order}"
    if order.tif is Tif.IOC and _apart_bps(order) > _most_bps(state, order):
        yield f"{_apart_bps(order):.0f} bp from the mid {quote.mid}: {order}"


def _apart_bps(order: Order) -> Decimal:
    """Return how much worse than the mid the order may trade."""
    sign = 1 if order.side is Side.BUY else -1
    return sign * (order.limit_px / order.arrival_mid - 1) * 10_000


def _most_bps(state: State, order: Order) -> float:
    settings = state.settings
    if order.purpose is Purpose.HEDGE:
        return settings.hedge.slippage_bps
    if order.purpose is Purpose.PROJECTED:
        return settings.twap.slippage_bps
    return max(settings.twap.slippage_bps, settings.twap.slippage_final_bps)
