"""The session's report: what was wanted, what was done, what it cost, and what must be true of it.

Pure: from the state at the end of the session to a JSON-ready document (issue contract: session reports).
"""

from datetime import UTC, datetime
from decimal import Decimal
from statistics import median, quantiles
from typing import Any

from core import dead_man, hedge, risk, trade
from core.calendar import DAY_MS, session_day, timetable
from core.sizing import to_decimal
from core.state import ZERO, Ledger, LegStats, PhaseRecord, Session, State
from core.types import HEDGE_COINS, Coin, Phase, Purpose, TradingState

Document = dict[str, Any]

EXPLAINED_BPS_MAX = 1.0
UNDECIDED = "left to an order without an outcome"


def session_report(state: State) -> Document:
    """Return the report of the state's session, which must have ended."""
    session = state.session
    assert session is not None
    document: Document = {
        "session": session.day,
        "close": iso(session.close_ms),
        "stage": session.stage.value,
        "trading": state.trading.value,
        "halt_reason": state.halt_reason,
        "restarts": session.restarts,
        "problems": list(session.problems),
        "notices": [{"at": iso(at_ms), "text": text} for at_ms, text in session.notices],
        "universe": list(session.universe or ()),
        "phases": {p.value: _phase(state, session, session.phase(p)) for p in Phase},
        "orders": _orders(state, session),
        "fills": _fills(session),
        "assets": _assets(state, session),
        "hedge": _hedge(state, session),
        "dead_man": _dead_man(state, session),
        "equity": _equity(state, session),
    }
    document["invariants"] = _invariants(state, session, document)
    return document


def iso(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="milliseconds")


def final_targets(session: Session) -> dict[Coin, Decimal]:
    """Return the targets the book should have ended on: corrected, else what was projected."""
    corrected = session.correction
    return corrected.targets if corrected.proforma is not None else session.projected.targets


def _slices(state: State, session: Session, record: PhaseRecord) -> int:
    """Return how many of the planned slices came due; the repetitions after the last are not counted."""
    if record.started_ms is None:
        return 0
    plan = trade.schedule(session, record, seed=state.settings.seed)
    return min(record.next_slice, plan.count(state.settings.twap))


def _phase(state: State, session: Session, record: PhaseRecord) -> Document:
    proforma = record.proforma
    opening = session.opening
    previous = {c: str(p.qty) for c, p in opening.snapshot.positions.items()} if opening else {}
    return {
        "stage": "traded" if proforma is not None else "held",
        "reason": record.reason,
        "requested": iso(record.requested_ms),
        "start": iso(record.started_ms),
        "end": iso(record.ended_ms),
        "attempts": record.attempts,
        "slices": _slices(state, session, record),
        "targets": {c: str(q) for c, q in sorted(record.targets.items())},
        "previous": previous,
        "weights": dict(sorted(proforma.weights.items())) if proforma else {},
        "closes": {c: str(p) for c, p in sorted(proforma.closes.items())} if proforma else {},
        "solver": proforma.solver if proforma else None,
        "solver_status": proforma.status if proforma else None,
        "objective": proforma.objective if proforma else None,
        "gap": proforma.gap if proforma else None,
        "parameters": proforma.parameters if proforma else {},
    }


def _leg(leg: LegStats) -> Document:
    notional = leg.notional_usd
    return {
        "orders": leg.orders,
        "fills": leg.fills,
        "rejected": leg.rejected,
        "notional_usd": float(notional),
        "fees_usd": float(leg.fees_usd),
        "slippage_bps": float(leg.slippage_usd / notional * 10_000) if notional else None,
    }


def _total(session: Session) -> LegStats:
    legs = list(session.legs.values())
    return LegStats(
        orders=sum(leg.orders for leg in legs),
        fills=sum(leg.fills for leg in legs),
        rejected=sum(leg.rejected for leg in legs),
        notional_usd=sum((leg.notional_usd for leg in legs), ZERO),
        fees_usd=sum((leg.fees_usd for leg in legs), ZERO),
        slippage_usd=sum((leg.slippage_usd for leg in legs), ZERO),
    )


def _orders(state: State, session: Session) -> Document:
    total = _total(session)
    by_leg = {p.value: _leg(session.legs.get(p, LegStats())) for p in Purpose}
    return {
        "count": total.orders,
        "rejected": total.rejected,
        "open": len(state.orders.open),
        "rationed": session.rationed,
        "burnt": session.burnt,
        "by_leg": by_leg,
    }


def _fills(session: Session) -> Document:
    total = _leg(_total(session))
    return {
        "count": total["fills"],
        "notional_usd": total["notional_usd"],
        "fees_usd": total["fees_usd"],
        "slippage_bps": total["slippage_bps"],
    }


def _assets(state: State, session: Session) -> list[Document]:
    targets = final_targets(session)
    coins = sorted(set(targets) | {c for c in state.book.positions if c not in HEDGE_COINS})
    return [_asset(state, session, c, targets.get(c)) for c in coins] + [
        _hedge_asset(state, c) for c in HEDGE_COINS
    ]


