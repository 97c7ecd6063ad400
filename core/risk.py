"""Limits, ACTIVE / REDUCING / HALTED, and the latch. Trims or refuses orders; never makes one, except to flatten."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from core.disputes import why_no_new_risk
from core.intents import AnyIntent, CancelEverything, RaiseAlert, TripKill
from core.notices import noted
from core.state import ZERO, State
from core.types import HEDGE_COINS, Coin, Order, Purpose, Quote, TradingState

PRICE_TIMES_MAX = 10.0
"""No price does that within a night: the coin is quoted in other units, or what is quoted is no price."""


def fresh_quote(state: State, coin: Coin) -> Quote | None:
    """Return the coin's quote when it may be traded on: young by our clock and the venue's, two-sided, not crossed."""
    quote = state.quotes.get(coin)
    if quote is None or quote.bid >= quote.ask:
        return None
    age_ms = state.at_ms - min(quote.received_ms, quote.at_ms)
    return quote if age_ms <= 1000 * state.settings.risk.quote_age_max_s else None


def equity_usd(state: State) -> float:
    snapshot = state.account.snapshot
    return float(snapshot.equity_usd) if snapshot else 0.0


def gross_usd(state: State) -> float:
    """Return the notional of all positions at the newest known prices (USD)."""
    return sum(abs(notional_usd(state, coin)) for coin in state.book.positions)


def notional_usd(state: State, coin: Coin) -> float:
    """Return the signed notional of a position at the newest known price, however old (USD)."""
    return float(state.book.positions.get(coin, ZERO)) * last_px_usd(state, coin)


def last_px_usd(state: State, coin: Coin) -> float:
    """Return last_px as a float, zero where no price is known."""
    mid_usd = state.mids_usd.get(coin)
    if mid_usd is not None:
        return mid_usd
    px = last_px(state, coin)
    return 0.0 if px is None else float(px)


def last_px(state: State, coin: Coin) -> Decimal | None:
    """Return the newest price known: the quote's mid, else the mark of the venue's last snapshot."""
    quote = state.quotes.get(coin)
    if quote is not None:
        return quote.mid
    snapshot = state.account.snapshot
    held = snapshot.positions.get(coin) if snapshot else None
    return held.mark_px if held else None


def screen(state: State, orders: Sequence[Order]) -> tuple[tuple[Order, ...], dict[Coin, str]]:
    """Return the orders that may go, and for the others the rule that stopped them.

    Limits are checked as if everything on its way, and everything before it in the batch, were filled.
    """
    passed: list[Order] = []
    refused: dict[Coin, str] = {}
    budget = state.settings.risk.orders_per_min_max - len(
        [t for t in state.orders.recent_ms if t > state.at_ms - 60_000]
    )
    committed = _committed(state)
    mids, gross = state.mids_usd, 0.0
    for coin, qty in committed.items():
        gross += abs(float(qty)) * (mids.get(coin) or last_px_usd(state, coin))
    for order in orders:
        before = committed.get(order.coin, ZERO)
        added_usd = float((abs(before + order.signed_qty) - abs(before)) * order.limit_px)
        reason = _refusal(state, order, committed_qty=before, gross_after_usd=gross + added_usd)
        reason = reason or ("order rate limit reached" if len(passed) >= budget else "")
        if reason:
            refused[order.coin] = reason
        else:
            passed.append(order)
            gross += added_usd
    return tuple(passed), refused


def _committed(state: State) -> dict[Coin, Decimal]:
    """Return the positions as they will be when everything of ours on its way is filled."""
    committed = dict(state.book.positions)
    for record in state.orders.open.values():
        coin = record.order.coin
        committed[coin] = committed.get(coin, ZERO) + record.outstanding_qty
    return committed


def _reduces(state: State, order: Order, committed_qty: Decimal) -> bool:
    """Say whether the order can only make a position smaller, whether or not what is on its way is filled."""
    sides = (state.book.positions.get(order.coin, ZERO), committed_qty)
    against = all(qty and (qty > 0) != (order.signed_qty > 0) for qty in sides)
    return against and order.qty <= min(abs(qty) for qty in sides)


def _refusal(state: State, order: Order, *, committed_qty: Decimal, gross_after_usd: float) -> str:
    limits = state.settings.risk
    value_usd = float(order.qty * order.limit_px)
    if state.trading is TradingState.HALTED and order.purpose is not Purpose.FLATTEN:
        return f"trading is halted: {state.halt_reason}"
    if order.purpose is Purpose.FLATTEN:
        return ""
    if state.stopping and order.purpose is not Purpose.HEDGE:
        return "the daemon is stopping"
    if _reduces(state, order, committed_qty):
        return ""
    if state.trading is TradingState.REDUCING and order.purpose is not Purpose.HEDGE:
        return "only orders that reduce a position may go"
    if order.purpose is not Purpose.HEDGE and (why := why_no_new_risk(state, order.coin)):
        return f"no new risk at a disputed price: {why}"
    if value_usd > limits.order_max_usd:
        return f"order of {value_usd:,.0f} USD is above order_max_usd {limits.order_max_usd:,.0f}"
    equity = equity_usd(state)
    after_usd = abs(float((committed_qty + order.signed_qty) * order.limit_px))
    if order.coin not in HEDGE_COINS and after_usd > limits.position_max * equity:
        return f"position of {after_usd:,.0f} USD would be above position_max of equity"
    if gross_after_usd > limits.gross_max * equity:
        return "gross would be above gross_max of equity"
    return ""


def halt(state: State, reason: str) -> tuple[State, tuple[AnyIntent, ...]]:
    """Stop for good: latch, cancel everything, say why and the way back."""
    if state.trading is TradingState.HALTED:
        return state, ()
    state = noted(replace(state, trading=TradingState.HALTED, halt_reason=reason), f"HALTED: {reason}")
    positions = "are being closed" if state.settings.flatten_on_kill else "are kept"
    text = f"HALTED: {reason}. Positions {positions}. Way back: nightdesk reset --reason '...'"
    alert = RaiseAlert(level="critical", code="halted", text=text)
    return state, (TripKill(reason=reason), CancelEverything(), alert)


def reduce(state: State, reason: str) -> tuple[State, tuple[AnyIntent, ...]]:
    """Take no new risk until an operator says so: hedges go on, slices only make positions smaller."""
    if state.trading is not TradingState.ACTIVE:
        return state, ()
    state = noted(replace(state, trading=TradingState.REDUCING, halt_reason=reason), f"REDUCING: {reason}")
    text = f"REDUCING: {reason}. The hedge goes on. Way back: nightdesk reset --reason '...'"
    return state, (RaiseAlert(level="critical", code="reducing", text=text),)


def reset(state: State) -> State:
    """Trade again as before. The session's record keeps why it did not."""
    if state.trading is not TradingState.ACTIVE:
        state = noted(state, f"ACTIVE again, an operator reset it; it was {state.trading.value}")
    hedge = replace(state.hedge, failures=0)
    account = replace(state.account, mismatches=0, mismatch="", mismatch_ms=0)
    return replace(state, trading=TradingState.ACTIVE, halt_reason="", hedge=hedge, account=account)


