import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.wire.frames import read_best, read_frame, read_mids
from core import book as core_book
from core.config import TradingSettings
from core.events import FillsReceived, FundingReceived, OrdersAnswered, QuoteReceived
from core.state import Book, State
from core.types import ClientOrderId, Outcome, Side
from tests.adapters.hyperliquid.desk import (
    MASTER,
    bbo_frame,
    fill_row,
    fills_frame,
    mids_frame,
    name,
)
from tests.adapters.hyperliquid.recorded import needs_recordings, read_json, read_lines, round_trips
from tests.adapters.scripted import NOON_MS

RECORDED_MS = 2_000_000_000_000
"""After every recording: a price from the future is none."""


def read(frame, now_ms=NOON_MS + 5):
    return read_frame(
        frame if isinstance(frame, str | bytes) else json.dumps(frame), now_ms=now_ms, user=MASTER
    )


def test_a_fill_arrives_with_the_venues_numbers_to_the_last_digit():
    frame = read(fills_frame(fill_row(7, cloid=name(3), fee="-0.013", startPosition="-1.25")))
    [event] = frame.events
    assert isinstance(event, FillsReceived)
    [fill] = event.fills
    assert (fill.coin, fill.side, fill.qty, fill.px) == ("ETH", Side.BUY, Decimal("0.5"), Decimal("2345.6"))
    assert (fill.fee_usd, fill.start_position) == (Decimal("-0.013"), Decimal("-1.25"))
    assert (fill.tid, fill.oid, fill.at_ms, fill.cloid) == (7, 5_000_000_001, NOON_MS, ClientOrderId(name(3)))
    assert event.at_ms == NOON_MS + 5
    assert event.covered_from_ms is None


def test_fills_are_sorted_by_time_and_keep_their_order_within_one_time():
    """The venue sends newest time first, execution order within a time (checked on 500 recorded fills)."""
    rows = [fill_row(3, time=2), fill_row(4, time=2), fill_row(1, time=1), fill_row(2, time=1)]
    assert [f.tid for f in read(fills_frame(*rows)).events[0].fills] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "bad",
    [
        {"px": "NaN"},
        {"px": "Infinity"},
        {"sz": "sNaN"},
        {"sz": "0.0"},
        {"sz": "1E+9999"},
        {"px": "-1"},
        {"side": "X"},
        {"time": -1},
        {"tid": "x"},
        {"tid": None},
        {"fee": "free"},
        {"startPosition": None},
    ],
)
def test_one_bad_fill_is_a_fault_and_the_others_come_through(bad):
    frame = read(fills_frame(fill_row(1), fill_row(2) | bad, fill_row(3)))
    assert [f.tid for f in frame.events[0].fills] == [1, 3]
    [fault] = frame.faults
    assert fault.where == "fills[1]"
    assert "ETH" in fault.text


def test_a_direction_nobody_has_heard_of_is_kept_word_for_word():
    assert read(fills_frame(fill_row(dir="Quantum Leap"))).events[0].fills[0].direction == "Quantum Leap"


def test_a_frame_for_another_account_is_refused():
    frame = read(fills_frame(fill_row(), user="0x" + "cd" * 20))
    assert not frame.events
    assert "not ours" in frame.faults[0].why


def test_an_account_in_capital_letters_is_still_ours():
    assert read(fills_frame(fill_row(), user=MASTER.upper().replace("X", "x"))).events


def test_the_first_userfills_frame_says_that_it_is_a_snapshot():
    assert read(fills_frame(isSnapshot=True)).snapshot
    assert not read(fills_frame(fill_row(), isSnapshot=False)).snapshot
    assert not read(fills_frame(fill_row())).snapshot


def test_best_prices_become_a_quote_with_both_stamps():
    [event] = read(bbo_frame()).events
    assert isinstance(event, QuoteReceived)
    quote = event.quote
    assert (quote.bid, quote.ask, quote.mid) == (Decimal("2345.5"), Decimal("2345.7"), Decimal("2345.6"))
    assert (quote.bid_size, quote.ask_size) == (Decimal("1.5"), Decimal("2.0"))
    assert (quote.at_ms, quote.received_ms) == (NOON_MS, NOON_MS + 5)


def test_a_book_with_one_side_empty_is_no_quote_and_no_fault():
    frame = read(bbo_frame(bbo=[None, {"px": "1", "sz": "1", "n": 1}]))
    assert (frame.channel, frame.events, frame.faults) == ("bbo", (), ())


def test_a_crossed_book_is_a_fault():
    frame = read(bbo_frame(bid="2345.8"))
    assert not frame.events
    assert "not below" in frame.faults[0].why


