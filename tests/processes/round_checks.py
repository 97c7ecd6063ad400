"""What must be true after a round: the daemon's files held against the venue's own ledger."""

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from core.config import TradingSettings
from core.engine import step
from core.events import ConfigChanged, OrdersAnswered, QuoteReceived, Started
from core.state import State
from core.types import Outcome
from daemon.restore import replayed, restore
from state.journal import Journal
from state.store import Store
from tests.daemon.staged import Night, facts
from tests.processes.two_processes import VenueProcess


@dataclass
class Theirs:
    """What the venue says of the account when the night is over."""

    positions: dict[str, Decimal]
    fills: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    open_orders: list[dict[str, Any]]

    @classmethod
    def of(cls, venue: VenueProcess) -> "Theirs":
        orders = [row["order"] for row in venue.info(type="historicalOrders", user=venue.account)]
        assert len(orders) < 2000, "the venue forgets orders: shorten the night"
        left = venue.info(type="openOrders", user=venue.account)
        return cls(venue.positions(), venue.fills(0), orders, left)


def check(state_dir: Path, theirs: Theirs, nonces: list[int]) -> dict[str, Any]:
    """Hold everything against the venue's word; return the night's report, as its journal has it."""
    report: dict[str, Any] = json.loads((state_dir / "sessions" / "2024-12-31.json").read_bytes())
    state = state_of_the_journal(state_dir)
    night = Night(state_dir)
    check_book(state, night, theirs)
    check_orders(night, theirs)
    check_settings(night)
    assert all(before < after for before, after in pairwise(nonces)), nonces
    assert nonces[-1] >= max((fill["time"] for fill in theirs.fills), default=0), "orders went without a mark"
    check_report(report)
    return report


def state_of_the_journal(state_dir: Path) -> State:
    """Return where the journal leads: whole, the same with and without snapshots, and each step wanted what it did."""
    journal = Journal.open_read_only(Store(state_dir).journal_path)
    try:
        assert journal.verify() == journal.last_seq()
        restored, _ = restore(journal, TradingSettings())
        state = State(settings=TradingSettings())
        for record in journal.read():
            before = state
            for quote in record.quotes:
                before, _ = step(before, QuoteReceived(at_ms=quote.received_ms, quote=quote))
            assert step(before, record.event)[1] == record.intents, (
                f"record {record.seq} wanted something else"
            )
            state = replayed(state, record)
    finally:
        journal.close()
    assert state == restored
    return state


def check_book(state: State, night: Night, theirs: Theirs) -> None:
    """Every fill of the venue is booked once and as it is, none besides, and the positions are the same."""
    ledger = {
        f["tid"]: (f["coin"], f["side"], Decimal(f["sz"]), Decimal(f["px"]), Decimal(f["fee"]), f["cloid"])
        for f in theirs.fills
    }
    assert len(ledger) == len(theirs.fills)
    assert {tid: facts(fill) for tid, fill in night.our_fills().items()} == ledger
    assert state.book.fills_booked == len(ledger)
    assert state.book.positions == theirs.positions
    assert not state.book.broken
    assert not state.orders.open
    assert theirs.open_orders == []


def check_orders(night: Night, theirs: Theirs) -> None:
    """The venue knows no order that is not in our journal, none twice, none larger, and took none beyond its size."""
    wanted = {order.cloid: order for order in night.submitted()}
    cloids = [order["cloid"] for order in theirs.orders]
    assert len(set(cloids)) == len(cloids)
    assert set(cloids) <= wanted.keys()
    assert all(Decimal(o["origSz"]) == wanted[o["cloid"]].qty for o in theirs.orders)
    filled: dict[str, Decimal] = {}
    for fill in theirs.fills:
        filled[fill["cloid"]] = filled.get(fill["cloid"], Decimal(0)) + Decimal(fill["sz"])
    assert all(qty <= wanted[cloid].qty for cloid, qty in filled.items())
    assert len({(f["cloid"], f["oid"]) for f in theirs.fills}) == len(filled)
    answers = [a for e, _ in night.records() if isinstance(e, OrdersAnswered) for a in e.answers]
    refused = [a for a in answers if a.outcome is Outcome.REJECTED]
    assert [a for a in refused if "nonce" in a.reason.lower()] == [], "a nonce of before was used again"


def is_missed(report: dict[str, Any]) -> bool:
    """Say whether the daemon was away for the whole of the night: then its account was never read, and nothing traded."""
    return report["equity"]["before"] is None


def check_settings(night: Night) -> None:
    """No value of a faulty file was ever traded with."""
    taken = [e.settings for e, _ in night.records() if isinstance(e, Started | ConfigChanged)]
    assert {s.risk.loss_max for s in taken} <= {0.1, 0.2}


def check_report(report: dict[str, Any]) -> None:
    """The night ended as it should, or the report says why for each coin."""
    assert report["stage"] == "done"
    broken = {i["name"] for i in report["invariants"] if not i["held"]}
    if is_missed(report):
        broken -= {"equity is explained to 1 bp"}
        assert report["fills"]["count"] == 0
        assert all(phase["reason"] for phase in report["phases"].values())
    assert broken == set()
    off = [a for a in report["assets"] if abs(a["residual_lots"] or 0) > 1 and not a["reason"]]
    assert off == []
