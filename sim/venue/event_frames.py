"""The frames that events make: fills, funding, orders, cancels, liquidations (hyperliquid.md 3.2)."""

from collections.abc import Sequence

from sim.venue import info_account as of_account
from sim.venue.account import FundingPaid, LedgerRow, VenueFill
from sim.venue.frames import frame, funding_rows
from sim.venue.info_twap import slice_documents
from sim.venue.order import OrderRow
from sim.venue.state import Liquidated, NonUserCancel, Notice
from sim.venue.twap import TwapRow
from sim.venue.wire import number


def fills_frame(user: str, fills: Sequence[VenueFill]) -> str:
    return frame("userFills", {"user": user, "fills": [of_account.fill_document(fill) for fill in fills]})


def fundings_frame(user: str, rows: Sequence[FundingPaid]) -> str:
    return frame("userFundings", {"user": user, "fundings": funding_rows(rows)})


def updates_frame(rows: Sequence[OrderRow]) -> str:
    return frame("orderUpdates", [row.update() for row in rows])


def history_frame(user: str, rows: Sequence[OrderRow]) -> str:
    return frame("userHistoricalOrders", {"user": user, "orderHistory": [row.document() for row in rows]})


def ledger_frame(user: str, rows: Sequence[LedgerRow]) -> str:
    documents = [of_account.ledger_document(row) for row in rows]
    return frame("userNonFundingLedgerUpdates", {"user": user, "nonFundingLedgerUpdates": documents})


def slices_frame(user: str, fills: Sequence[VenueFill]) -> str:
    return frame("userTwapSliceFills", {"user": user, "twapSliceFills": slice_documents(fills)})


def twap_history_frame(user: str, rows: Sequence[TwapRow]) -> str:
    return frame("userTwapHistory", {"user": user, "history": [row.document() for row in rows]})


def notice_frame(notice: Notice) -> str:
    return frame("notification", {"notification": notice.text})


# --- userEvents, whose channel is called 'user' -----------------------------------------------------------


def user_fills_frame(fills: Sequence[VenueFill]) -> str:
    return frame("user", {"fills": [of_account.fill_document(fill) for fill in fills]})


def user_slices_frame(fills: Sequence[VenueFill]) -> str:
    return frame("user", {"twapSliceFills": slice_documents(fills)})


def user_twaps_frame(rows: Sequence[TwapRow]) -> str:
    return frame("user", {"twapHistory": [row.document() for row in rows]})


def user_cancels_frame(cancels: Sequence[NonUserCancel]) -> str:
    return frame("user", {"nonUserCancel": [{"coin": one.coin, "oid": one.oid} for one in cancels]})


def user_event_frame(one: FundingPaid | Liquidated) -> str:
    if isinstance(one, FundingPaid):
        return frame("user", {"funding": funding_rows([one])[0]})
    data = {
        "lid": one.lid,
        "liquidator": "0x" + 40 * "0",
        "liquidated_user": one.address,
        "liquidated_ntl_pos": number(one.notional_usd),
        "liquidated_account_value": number(one.equity_usd),
    }
    return frame("user", {"liquidation": data})