def test_order_updates_become_answers_for_orders_that_carry_our_ids():
    rows = [
        {"order": order_row(cloid=name(1), sz="0.2"), "status": "canceled", "statusTimestamp": 1},
        {"order": order_row(), "status": "open", "statusTimestamp": 1},
        {"order": order_row(cloid=name(2), sz="NaN"), "status": "open", "statusTimestamp": 1},
        {"order": order_row(cloid=name(3), sz="0.5"), "status": "pondering", "statusTimestamp": 1},
    ]
    frame = read({"channel": "orderUpdates", "data": rows})
    [event] = frame.events
    assert isinstance(event, OrdersAnswered)
    cancelled, pondering = event.answers
    assert (cancelled.outcome, cancelled.filled_qty) == (Outcome.CANCELLED, Decimal("0.3"))
    assert (pondering.outcome, pondering.reason) == (Outcome.UNKNOWN, "pondering")
    assert len(frame.faults) == 1


def order_row(**changes):
    row = {
        "coin": "ETH",
        "side": "B",
        "limitPx": "1.0",
        "sz": "0.5",
        "oid": 9,
        "timestamp": 1,
        "origSz": "0.5",
    }
    return row | changes


def test_funding_of_the_hour_becomes_payments():
    row = {
        "time": 1,
        "coin": "ETH",
        "usdc": "-0.5",
        "szi": "1.0",
        "fundingRate": "0.0000125",
        "nSamples": None,
    }
    data = {"user": MASTER, "fundings": [row, row | {"usdc": "NaN"}], "isSnapshot": True}
    frame = read({"channel": "userFundings", "data": data})
    [event] = frame.events
    assert isinstance(event, FundingReceived)
    assert [p.usd for p in event.payments] == [Decimal("-0.5")]
    assert len(frame.faults) == 1


def test_mids_that_are_no_numbers_are_left_out():
    assert read(mids_frame(A="1.5", B="NaN", C="Infinity")).mids == {"A": Decimal("1.5")}
    assert read(mids_frame(A="1.5", B="rubbish", C="sNaN")).mids == {"A": Decimal("1.5")}


def test_an_unknown_channel_keeps_its_words():
    frame = read({"channel": "error", "data": "Invalid subscription {}"})
    assert (frame.channel, frame.text, frame.faults) == ("error", '"Invalid subscription {}"', ())
    assert read({"channel": "pong"}).channel == "pong"


@needs_recordings
def test_recorded_frames_are_read():
    frames = [read(frame, now_ms=RECORDED_MS) for frame in read_lines("ccxt_static/ws_messages.jsonl")]
    quotes = [e.quote for f in frames for e in f.events if isinstance(e, QuoteReceived)]
    assert [(q.coin, q.bid, q.ask) for q in quotes] == [
        ("BTC", Decimal("64094.0"), Decimal("64095.0")),
        ("BTC", Decimal("64093.0"), Decimal("64094.0")),
    ]
    assert not [fault for f in frames for fault in f.faults]
    assert read(read_json("nautilus_test_data/ws_allmids.json")).mids["BTC"] == Decimal("80868.5")


@needs_recordings
def test_a_recorded_liquidation_fill_is_read():
    row = read_json("nautilus_test_data/ws_user_fill_liquidation.json")["data"]["fills"][0]
    [fill] = read(fills_frame(row)).events[0].fills
    assert (fill.coin, fill.px, fill.tid, fill.crossed) == ("BTC", Decimal("66653.0"), 745210434703679, False)

    assert not fill.liquidated, "it was the other side that was liquidated"
    assert to_fill(row | {"crossed": True}).liquidated
    assert not to_fill({k: v for k, v in row.items() if k != "liquidation"} | {"crossed": True}).liquidated


def to_fill(row):
    [fill] = read(fills_frame(row)).events[0].fills
    return fill


@needs_recordings
def test_recorded_dust_is_no_position_and_the_venues_new_words_are_booked_by_their_chain():
    rows = read_json("nautilus_test_data/http_user_fills_dust_conversion.json")
    fills = [to_fill(row) for row in rows]
    held = {f.coin: f.start_position for f in fills if not f.coin.startswith("@")}
    state, new = take(adopted(held), fills)
    assert len(new) == 5
    assert state.book.positions == {f.coin: f.end_position for f in fills if f.coin in held}
    assert not state.book.broken


@needs_recordings
def test_five_hundred_recorded_fills_make_the_same_positions_however_they_arrive():
    """Recorded in 2023, before fills had a tid, on an account that traded with itself: every third fill breaks the chain."""
    [(_, body)] = round_trips("sdk_cassettes/test_get_user_fills.yaml")
    rows = [row | {"tid": n} for n, row in enumerate(json.loads(body))]
    fills = sorted((to_fill(row) for row in rows), key=lambda f: f.at_ms)
    held = {}
    for fill in fills:
        held.setdefault(fill.coin, fill.start_position)
    whole = 0
    for arrival in (fills, fills[::-1], sorted(fills, key=lambda f: (f.at_ms, -f.tid))):
        state, new = take(adopted(held), arrival)
        assert len(new) == len(fills) == 500
        for coin, start in held.items():
            moved = sum(f.signed_qty for f in fills if f.coin == coin)
            assert state.book.positions.get(coin, 0) == start + moved
            if not sum(breaks([f for f in fills if f.coin == coin], held)):
                whole += 1
                assert not sum(breaks([f for f in new if f.coin == coin], held))
                assert coin not in state.book.broken
    assert whole >= 3


