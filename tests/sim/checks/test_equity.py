from decimal import Decimal

import pytest
from msgspec.structs import replace

from sim.checks.equity import EquityIsExplained
from tests.sim.checks.recorded import at_end_with, night, steps


class Before:
    """The venue as it was when the book was opened: a million, and no positions."""

    def _account(self, _):
        return type("", (), {"cash_usd": Decimal(1_000_000), "positions": {}})()

    def fills(self, _):
        return ()

    fundings = fills


def of(**ledger):
    checker = EquityIsExplained()
    world = type("", (), {"venue": Before(), "keys": night().world.keys})()
    for step in steps():
        step.world, kept = world, step.world
        list(checker.on_step(step))
        step.world = kept
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
