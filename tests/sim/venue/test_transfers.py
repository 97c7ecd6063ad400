"""Money that moves without a trade, and the rows that say so (hyperliquid.md 1.3, 2.2, 2.4)."""

import pytest

from sim.venue.signature import USER_SIGNED
from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, STRANGER, Desk, needs_messages
from tests.sim.venue.small_market import D
from tests.sim.venue.test_isolated import leverage
from tests.sim.venue.test_recorded import case
from tests.sim.venue.wallet import (
    DONE,
    err,
    ledger,
    send_asset,
    spot_send,
    sub_transfer,
    to_class,
    usd_send,
    with_sub_account,
    withdraw,
)

NEW = "0x" + "ab" * 20


def spot(desk, user=ALICE):
    rows = desk.info("spotClearinghouseState", user=user)["balances"]
    return {row["coin"]: row["total"] for row in rows}


def cash(desk, user=ALICE):
    return D(desk.state(user)["marginSummary"]["totalRawUsd"])


def test_money_goes_to_spot_and_back():
    desk = Desk()
    assert spot(desk) == {}
    assert to_class(desk, "250.5", perp=False) == DONE
    assert (spot(desk), cash(desk)) == ({"USDC": "250.5"}, D("999749.5"))
    assert to_class(desk, 50, perp=True) == DONE
    assert (spot(desk), cash(desk)) == ({"USDC": "200.5"}, D("999799.5"))
    assert ledger(desk, ALICE)[1:] == [
        {"type": "accountClassTransfer", "usdc": "250.5", "toPerp": False},
        {"type": "accountClassTransfer", "usdc": "50.0", "toPerp": True},
    ]
    assert to_class(desk, "200.500001", perp=True)["status"] == "err"


@pytest.mark.parametrize("value", [20, 5])
def test_the_initial_margin_and_a_tenth_of_the_notional_must_stay(value):
    desk = Desk(usdc=10_000)
    assert desk.post(leverage(value, cross=True)) == DONE
    desk.order("ETH", 5, 4100)
    state = desk.state()
    notional, equity = (D(state["marginSummary"][k]) for k in ("totalNtlPos", "accountValue"))
    most = equity - notional * max(D("0.1"), 1 / D(value))
    assert to_class(desk, most + D("0.000001"), perp=False)["status"] == "err"
    assert to_class(desk, most, perp=False) == DONE


def test_what_resting_orders_need_must_stay():
    desk = Desk(usdc=10_000)
    desk.order("ETH", 40, 4000, "Alo")
    assert desk.state()["withdrawable"] == "2000.0"
    assert to_class(desk, "2000.000001", perp=False)["status"] == "err"
    assert to_class(desk, 2000, perp=False) == DONE


def test_usd_sent_arrives_and_both_sides_have_the_row():
    desk = Desk()
    assert usd_send(desk, "12.5", BOB) == DONE
    assert (cash(desk), cash(desk, BOB)) == (D("999987.5"), D("1000012.5"))
    row = {"type": "internalTransfer", "usdc": "12.5", "user": ALICE, "destination": BOB, "fee": "0.0"}
    assert ledger(desk, ALICE)[1:] == ledger(desk, BOB)[1:] == [row]


def test_the_stream_tells_of_the_row_on_both_sides():
    desk = Desk()
    connection = desk.connect()
    for user in (ALICE, BOB):
        desk.subscribe(connection, type="userNonFundingLedgerUpdates", user=user)
    desk.frames()
    usd_send(desk, "12.5", BOB)
    told = [f["data"] for f in desk.frames() if f["channel"] == "userNonFundingLedgerUpdates"]
    assert [(t["user"], t["nonFundingLedgerUpdates"][0]["delta"]["usdc"]) for t in told] == [
        (ALICE, "12.5"),
        (BOB, "12.5"),
    ]


def test_money_sent_to_nobody_makes_an_account_of_it():
    desk = Desk()
    assert desk.info("userRole", user=NEW) == {"role": "missing"}
    assert usd_send(desk, 100, NEW) == DONE
    assert desk.info("userRole", user=NEW) == {"role": "user"}
    assert cash(desk, NEW) == 100


def test_a_withdrawal_costs_a_dollar_of_its_amount():
    desk = Desk()
    assert withdraw(desk, 10, NEW) == DONE
    assert cash(desk) == 999_990
    (row,) = ledger(desk, ALICE)[1:]
    assert row == {"type": "withdraw", "usdc": "9.0", "nonce": desk.nonce * 1000, "fee": "1.0"}
    assert desk.info("userRole", user=NEW) == {"role": "missing"}
    assert withdraw(desk, 1, NEW)["status"] == "err"


@needs_messages
def test_the_rows_have_the_recorded_members():
    recorded = {row["delta"]["type"]: row for row in case("userNonFundingLedgerUpdates")}
    desk = Desk()
    withdraw(desk, 10, NEW)
    to_class(desk, 5, perp=False)
    ours = desk.info("userNonFundingLedgerUpdates", user=ALICE, startTime=0)
    assert {row["delta"]["type"] for row in ours} == set(recorded)
    for row in ours:
        theirs = recorded[row["delta"]["type"]]
        assert row.keys() == theirs.keys()
        assert {k: type(v) for k, v in row["delta"].items()} == {
            k: type(v) for k, v in theirs["delta"].items()
        }


def test_spot_money_is_sent_by_token():
    desk = Desk()
    to_class(desk, 100, perp=False)
    assert spot_send(desk, 40, BOB) == DONE
    assert (spot(desk), spot(desk, BOB)) == ({"USDC": "60.0"}, {"USDC": "40.0"})
    assert spot_send(desk, 1, BOB, token="PURR:0x12")["status"] == "err"
    assert [row["type"] for row in ledger(desk, BOB)] == ["deposit", "spotTransfer"]


