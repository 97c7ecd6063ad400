"""The account's ledger: fills and funding payments, over HTTP and over the stream."""

from decimal import Decimal

import msgspec

from adapters.hyperliquid.wire.gate import (
    Fault,
    Id,
    Milliseconds,
    Unreadable,
    cloid,
    finite,
    positive,
    read_rows,
    side,
)
from core.types import Coin, Fill, FundingPayment


class FillRow(msgspec.Struct):
    """One row of userFills; px, sz, fee and closedPnl in USD or base units, fee positive when paid."""

    coin: str
    px: Decimal
    sz: Decimal
    side: str
    time: Milliseconds
    startPosition: Decimal
    oid: Id
    tid: Id
    fee: Decimal
    dir: str = ""
    closedPnl: Decimal = Decimal(0)
    crossed: bool = True
    cloid: str | None = None
    liquidation: msgspec.Raw = msgspec.Raw(b"null")


class FundingRow(msgspec.Struct):
    """One row of userFundings; usdc is negative when we paid."""

    time: Milliseconds
    coin: str
    usdc: Decimal
    szi: Decimal
    fundingRate: Decimal


class FundingDelta(msgspec.Struct):
    type: str
    coin: str
    usdc: Decimal
    szi: Decimal
    fundingRate: Decimal


class FundingEntry(msgspec.Struct):
    """The same over HTTP, where the ledger wraps it."""

    time: Milliseconds
    delta: FundingDelta


_fill_rows = msgspec.json.Decoder(list[FillRow], strict=False)
_fill_row = msgspec.json.Decoder(FillRow, strict=False)
_funding_rows = msgspec.json.Decoder(list[FundingRow])
_funding_row = msgspec.json.Decoder(FundingRow)
_funding_entries = msgspec.json.Decoder(list[FundingEntry])
_funding_entry = msgspec.json.Decoder(FundingEntry)


def _stamp(fill: Fill) -> int:
    return fill.at_ms


def to_fill(row: FillRow) -> Fill:
    """Return our fill for the venue's row. The fee already holds a builder's part (hyperliquid.md 1.3).

    Both sides of a liquidation carry its mark; the one that was liquidated is the one that crossed.
    """
    return Fill(
        coin=Coin(row.coin),
        side=side(row.side),
        qty=positive(row.sz),
        px=positive(row.px),
        fee_usd=finite(row.fee),
        tid=row.tid,
        oid=row.oid,
        at_ms=row.time,
        start_position=finite(row.startPosition),
        direction=row.dir,
        closed_pnl_usd=finite(row.closedPnl),
        crossed=row.crossed,
        cloid=cloid(row.cloid),
        liquidated=row.crossed and bytes(row.liquidation) != b"null",
    )


def read_fills(payload: bytes | str | msgspec.Raw) -> tuple[tuple[Fill, ...], tuple[Fault, ...]]:
    """Return fills, oldest first. The venue sends newest time first but execution order within a time,
    so the sort must be stable and must not reverse (verified on 500 recorded fills)."""
    fills, faults = read_rows("fills", payload, batch=_fill_rows, one=_fill_row, convert=to_fill)
    if len(fills) > 1:
        fills.sort(key=_stamp)
    return tuple(fills), faults


def _to_payment(row: FundingRow) -> FundingPayment:
    return FundingPayment(
        coin=Coin(row.coin),
        at_ms=row.time,
        usd=finite(row.usdc),
        qty=finite(row.szi),
        rate=finite(row.fundingRate),
    )


def _entry_to_payment(row: FundingEntry) -> FundingPayment:
    if row.delta.type != "funding":
        raise Unreadable(f"a {row.delta.type!r} entry where funding was asked for")
    delta = row.delta
    return _to_payment(FundingRow(row.time, delta.coin, delta.usdc, delta.szi, delta.fundingRate))


def read_user_fundings(
    payload: bytes | str | msgspec.Raw,
) -> tuple[tuple[FundingPayment, ...], tuple[Fault, ...]]:
    """Return the payments of a userFundings frame."""
    items, faults = read_rows("fundings", payload, batch=_funding_rows, one=_funding_row, convert=_to_payment)
    return tuple(items), faults


def read_funding_ledger(payload: bytes) -> tuple[tuple[FundingPayment, ...], tuple[Fault, ...]]:
    """Return the payments of a userFunding reply, as it came: ascending."""
    items, faults = read_rows(
        "userFunding", payload, batch=_funding_entries, one=_funding_entry, convert=_entry_to_payment
    )
    return tuple(items), faults
