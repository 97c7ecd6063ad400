"""Whole nights played through step() without IO, on a venue small enough for it."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from math import sin
from random import Random
from typing import Any

from core import events as ev
from core import intents as it
from core.config import TradingSettings
from core.engine import step
from core.orders import purpose_of
from core.report import session_report
from core.sizing import round_price
from core.state import Stage, State, decode, encode
from core.types import (
    Answer,
    ClientOrderId,
    Coin,
    Fill,
    Order,
    Outcome,
    Phase,
    Purpose,
    Side,
)
from tests.core.desk import (
    CLOSE_MS,
    DAY,
    DOGE,
    INSTRUMENTS,
    PRICES,
    SETTINGS,
    SOL,
    XRP,
    D,
    answered,
    fills,
    proforma,
    quote,
    tick,
)
from tests.core.night_venue import CALM, Faults, Venue

Weights = dict[Coin, float]

PRICED_AFTER_MS = 700
"""From a start to the first prices: a tick may come before them."""


@dataclass
class Plan:
    """What the night's computations will say. closes None: the mids at the close; delay_s of None: never."""

    projected: Weights | None
    correction: Weights | None
    missing: tuple[Coin, ...] = ()
    delay_s: dict[Phase, float | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Night:
    """Plays events through step(), does what is wanted, and checks after every step what must always be true.

    crash at a record: what was journaled is kept, what was under way to us is lost, and after a while it starts again.
    """

    def __init__(self, venue: Venue, plan: Plan, *, settings: TradingSettings = SETTINGS) -> None:
        self.venue, self.plan, self.settings = venue, plan, settings
        self.state = State(settings=settings)
        self.now_ms = 0
        self.life = 0
        self.up = False
        self.records = 0
        self.crashes: set[int] = set()
        self.orders: list[Order] = []
        self.events: list[ev.AnyEvent] = []
        self.reports: list[dict[str, Any]] = []
        self.alerts: list[it.RaiseAlert] = []
        self.stages: list[str] = []
        self.batches: dict[ClientOrderId, tuple[Order, ...]] = {}
        self.used_nonces: set[ClientOrderId] = set()
        self.burnt: list[ClientOrderId] = []
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._n = 0

    # --- the world ---

    def at(self, at_ms: int, do: Callable[[], None]) -> None:
        self._n += 1
        heapq.heappush(self._queue, (at_ms, self._n, do))

    def play(
        self, start_s: float, until_s: float, *, coins: Iterable[Coin] = PRICES, tick_ms: int = 1000
    ) -> "Night":
        """Play from start to until, in seconds from the close, and return the night."""
        self.now_ms = CLOSE_MS + int(1000 * start_s)
        until_ms = CLOSE_MS + int(1000 * until_s)
        self.start()
        for at_ms in range(self.now_ms + 500, until_ms, tick_ms):
            self.at(at_ms, lambda: self.deliver(tick(self.now_ms)))
            self.at(at_ms + 200, self._matched)
        for at_ms in range(self.now_ms + 100, until_ms, 10_000):
            self.at(at_ms, lambda: self.quotes(coins))
        if self.now_ms < CLOSE_MS:
            self.at(CLOSE_MS, lambda: self.venue.pay_funding(self.now_ms))
        while self._queue and self._queue[0][0] < until_ms:
            self.now_ms, _, do = heapq.heappop(self._queue)
            do()
        return self

    def start(self) -> None:
        self.up = True
        self.life += 1
        self.deliver(ev.Started(at_ms=self.now_ms, version="test", settings=self.settings))
        self.deliver(ev.InstrumentsReceived(at_ms=self.now_ms, instruments=tuple(INSTRUMENTS.values())))
        self.deliver(ev.StreamChanged(at_ms=self.now_ms, up=True))
        session = self.state.session
        if session is not None and session.stage is Stage.DONE and not self.reports:
            self.reports.append(session_report(self.state))
        self._later(PRICED_AFTER_MS, lambda: self.quotes(PRICES))

    def crash(self, down_ms: int = 3_000) -> None:
        self.up = False
        self.life += 1
        self.batches.clear()
        self.state = decode(encode(self.state))
        self.at(self.now_ms + down_ms, self.start)

    def quotes(self, coins: Iterable[Coin]) -> None:
        for coin in coins:
            px = self.venue.px(coin, self.now_ms)
            self.deliver(ev.QuoteReceived(at_ms=self.now_ms, quote=quote(coin, px, at_ms=self.now_ms)))

    # --- the daemon ---

    def deliver(self, event: ev.AnyEvent) -> None:
        if not self.up:
            return
        before = self.state
        self.state, intents = step(before, event)
        self.events.append(event)
        if isinstance(event, ev.QuoteReceived):
            return
        self._look(before)
        if intents or not isinstance(event, ev.ClockTicked):
            self.records += 1
            if self.records in self.crashes:
                if self.venue.rng.random() < 0.5:
                    self._act(intents)
                self.crash()
                return
        self._act(intents)

    def _look(self, before: State) -> None:
        session = self.state.session
        if session is not None and (before.session is None or session.stage is not before.session.stage):
            self.stages.append(session.stage.value)

    def _later(self, ms: int, event: Callable[[], ev.AnyEvent | None]) -> None:
        """Deliver an event to this life only: whoever comes after a crash never hears of it."""
        life = self.life

        def do() -> None:
            made = event()
            if life == self.life and made is not None:
                self.deliver(made)

        self.at(self.now_ms + ms, do)

    def _act(self, intents: tuple[it.AnyIntent, ...]) -> None:
        for intent in intents:
            match intent:
                case it.SubmitOrders(orders=orders):
                    self.orders += orders
                    self._submit(orders)
                case it.QueryOrders(cloids=cloids):
                    self._later(120, partial(self._status, cloids))
                case it.BurnNonce(cloids=cloids):
                    self._burn(cloids)
                case it.FetchFills(from_ms=from_ms):
                    self._read(partial(self._ledger, from_ms))
                case it.FetchSnapshot():
                    self._read(
                        lambda _: ev.SnapshotReceived(
                            at_ms=self.now_ms, snapshot=self.venue.snapshot(self.now_ms)
                        )
                    )
                case it.FetchFunding(from_ms=from_ms):
                    self._read(partial(self._funding, from_ms))
                case it.RunPreflight():
                    self._later(700, self.preflight)
                case it.RunPipeline():
                    self.pipeline(intent)
                case it.WriteReport():
                    self.reports.append(session_report(self.state))
                case it.RaiseAlert():
                    self.alerts.append(intent)
                case it.CancelOrders(orders=orders):
                    self._later(120, partial(self._cancelled, [cloid for _, cloid in orders]))
                case it.TripKill() | it.CancelEverything():
                    pass

    def _submit(self, orders: tuple[Order, ...]) -> None:
        assert len(orders) <= 200
        faults, rng = self.venue.faults, self.venue.rng
        self.batches.update((o.cloid, orders) for o in orders)
        if rng.random() < faults.lost + faults.late:
            unknown = [Answer(cloid=o.cloid, outcome=Outcome.UNKNOWN, reason="timeout") for o in orders]
            self._later(5_000, lambda: answered(*unknown, at_ms=self.now_ms))
            if rng.random() < faults.late / (faults.lost + faults.late):
                self.at(self.now_ms + rng.randrange(3_000, 9_900), partial(self._arrive, orders, self.life))
            return
        self.at(self.now_ms + rng.randrange(20, 200), partial(self._arrive, orders, self.life))

    def _burn(self, cloids: tuple[ClientOrderId, ...]) -> None:
        """A noop travels with the nonce of each action; the nonce of an action is known by its first order."""
        known = [self.batches[c] for c in cloids if c in self.batches]
        for orders in {orders[0].cloid: orders for orders in known}.values():
            self.at(self.now_ms + 60, partial(self._burn_one, orders, self.life))
        if forgotten := [Answer(cloid=c, outcome=Outcome.UNKNOWN) for c in cloids if c not in self.batches]:
            self._later(0, lambda: answered(*forgotten, at_ms=self.now_ms))

    def _burn_one(self, orders: tuple[Order, ...], life: int) -> None:
        spent = orders[0].cloid in self.used_nonces
        self.used_nonces.add(orders[0].cloid)
        outcome = Outcome.SPENT if spent else Outcome.BURNED
        if not spent:
            self.burnt += [o.cloid for o in orders]
        if self.venue.rng.random() < self.venue.faults.unheard:
            outcome = Outcome.UNKNOWN
        if life == self.life:
            said = [Answer(cloid=o.cloid, outcome=outcome) for o in orders]
            self._later(60, lambda: answered(*said, at_ms=self.now_ms))

    def _arrive(self, orders: tuple[Order, ...], life: int) -> None:
        if orders[0].cloid in self.used_nonces:
            return
        self.used_nonces.add(orders[0].cloid)
        faults, rng, n = self.venue.faults, self.venue.rng, len(self.venue.fills)
        answers = []
        for o in orders:
            before = self.venue.positions.get(o.coin, D(0))
            answers.append(self.venue.execute(o, self.now_ms))
            self._never_over(o, before)
        made = self.venue.fills[n:]
        if life != self.life:
            return
        if rng.random() < faults.unheard:
            answers = [Answer(cloid=o.cloid, outcome=Outcome.UNKNOWN, reason="timeout") for o in orders]
        self._later(rng.randrange(20, 300), lambda: answered(*answers, at_ms=self.now_ms))
        for f in made:
            times = 0 if rng.random() < faults.fill_lost else 2 if rng.random() < faults.fill_doubled else 1
            for _ in range(times):
                self._later(rng.randrange(20, 300), partial(self._shown, f))

    def _cancelled(self, cloids: list[ClientOrderId]) -> ev.AnyEvent:
        """A cancel proves nothing of what was filled before it: each order's own status is asked next."""
        for cloid in cloids:
            self.venue.cancel(cloid)
        return answered(*(Answer(cloid=c, outcome=Outcome.UNKNOWN) for c in cloids), at_ms=self.now_ms)

    def _matched(self) -> None:
        made, answers = self.venue.match_resting(self.now_ms)
        for f in made:
            self._later(50, partial(self._shown, f))
        if answers:
            self._later(60, lambda: answered(*answers, at_ms=self.now_ms))

    def _shown(self, execution: Fill) -> ev.AnyEvent:
        return fills(execution, at_ms=self.now_ms)

    def _never_over(self, o: Order, before: Decimal) -> None:
        session = self.state.session
        if o.purpose not in (Purpose.PROJECTED, Purpose.CORRECTION) or session is None:
            return
        phase = Phase.PROJECTED if o.purpose is Purpose.PROJECTED else Phase.CORRECTION
        target = session.phase(phase).targets[o.coin]
        now = self.venue.positions.get(o.coin, D(0))
        assert (target - now) * (target - before) >= 0, (
            f"{o.coin} went past its target {target}: {before} -> {now}"
        )

    def _status(self, cloids: tuple[ClientOrderId, ...]) -> ev.AnyEvent:
        never = [Answer(cloid=c, outcome=Outcome.NEVER_PLACED) for c in cloids]
        return answered(*(self.venue.known.get(a.cloid, a) for a in never), at_ms=self.now_ms)

    def _read(self, made: Callable[[int], ev.AnyEvent]) -> None:
        asked_ms = self.now_ms
        if self.venue.rng.random() >= self.venue.faults.read_failed:
            self._later(150, lambda: made(asked_ms))

    def _ledger(self, from_ms: int, asked_ms: int) -> ev.AnyEvent:
        rows = [f for f in self.venue.fills if f.at_ms >= from_ms]
        return fills(*rows, at_ms=self.now_ms, covered=(from_ms, asked_ms - 1_500))

    def _funding(self, from_ms: int, _asked_ms: int) -> ev.AnyEvent:
        rows = tuple(p for p in self.venue.fundings if p.at_ms >= from_ms)
        return ev.FundingReceived(at_ms=self.now_ms, payments=rows)

    def preflight(self) -> ev.AnyEvent:
        universe = tuple(sorted(set(self.plan.projected or {}) | set(self.plan.correction or {})))
        return ev.PreflightDone(
            at_ms=self.now_ms, session=DAY, universe=universe, problems=self.plan.problems
        )

    def pipeline(self, intent: it.RunPipeline) -> None:
        delay_s = self.plan.delay_s.get(intent.phase, 2.0)
        if delay_s is not None:
            self._later(int(1000 * delay_s), lambda: self._computed(intent))

    def _computed(self, intent: it.RunPipeline) -> ev.AnyEvent:
        weights = self.plan.projected if intent.phase is Phase.PROJECTED else self.plan.correction
        if weights is None:
            return ev.ProFormaFailed(at_ms=self.now_ms, session=DAY, phase=intent.phase, reason="no solution")
        closes = intent.prices or {c: self.venue.px(c, CLOSE_MS) for c in PRICES}
        missing = self.plan.missing if intent.phase is Phase.CORRECTION else ()
        kept = {c: w for c, w in weights.items() if c not in missing}
        return ev.ProFormaReady(
            at_ms=self.now_ms,
            session=DAY,
            phase=intent.phase,
            proforma=proforma(kept, closes),
            missing_closes=missing,
        )

    # --- what it came to ---

    def position(self, coin: Coin) -> Decimal:
        return self.venue.positions.get(coin, D(0))

    def traded(self, coin: Coin, *purposes: Purpose) -> list[Decimal]:
        return [f.signed_qty for f in self.venue.fills if f.coin == coin and purpose_of(f.cloid) in purposes]


def still(coin: Coin, _: int) -> Decimal:
    """Prices that never move."""
    return PRICES[coin]


def moving(coin: Coin, now_ms: int) -> Decimal:
    """Prices that wander by a percent within the half hour, each coin on its own way."""
    phase = now_ms / 1000 / (180 + 70 * INSTRUMENTS[coin].asset_id)
    return round_price(
        PRICES[coin] * D(repr(1 + 0.01 * sin(phase))), Side.BUY, INSTRUMENTS[coin].size_decimals
    )


LONG_SHORT: Weights = {SOL: 0.08, DOGE: -0.06, XRP: 0.05}
FLIPPED: Weights = {SOL: -0.05, DOGE: 0.07, XRP: 0.05}


def night(
    projected: Weights | None = LONG_SHORT,
    correction: Weights | None = LONG_SHORT,
    *,
    faults: Faults = CALM,
    seed: int = 0,
    prices: Callable[[Coin, int], Decimal] = still,
    held: dict[Coin, Decimal] | None = None,
    settings: TradingSettings = SETTINGS,
    **plan: Any,
) -> Night:
    """Return a night that is ready to be played."""
    venue = Venue(prices, faults=faults, rng=Random(seed))
    for coin, qty in (held or {}).items():
        venue.hold(coin, qty, CLOSE_MS - 3_600_000)
    return Night(venue, Plan(projected, correction, **plan), settings=settings)
