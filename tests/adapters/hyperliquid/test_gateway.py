"""Orders on their way out: signing, batches, sub-accounts, cancels."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.wire.actions import off_grid
from adapters.ports import Unknown
from core.types import Outcome, Side, Tif
from tests.adapters.hyperliquid.desk import (
    BTC,
    KEY,
    MASTER,
    TAKEN,
    always,
    cancels_ok,
    gateway,
    name,
    nobody,
    open_row,
    order,
    orders_ok,
    recovered,
    sent_by,
)
from tests.adapters.hyperliquid.recorded import needs_recordings, round_trips
from tests.adapters.scripted import NOON_MS, HastyClock, ScriptedHttp, reply, run

# --- signing -------------------------------------------------------------------------------------------


def test_a_batch_is_one_action_that_the_venue_recovers_our_signer_from():
    signed = gateway(ScriptedHttp(nobody)).sign(
        [order(1), order(2, side=Side.SELL, tif=Tif.ALO, reduce_only=True)]
    )
    body = json.loads(signed.body)
    assert recovered(signed.body) == Signer.from_key(KEY).address
    assert signed.cloids == (name(1), name(2))
    assert body["action"] == {
        "type": "order",
        "orders": [
            {
                "a": 1,
                "b": True,
                "p": "2345.6",
                "s": "0.5",
                "r": False,
                "t": {"limit": {"tif": "Ioc"}},
                "c": name(1),
            },
            {
                "a": 1,
                "b": False,
                "p": "2345.6",
                "s": "0.5",
                "r": True,
                "t": {"limit": {"tif": "Alo"}},
                "c": name(2),
            },
        ],
        "grouping": "na",
    }
    assert list(body["action"]["orders"][0]) == ["a", "b", "p", "s", "r", "t", "c"]
    assert body["vaultAddress"] is None


def test_a_batch_expires_with_the_first_of_its_orders():
    signed = gateway(ScriptedHttp(nobody)).sign([order(1), order(2, expires_ms=NOON_MS + 4_000)])
    assert json.loads(signed.body)["expiresAfter"] == signed.expires_ms == NOON_MS + 4_000


def test_nonces_of_two_batches_in_one_millisecond_differ():
    desk = gateway(ScriptedHttp(nobody))
    assert json.loads(desk.sign([order()]).body)["nonce"] < json.loads(desk.sign([order()]).body)["nonce"]


@given(px=st.decimals("0.000001", "9999999", places=6), qty=st.decimals("0.0001", "999999", places=4))
def test_numbers_on_the_wire_are_canonical_and_unchanged(px, qty):
    signed = gateway(ScriptedHttp(nobody)).sign([order(limit_px=px, qty=qty)])
    if not signed.body:
        return
    wire = json.loads(signed.body)["action"]["orders"][0]
    assert (Decimal(wire["p"]), Decimal(wire["s"])) == (px, qty)
    for word in (wire["p"], wire["s"]):
        assert "E" not in word.upper()
        assert "." not in word or not word.endswith(("0", "."))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"limit_px": Decimal("2345.65")}, "5 significant figures"),
        ({"limit_px": Decimal("1.123")}, "at most 2 decimals"),
        ({"limit_px": Decimal("0")}, "above zero"),
        ({"limit_px": Decimal("NaN")}, "above zero"),
        ({"qty": Decimal("0.50001")}, "at most 4 decimals"),
        ({"qty": Decimal("-0.5")}, "above zero"),
        ({"qty": Decimal("Infinity")}, "above zero"),
        ({"asset_id": 77}, "not in meta"),
        ({"coin": BTC}, "asset 1 is ETH"),
    ],
)
def test_an_order_off_the_grid_is_refused_here_and_the_others_are_sent(change, why):
    http = always(orders_ok({"resting": {"oid": 5}}))
    answers = {a.cloid: a for a in sent_by(http, [order(1), order(2, **change)])}
    assert answers[name(1)].outcome is Outcome.RESTING
    assert answers[name(2)].outcome is Outcome.REJECTED
    assert why in answers[name(2)].reason
    [(_, question)] = http.asked
    assert len(question["action"]["orders"]) == 1


def test_a_batch_with_nothing_good_in_it_is_not_sent():
    [answer] = sent_by(ScriptedHttp(nobody), [order(qty=Decimal("0.50001"))])
    assert answer.outcome is Outcome.REJECTED


def test_what_passes_two_hundred_orders_is_refused_here_since_the_venue_would_refuse_all():
    http = ScriptedHttp(lambda p, q: orders_ok(*[{"resting": {"oid": 5}}] * len(q["action"]["orders"])))
    answers = sent_by(http, [order(n) for n in range(203)])
    assert [a.outcome for a in answers].count(Outcome.RESTING) == 200
    assert [a.outcome for a in answers].count(Outcome.REJECTED) == 3


@pytest.mark.parametrize(
    ("px", "decimals", "good"),
    [
        ("123456", 0, True),
        ("12345.6", 0, False),
        ("1234.5", 5, True),
        ("1234.5", 6, False),
        ("0.00123", 1, True),
        ("0.001234", 0, True),
        ("0.0012345", 0, False),
        ("100.0", 5, True),
        ("1E+3", 0, True),
    ],
)
def test_the_price_grid_is_the_venues(px, decimals, good):
    """Five significant figures and 6 - szDecimals decimals; integers always (hyperliquid.md 2.7)."""
    assert (off_grid(Decimal(px), Decimal(1), size_decimals=decimals) == "") is good


# --- sending -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("late_ms", "goes"), [(0, True), (9_499, True), (9_500, False), (20_000, False)])
def test_an_order_that_would_expire_on_its_way_is_not_sent(late_ms, goes):
    http = always(orders_ok({"resting": {"oid": 5}}))

    async def scenario():
        clock = HastyClock()
        desk = gateway(http, clock)
        signed = desk.sign([order()])
        clock.ms += late_ms
        return await desk.send(signed)

    [answer] = run(scenario())
    assert len(http.asked) == goes
    assert (answer.outcome is Outcome.RESTING) == goes
    assert goes or (answer.outcome is Outcome.REJECTED and "expire on its way" in answer.reason)


@pytest.mark.parametrize(
    "answer",
    [
        Unknown("POST /exchange: no complete reply within 5 s"),
        Unknown("POST /exchange: ServerDisconnectedError"),
        reply(b"<html>bad gateway</html>", 502, "text/html"),
        reply(b"<html>a page</html>", 200, "text/html"),
        reply(None, 500),
        reply(None, 429),
        reply(b"no", 403, "text/plain"),
        reply(b'{"status":"ok","resp', 200),
    ],
)
def test_an_ambiguous_submit_leaves_every_order_unknown_and_is_sent_once(answer):
    http = always(answer)
    answers = sent_by(http, [order(1), order(2)])
    assert [a.outcome for a in answers] == [Outcome.UNKNOWN] * 2
    assert all(a.reason for a in answers)
    assert len(http.asked) == 1


def test_what_the_edge_says_it_could_not_read_never_reached_the_book():
    text = b"Failed to deserialize the JSON body into the target type"
    [answer] = sent_by(always(reply(text, 422, "text/plain")), [order()])
    assert answer.outcome is Outcome.REJECTED


def test_a_refused_envelope_keeps_the_venues_words():
    text = "Too many cumulative requests sent (3 > 2) for cumulative volume traded $1."
    [answer] = sent_by(always(reply({"status": "err", "response": text})), [order()])
    assert (answer.outcome, answer.reason) == (Outcome.REJECTED, text)


@needs_recordings
def test_our_order_is_the_recorded_one():
    for tape in ("Orders_Above10", "Orders_Cloid"):
        question, _ = round_trips(f"go_hyperliquid_cassettes/{tape}.yaml")[-1]
        [wire] = question["action"]["orders"]
        made = json.loads(
            gateway(ScriptedHttp(nobody))
            .sign([order(asset_id=1, limit_px=Decimal("0.12"), qty=Decimal("100.0"), tif=Tif.GTC)])
            .body
        )["action"]
        theirs = {**question["action"], "orders": [{**wire, "a": 1, "p": "0.12", "s": "100", "c": name(1)}]}
        assert made == theirs


# --- sub-accounts --------------------------------------------------------------------------------------

SUB = "0x" + "5a" * 20


def test_a_sub_account_is_named_in_the_envelope_and_in_the_hash_of_every_action():
    http = ScriptedHttp(lambda path, question: TAKEN if path == "/exchange" else reply([]))

    async def scenario():
        desk = gateway(http, account=Account(SUB, Signer.from_key(KEY), Network.TESTNET, MASTER))
        await desk.send(desk.sign([order(1)]))
        await desk.cancel([(1, name(1))])
        await desk.set_leverage(1, 5)
        await desk.burn([name(1)])
        await desk.cancel_open()

    run(scenario())
    actions = [question for path, question in http.asked if path == "/exchange"]
    assert [a["action"]["type"] for a in actions] == ["order", "cancelByCloid", "updateLeverage", "noop"]
    assert {a["vaultAddress"] for a in actions} == {SUB}
    assert {recovered(json.dumps(a).encode()) for a in actions} == {Signer.from_key(KEY).address}
    [read] = [question for path, question in http.asked if path == "/info"]
    assert read["user"] == SUB


def test_a_master_is_never_its_own_vault():
    with pytest.raises(ValueError, match="the account itself"):
        Account(MASTER, Signer.from_key(KEY), Network.TESTNET, MASTER)


# --- cancelling ----------------------------------------------------------------------------------------


def test_cancels_go_by_client_order_id():
    http = always(
        cancels_ok("success", {"error": "Order was never placed, already canceled, or filled. asset=1"})
    )
    answers = run(gateway(http).cancel([(1, name(1)), (0, name(2))]))
    assert [a.outcome for a in answers] == [Outcome.CANCELLED, Outcome.UNKNOWN]
    [(_, question)] = http.asked
    assert question["action"] == {
        "type": "cancelByCloid",
        "cancels": [{"asset": 1, "cloid": name(1)}, {"asset": 0, "cloid": name(2)}],
    }


def test_a_cancel_nobody_answered_is_unknown():
    assert run(gateway(always(Unknown("reset"))).cancel([(1, name(1))]))[0].outcome is Outcome.UNKNOWN


def test_a_refused_cancel_never_says_that_the_order_was_refused():
    text = b"Failed to deserialize the JSON body into the target type"
    for answer in (reply(text, 422), reply({"status": "err", "response": "Invalid nonce: nonce too low"})):
        assert run(gateway(always(answer)).cancel([(1, name(1))]))[0].outcome is Outcome.UNKNOWN


def test_cancel_open_ends_every_open_order_by_its_number_ours_or_not():
    def answer(path, question):
        if question.get("type") == "frontendOpenOrders":
            return reply([open_row("ETH", 11, name(1)), open_row("BTC", 12), open_row("@107", 13)])
        if question.get("type") == "meta":
            return reply({"universe": [{"name": "BTC", "szDecimals": 5}, {"name": "ETH", "szDecimals": 4}]})
        return cancels_ok("success", "success")

    http = ScriptedHttp(answer)
    answers = {a.cloid: a for a in run(gateway(http).cancel_open())}
    assert answers[name(1)].outcome is answers["oid:12"].outcome is Outcome.CANCELLED
    assert answers["oid:13"].outcome is Outcome.UNKNOWN
    assert "by hand" in answers["oid:13"].reason
    [action] = [q["action"] for p, q in http.asked if p == "/exchange"]
    assert action == {"type": "cancel", "cancels": [{"a": 1, "o": 11}, {"a": 0, "o": 12}]}
