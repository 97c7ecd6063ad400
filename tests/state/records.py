"""Journal records made from their number: what a writer wrote can be told without asking it."""

from collections.abc import Sequence
from decimal import Decimal

from core.config import TradingSettings
from core.events import AnyEvent, ClockTicked, FillsReceived, OrdersAnswered, Started
from core.intents import AnyIntent, CancelEverything, RunPipeline, SubmitOrders
from core.types import (
    Answer,
    ClientOrderId,
    Coin,
    Fill,
    Order,
    Outcome,
    Phase,
    Purpose,
    Quote,
    SessionDay,
    Side,
    Tif,
)
from state.journal import Record

DAY = SessionDay("2025-01-31")
START_MS = 1_738_367_400_000


def record(seq: int) -> Record:
    return Record(seq, START_MS + seq, quotes(seq), _event(seq), _intents(seq))


def records(first: int, last: int) -> list[Record]:
    return [record(seq) for seq in range(first, last + 1)]


def quotes(seq: int) -> tuple[Quote, ...]:
    return tuple(
        Quote(
            coin=Coin(f"C{n}"),
            bid=Decimal(f"{100 + n}.{seq % 10}0"),
            ask=Decimal(f"{101 + n}.5"),
            bid_size=Decimal(seq),
            ask_size=Decimal("1e-7"),
            at_ms=START_MS + seq,
            received_ms=START_MS + seq + 3,
        )
        for n in range(seq % 4)
    )


def fill(seq: int) -> Fill:
    return Fill(
        coin=Coin("SOL"),
        side=Side.BUY,
        qty=Decimal("1.50"),
        px=Decimal("101.25"),
        fee_usd=Decimal("0.068343"),
        tid=2**63 + seq,
        oid=seq,
        at_ms=START_MS + seq,
        start_position=Decimal(0),
        direction="Open Long",
    )


def order(seq: int) -> Order:
    return Order(
        cloid=ClientOrderId(f"0x{seq:032x}"),
        coin=Coin("SOL"),
        asset_id=5,
        side=Side.SELL,
        qty=Decimal("1.5"),
        limit_px=Decimal("99.99"),
        tif=Tif.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        session=DAY,
        created_ms=START_MS + seq,
        expires_ms=START_MS + seq + 10_000,
        arrival_mid=Decimal("100.01"),
    )


def _event(seq: int) -> AnyEvent:
    at_ms = START_MS + seq
    answer = Answer(cloid=ClientOrderId(f"0x{seq:032x}"), outcome=Outcome.UNKNOWN, reason='"quoted" é\n')
    kinds: Sequence[AnyEvent] = (
        FillsReceived(at_ms=at_ms, fills=(fill(seq),)),
        ClockTicked(at_ms=at_ms),
        OrdersAnswered(at_ms=at_ms, answers=(answer,)),
        Started(at_ms=at_ms, version="0.1.0", settings=TradingSettings(seed=seq)),
    )
    return kinds[seq % len(kinds)]


def _intents(seq: int) -> tuple[AnyIntent, ...]:
    pipeline = RunPipeline(
        session=DAY,
        phase=Phase.CORRECTION,
        universe=(Coin("SOL"),),
        held_qty={Coin("SOL"): Decimal("-3.0")},
        equity_usd=Decimal("1000000"),
        prices={},
        give_up_ms=START_MS,
    )
    return ((), (SubmitOrders(orders=(order(seq),)),), (CancelEverything(), pipeline))[seq % 3]
