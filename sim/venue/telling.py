"""Who hears of what has happened: once a user and channel for each block, in order (hyperliquid.md 3.2)."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sim.venue import event_frames as frames
from sim.venue import subscriptions as on
from sim.venue.account import FundingPaid, LedgerRow, VenueFill
from sim.venue.frames import frame
from sim.venue.info_account import aggregated
from sim.venue.order import OrderRow
from sim.venue.state import Happening, Liquidated, NonUserCancel, Notice, Printed, VenueState
from sim.venue.subscriptions import Topic
from sim.venue.tape import trade_document
from sim.venue.twap import TwapRow

T = TypeVar("T")

Wanted = Callable[[Topic], bool]
"""Whether anybody listens to a topic: a frame nobody hears is not made."""


def messages(state: VenueState, happened: Sequence[Happening], wanted: Wanted) -> Iterator[tuple[Topic, str]]:
    """Yield (topic, frame) for everything that has happened and that somebody wants."""
    for coin, trades in _grouped(happened, Printed, lambda one: one.coin).items():
        if wanted(on.Trades(coin)):
            yield on.Trades(coin), frame("trades", [trade_document(trade) for trade in trades])
    for user, rows in _grouped(happened, OrderRow, _address).items():
        if wanted(on.OrderUpdates(user)):
            yield on.OrderUpdates(user), frames.updates_frame(rows)
        if wanted(on.HistoricalOrders(user)):
            yield on.HistoricalOrders(user), frames.history_frame(user, rows)
    for user, executed in _grouped(happened, VenueFill, _address).items():
        yield from _fills(state, user, executed, wanted)
    for user, paid in _grouped(happened, FundingPaid, _address).items():
        if wanted(on.UserFundings(user)):
            yield on.UserFundings(user), frames.fundings_frame(user, paid)
    for user, moved in _grouped(happened, LedgerRow, _address).items():
        if wanted(on.LedgerUpdates(user)):
            yield on.LedgerUpdates(user), frames.ledger_frame(user, moved)
    yield from _twaps(happened, wanted)
    yield from _events(happened, wanted)


def _twaps(happened: Sequence[Happening], wanted: Wanted) -> Iterator[tuple[Topic, str]]:
    for user, rows in _grouped(happened, TwapRow, _address).items():
        if wanted(on.TwapHistory(user)):
            yield on.TwapHistory(user), frames.twap_history_frame(user, rows)
        if wanted(on.UserEvents(user)):
            yield on.UserEvents(user), frames.user_twaps_frame(rows)
    for user, executed in _grouped(happened, VenueFill, _address).items():
        slices = [fill for fill in executed if fill.twap_id is not None]
        if slices and wanted(on.TwapSliceFills(user)):
            yield on.TwapSliceFills(user), frames.slices_frame(user, slices)
        if slices and wanted(on.UserEvents(user)):
            yield on.UserEvents(user), frames.user_slices_frame(slices)


def _fills(
    state: VenueState, user: str, executed: Sequence[VenueFill], wanted: Wanted
) -> Iterator[tuple[Topic, str]]:
    plain, gathered = on.UserFills(user), on.UserFills(user, aggregate_by_time=True)
    if wanted(plain):
        yield plain, frames.fills_frame(user, executed)
    if wanted(gathered):
        yield gathered, frames.fills_frame(user, aggregated(state, executed))
    if wanted(on.UserEvents(user)):
        yield on.UserEvents(user), frames.user_fills_frame(executed)


def _events(happened: Sequence[Happening], wanted: Wanted) -> Iterator[tuple[Topic, str]]:
    for one in happened:
        if isinstance(one, Notice):
            if wanted(on.Notification(one.address)):
                yield on.Notification(one.address), frames.notice_frame(one)
        elif isinstance(one, FundingPaid | Liquidated) and wanted(on.UserEvents(one.address)):
            yield on.UserEvents(one.address), frames.user_event_frame(one)
    for user, cancels in _grouped(happened, NonUserCancel, _address).items():
        if wanted(on.UserEvents(user)):
            yield on.UserEvents(user), frames.user_cancels_frame(cancels)


def _grouped(happened: Sequence[Happening], kind: type[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """Return what there is of one kind, by user or coin, in order."""
    groups: dict[str, list[T]] = {}
    for one in happened:
        if isinstance(one, kind):
            groups.setdefault(key(one), []).append(one)
    return groups


def _address(one: OrderRow | VenueFill | FundingPaid | NonUserCancel | LedgerRow | TwapRow) -> str:
    return one.address
