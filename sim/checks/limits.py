"""Never over limits: each order is within what the settings allow, with all that is on its way filled."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.state import State
from core.types import Coin, Order, Purpose, TradingState
from sim.checkers import Step
from sim.checks.orders_once import OrdersOnce
from sim.checks.sums import FACTORS, ZERO, equity_usd, is_hedge, is_slice, live_qty, opened_qty, px_usd
from sim.venue.account import VenueFill

if TYPE_CHECKING:
    from sim.world import World

MINUTE_MS = 60_000
SLACK = 1.0001
"""Limits are floats, and an order's worth is taken at its limit by one and at the mid by the other."""
ACROSS = 1.01
"""A hedge on its way counts at the mid, one that is done at the price it had, within the slippage of its limit."""


class WithinLimits:
    """What a life decided on and neither put on record nor sent, it took with it: a full disk, a kill."""

    name = "limits"

    def __init__(self, once: OrdersOnce) -> None:
        self._once = once
        self._recent: list[tuple[int, Order]] = []
        self._hedged: list[tuple[int, float]] = []

    def on_step(self, step: Step) -> Iterator[str]:
        self._rewind(step.state.at_ms)
        self._hedged += [(step.state.at_ms, _opened_usd(fill)) for fill in step.executed if is_hedge(fill)]
        if step.begins:
            known = self._once.sent | step.state.orders.open.keys()
            self._recent = [(at_ms, o) for at_ms, o in self._recent if o.cloid in known]
        orders = [order for order in step.orders if order.purpose is not Purpose.FLATTEN]
        if not orders:
            return
        committed = _committed(step.state)
        for order in orders:
            if not _reduces(step.state, order, committed.get(order.coin, ZERO)):
                yield from _over(step.state, order, committed.get(order.coin, ZERO))
        if any(not _reduces(step.state, o, committed.get(o.coin, ZERO)) for o in orders):
            yield from _gross(step.state, committed)
        for order in orders:
            if is_slice(order.purpose):
                yield from _burst(step.state, order)
        yield from self._rates(step.state, orders)
        yield from self._hedging(step.state, orders, committed)

    def at_end(self, world: "World") -> Iterator[str]:
        return iter(())

    def _rewind(self, now_ms: int) -> None:
        """A clock that is set back takes along what it stamped, never to before it was: no minute is longer than one."""
        self._recent = [(min(at_ms, now_ms), order) for at_ms, order in self._recent]
        self._hedged = [(min(at_ms, now_ms), usd) for at_ms, usd in self._hedged]

    def _rates(self, state: State, orders: list[Order]) -> Iterator[str]:
        at_ms, settings = state.at_ms, state.settings
        recent = [(then_ms, order) for then_ms, order in self._recent if then_ms > at_ms - MINUTE_MS]
        self._recent = [*recent, *((at_ms, order) for order in orders)]
        if len(self._recent) > settings.risk.orders_per_min_max:
            yield f"{len(self._recent)} orders within a minute"

    def _hedging(self, state: State, orders: list[Order], committed: dict[Coin, Decimal]) -> Iterator[str]:
        """What hedges open a minute is bounded, by what the venue executed; what they close is not."""
        self._hedged = [(at_ms, usd) for at_ms, usd in self._hedged if at_ms > state.at_ms - MINUTE_MS]
        settings = state.settings
        most_usd = settings.hedge.turnover_max_per_min * equity_usd(state) + 2 * settings.twap.min_order_usd
        opening_usd = sum(
            _opening_usd(state, o, committed.get(o.coin, ZERO)) for o in orders if o.purpose is Purpose.HEDGE
        )
        opened_usd = sum(usd for _, usd in self._hedged) + opening_usd
        if opening_usd > 2 * settings.twap.min_order_usd and opened_usd > most_usd * ACROSS:
            yield f"{opened_usd:.0f} USD hedged within a minute"


def _opened_usd(fill: VenueFill) -> float:
    return float(opened_qty(fill.start_position, fill.signed_size) * fill.px)


def _opening_usd(state: State, order: Order, after: Decimal) -> float:
    """Return what an order may do more than close what is held, with and without what else is on its way (USD)."""
    sides = (state.book.positions.get(order.coin, ZERO), after - order.signed_qty)
    return float(max(opened_qty(held, order.signed_qty) for held in sides) * order.arrival_mid)


def _committed(state: State) -> dict[Coin, Decimal]:
    """Return the positions as they will be when all of ours is filled, the new orders too."""
    sums = dict(state.book.positions)
    for record in state.orders.open.values():
        coin = record.order.coin
        sums[coin] = sums.get(coin, ZERO) + live_qty(record)
    return sums


def _reduces(state: State, order: Order, after: Decimal) -> bool:
    """Say whether an order makes the position smaller, with and without what else is on its way, and never turns it."""
    before = after - order.signed_qty
    held = state.book.positions.get(order.coin, ZERO)
    return all(qty * order.signed_qty < 0 and order.qty <= abs(qty) for qty in (held, before))


def _over(state: State, order: Order, after: Decimal) -> Iterator[str]:
    limits, value_usd = state.settings.risk, float(order.qty * order.limit_px)
    if state.trading is TradingState.REDUCING and order.purpose is not Purpose.HEDGE:
        yield f"an order that adds to a position while none may: {order}"
    if order.purpose is not Purpose.HEDGE and (doubted := {order.coin, *FACTORS} & state.disputed.keys()):
        yield f"an order that adds to a position while the price of {min(doubted)} is disputed: {order}"
    if value_usd > limits.order_max_usd * SLACK:
        yield f"an order of {value_usd:.0f} USD"
    after_usd = abs(float(after)) * float(order.limit_px)
    if order.coin not in FACTORS and after_usd > limits.position_max * equity_usd(state) * SLACK:
        yield f"a position of {after_usd:.0f} USD {order.coin}"


def _gross(state: State, committed: dict[Coin, Decimal]) -> Iterator[str]:
    gross_usd = sum(abs(float(qty)) * px_usd(state, coin) for coin, qty in committed.items())
    if gross_usd > state.settings.risk.gross_max * equity_usd(state) * 1.01:
        yield f"a gross of {gross_usd:.0f} USD"


def _burst(state: State, order: Order) -> Iterator[str]:
    """A slice is no larger than a multiple of the even one, but for what is too little to be left."""
    assert state.session is not None
    session, twap = state.session, state.settings.twap
    record = session.projected if order.purpose is Purpose.PROJECTED else session.correction
    assert record.started_ms is not None
    target, start = record.targets[order.coin], record.start_qty.get(order.coin, ZERO)
    missing = target - state.book.positions.get(order.coin, ZERO)
    slices = max(1, int((record.end_ms - record.started_ms) / (1000 * twap.slice_s)))
    even_usd = float(max(abs(target - start), abs(missing)) * order.arrival_mid) / slices
    lot_usd = float(state.instruments[order.coin].lot * order.arrival_mid)
    most_usd = twap.catch_up_max * even_usd + 2 * (twap.min_order_usd + lot_usd)
    usd = float(order.qty * order.arrival_mid)
    if usd > most_usd:
        yield f"{usd:.0f} USD {order.coin} at once, an even slice has {even_usd:.0f}"
