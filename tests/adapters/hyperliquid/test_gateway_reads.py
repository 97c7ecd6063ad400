"""What the gateway reads of an account: status, snapshots, fills, fundings; and leverage."""

import json
from decimal import Decimal

import pytest

from adapters.ports import Rejected, Unknown, VenueError
from core.types import Coin, Outcome, Side
from tests.adapters.hyperliquid.desk import ETH, always, fill_row, gateway, name, open_row
from tests.adapters.hyperliquid.recorded import case, needs_recordings, round_trips
from tests.adapters.scripted import NOON_MS, ScriptedHttp, reply, run


def test_an_order_that_could_not_be_asked_about_is_unknown():
    answer = run(gateway(always(Unknown("reset"))).order_status(name(1)))
    assert answer.outcome is Outcome.UNKNOWN
    never = run(gateway(always(reply({"status": "unknownOid"}))).order_status(name(1)))
    assert never.outcome is Outcome.NEVER_PLACED


def state(*positions, **changes):
    body = {
        "marginSummary": {
            "accountValue": "1000.5",
            "totalNtlPos": "0",
            "totalRawUsd": "0",
            "totalMarginUsed": "0",
        },
        "assetPositions": [{"type": "oneWay", "position": p} for p in positions],
        "time": NOON_MS,
    }
    return body | changes


def position(coin="ETH", szi="-2.0", value="5000.0", **more):
    held = {
        "coin": coin,
        "szi": szi,
        "entryPx": "2400.0",
        "positionValue": value,
        "cumFunding": {"sinceOpen": "1.5"},
    }
    return held | more


def snapshot_of(body, orders=()):
    answers = {"clearinghouseState": reply(body), "frontendOpenOrders": reply(list(orders))}
    return run(gateway(ScriptedHttp(lambda p, q: answers[q["type"]])).snapshot())


def test_a_snapshot_holds_equity_positions_their_marks_and_open_orders():
    snapshot = snapshot_of(state(position()), [open_row("ETH", 11, name(1))])
    assert (snapshot.at_ms, snapshot.equity_usd) == (NOON_MS, Decimal("1000.5"))
    held = snapshot.positions[ETH]
    assert (held.qty, held.entry_px, held.mark_px) == (Decimal(-2), Decimal(2400), Decimal(2500))
    assert held.funding_since_open_usd == Decimal("-1.5")
    [resting] = snapshot.open_orders
    assert (resting.oid, resting.cloid, resting.side) == (11, name(1), Side.SELL)


@pytest.mark.parametrize(
    "body",
    [
        state(position(), position("BTC", value="NaN")),
        state(position(), position("BTC", szi="0.0")),
        state(marginSummary={"accountValue": "NaN"}),
        state(time=None),
        state(assetPositions=None),
        {},
    ],
)
def test_a_snapshot_with_something_unreadable_in_it_is_no_snapshot(body):
    """A position left out would read as flat (trading_daemons.md 4.2)."""
    with pytest.raises(VenueError):
        snapshot_of(body)


def test_a_snapshot_with_an_unreadable_open_order_is_no_snapshot():
    with pytest.raises(VenueError, match="open orders is incomplete"):
        snapshot_of(state(), [open_row("ETH", "x")])


@needs_recordings
@pytest.mark.parametrize(
    "text",
    [
        "clearinghouseState HIP-3",
        "clearinghouseState isolated short",
        "clearinghouseState cross short",
        "clearinghouseState flat",
    ],
)
def test_recorded_accounts_are_read_and_their_marks_give_their_unrealised_profit(text):
    body = {"time": NOON_MS} | case(text)
    snapshot = snapshot_of(body)
    assert snapshot.equity_usd == Decimal(body["marginSummary"]["accountValue"])
    for row in body["assetPositions"]:
        held = snapshot.positions[Coin(row["position"]["coin"])]
        profit = held.qty * (held.mark_px - held.entry_px)
        assert float(profit) == pytest.approx(float(row["position"]["unrealizedPnl"]), abs=0.02)


