"""Exposure outside its band is being worked on, and its time is counted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.events import ClockTicked, FillsReceived, OrdersAnswered
from core.intents import RaiseAlert
from core.state import State
from core.types import Coin, Fill, Purpose, TradingState
from sim.checkers import Step
from sim.checks.sums import (
    FACTORS,
    ZERO,
    Delta,
    band_usd,
    delta_usd,
    equity_usd,
    is_fresh,
    is_hedge,
    live_qty,
    opened_qty,
    px_usd,
)

if TYPE_CHECKING:
    from sim.world import World

LOOKS = (ClockTicked, FillsReceived, OrdersAnswered)
"""After these an exposure outside its band has an order on its way, or there is a reason why not."""
SLACK_MS = 100
BACKOFF_MAX_MS = 13_000
"""Ten seconds where the venue takes no more, 12.8 after hedges that did nothing, however long their interval is."""
MINUTE_MS = 60_000
OTHER_UNITS = 10
"""No drawn price moves that far in a night (a gap has 30 %): a quote beyond it is one of the faults of units."""


class ExposureIsWorkedOn:
    """figures: outside_s, the time spent outside the band; exposure_usd_s, the integral of what was beyond it (the larger
    of both deltas, USD seconds); worst_delta_usd, the farthest from zero it ever was. A dead daemon has what it left,
    and what is quoted in other units for a while counts as it was before.
    """

    name = "exposure"

    def __init__(self) -> None:
        self._outside_s = self._exposure_usd_s = self._worst_usd = 0.0
        self._since_s = self._beyond_usd = 0.0
        self._sent_ms = 0
        self._opened: list[tuple[int, float]] = []
        self._first_px: dict[Coin, float] = {}
        self._delta: Delta = (0.0, 0.0)

    def on_step(self, step: Step) -> Iterator[str]:
        state = step.state
        delta, band = delta_usd(state), band_usd(state)
        self._count(step.world.now_s, self._true(state, delta), band)
        self._note_hedges(step)
        if isinstance(step.event, LOOKS) and max(map(abs, delta)) > band and not _excused(state):
            yield from self._idle(state, delta, band)

    def at_end(self, world: "World") -> Iterator[str]:
        self._count(world.now_s, (0.0, 0.0), 0.0)
        assert world.checkers is not None
        world.checkers.figures |= {
            "outside_s": round(self._outside_s, 3),
            "exposure_usd_s": round(self._exposure_usd_s, 2),
            "worst_delta_usd": round(self._worst_usd, 2),
        }
        return iter(())

    def _true(self, state: State, delta: Delta) -> Delta:
        """Return the delta that counts: a position is no thousand times itself because its coin is told in other units."""
        for coin in state.book.positions:
            usd = px_usd(state, coin)
            first = self._first_px.setdefault(coin, usd) if usd else 0.0
            if usd > OTHER_UNITS * first or usd * OTHER_UNITS < first:
                return self._delta
        self._delta = delta
        return delta

    def _count(self, now_s: float, delta: Delta, band: float) -> None:
        if self._beyond_usd > 0:
            self._outside_s += now_s - self._since_s
            self._exposure_usd_s += self._beyond_usd * (now_s - self._since_s)
        farthest = max(map(abs, delta))
        self._worst_usd = max(self._worst_usd, farthest)
        self._since_s, self._beyond_usd = now_s, max(farthest - band, 0.0)

    def _note_hedges(self, step: Step) -> None:
        at_ms, event = step.state.at_ms, step.event
        refused = any(isinstance(i, RaiseAlert) and i.code == "hedge.refused" for i in step.intents)
        if refused or any(o.purpose is Purpose.HEDGE for o in step.orders):
            self._sent_ms = at_ms
        if isinstance(event, FillsReceived):
            seen = step.before.book.seen_fills
            self._opened += [
                (at_ms, _opened_usd(f)) for f in event.fills if is_hedge(f) and f.key not in seen
            ]
        self._opened = [(t, usd) for t, usd in self._opened if t > at_ms - MINUTE_MS]

    def _idle(self, state: State, delta: Delta, band: float) -> Iterator[str]:
        if state.at_ms - self._sent_ms < _pause_ms(state):
            return
        live = {r.order.coin for r in state.orders.open.values() if r.order.purpose is Purpose.HEDGE}
        for coin, usd in zip(FACTORS, delta, strict=True):
            ready = is_fresh(state, coin) and coin in state.instruments
            if abs(usd) > band and coin not in live and ready and self._may(state, coin, usd):
                yield f"a delta of {usd:.2f} USD {coin}, outside of {band:.2f}, and nothing is done about it"

    def _may(self, state: State, coin: Coin, usd: float) -> bool:
        """Say whether the cap of turnover leaves an order: what closes a position needs no room, what is on its way does."""
        held = state.book.positions.get(coin, ZERO)
        closing_usd = abs(float(held)) * px_usd(state, coin) if float(held) * usd > 0 else 0.0
        room_usd = state.settings.hedge.turnover_max_per_min * equity_usd(state)
        room_usd -= sum(usd for _, usd in self._opened) + _opening_usd(state)
        return closing_usd + max(room_usd, 0.0) >= 2 * state.settings.twap.min_order_usd


def _opened_usd(fill: Fill) -> float:
    return float(opened_qty(fill.start_position, fill.signed_qty) * fill.px)


def _opening_usd(state: State) -> float:
    """Return what hedges on their way may open (USD)."""
    opening_usd = 0.0
    for coin in FACTORS:
        change = sum((live_qty(r) for r in state.orders.open.values() if r.order.coin == coin), ZERO)
        held = state.book.positions.get(coin, ZERO)
        opening_usd += float(opened_qty(held, change)) * px_usd(state, coin)
    return opening_usd


def _excused(state: State) -> bool:
    """Say whether hedging waits as a whole: halted, or nothing is known of account or betas yet."""
    halted = state.trading is TradingState.HALTED
    return halted or state.account.snapshot is None or not state.hedge.betas


def _pause_ms(state: State) -> float:
    """Return how long after a hedge the next may be waited for."""
    spent = state.allowance is not None and state.allowance.left <= 0
    post_only = state.at_ms < state.account.post_only_until_ms
    if state.hedge.failures or spent or post_only:
        return BACKOFF_MAX_MS
    return 1000 * state.settings.hedge.min_interval_s + SLACK_MS
