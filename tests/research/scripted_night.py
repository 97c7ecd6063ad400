"""A night in a box: the engine's step() against a small scripted venue, journaled as the shell journals it.

Prices walk at random from a seed. What goes wrong is said in the script; everything else goes as it should.
"""

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from core import events, intents
from core.config import TradingSettings
from core.engine import step
from core.report import session_report
from core.sizing import price_step
from core.state import State
from core.types import (
    HEDGE_COINS,
    AccountSnapshot,
    Answer,
    Coin,
    Fill,
    FundingPayment,
    Instrument,
    Order,
    Outcome,
    Phase,
    ProForma,
    Purpose,
    Quote,
    VenuePosition,
)
from state.journal import Journal, Record

CLOSE_MS = int(datetime(2025, 7, 25, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000
NAMES = (
    *("SOL", "XRP", "HYPE", "DOGE", "SUI", "ADA", "LINK", "AVAX", "LTC", "ENA"),
    *("kPEPE", "FARTCOIN", "TAO", "AAVE", "UNI", "WIF", "PENGU", "TRUMP", "BNB", "NEAR"),
)
PRICES = {"BTC": 118_350.0, "ETH": 3_640.0, "SOL": 183.0, "XRP": 3.1, "HYPE": 43.2, "DOGE": 0.236}
DEPOSIT_USD = Decimal(1_000_000)
FEE = Decimal("0.00045")


@dataclass(frozen=True)
class Script:
    """What kind of night it is. Seconds are counted from the close."""

    coins: int = 12
    seed: int = 1
    close_ms: int = CLOSE_MS
    failing: tuple[Phase, ...] = ()
    missing_closes: tuple[Coin, ...] = ()
    filled: float = 0.93
    kill_s: int | None = None
    start_s: int = -960
    end_s: int = 560
    quotes_every_s: int = 5
    names: tuple[str, ...] = NAMES


@dataclass
class Market:
    """Prices that walk, in one common move and one of each coin's own."""

    chance: random.Random
    px: dict[Coin, float]
    decimals: dict[Coin, int]

    def walk(self) -> None:
        common = self.chance.gauss(0, 0.00012)
        for coin in self.px:
            self.px[coin] *= 1 + common + self.chance.gauss(0, 0.00015)

    def quote(self, coin: Coin, at_ms: int) -> Quote:
        mid = Decimal(repr(self.px[coin]))
        tick = price_step(mid, self.decimals[coin])
        bid = (mid * (1 - Decimal("0.00008")) // tick) * tick
        ask = max((mid * (1 + Decimal("0.00008")) // tick + 1) * tick, bid + tick)
        size = Decimal(self.chance.randint(1, 400))
        return Quote(
            coin=coin, bid=bid, ask=ask, bid_size=size, ask_size=size, at_ms=at_ms - 40, received_ms=at_ms
        )


@dataclass
class Desk:
    """The engine, its journal, and a venue that answers a moment later."""

    script: Script
    journal: Journal
    market: Market
    state: State = field(default_factory=lambda: State(settings=TradingSettings()))
    report: bytes | None = None
    instruments: dict[Coin, Instrument] = field(default_factory=dict)
    cash: Decimal = DEPOSIT_USD
    positions: dict[Coin, Decimal] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    fundings: list[FundingPayment] = field(default_factory=list)
    pending: list[tuple[int, int, Callable[[int], events.AnyEvent]]] = field(default_factory=list)
    quotes: dict[Coin, Quote] = field(default_factory=dict)
    count: int = 0

    def soon(self, at_ms: int, make: Callable[[int], events.AnyEvent]) -> None:
        self.count += 1
        heapq.heappush(self.pending, (at_ms, self.count, make))

    def take(self, event: events.AnyEvent) -> None:
        """Step, journal as the shell does (quotes ride along), and let the venue act."""
        before = self.state
        self.state, wanted = step(before, event)
        if isinstance(event, events.QuoteReceived):
            self.quotes[event.quote.coin] = event.quote
            return
        idle = isinstance(event, events.ClockTicked) and replaced(before, self.state)
        if wanted or not idle:
            quotes = tuple(self.quotes.values())
            self.journal.append([Record(self.journal.last_seq() + 1, event.at_ms, quotes, event, wanted)])
            self.quotes.clear()
        for intent in wanted:
            self.act(intent, event.at_ms)

    def act(self, intent: intents.AnyIntent, at_ms: int) -> None:
        match intent:
            case intents.SubmitOrders(orders=orders):
                self.place(orders, at_ms)
            case intents.FetchSnapshot():
                self.soon(at_ms + 150, self.snapshot)
            case intents.FetchFills(from_ms=from_ms):
                self.soon(at_ms + 120, lambda t: self.backfill(from_ms, t))
            case intents.FetchFunding(from_ms=from_ms):
                self.soon(at_ms + 120, lambda t: self.funding(from_ms, t))
            case intents.RunPreflight(session=day):
                coins = tuple(c for c in self.instruments if c not in HEDGE_COINS)
                ready = events.PreflightDone(at_ms=at_ms + 900, session=day, universe=coins)
                self.soon(at_ms + 900, lambda _: ready)
            case intents.RunPipeline():
                self.soon(at_ms + 2_000, lambda t: self.weights(intent, t))
            case intents.WriteReport():
                self.report = msgspec.json.encode(session_report(self.state))
            case _:
                pass

    def place(self, orders: Iterable[Order], at_ms: int) -> None:
        """Fill most of each order within 300 ms, worse than the mid by a spread and some impact."""
        answers: list[Answer] = []
        made: list[Fill] = []
        for order in orders:
            fill = self.execute(order, at_ms + 180)
            outcome = Outcome.FILLED if fill else Outcome.CANCELLED
            qty = fill.qty if fill else Decimal(0)
            answers.append(Answer(cloid=order.cloid, outcome=outcome, filled_qty=qty))
            made += [fill] if fill else []
        self.soon(at_ms + 210, lambda t: events.OrdersAnswered(at_ms=t, answers=tuple(answers)))
        if made:
            self.soon(at_ms + 230, lambda t: events.FillsReceived(at_ms=t, fills=tuple(made)))

    def execute(self, order: Order, at_ms: int) -> Fill | None:
        chance, lot = self.market.chance, self.instruments[order.coin].lot
        hedge = order.purpose is Purpose.HEDGE
        if not hedge and chance.random() > self.script.filled:
            return None
        share = Decimal(1) if hedge or chance.random() < 0.9 else Decimal("0.6")
        qty = max((order.qty * share // lot) * lot, lot)
        cost = Decimal(repr(abs(chance.gauss(0.00018, 0.0001))))
        px = Decimal(repr(self.market.px[order.coin])) * (1 + order.side.sign * cost)
        held = self.positions.get(order.coin, Decimal(0))
        fill = Fill(
            coin=order.coin,
            side=order.side,
            qty=qty,
            px=px.quantize(price_step(px, self.instruments[order.coin].size_decimals)),
            fee_usd=(qty * px * FEE).quantize(Decimal("0.000001")),
            tid=len(self.fills) + 1,
            oid=9_000 + len(self.fills),
            at_ms=at_ms,
            start_position=held,
            direction="Open Long",
            cloid=order.cloid,
        )
        self.positions[order.coin] = held + fill.signed_qty
        self.cash -= fill.signed_qty * fill.px + fill.fee_usd
        self.fills.append(fill)
        return fill

    def snapshot(self, at_ms: int) -> events.SnapshotReceived:
        held = {c: q for c, q in self.positions.items() if q}
        marks = {c: Decimal(repr(round(self.market.px[c], 6))) for c in held}
        equity = self.cash + sum((q * marks[c] for c, q in held.items()), Decimal(0))
        rows = {c: VenuePosition(coin=c, qty=q, entry_px=marks[c], mark_px=marks[c]) for c, q in held.items()}
        snapshot = AccountSnapshot(at_ms=at_ms - 60, equity_usd=equity, positions=rows)
        return events.SnapshotReceived(at_ms=at_ms, snapshot=snapshot)

    def backfill(self, from_ms: int, at_ms: int) -> events.FillsReceived:
        known = tuple(f for f in self.fills if from_ms <= f.at_ms <= at_ms - 60)
        return events.FillsReceived(
            at_ms=at_ms, fills=known, covered_from_ms=from_ms, covered_to_ms=at_ms - 60
        )

    def funding(self, from_ms: int, at_ms: int) -> events.FundingReceived:
        paid = tuple(p for p in self.fundings if p.at_ms >= from_ms)
        return events.FundingReceived(at_ms=at_ms, payments=paid)

    def pay_funding(self, at_ms: int) -> None:
        for coin, qty in self.positions.items():
            rate = Decimal(repr(round(self.market.chance.gauss(1e-5, 1e-5), 8)))
            usd = (-qty * Decimal(repr(self.market.px[coin])) * rate).quantize(Decimal("0.000001"))
            self.cash += usd
            self.fundings.append(FundingPayment(coin=coin, at_ms=at_ms, usd=usd, qty=qty, rate=rate))

    def weights(self, intent: intents.RunPipeline, at_ms: int) -> events.AnyEvent:
        if intent.phase in self.script.failing:
            return events.ProFormaFailed(
                at_ms=at_ms, session=intent.session, phase=intent.phase, reason="history ends on 2025-07-22"
            )
        late = () if intent.phase is Phase.PROJECTED else self.script.missing_closes
        drawn = random.Random(self.script.seed + 77)
        noise = 0.0 if intent.phase is Phase.PROJECTED else 0.08
        raw = {c: drawn.gauss(0, 1) for c in intent.universe}
        gross = sum(abs(x) for x in raw.values()) or 1.0
        weights = {
            c: max(min(x / gross * (1 + drawn.gauss(0, 1) * noise), 0.2), -0.2) for c, x in raw.items()
        }
        closes = {c: Decimal(repr(round(self.market.px[c], 6))) for c in (*intent.universe, *HEDGE_COINS)}
        proforma = ProForma(
            weights={c: w for c, w in weights.items() if c not in late},
            betas={c: (drawn.uniform(0.5, 1.3), drawn.uniform(-0.1, 0.7)) for c in intent.universe},
            closes={c: px for c, px in closes.items() if c not in late},
            adv_usd=dict.fromkeys(intent.universe, 40_000_000.0),
            reasons={},
            solver="CLARABEL",
            status="optimal",
            objective=-0.00142,
            gap=3.1e-11,
            parameters={"kappa": 0.12, "gamma": 5.0},
        )
        return events.ProFormaReady(
            at_ms=at_ms, session=intent.session, phase=intent.phase, proforma=proforma, missing_closes=late
        )


def replaced(before: State, after: State) -> bool:
    """Say whether a tick changed nothing but the time, as the shell asks it."""
    names = ("book", "orders", "hedge", "account", "session", "trading")
    return all(getattr(before, name) is getattr(after, name) for name in names)


def play(path: Path, script: Script | None = None) -> bytes | None:
    """Play the night into the journal at path, behind what is there; return the report's bytes, if there is one."""
    script = script or Script()
    journal = Journal.open(path)
    desk = _desk(script, journal)
    try:
        for second in range(script.start_s, script.end_s):
            _second(desk, second)
    finally:
        journal.close()
    return desk.report


def _desk(script: Script, journal: Journal) -> Desk:
    chance = random.Random(script.seed)
    names = [*HEDGE_COINS, *(script.names[: script.coins])]
    names += [f"COIN{i}" for i in range(script.coins - len(script.names))]
    px = {Coin(n): PRICES.get(n, round(10 ** chance.uniform(-1.5, 2), 4)) for n in names}
    decimals = {c: max(0, min(5, len(str(int(p))) - 1)) for c, p in px.items()}
    desk = Desk(script=script, journal=journal, market=Market(chance, px, decimals))
    for n, coin in enumerate(px):
        desk.instruments[coin] = Instrument(
            coin=coin, asset_id=n, size_decimals=decimals[coin], leverage_max=20
        )
    for coin in [c for c in px if c not in HEDGE_COINS][::2]:
        usd = chance.gauss(0, 40_000)
        desk.positions[coin] = Decimal(repr(usd / px[coin])).quantize(desk.instruments[coin].lot)
        desk.cash -= desk.positions[coin] * Decimal(repr(px[coin]))
    return desk


def _second(desk: Desk, second: int) -> None:
    script = desk.script
    at_ms = script.close_ms + 1000 * second
    desk.market.walk()
    if second == script.start_s:
        desk.take(events.Started(at_ms=at_ms, version="0.1.0", settings=TradingSettings()))
        desk.take(events.InstrumentsReceived(at_ms=at_ms, instruments=tuple(desk.instruments.values())))
        desk.take(events.StreamChanged(at_ms=at_ms, up=True))
    if second == 0:
        desk.pay_funding(at_ms)
    if second == script.kill_s:
        desk.take(events.KillTripped(at_ms=at_ms, reason="looks wrong to me", by="operator"))
    for n, coin in enumerate(desk.market.px):
        if (second + n) % script.quotes_every_s == 0:
            desk.take(events.QuoteReceived(at_ms=at_ms, quote=desk.market.quote(coin, at_ms)))
    desk.take(events.ClockTicked(at_ms=at_ms))
    while desk.pending and desk.pending[0][0] < at_ms + 1000:
        due_ms, _, make = heapq.heappop(desk.pending)
        desk.take(make(due_ms))
