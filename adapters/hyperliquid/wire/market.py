"""What the venue lists and what it traded: instruments, candles, funding, turnover."""

from decimal import Decimal

import msgspec

from adapters.hyperliquid.wire.gate import (
    BAD,
    Fault,
    Milliseconds,
    Unreadable,
    fault,
    finite,
    not_negative,
    positive,
    read_rows,
)
from adapters.ports import Candle, HourlyFunding
from core.types import Coin, Instrument

HOUR_MS = 3_600_000


class Asset(msgspec.Struct):
    name: str
    szDecimals: int
    maxLeverage: int = 1
    isDelisted: bool = False


class Meta(msgspec.Struct):
    universe: list[msgspec.Raw]


class AssetContext(msgspec.Struct):
    dayNtlVlm: Decimal


class CandleRow(msgspec.Struct):
    """t opens and T closes it, both in ms and both inclusive; v is in base units."""

    t: Milliseconds
    T: Milliseconds
    s: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - the venue's name
    c: Decimal
    v: Decimal
    n: int


class FundingRow(msgspec.Struct):
    coin: str
    fundingRate: Decimal
    time: Milliseconds


class Status(msgspec.Struct):
    time: Milliseconds
    specialStatuses: msgspec.Raw = msgspec.Raw(b"null")


_meta = msgspec.json.Decoder(Meta)
_asset = msgspec.json.Decoder(Asset)
_meta_and_contexts = msgspec.json.Decoder(tuple[Meta, list[msgspec.Raw]])
_context = msgspec.json.Decoder(AssetContext)
_candles = msgspec.json.Decoder(list[CandleRow], strict=False)
_candle = msgspec.json.Decoder(CandleRow, strict=False)
_fundings = msgspec.json.Decoder(list[FundingRow])
_funding = msgspec.json.Decoder(FundingRow)
_status = msgspec.json.Decoder(Status)


def to_instrument(raw: msgspec.Raw, asset_id: int) -> Instrument:
    asset = _asset.decode(raw)
    if not 0 <= asset.szDecimals <= 6:
        raise Unreadable(f"szDecimals is {asset.szDecimals}, a perpetual has 0 to 6")
    return Instrument(
        coin=Coin(asset.name),
        asset_id=asset_id,
        size_decimals=asset.szDecimals,
        leverage_max=asset.maxLeverage,
        delisted=asset.isDelisted,
    )


def _instruments(meta: Meta) -> tuple[tuple[Instrument, ...], tuple[Fault, ...]]:
    """The asset id is the place in the universe, so that a bad row must not move its followers."""
    items: list[Instrument] = []
    faults: list[Fault] = []
    for asset_id, raw in enumerate(meta.universe):
        try:
            items.append(to_instrument(raw, asset_id))
        except BAD as error:
            faults.append(fault(f"universe[{asset_id}]", error, bytes(raw)))
    return tuple(items), tuple(faults)


def read_instruments(payload: bytes) -> tuple[tuple[Instrument, ...], tuple[Fault, ...]]:
    """Return all perpetuals of a meta reply, delisted ones included. Raises one of gate.BAD."""
    return _instruments(_meta.decode(payload))


def read_day_volumes(payload: bytes) -> tuple[dict[Coin, Decimal], tuple[Fault, ...]]:
    """Return USD traded in the last 24 h by coin, from metaAndAssetCtxs. Raises one of gate.BAD."""
    meta, contexts = _meta_and_contexts.decode(payload)
    if len(contexts) != len(meta.universe):
        raise Unreadable(f"{len(meta.universe)} assets but {len(contexts)} contexts")
    instruments, unread = _instruments(meta)
    volumes: dict[Coin, Decimal] = {}
    faults = list(unread)
    for instrument in instruments:
        raw = contexts[instrument.asset_id]
        try:
            volumes[instrument.coin] = not_negative(_context.decode(raw).dayNtlVlm)
        except BAD as error:
            faults.append(fault(f"context of {instrument.coin}", error, bytes(raw)))
    return volumes, tuple(faults)


def to_candle(row: CandleRow) -> Candle:
    """Return a candle whose low and high hold its open and close."""
    if not positive(row.l) <= min(positive(row.o), positive(row.c)):
        raise Unreadable(f"low {row.l} is above open {row.o} or close {row.c}")
    if not positive(row.h) >= max(row.o, row.c):
        raise Unreadable(f"high {row.h} is below open {row.o} or close {row.c}")
    if row.t >= row.T:
        raise Unreadable(f"closes at {row.T}, before it opens at {row.t}")
    return Candle(
        coin=Coin(row.s),
        open_ms=row.t,
        close_ms=row.T,
        open=row.o,
        high=row.h,
        low=row.l,
        close=row.c,
        volume=not_negative(row.v),
        trades=row.n,
    )


def read_candles(payload: bytes) -> tuple[tuple[Candle, ...], tuple[Fault, ...]]:
    """Return the candles of a candleSnapshot reply; the last one may still be open."""
    items, faults = read_rows("candle", payload, batch=_candles, one=_candle, convert=to_candle)
    return tuple(items), faults


def read_funding_history(payload: bytes) -> tuple[tuple[tuple[int, HourlyFunding], ...], tuple[Fault, ...]]:
    """Return (stamp in ms, rate of that hour) for each row; the stamp, a little past the hour, is for paging."""
    items, faults = read_rows("fundingHistory", payload, batch=_fundings, one=_funding, convert=_to_hourly)
    return tuple(items), faults


def _to_hourly(row: FundingRow) -> tuple[int, HourlyFunding]:
    hour_ms = row.time // HOUR_MS * HOUR_MS
    return row.time, HourlyFunding(Coin(row.coin), hour_ms, finite(row.fundingRate))


def read_status(payload: bytes) -> Status:
    """Return the venue's time and whatever it says about upgrades. Raises one of gate.BAD."""
    return _status.decode(payload)
