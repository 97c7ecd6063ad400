import json
from decimal import Decimal

import pytest

from adapters.hyperliquid.universe import Universe
from adapters.ports import Rejected, Unknown, VenueError
from core.types import Coin
from tests.adapters.hyperliquid.desk import BTC, ETH, reference
from tests.adapters.hyperliquid.recorded import needs_recordings, round_trips
from tests.adapters.scripted import NOON_MS, ScriptedHttp, reply, run

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


def always(answer):
    return ScriptedHttp(lambda path, question: answer)


def asked(tape, kind):
    return next(trip for trip in round_trips(tape) if trip[0]["type"] == kind)


def meta(*assets):
    return {
        "universe": [{"szDecimals": 2, "maxLeverage": 10, "name": n} | more for n, more in assets],
        "marginTables": [],
    }


def test_the_asset_id_is_the_place_in_the_universe_even_after_delisted_and_unreadable_rows():
    universe = Universe()
    body = meta(
        ("A", {}),
        ("B", {"isDelisted": True}),
        ("C", {"szDecimals": "x"}),
        ("D", {"szDecimals": 9}),
        ("E", {}),
    )
    listed = run(reference(always(reply(body)), universe).instruments())
    assert [(i.coin, i.asset_id, i.delisted) for i in listed] == [
        ("A", 0, False),
        ("B", 1, True),
        ("E", 4, False),
    ]
    assert universe.by_coin[Coin("E")].asset_id == 4
    assert Coin("C") not in universe


@needs_recordings
def test_the_recorded_universe_is_read():
    [(_, body)] = round_trips("go_hyperliquid_cassettes/Meta.yaml")
    listed = run(reference(always(reply(body))).instruments())
    rows = json.loads(body)["universe"]
    assert [(i.coin, i.size_decimals, i.delisted) for i in listed] == [
        (r["name"], r["szDecimals"], r.get("isDelisted", False)) for r in rows
    ]


@needs_recordings
def test_the_recorded_turnover_is_read():
    tape = round_trips("go_hyperliquid_cassettes/MetaAndAssetCtxs.yaml")
    body = next(b for q, b in tape if q["type"] == "metaAndAssetCtxs" and not q.get("dex"))
    listing, contexts = json.loads(body)
    volumes = run(reference(always(reply(body))).day_volume_usd())
    assert len(volumes) == len(listing["universe"])
    btc = next(n for n, a in enumerate(listing["universe"]) if a["name"] == "BTC")
    assert volumes[BTC] == Decimal(contexts[btc]["dayNtlVlm"])


def test_turnover_that_is_no_number_is_absent_and_not_zero():
    contexts = [{"dayNtlVlm": "5.0"}, {"dayNtlVlm": "NaN"}, {}]
    volumes = run(
        reference(always(reply([meta(("A", {}), ("B", {}), ("C", {})), contexts]))).day_volume_usd()
    )
    assert volumes == {"A": Decimal("5.0")}


def candle(day, coin="ETH", **changes):
    row = {"t": day * DAY_MS, "T": (day + 1) * DAY_MS - 1, "s": coin, "i": "1d", "n": 5}
    return row | {"o": "2.0", "h": "3.0", "l": "1.0", "c": "2.5", "v": "10.0"} | changes


def test_daily_candles_before_the_wanted_day_are_left_out_and_the_rest_sorted():
    http = always(reply([candle(3), candle(1), candle(2), candle(3)]))
    candles = run(reference(http).daily_candles(ETH, from_ms=2 * DAY_MS))
    assert [c.open_ms // DAY_MS for c in candles] == [2, 3]
    assert (candles[0].close, candles[0].close_ms) == (Decimal("2.5"), 3 * DAY_MS - 1)
    assert http.asked[0][1]["req"]["interval"] == "1d"
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"c": "NaN"},
        {"h": "2.4"},
        {"l": "2.1"},
        {"l": "0.0"},
        {"v": "-1"},
        {"T": 0},
        {"s": "BTC"},
        {"o": None},
    ],
)
def test_a_candle_that_cannot_be_right_refuses_the_series(bad):
    with pytest.raises(VenueError):
        run(reference(always(reply([candle(1), candle(2, **bad)]))).daily_candles(ETH, from_ms=0))


@needs_recordings
def test_recorded_candles_are_read():
    question, body = asked("sdk_cassettes/test_get_candles_snapshot.yaml", "candleSnapshot")
    rows = json.loads(body)
    candles = run(reference(always(reply(body))).daily_candles(Coin(question["req"]["coin"]), from_ms=0))
    assert [c.close for c in candles] == [Decimal(r["c"]) for r in rows]


@pytest.mark.parametrize("page_rows", [500, 1038])
def test_funding_is_read_by_pages_and_keyed_by_its_hour(page_rows):
    rows = [
        {"coin": "ETH", "fundingRate": f"{n}", "premium": "0", "time": n * HOUR_MS + n % 118}
        for n in range(2_300)
    ]

    def answer(path, question):
        return reply([r for r in rows if r["time"] >= question["startTime"]][:page_rows])

    http = ScriptedHttp(answer)
    rates = run(reference(http).hourly_funding(ETH, from_ms=HOUR_MS))
    assert [(f.hour_ms // HOUR_MS, f.rate) for f in rates] == [(n, n) for n in range(1, 2_300)]
    assert len(http.asked) <= 6


def test_an_hour_reported_twice_counts_once():
    rows = [
        {"coin": "ETH", "fundingRate": "0.1", "time": 5},
        {"coin": "ETH", "fundingRate": "0.2", "time": 90},
    ]
    assert len(run(reference(always(reply(rows))).hourly_funding(ETH, from_ms=0))) == 1


@needs_recordings
def test_recorded_funding_is_read():
    question, body = asked("sdk_cassettes/test_get_funding_history[1684811870000].yaml", "fundingHistory")
    http = ScriptedHttp(lambda p, q: reply(body) if q["startTime"] == question["startTime"] else reply([]))
    rates = run(reference(http).hourly_funding(Coin(question["coin"]), from_ms=question["startTime"]))
    assert len(rates) == len({r["time"] // HOUR_MS for r in json.loads(body)})


def test_the_venues_time_is_read():
    assert (
        run(reference(always(reply({"time": NOON_MS, "specialStatuses": None}))).venue_time_ms()) == NOON_MS
    )
    assert (
        run(reference(always(reply({"time": NOON_MS, "specialStatuses": {"a": 1}}))).venue_time_ms())
        == NOON_MS
    )


def test_an_unknown_coin_is_one_clear_error_and_is_not_asked_again():
    http = always(reply(None, 500))
    with pytest.raises(Rejected, match=r"no such coin.*case-sensitive"):
        run(reference(http).daily_candles(Coin("KPEPE"), from_ms=0))
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply(None, 429),
        reply(b"<html>", 502, "text/html"),
        reply(b"<html>", 200, "text/html"),
        Unknown("reset"),
    ],
)
def test_a_read_the_edge_failed_is_tried_a_few_times_and_then_raised(answer):
    http = always(answer)
    with pytest.raises(Unknown):
        run(reference(http).venue_time_ms())
    assert len(http.asked) == 4


def test_a_question_the_venue_cannot_read_is_not_asked_again():
    http = always(reply(b"Failed to deserialize the JSON body into the target type", 422, "text/plain"))
    with pytest.raises(Rejected, match="422"):
        run(reference(http).instruments())
    assert len(http.asked) == 1