def _asset(state: State, session: Session, coin: Coin, target: Decimal | None) -> Document:
    position = state.book.positions.get(coin, ZERO)
    residual = (target if target is not None else position) - position
    instrument = state.instruments.get(coin)
    lots = float(residual / instrument.lot) if instrument else None
    reason = _why_residual(state, session, coin, residual) if residual else session.held.get(coin, "")
    return {
        "coin": coin,
        "target": None if target is None else str(target),
        "position": str(position),
        "residual_lots": lots,
        "residual_usd": float(residual * _worth(state, session, coin)),
        "reason": reason or ("no target: the pipeline never spoke of it" if target is None else ""),
    }


def _worth(state: State, session: Session, coin: Coin) -> Decimal:
    """Return the newest price of a coin; without a live one the close that its target was made with."""
    live = risk.last_px(state, coin)
    if live is not None:
        return live
    made_with = [p.proforma.closes.get(coin) for p in (session.correction, session.projected) if p.proforma]
    return next((px for px in made_with if px is not None), ZERO)


def _why_residual(state: State, session: Session, coin: Coin, residual: Decimal) -> str:
    """Name the reason for what is missing; the empty word is a broken promise, and an invariant says so."""
    if coin in session.held:
        return session.held[coin]
    if state.halt_reason:
        how = "was halted" if state.trading is TradingState.HALTED else "only made positions smaller"
        return f"trading {how}: {state.halt_reason}"
    if coin in state.instruments and state.instruments[coin].delisted:
        return "delisted by the venue: not traded"
    px = risk.last_px(state, coin)
    minimum = to_decimal(state.settings.twap.min_order_usd)
    since_ms = session.correction.unpriced.get(coin)
    if px is None and since_ms is None:
        return "no price"
    if px is not None and abs(residual) * px < minimum:
        return f"under the minimum order value of {minimum} USD: carried"
    if session.correction.proforma is None:
        return f"correction held: {session.correction.reason or 'it did not start'}"
    if since_ms is not None and not trade.is_withheld(session):
        return f"no fresh price since {_clock(since_ms)}: not traded"
    return (
        _why_no_slice(state, session, coin)
        or "not filled by the deadline within the slice's size and price limits"
    )


def _why_no_slice(state: State, session: Session, coin: Coin) -> str:
    """Say why nothing was sent towards the end of the correction; the empty word when its last slice was."""
    record = session.correction
    if trade.is_withheld(session):
        return "the fills of the account were not proved at the deadline: not traded"
    if record.slice_ms < state.started_ms <= (record.ended_ms or 0):
        return f"the daemon was started again at {_clock(state.started_ms)}, too late for a slice"
    if coin in record.undecided:
        return f"{UNDECIDED} since {_clock(record.undecided[coin])}: not traded beside it"
    return ""


def _clock(at_ms: int) -> str:
    """Return the time of day (UTC), as HH:MM:SS."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).strftime("%H:%M:%S")


def _hedge_asset(state: State, coin: Coin) -> Document:
    position = state.book.positions.get(coin, ZERO)
    delta = hedge.net_delta_usd(state)[HEDGE_COINS.index(coin)]
    px, instrument = risk.last_px(state, coin), state.instruments.get(coin)
    lots = -delta / float(px * instrument.lot) if px and instrument else None
    target = None if px is None else str(position - to_decimal(round(delta / float(px), 12)))
    return {
        "coin": coin,
        "target": target,
        "position": str(position),
        "residual_lots": lots,
        "residual_usd": -delta,
        "reason": "hedge: follows the confirmed positions, inside its band",
    }


def _hedge(state: State, session: Session) -> Document:
    leg, kept = session.legs.get(Purpose.HEDGE, LegStats()), state.hedge
    times = sorted(kept.reaction_ms)
    delta = hedge.net_delta_usd(state)
    return {
        **_leg(leg),
        "count": leg.orders,
        "worst_delta_usd": dict(zip(HEDGE_COINS, kept.worst_usd, strict=True)),
        "final_delta_usd": dict(zip(HEDGE_COINS, delta, strict=True)),
        "band_usd": hedge.band_usd(state),
        "outside_band_s": kept.outside_s,
        "reactions": len(times),
        "fill_to_hedge_median_ms": median(times) if times else None,
        "fill_to_hedge_p99_ms": quantiles(times, n=100)[98] if len(times) > 1 else None,
    }


def _dead_man(state: State, session: Session) -> Document:
    """Say what would have ended open orders if the daemon had died in the session's windows."""
    kept, day = state.dead_man, session.close_ms // DAY_MS
    reason = dead_man.why_not(kept, day=day)
    return {
        "protection": "order expiries" if reason else "scheduled cancel and order expiries",
        "reason": reason,
        "expiry_s": state.settings.twap.order_expiry_s,
        "fired": {session_day((d + 1) * DAY_MS): kept.fired.get(d, 0) for d in (day - 1, day)},
    }


