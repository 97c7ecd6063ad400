"""What requests cost an address: the table of hyperliquid.md 4.1."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid import budget
from sim.venue.weights import asked

CHEAP = (
    "l2Book",
    "allMids",
    "clearinghouseState",
    "orderStatus",
    "spotClearinghouseState",
    "exchangeStatus",
)
BY_TWENTY = (
    "recentTrades",
    "historicalOrders",
    "userFills",
    "userFillsByTime",
    "fundingHistory",
    "userFunding",
    "userNonFundingLedgerUpdates",
    "userTwapSliceFills",
)


def info(kind):
    return asked("/info", json.dumps({"user": "0x" + "1" * 40, "type": kind, "more": [1, {"a": 2}]}).encode())


@pytest.mark.parametrize("kind", CHEAP)
def test_cheap_reads_cost_two(kind):
    assert info(kind).weight == 2


@pytest.mark.parametrize(("kind", "weight"), [("userRole", 60), ("meta", 20), ("userFills", 20), ("?", 20)])
def test_a_role_costs_sixty_and_everything_else_twenty(kind, weight):
    assert info(kind).weight == weight


@given(st.integers(0, 200), st.sampled_from(["orders", "cancels", "modifies"]))
def test_an_action_costs_one_and_one_more_for_every_forty_members(members, name):
    action = {"type": "batch", name: [{"a": 1, "t": {"limit": {}}}] * members}
    assert asked("/exchange", json.dumps({"action": action, "nonce": 1}).encode()).weight == 1 + members // 40


@given(st.integers(0, 2_000), st.sampled_from(BY_TWENTY))
def test_twenty_rows_cost_one(rows, kind):
    assert info(kind).rows_weight(json.dumps([{"px": "1.0"}] * rows).encode()) == rows // 20


def test_sixty_candles_cost_one_so_five_thousand_cost_83_on_top():
    assert info("candleSnapshot").rows_weight(json.dumps([{}] * 5000).encode()) == 83


def test_rows_of_other_kinds_and_answers_that_are_no_list_cost_nothing():
    assert info("openOrders").rows_weight(b"[{},{}]" * 40) == 0
    assert info("userFills").rows_weight(b"null") == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b'{"type":5}', b'{"action":{"orders":3}}'])
def test_what_cannot_be_read_is_charged_as_the_unknown(body):
    assert asked("/info", body).weight == 20
    assert asked("/exchange", body).weight == 1


@given(st.sampled_from([*CHEAP, *BY_TWENTY, "candleSnapshot", "userRole", "meta"]))
def test_the_adapter_expects_the_weight_that_the_venue_takes(kind):
    assert budget.info_weight(kind) == info(kind).weight