def strange_price(state: State) -> str:
    """Return what is wrong with the price of a coin that is held, beside the one that the session knew; "" for nothing.

    By such a price the coin would be hedged, and by its change betas be measured, a thousand times too large.
    """
    for coin in state.book.positions:
        mid_usd, known_usd = state.mids_usd.get(coin), _known_px_usd(state, coin)
        if mid_usd is None or not known_usd:
            continue
        if not 1 / PRICE_TIMES_MAX < mid_usd / known_usd < PRICE_TIMES_MAX:
            return f"{coin} is quoted at {mid_usd:g}, and was at {known_usd:g} when the session began"
    return ""


def _known_px_usd(state: State, coin: Coin) -> float | None:
    """Return the price that the projection was made with, else the opening's mark; None where neither knew the coin."""
    session = state.session
    if session is None:
        return None
    proforma, opening = session.projected.proforma, session.opening
    if proforma is not None and coin in proforma.closes:
        return float(proforma.closes[coin])
    held = opening.snapshot.positions.get(coin) if opening is not None else None
    return None if held is None else float(held.mark_px)


def watch(state: State) -> tuple[State, tuple[AnyIntent, ...]]:
    """Halt when a limit that protects the account as a whole is broken."""
    limits = state.settings
    session, snapshot = state.session, state.account.snapshot
    if state.hedge.failures >= limits.hedge.failures_max:
        return halt(state, f"{state.hedge.failures} hedge orders in a row were refused or not filled")
    if session is not None and session.opening is not None and snapshot is not None:
        before = session.opening.snapshot.equity_usd
        lost = float((before - snapshot.equity_usd) / before) if before > 0 else 0.0
        if lost > limits.risk.loss_max:
            return halt(state, f"equity fell by {lost:.1%} since the session opened, above loss_max")
    strange = strange_price(state)
    return halt(state, strange) if strange else (state, ())
