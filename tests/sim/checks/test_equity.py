from dataclasses import replace as with_fields
from decimal import Decimal
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from core.events import FillsReceived
from sim.checks.equity import EquityIsExplained
from tests.sim.checks.recorded import at_end_with, night, steps


class Before:
    """The venue as it was when the book was opened: a million, and no positions."""

    def __init__(self, cash_usd=1_000_000):
        self.cash_usd = Decimal(cash_usd)

    def _account(self, _):
        return SimpleNamespace(cash_usd=self.cash_usd, positions={})

    def fills(self, _):
        return ()

    fundings = fills


def of(*, lives=(), **ledger):
    """lives: the steps of lives before the night's own, each with the cash that the account had then."""
    checker = EquityIsExplained()
    own = ((step, Before()) for step in steps())
    for step, venue in (*lives, *own):
        list(checker.on_step(with_fields(step, world=SimpleNamespace(venue=venue, keys=night().world.keys))))
    state = night().world.daemon.state
    book = replace(state.book, ledger=replace(state.book.ledger, **ledger))
    return list(checker.at_end(at_end_with(replace(state, book=book))))


def test_a_night_as_it_was_is_explained_to_the_cent():
    assert of() == []


@pytest.mark.parametrize("what", ["cash_usd", "fees_usd", "funding_usd"])
def test_a_cent_too_much_is_found(what):
    sums = getattr(night().world.daemon.state.book.ledger, what)
    assert sums
    assert of(**{what: {**sums, "BTC": sums["BTC"] + Decimal("0.01")}})


def test_funding_that_was_booked_twice_is_found_by_coin():
    sums = night().world.daemon.state.book.ledger.funding_usd
    assert any("funding of" in text for text in of(funding_usd={c: 2 * usd for c, usd in sums.items()}))


def test_money_that_left_the_account_for_no_reason_is_found(monkeypatch):
    account = night().world.venue._account(night().world.keys.address)
    monkeypatch.setattr(account, "cash_usd", account.cash_usd - Decimal("0.01"))
    assert any("beside all trades" in text for text in of())


def test_what_was_paid_between_an_opening_that_was_not_kept_and_the_next_is_in_the_account():
    opened = next(step for step in steps() if step.state.book.opened_ms is not None)
    read = with_fields(opened, event=FillsReceived(at_ms=0, fills=(), covered_to_ms=1))
    lost = (opened, Before(1_000_001))
    assert of(lives=[lost]) == []
    assert "changed by -1.000000 USD beside" in of(lives=[lost, (read, Before(1_000_001))])[0]
