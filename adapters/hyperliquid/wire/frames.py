"""Frames of the websocket, turned into events. The path from a fill to its hedge begins here."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from adapters.hyperliquid.wire.account import read_account, read_strangers
from adapters.hyperliquid.wire.gate import (
    BAD,
    Fault,
    Milliseconds,
    Unreadable,
    fault,
    is_price,
    positive,
    shown,
)
from adapters.hyperliquid.wire.ledger import read_fills, read_user_fundings
from adapters.hyperliquid.wire.status import read_order_updates
from core.events import AnyEvent, FillsReceived, FundingReceived, OrdersAnswered, QuoteReceived
from core.types import Coin, Quote

AHEAD_MAX_MS = 600_000
"""A price from further in the future would stand above all that come before that time, so it is none."""


class Frame(NamedTuple):
    """What one frame said. channel is the venue's word ("" when unreadable); mids only on allMids, coin on those of one
    coin; positions (signed, base units) only on clearinghouseState."""

    channel: str
    events: tuple[AnyEvent, ...] = ()
    faults: tuple[Fault, ...] = ()
    snapshot: bool = False
    mids: dict[str, Decimal] | None = None
    text: str = ""
    coin: str = ""
    positions: dict[str, Decimal] | None = None


class Envelope(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class Level(msgspec.Struct):
    px: Decimal
    sz: Decimal


class Bbo(msgspec.Struct):
    coin: str
    time: Milliseconds
    bbo: tuple[Level | None, Level | None]


class Book(msgspec.Struct):
    """Only the best level of each side is looked at, so that the others are left as they came."""

    coin: str
    time: Milliseconds
    levels: tuple[list[msgspec.Raw], list[msgspec.Raw]]


class UserFills(msgspec.Struct):
    user: str
    fills: msgspec.Raw
    isSnapshot: bool = False


class UserFundings(msgspec.Struct):
    user: str
    fundings: msgspec.Raw
    isSnapshot: bool = False


class AccountState(msgspec.Struct):
    user: str
    clearinghouseState: msgspec.Raw


class Mids(msgspec.Struct):
    mids: msgspec.Raw


_envelope = msgspec.json.Decoder(Envelope)
_bbo = msgspec.json.Decoder(Bbo)
_book = msgspec.json.Decoder(Book)
_level = msgspec.json.Decoder(Level)
_fills = msgspec.json.Decoder(UserFills)
_fundings = msgspec.json.Decoder(UserFundings)
_account = msgspec.json.Decoder(AccountState)
_mids = msgspec.json.Decoder(Mids)
_bare_mids = msgspec.json.Decoder(dict[str, Decimal])
_bare_mid_words = msgspec.json.Decoder(dict[str, msgspec.Raw])
_number = msgspec.json.Decoder(Decimal)


def read_frame(frame: str | bytes, *, now_ms: int, user: str) -> Frame:
    """Return what a frame says to the account user (lower case). Never raises: nonsense comes back as faults."""
    try:
        envelope = _envelope.decode(frame)
    except BAD as error:
        return Frame("", faults=(fault("frame", error, frame),))
    read = _READERS.get(envelope.channel)
    if read is None:
        return Frame(envelope.channel, text=shown(bytes(envelope.data)))
    try:
        return read(envelope.data, now_ms, user)
    except BAD as error:
        return Frame(envelope.channel, faults=(fault(envelope.channel, error, bytes(envelope.data)),))


def read_best(payload: bytes, *, now_ms: int) -> Quote | None:
    """Return the best prices of an l2Book reply, None where one side is empty. Raises one of gate.BAD."""
    row = _book.decode(payload)
    bids, asks = row.levels
    if not bids or not asks:
        return None
    bid, ask = _level.decode(bids[0]), _level.decode(asks[0])
    return _quote(bid, ask, coin=row.coin, at_ms=row.time, now_ms=now_ms).quote


def read_mids(payload: bytes | msgspec.Raw) -> dict[str, Decimal]:
    """Return the mids of an allMids reply that are numbers. Raises one of gate.BAD."""
    try:
        mids = _bare_mids.decode(payload)
    except msgspec.ValidationError:
        words = _bare_mid_words.decode(payload)
        mids = {coin: mid for coin, word in words.items() if (mid := _mid(word))}
    return {coin: mid for coin, mid in mids.items() if is_price(mid)}


def _quote(bid: Level, ask: Level, *, coin: str, at_ms: int, now_ms: int) -> QuoteReceived:
    if not positive(bid.px) < positive(ask.px):
        raise Unreadable(f"bid {bid.px} is not below ask {ask.px}")
    if at_ms > now_ms + AHEAD_MAX_MS:
        raise Unreadable(f"its time {at_ms} lies {(at_ms - now_ms) / 1000:.0f} s ahead")
    quote = Quote(
        coin=Coin(coin),
        bid=bid.px,
        ask=ask.px,
        bid_size=positive(bid.sz),
        ask_size=positive(ask.sz),
        at_ms=at_ms,
        received_ms=now_ms,
    )
    return QuoteReceived(at_ms=now_ms, quote=quote)


def _read_bbo(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    """A book with one side empty gives no quote: there is nothing between which to trade."""
    row = _bbo.decode(data)
    bid, ask = row.bbo
    if bid is None or ask is None:
        return Frame("bbo", coin=row.coin)
    return Frame("bbo", (_quote(bid, ask, coin=row.coin, at_ms=row.time, now_ms=now_ms),), coin=row.coin)


def _read_book(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    row = _book.decode(data)
    bids, asks = row.levels
    if not bids or not asks:
        return Frame("l2Book", coin=row.coin)
    bid, ask = _level.decode(bids[0]), _level.decode(asks[0])
    quote = _quote(bid, ask, coin=row.coin, at_ms=row.time, now_ms=now_ms)
    return Frame("l2Book", (quote,), coin=row.coin)


def _read_fills(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    row = _fills.decode(data)
    _refuse_others(row.user, user)
    fills, faults = read_fills(row.fills)
    events = (FillsReceived(at_ms=now_ms, fills=fills),) if fills else ()
    return Frame("userFills", events, faults, row.isSnapshot)


def _read_fundings(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    row = _fundings.decode(data)
    _refuse_others(row.user, user)
    payments, faults = read_user_fundings(row.fundings)
    events = (FundingReceived(at_ms=now_ms, payments=payments),) if payments else ()
    return Frame("userFundings", events, faults, row.isSnapshot)


def _read_updates(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    answers, faults = read_order_updates(data)
    strangers = read_strangers(data)
    if not answers and not strangers:
        return Frame("orderUpdates", faults=faults)
    event = OrdersAnswered(at_ms=now_ms, answers=answers, strangers=strangers)
    return Frame("orderUpdates", (event,), faults)


def _read_state(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    """The account itself is read over HTTP, whole and when it is wanted: here it is a witness of what moved."""
    row = _account.decode(data)
    _refuse_others(row.user, user)
    snapshot, faults = read_account(bytes(row.clearinghouseState))
    if snapshot is None or faults:
        return Frame("clearinghouseState", faults=faults)
    return Frame("clearinghouseState", positions={c: p.qty for c, p in snapshot.positions.items()})


def _read_mids(data: msgspec.Raw, now_ms: int, user: str) -> Frame:
    return Frame("allMids", mids=read_mids(_mids.decode(data).mids))


def _mid(word: msgspec.Raw) -> Decimal | None:
    """Return one mid on its own, None when it is no number: there are names without a price."""
    try:
        return _number.decode(word)
    except BAD:
        return None


def _refuse_others(named: str, user: str) -> None:
    if named != user and named.lower() != user:
        raise Unreadable(f"it is about the account {named}, not ours")


_READERS = {
    "bbo": _read_bbo,
    "l2Book": _read_book,
    "userFills": _read_fills,
    "userFundings": _read_fundings,
    "orderUpdates": _read_updates,
    "allMids": _read_mids,
    "clearinghouseState": _read_state,
}
