"""A venue small enough to match orders without IO, with chances of what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from core.sizing import round_price
from core.types import (
    AccountSnapshot,
    Answer,
    ClientOrderId,
    Coin,
    Fill,
    FundingPayment,
    OpenOrder,
    Order,
    Outcome,
    Side,
    Tif,
    VenuePosition,
)
from tests.core.desk import (
    INSTRUMENTS,
    D,
)

FEE = D("0.00045")
POST_ONLY = "Only post-only orders allowed immediately after a network upgrade"
RESTING_CHANCE = 0.2
"""That an order which rests at the touch is filled within a second."""


@dataclass(frozen=True)
class Faults:
    """Chances of what goes wrong: lost before the venue or seconds late there, answer lost, refused, partly filled,
    frames lost or doubled."""

    lost: float = 0.0
    late: float = 0.0
    unheard: float = 0.0
    refused: float = 0.0
    partial: float = 0.0
    fill_lost: float = 0.0
    fill_doubled: float = 0.0
    read_failed: float = 0.0


CALM = Faults()
ROUGH = Faults(
    lost=0.06,
    late=0.04,
    unheard=0.06,
    refused=0.05,
    partial=0.3,
    fill_lost=0.15,
    fill_doubled=0.15,
    read_failed=0.1,
)


class Venue:
    """Immediate-or-cancel orders against mids that are a function of time; everything is remembered."""

    def __init__(self, prices: Callable[[Coin, int], Decimal], *, faults: Faults, rng: Random) -> None:
        self.px = prices
        self.faults = faults
        self.rng = rng
        self.cash_usd = D(1_000_000)
        self.positions: dict[Coin, Decimal] = {}
        self.fills: list[Fill] = []
        self.fundings: list[FundingPayment] = []
        self.known: dict[ClientOrderId, Answer] = {}
        self.rate = D("0.0001")
        self.post_only_ms = (0, 0)
        self.resting: dict[ClientOrderId, Order] = {}

    def hold(self, coin: Coin, qty: Decimal, at_ms: int) -> None:
        self._move(coin, qty, self.px(coin, at_ms))

    def execute(self, order: Order, now_ms: int) -> Answer:
        """Match one order as the venue would; the rules that it must obey are asserted here."""
        assert order.cloid not in self.known, f"id {order.cloid} came twice"
        instrument, held = INSTRUMENTS[order.coin], self.positions.get(order.coin, D(0))
        assert order.qty % instrument.lot == 0, order
        assert order.limit_px == round_price(order.limit_px, Side.BUY, instrument.size_decimals), order
        closes = order.reduce_only and order.signed_qty == -held
        assert order.qty * order.limit_px >= 10 or closes, order
        if order.tif is Tif.ALO:
            self.resting[order.cloid] = order
            answer = Answer(cloid=order.cloid, outcome=Outcome.RESTING)
        elif self.post_only_ms[0] <= now_ms < self.post_only_ms[1]:
            answer = Answer(cloid=order.cloid, outcome=Outcome.REJECTED, reason=POST_ONLY)
        else:
            answer = self._matched(order, held, now_ms)
        self.known[order.cloid] = answer
        return answer

    def match_resting(self, now_ms: int) -> tuple[list[Fill], list[Answer]]:
        """Fill some of what rests, whole and at its price; return the fills and the last word on their orders."""
        before, answers = len(self.fills), []
        for order in [o for o in self.resting.values() if self.rng.random() < RESTING_CHANCE]:
            del self.resting[order.cloid]
            self._fill(order, order.qty, px=order.limit_px, now_ms=now_ms)
            answers.append(Answer(cloid=order.cloid, outcome=Outcome.FILLED, filled_qty=order.qty))
        self.known.update({a.cloid: a for a in answers})
        return self.fills[before:], answers

    def cancel(self, cloid: ClientOrderId) -> None:
        if self.resting.pop(cloid, None) is not None:
            self.known[cloid] = Answer(cloid=cloid, outcome=Outcome.CANCELLED)

    def _matched(self, order: Order, held: Decimal, now_ms: int) -> Answer:
        against = held * order.side.sign < 0
        qty = order.qty if not order.reduce_only else min(order.qty, abs(held)) if against else D(0)
        px = self.px(order.coin, now_ms) * (1 + order.side.sign * D("0.0001"))
        refuses = now_ms > order.expires_ms or not qty or self.rng.random() < self.faults.refused
        if refuses or (px - order.limit_px) * order.side.sign > 0:
            return Answer(cloid=order.cloid, outcome=Outcome.REJECTED, reason="could not match")
        if self.rng.random() < self.faults.partial:
            lot = INSTRUMENTS[order.coin].lot
            qty = max(lot, (qty * D(repr(self.rng.random()))) // lot * lot)
        self._fill(order, qty, px=px, now_ms=now_ms)
        return Answer(cloid=order.cloid, outcome=Outcome.FILLED, filled_qty=qty, average_px=px)

    def _fill(self, order: Order, qty: Decimal, *, px: Decimal, now_ms: int) -> None:
        n = len(self.fills) + 1
        fee = (qty * px * FEE).quantize(D("0.000001"))
        made = Fill(
            coin=order.coin,
            side=order.side,
            qty=qty,
            px=px,
            fee_usd=fee,
            tid=n,
            oid=n,
            at_ms=now_ms,
            start_position=self.positions.get(order.coin, D(0)),
            direction="Trade",
            cloid=order.cloid,
        )
        self.fills.append(made)
        self._move(order.coin, made.signed_qty, px)
        self.cash_usd -= fee

    def _move(self, coin: Coin, qty: Decimal, px: Decimal) -> None:
        self.cash_usd -= qty * px
        self.positions[coin] = self.positions.get(coin, D(0)) + qty
        if not self.positions[coin]:
            del self.positions[coin]

    def pay_funding(self, now_ms: int) -> None:
        for coin, qty in self.positions.items():
            usd = -qty * self.px(coin, now_ms) * self.rate
            self.cash_usd += usd
            self.fundings.append(FundingPayment(coin=coin, at_ms=now_ms, usd=usd, qty=qty, rate=self.rate))

    def equity_usd(self, now_ms: int) -> Decimal:
        return self.cash_usd + sum((q * self.px(c, now_ms) for c, q in self.positions.items()), D(0))

    def snapshot(self, now_ms: int) -> AccountSnapshot:
        held = {
            c: VenuePosition(coin=c, qty=q, entry_px=self.px(c, now_ms), mark_px=self.px(c, now_ms))
            for c, q in self.positions.items()
        }
        rest = tuple(
            OpenOrder(coin=o.coin, oid=n, cloid=c, side=o.side, remaining_qty=o.qty, limit_px=o.limit_px)
            for n, (c, o) in enumerate(self.resting.items())
        )
        return AccountSnapshot(
            at_ms=now_ms, equity_usd=self.equity_usd(now_ms), positions=held, open_orders=rest
        )