@needs_recordings
def test_recorded_open_orders_are_read():
    [(_, body)] = round_trips("sdk_cassettes/test_get_frontend_open_orders.yaml")
    rows = json.loads(body)
    assert [o.oid for o in snapshot_of(state(), rows).open_orders] == [row["oid"] for row in rows]


def test_fills_are_read_page_by_page_each_once_oldest_first():
    ledger = [fill_row(n, time=NOON_MS + n // 3, oid=n) for n in range(5_000)]

    def answer(path, question):
        until = question.get("endTime", 10**15)
        found = [r for r in ledger if question["startTime"] <= r["time"] <= until]
        return reply(found[:2000])

    http = ScriptedHttp(answer)
    fills = run(gateway(http).fills(from_ms=NOON_MS + 1))
    assert [f.tid for f in fills] == list(range(3, 5_000))
    assert len(http.asked) <= 9


def test_two_fills_of_one_trade_are_two_when_the_orders_differ_and_one_when_they_do_not():
    rows = [fill_row(1, oid=1), fill_row(1, oid=2), fill_row(1, oid=1)]
    assert [f.key for f in run(gateway(always(reply(rows))).fills(from_ms=0))] == ["1:1", "1:2"]


@needs_recordings
def test_recorded_fills_are_read_and_their_positions_chain():
    tapes = ["UserFillsByTime", "UserFillsByTimeEmpty"]
    for tape in tapes:
        bodies = [
            b
            for q, b in round_trips(f"go_hyperliquid_cassettes/{tape}.yaml")
            if q["type"] == "userFillsByTime"
        ]
        fills = run(gateway(always(reply(bodies[0]))).fills(from_ms=0))
        assert len(fills) == len({f.key for f in fills}) == len(json.loads(bodies[0]))
        position = {}
        for fill in fills:
            assert position.get(fill.coin, fill.start_position) == fill.start_position
            position[fill.coin] = fill.start_position + fill.signed_qty


def test_fundings_are_read_with_our_sign():
    delta = {
        "type": "funding",
        "coin": "ETH",
        "usdc": "-0.5",
        "szi": "1.0",
        "fundingRate": "0.0001",
        "nSamples": None,
    }
    rows = [
        {"time": NOON_MS, "hash": "0x0", "delta": delta},
        {"time": NOON_MS, "hash": "0x0", "delta": {"type": "x"}},
    ]
    [payment] = run(gateway(always(reply(rows))).fundings(from_ms=0))
    assert (payment.usd, payment.rate, payment.coin) == (Decimal("-0.5"), Decimal("0.0001"), "ETH")


@needs_recordings
def test_recorded_fundings_are_read():
    [(_, body)] = round_trips("sdk_cassettes/test_user_funding_history_with_end_time.yaml")
    rows = json.loads(body)
    payments = run(gateway(always(reply(body))).fundings(from_ms=0))
    assert len(payments) == len({(r["delta"]["coin"], r["time"] // 3_600_000) for r in rows}) > 10
    assert all(p.usd * p.qty * p.rate <= 0 for p in payments)


def test_leverage_is_set_or_the_venues_words_are_raised():
    http = always(reply({"status": "ok", "response": {"type": "default"}}))
    run(gateway(http).set_leverage(1, 5))
    assert http.asked[0][1]["action"] == {
        "type": "updateLeverage",
        "asset": 1,
        "isCross": True,
        "leverage": 5,
    }
    with pytest.raises(Rejected, match="Invalid leverage value"):
        run(
            gateway(always(reply({"status": "err", "response": "Invalid leverage value"}))).set_leverage(
                1, 99
            )
        )
    with pytest.raises(Unknown):
        run(gateway(always(reply(b"<html>", 502))).set_leverage(1, 5))
