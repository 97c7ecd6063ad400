"""/info and frames about TWAP orders: their history, their state while they run, the fills of their slices."""

from collections.abc import Iterable
from typing import Any

from sim.venue.account import Account, VenueFill
from sim.venue.info_account import fill_document
from sim.venue.requests import AskTwapSliceFillsByTime
from sim.venue.state import VenueState
from sim.venue.twaps import slice_fills

Document = dict[str, Any]
ROWS_MAX = 2_000


def slice_documents(fills: Iterable[VenueFill]) -> list[Document]:
    return [{"fill": fill_document(fill), "twapId": fill.twap_id} for fill in fills]


def newest_slices(account: Account) -> list[Document]:
    """Return the account's slices as {fill, twapId}, newest first."""
    return slice_documents(reversed(slice_fills(account)[-ROWS_MAX:]))


def slices_by_time(state: VenueState, account: Account, request: AskTwapSliceFillsByTime) -> list[Document]:
    """Return the slices of a range, bounds inclusive, newest first."""
    end_ms = state.now_ms if request.end_time is None else request.end_time
    inside = [fill for fill in slice_fills(account) if request.start_time <= fill.at_ms <= end_ms]
    return slice_documents(reversed(inside[:ROWS_MAX]))