def test_an_asset_is_sent_from_any_purse_to_any():
    desk = Desk()
    assert send_asset(desk, 100, ALICE, way=("", "spot")) == DONE
    assert send_asset(desk, 40, BOB, way=("spot", "")) == DONE
    assert (spot(desk), cash(desk), cash(desk, BOB)) == ({"USDC": "60.0"}, 999_900, 1_000_040)
    assert [row["type"] for row in ledger(desk, ALICE)] == ["deposit", "send", "send"]
    assert send_asset(desk, 1, BOB, way=("xyz", ""))["status"] == "err"
    assert send_asset(desk, 61, BOB, way=("spot", ""))["status"] == "err"


def test_an_asset_is_sent_from_a_sub_account_of_ones_own_only():
    desk = Desk()
    sub = with_sub_account(desk, 500)
    assert send_asset(desk, 100, BOB, sub=sub) == DONE
    assert (cash(desk, sub), cash(desk, BOB)) == (400, 1_000_100)
    assert send_asset(desk, 100, BOB, sub=sub, signer=OTHER)["status"] == "err"


@pytest.mark.parametrize("amount", ["0", "-5", "0.0000001", "1e3", "NaN", "", "10 subaccount:0x12"])
def test_an_amount_that_is_none_is_refused(amount):
    desk = Desk()
    for send in (usd_send, withdraw, spot_send):
        assert send(desk, amount, BOB)["status"] == "err"
    assert to_class(desk, amount, perp=False)["status"] == "err"
    assert (cash(desk), cash(desk, BOB)) == (1_000_000, 1_000_000)


def test_there_are_no_vaults():
    action = {"type": "vaultTransfer", "vaultAddress": NEW, "isDeposit": True, "usd": 5_000_000}
    assert Desk().post(action) == err(f"Vault not registered: {NEW}")


# --- who may sign --------------------------------------------------------------------------------------

SENDERS = [
    lambda desk, **who: usd_send(desk, 1, BOB, **who),
    lambda desk, **who: withdraw(desk, 5, BOB, **who),
    lambda desk, **who: spot_send(desk, 1, BOB, **who),
    lambda desk, **who: to_class(desk, 1, perp=False, **who),
    lambda desk, **who: send_asset(desk, 1, BOB, **who),
]


@pytest.mark.parametrize("send", SENDERS)
@pytest.mark.parametrize("signer", [AGENT, STRANGER])
def test_agents_and_strangers_must_deposit_before_they_move_money(send, signer):
    desk = Desk()
    address = signer.address.lower()
    assert send(desk, signer=signer) == err(f"Must deposit before performing actions. User: {address}")
    assert cash(desk) == 1_000_000


@pytest.mark.parametrize("send", SENDERS)
def test_an_action_whose_nonce_is_not_the_envelopes_is_a_mismatch(send):
    assert send(Desk(), nonce=1) == err("Nonce mismatch.")


@pytest.mark.parametrize("send", SENDERS)
def test_typed_data_speaks_for_the_master_even_beside_a_vault_address(send):
    desk = Desk()
    sub = with_sub_account(desk, 500)
    to_class(desk, 50, perp=False)
    assert send(desk, vault=sub) == DONE
    assert cash(desk, sub) == 500


def test_a_class_transfer_may_name_a_sub_account_of_ones_own():
    desk = Desk()
    sub = with_sub_account(desk, 500)
    assert to_class(desk, f"20.5 subaccount:{sub}", perp=False) == DONE
    assert (cash(desk, sub), spot(desk, sub), spot(desk)) == (D("479.5"), {"USDC": "20.5"}, {})
    assert to_class(desk, f"20.5 subaccount:{sub}", perp=False, signer=OTHER)["status"] == "err"
    assert to_class(desk, f"20.5 subaccount:{BOB}", perp=False)["status"] == "err"


def test_every_typed_action_is_known():
    assert {"usdSend", "withdraw3", "spotSend", "usdClassTransfer", "sendAsset"} <= set(USER_SIGNED)


# --- between master and sub-account ----------------------------------------------------------------------


def test_money_goes_to_a_sub_account_and_back():
    desk = Desk()
    sub = with_sub_account(desk)
    assert sub_transfer(desk, sub, D("100.25")) == DONE
    assert sub_transfer(desk, sub, D("0.25"), deposit=False) == DONE
    assert (cash(desk), cash(desk, sub)) == (999_900, 100)
    there = {"type": "subAccountTransfer", "usdc": "100.25", "user": ALICE, "destination": sub}
    back = {"type": "subAccountTransfer", "usdc": "0.25", "user": sub, "destination": ALICE}
    assert ledger(desk, sub) == ledger(desk, ALICE)[1:] == [there, back]
    assert sub_transfer(desk, sub, D("100.000001"), deposit=False)["status"] == "err"
    assert sub_transfer(desk, BOB, 1)["status"] == "err"


def test_spot_money_goes_to_a_sub_account_and_back():
    desk = Desk()
    sub = with_sub_account(desk)
    to_class(desk, 100, perp=False)
    action = {"type": "subAccountSpotTransfer", "subAccountUser": sub, "isDeposit": True, "token": "USDC"}
    assert desk.post({**action, "amount": "60"}) == DONE
    assert desk.post({**action, "isDeposit": False, "amount": "10"}) == DONE
    assert (spot(desk), spot(desk, sub)) == ({"USDC": "50.0"}, {"USDC": "50.0"})