def _equity(state: State, session: Session) -> Document:
    """Split the change of equity into what made it; residual is what none of it explains."""
    opening, closing = session.opening, session.closing
    if opening is None or closing is None:
        return {"before": None, "after": None, "explained": False}
    ledger = _closing_ledger(state, session)
    fees = _since(ledger.fees_usd, opening.ledger.fees_usd)
    funding = _since(ledger.funding_usd, opening.ledger.funding_usd)
    price = {c: _price_pnl(state, session, c) for c in _touched(state, session)}
    hedges = sum((v for c, v in price.items() if c in HEDGE_COINS), ZERO)
    alts = sum((v for c, v in price.items() if c not in HEDGE_COINS), ZERO)
    before, after = opening.snapshot.equity_usd, closing.equity_usd
    parts = {"price": alts, "hedge": hedges, "funding": funding, "fees": -fees}
    residual = after - before - sum(parts.values(), ZERO)
    bps = float(abs(residual) / before * 10_000) if before else None
    return {
        "before": float(before),
        "after": float(after),
        **{name: float(value) for name, value in parts.items()},
        "residual": float(residual),
        "residual_bps": bps,
        "explained": bps is not None and bps <= EXPLAINED_BPS_MAX,
    }


def _closing_ledger(state: State, session: Session) -> Ledger:
    """Return the money as of the closing snapshot: hedges go on while the report is being written."""
    return state.book.ledger if session.closing_ledger is None else session.closing_ledger


def _touched(state: State, session: Session) -> list[Coin]:
    assert session.opening is not None
    assert session.closing is not None
    held = session.opening.snapshot.positions.keys() | session.closing.positions.keys()
    return sorted(held | _closing_ledger(state, session).cash_usd.keys())


def _price_pnl(state: State, session: Session, coin: Coin) -> Decimal:
    """Return value at the end less value at the start plus cash from trading, at the venue's marks (USD)."""
    assert session.opening is not None
    assert session.closing is not None
    first = session.opening.snapshot.positions.get(coin)
    last = session.closing.positions.get(coin)
    value = (last.qty * last.mark_px if last else ZERO) - (first.qty * first.mark_px if first else ZERO)
    before = session.opening.ledger.cash_usd.get(coin, ZERO)
    return value + _closing_ledger(state, session).cash_usd.get(coin, ZERO) - before


def _since(now: dict[Coin, Decimal], then: dict[Coin, Decimal]) -> Decimal:
    return sum(now.values(), ZERO) - sum(then.values(), ZERO)


def _invariants(state: State, session: Session, document: Document) -> list[Document]:
    """What must hold after every night, checked on this one."""
    off = [
        a["coin"]
        for a in document["assets"]
        if not a["reason"] and (a["residual_lots"] is None or abs(a["residual_lots"]) > 1)
    ]
    equity, final = document["equity"], document["hedge"]["final_delta_usd"]
    band = document["hedge"]["band_usd"]
    loose = {c: d for c, d in final.items() if abs(d) > band}
    table = timetable(session.close_ms, state.settings.session)
    compared = state.account.snapshot is not None and not state.account.mismatches
    checks = [
        (
            "every position is within one lot of its target, or says why",
            not off,
            _off_words(document, off),
        ),
        ("positions equal the venue's", compared, state.account.mismatch),
        (
            "every fill is proved by the venue's ledger",
            _is_covered(state, table.deadline_ms),
            iso(state.book.covered_to_ms),
        ),
        ("no order is open or unknown", not state.orders.open, f"{len(state.orders.open)} open"),
        ("net delta is inside its band", not loose, _loose_words(state, loose)),
        ("equity is explained to 1 bp", bool(equity.get("explained")), f"residual {equity.get('residual')}"),
        ("trading is not halted", not state.halt_reason, _why_not_active(state)),
    ]
    return [{"name": name, "held": held, "detail": detail or ""} for name, held, detail in checks]


def _why_not_active(state: State) -> str:
    return f"{state.trading.value}: {state.halt_reason}" if state.halt_reason else ""


def _off_words(document: Document, off: list[str]) -> str:
    """Name the coins that are off without a reason, and those that are off with one."""
    excused = [
        f"{a['coin']} ({a['reason']})"
        for a in document["assets"]
        if a["target"] is not None and a["reason"] and abs(a["residual_lots"] or 0) > 1
        if a["coin"] not in HEDGE_COINS
    ]
    words = [f"off: {off}"] if off else []
    return "; ".join([*words, *([f"not reached, and why: {', '.join(excused)}"] if excused else [])])


def _loose_words(state: State, loose: dict[str, float]) -> str:
    if loose and not state.hedge.betas:
        return f"{loose}, by a guess: no pipeline has given betas yet, so nothing was hedged"
    return str(loose) if loose else ""


def _is_covered(state: State, deadline_ms: int) -> bool:
    covered = state.book.covered_to_ms
    return covered is not None and covered >= min(deadline_ms, state.book.last_fill_ms)