def breaks(fills, held):
    position = dict(held)
    for fill in fills:
        yield position[fill.coin] != fill.start_position
        position[fill.coin] = fill.end_position


def adopted(held):
    positions = {coin: qty for coin, qty in held.items() if qty}
    book = Book(positions=positions, opened_ms=0, covered_to_ms=0)
    return State(settings=TradingSettings(), book=book)


def take(state, fills):
    return core_book.take(state, FillsReceived(at_ms=NOON_MS, fills=tuple(fills)))


def test_an_id_that_is_no_client_order_id_is_nobodys_and_the_fill_still_counts():
    for word in ("", "0x12", "zz" * 17, "0x" + "g" * 32):
        assert to_fill(fill_row(cloid=word)).cloid is None
    assert to_fill(fill_row(cloid="0X" + "AB" * 16)).cloid == "0x" + "ab" * 16


def test_live_orders_that_carry_no_id_are_strangers():
    rows = [
        {"order": order_row(oid=1), "status": "open", "statusTimestamp": 1},
        {"order": order_row(oid=2), "status": "canceled", "statusTimestamp": 1},
        {"order": order_row(oid=3, cloid=name(3)), "status": "open", "statusTimestamp": 1},
    ]
    [event] = read({"channel": "orderUpdates", "data": rows}).events
    assert [o.oid for o in event.strangers] == [1]
    assert [a.cloid for a in event.answers] == [name(3)]


def test_the_accounts_state_on_the_stream_is_a_witness_of_positions_and_no_event():
    held = {"coin": "ETH", "szi": "-1.5", "entryPx": "2000.0", "positionValue": "3000.0"}
    state = {
        "marginSummary": {"accountValue": "10.0"},
        "assetPositions": [{"position": held}],
        "time": NOON_MS,
    }
    data = {"user": MASTER, "dex": "", "clearinghouseState": state}
    frame = read({"channel": "clearinghouseState", "data": data})
    assert (frame.positions, frame.events) == ({"ETH": Decimal("-1.5")}, ())
    held["szi"] = "NaN"
    frame = read({"channel": "clearinghouseState", "data": data})
    assert frame.positions is None
    assert frame.faults


@needs_recordings
def test_recorded_books_and_mids_over_http_are_read():
    quote = read_best(
        json.dumps(read_json("nautilus_test_data/http_l2_book_btc.json")).encode(), now_ms=RECORDED_MS
    )
    assert 0 < quote.bid < quote.ask
    assert quote.received_ms == RECORDED_MS
    assert quote.at_ms > 1_600_000_000_000
    [(_, body)] = round_trips("sdk_cassettes/test_get_all_mids.yaml")
    assert read_mids(body)["BTC"] > 0


# --- nonsense ------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["NaN", "sNaN", "-Infinity", "1E+999999999", "1E-999999999", "0.0", "-0", "B", "A", "filled", MASTER]
    )
)
nonsense = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)
good_frames = st.sampled_from(
    [
        fills_frame(fill_row(1), fill_row(2)),
        bbo_frame(),
        mids_frame(),
        {"channel": "orderUpdates", "data": [{"order": order_row(cloid=name(1)), "status": "open"}]},
        {"channel": "l2Book", "data": {"coin": "A", "time": 1, "levels": [[{"px": "1", "sz": "1"}], []]}},
        {"channel": "userFundings", "data": {"user": MASTER, "fundings": [{"time": 1}]}},
        {
            "channel": "clearinghouseState",
            "data": {
                "user": MASTER,
                "clearinghouseState": {"marginSummary": {}, "assetPositions": [], "time": 1},
            },
        },
    ]
)


def places(value, path=()):
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def put(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


@given(st.data())
def test_any_value_anywhere_in_a_frame_never_raises_and_never_lets_nonsense_through(data):
    frame = data.draw(good_frames)
    path = data.draw(st.sampled_from(list(places(frame))))
    got = read(json.dumps(put(frame, path, data.draw(nonsense))))
    for event in got.events:
        if isinstance(event, FillsReceived):
            assert all(f.px > 0 and f.qty > 0 and f.fee_usd.is_finite() for f in event.fills)
        if isinstance(event, QuoteReceived):
            assert 0 < event.quote.bid < event.quote.mid < event.quote.ask


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_never_raise(raw):
    assert not read(raw).events


def test_a_deeply_nested_frame_does_not_raise():
    assert read('{"channel":"userFills","data":' + "[" * 100_000).faults


def test_a_price_from_the_future_is_a_fault_and_cannot_stand_above_those_that_follow():
    assert not read(bbo_frame(time=NOON_MS + 20_000)).faults
    (fault,) = read(bbo_frame(time=NOON_MS + 3_600_000)).faults
    assert "3600 s ahead" in str(fault)
