"""Builders for states and events: a desk with a few coins, and what can happen to it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from core import events as ev
from core import intents as it
from core.calendar import session_day
from core.config import TradingSettings
from core.engine import step
from core.orders import client_order_id
from core.state import Account, Book, Orders, State
from core.types import (
    AccountSnapshot,
    Answer,
    ClientOrderId,
    Coin,
    Fill,
    Instrument,
    Order,
    ProForma,
    Purpose,
    Quote,
    Side,
    Tif,
    VenuePosition,
)

D = Decimal
CLOSE_MS = 1_748_822_400_000
"""2025-06-02 00:00 UTC."""
DAY = session_day(CLOSE_MS)
SETTINGS = TradingSettings()
ZERO, TEN, MILLION = D(0), D(10), D(1_000_000)

BTC, ETH, SOL, DOGE, XRP = (Coin(c) for c in ("BTC", "ETH", "SOL", "DOGE", "XRP"))
PRICES = {BTC: D(100_000), ETH: D(4_000), SOL: D(150), DOGE: D("0.20"), XRP: D("2.5")}
INSTRUMENTS = {
    coin: Instrument(coin=coin, asset_id=n, size_decimals=decimals, leverage_max=20)
    for n, (coin, decimals) in enumerate({BTC: 5, ETH: 4, SOL: 2, DOGE: 0, XRP: 0}.items())
}
BETAS = {SOL: (1.2, 0.3), DOGE: (0.9, 0.4), XRP: (1.0, 0.1)}


def quote(coin: Coin, px: Decimal | None = None, *, at_ms: int = CLOSE_MS) -> Quote:
    mid = PRICES[coin] if px is None else px
    spread = mid / 10_000
    return Quote(
        coin=coin,
        bid=mid - spread,
        ask=mid + spread,
        bid_size=D(1),
        ask_size=D(1),
        at_ms=at_ms,
        received_ms=at_ms,
    )


def snapshot(
    positions: dict[Coin, Decimal] | None = None, *, at_ms: int = CLOSE_MS, equity_usd: Decimal = MILLION
) -> AccountSnapshot:
    held = {
        c: VenuePosition(coin=c, qty=q, entry_px=PRICES[c], mark_px=PRICES[c])
        for c, q in (positions or {}).items()
    }
    return AccountSnapshot(at_ms=at_ms, equity_usd=equity_usd, positions=held)


def desk(
    positions: dict[Coin, Decimal] | None = None,
    *,
    at_ms: int = CLOSE_MS,
    settings: TradingSettings = SETTINGS,
    equity_usd: Decimal = MILLION,
) -> State:
    """Return a state that knows instruments, prices, betas and the account, with nothing on its way."""
    held = dict(positions or {})
    return State(
        settings=settings,
        at_ms=at_ms,
        instruments=INSTRUMENTS,
        quotes={c: quote(c, at_ms=at_ms) for c in PRICES},
        book=Book(positions=held, opened_ms=at_ms - 3_600_000, covered_to_ms=at_ms - 10_000),
        account=Account(
            snapshot=snapshot(held, at_ms=at_ms, equity_usd=equity_usd),
            asked_ms=at_ms,
            fills_asked_ms=at_ms,
            stream_up=True,
            stream_ms=at_ms - 20_000,
        ),
        orders=Orders(counter=1_000),
        hedge=replace(State(settings=settings).hedge, betas=BETAS),
    )


def order(coin: Coin = SOL, qty: Decimal = TEN, **changes: Any) -> Order:
    """Return an order for a signed quantity, with an id of its purpose."""
    made = Order(
        cloid=cloid(changes.get("purpose", Purpose.PROJECTED), 1),
        coin=coin,
        asset_id=INSTRUMENTS[coin].asset_id,
        side=Side.BUY if qty > 0 else Side.SELL,
        qty=abs(qty),
        limit_px=PRICES[coin],
        tif=Tif.IOC,
        reduce_only=False,
        purpose=Purpose.PROJECTED,
        session=DAY,
        created_ms=CLOSE_MS,
        expires_ms=CLOSE_MS + 10_000,
        arrival_mid=PRICES[coin],
    )
    return replace(made, **changes)


def cloid(purpose: Purpose, counter: int) -> ClientOrderId:
    return client_order_id(DAY, purpose, asset_id=0, counter=counter)


def fill(coin: Coin, qty: Decimal, *, tid: int = 1, **changes: Any) -> Fill:
    """Return an execution of a signed quantity at the desk's price."""
    made = Fill(
        coin=coin,
        side=Side.BUY if qty > 0 else Side.SELL,
        qty=abs(qty),
        px=PRICES[coin],
        fee_usd=D(0),
        tid=tid,
        oid=tid,
        at_ms=CLOSE_MS,
        start_position=D(0),
        direction="Open Long",
        cloid=cloid(Purpose.PROJECTED, 99),
    )
    return replace(made, **changes)


def fills(
    *executions: Fill, at_ms: int = CLOSE_MS, covered: tuple[int, int] | None = None
) -> ev.FillsReceived:
    first, last = covered or (None, None)
    return ev.FillsReceived(at_ms=at_ms, fills=executions, covered_from_ms=first, covered_to_ms=last)


def answered(*answers: Answer, at_ms: int = CLOSE_MS) -> ev.OrdersAnswered:
    return ev.OrdersAnswered(at_ms=at_ms, answers=answers)


def tick(at_ms: int) -> ev.ClockTicked:
    return ev.ClockTicked(at_ms=at_ms)


def after(state: State, *events: ev.AnyEvent) -> tuple[State, tuple[it.AnyIntent, ...]]:
    """Return the state after all events, and everything that was wanted on the way."""
    wanted: tuple[it.AnyIntent, ...] = ()
    for event in events:
        state, intents = step(state, event)
        wanted += intents
    return state, wanted


def sent(intents: Iterable[it.AnyIntent], *purposes: Purpose) -> list[Order]:
    """Return the orders in the intents, of these purposes when any are named."""
    orders = [o for i in intents if isinstance(i, it.SubmitOrders) for o in i.orders]
    return [o for o in orders if not purposes or o.purpose in purposes]


def of(intents: Iterable[it.AnyIntent], kind: type[Any]) -> list[Any]:
    return [i for i in intents if isinstance(i, kind)]


def proforma(
    weights: dict[Coin, float], closes: dict[Coin, Decimal] | None = None, **changes: Any
) -> ProForma:
    made = ProForma(
        weights=weights,
        betas={c: BETAS[c] for c in weights if c in BETAS},
        closes=dict(PRICES if closes is None else closes),
        adv_usd=dict.fromkeys(weights, 1e9),
        reasons={},
        solver="given",
        status="optimal",
        objective=0.0,
        gap=0.0,
        parameters={},
    )
    return replace(made, **changes)
