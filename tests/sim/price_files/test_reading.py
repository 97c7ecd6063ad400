"""Whatever a path holds becomes ticks in the order of receipt, or one message that says what it should have been."""

import gzip
import json
import math
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.exchanges.ports import Read
from core.prices.feeds import flaw_of
from core.prices.methodology import Health
from core.prices.types import Reason, Tick
from sim.price_files import frames
from sim.price_files.minutes import ticks_of_bars
from sim.price_files.reading import read_prices
from sim.price_files.stream import Alive, Down, UnreadablePrices
from sim.price_files.times import RECEIVED

T = 1_700_000_000_000
ROW = {"source": "okx", "symbol": "BTC/USD", "price": 50_000.0, "volume_24h": 1e6, "timestamp": T}
SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[3] / "../shared"))
MINUTES = SHARED / "data" / "multi_venue" / "btc_minutes_2023_03.parquet"


def written(path, rows):
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def test_lines_an_array_gzip_and_parquet_hold_the_same(tmp_path):
    rows = [ROW, {**ROW, "source": "kraken", "bid": 49_999.0, "ask": 50_001.0}]
    plain = read_prices(written(tmp_path / "a.jsonl", rows)).heard
    (tmp_path / "b.json").write_text(json.dumps(rows, indent=1))
    with gzip.open(tmp_path / "c.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    pq.write_table(
        pa.Table.from_pylist([{"bid": None, "ask": None, **row} for row in rows]), tmp_path / "d.parquet"
    )
    for name in ("b.json", "c.jsonl.gz", "d.parquet"):
        assert read_prices(tmp_path / name).heard == plain
    assert plain[1].bid == 49_999.0


def test_without_a_receive_time_rows_are_sorted_by_stamp_and_equal_stamps_stay_in_order(tmp_path):
    rows = [{**ROW, "source": s, "timestamp": T + d} for s, d in (("c", 5), ("a", 1), ("b", 5), ("d", 1))]
    heard = read_prices(written(tmp_path / "a.jsonl", rows)).heard
    assert [(tick.source, tick.received_ms - T) for tick in heard] == [("a", 1), ("d", 1), ("c", 5), ("b", 5)]


@pytest.mark.parametrize("name", RECEIVED)
def test_every_accepted_name_of_the_receive_time_is_read_in_its_unit(tmp_path, name):
    unit = RECEIVED[name] or 1.0
    received = {1.0: T + 70, 1e-3: (T + 70) * 1000, 1e-6: (T + 70) * 1_000_000 + 321, 1e3: (T + 70) / 1000}[
        unit
    ]
    (tick,) = read_prices(written(tmp_path / "a.jsonl", [{**ROW, name: received}])).heard
    assert (tick.at_ms, tick.received_ms) == (T, T + 70)


@pytest.mark.parametrize("received", [T + 70, (T + 70) / 1000, (T + 70) * 1_000_000])
def test_a_receive_time_without_a_unit_is_read_in_the_one_that_fits(tmp_path, received):
    (tick,) = read_prices(written(tmp_path / "a.jsonl", [{**ROW, "received": received}])).heard
    assert tick.received_ms == T + 70


def test_rows_go_by_their_receive_time(tmp_path):
    rows = [
        {**ROW, "source": s, "timestamp": T - d, "recv_ms": T + d} for s, d in (("late", 9), ("early", 2))
    ]
    assert [tick.source for tick in read_prices(written(tmp_path / "a.jsonl", rows)).heard] == [
        "early",
        "late",
    ]


@pytest.mark.parametrize("price", ["abc", None, "NaN", [1], {}, True, 10**400])
def test_a_price_that_is_none_is_a_tick_with_nan(tmp_path, price):
    (tick,) = read_prices(written(tmp_path / "a.jsonl", [{**ROW, "price": price}])).heard
    assert math.isnan(tick.price)


def test_a_book_without_a_trade_has_its_middle_for_a_price(tmp_path):
    (tick,) = read_prices(written(tmp_path / "a.jsonl", [{**ROW, "price": None, "bid": 10, "ask": 12}])).heard
    assert tick.price == 11


def test_rows_that_cannot_be_placed_are_counted_with_their_reason(tmp_path):
    rows = [ROW, "{\n", "[1]\n", {**ROW, "source": ""}, {**ROW, "symbol": 3}, {**ROW, "timestamp": "x"}]
    rows += [{**ROW, "timestamp": 1e400}, "[" * 100_000 + "\n"]
    stream = read_prices(written(tmp_path / "a.jsonl", rows))
    assert len(stream.heard) == 1
    assert stream.refused == {"not_an_object": 3, "no_source": 1, "no_symbol": 1, "no_timestamp": 2}


@pytest.mark.parametrize("nothing", [float("nan"), "", None])
def test_a_column_that_says_nothing_of_a_feed_is_no_flaw_of_it(tmp_path, nothing):
    row = {**ROW, "bid": nothing, "ask": nothing, "volume_24h": nothing}
    (tick,) = read_prices(written(tmp_path / "a.jsonl", [row])).heard
    assert (tick.price, tick.bid, tick.ask, tick.volume_24h) == (50_000.0, None, None, None)


def test_decimals_of_a_table_are_numbers(tmp_path):
    pq.write_table(pa.Table.from_pylist([{**ROW, "price": Decimal("50000.5")}]), tmp_path / "a.parquet")
    (tick,) = read_prices(tmp_path / "a.parquet").heard
    assert tick.price == 50_000.5


@pytest.mark.parametrize("stamp", [T * 10_000, -T * 1000, -(10**40), 1e300])
def test_a_stamp_without_a_date_needs_a_receive_time_and_is_then_in_the_future_or_the_past(tmp_path, stamp):
    row = {**ROW, "timestamp": stamp}
    with pytest.raises(UnreadablePrices, match="1 timestamp_not_in_ms"):
        read_prices(written(tmp_path / "a.jsonl", [row]))
    (tick,) = read_prices(written(tmp_path / "b.jsonl", [{**row, "received_at": T}])).heard
    assert tick.received_ms == T
    assert flaw_of(tick, Health()) is (Reason.FUTURE if stamp > 0 else Reason.PAST)


@pytest.mark.parametrize("name", ["\ud800", "okx\x1b[2J", "", 3])
def test_what_cannot_be_printed_names_nothing(tmp_path, name):
    rows = [ROW, {**ROW, "source": name}, {**ROW, "symbol": name}]
    assert read_prices(written(tmp_path / "a.jsonl", rows)).refused == {"no_source": 1, "no_symbol": 1}


@pytest.mark.parametrize("rows", [[ROW, ROW], [[ROW, ROW]]])
def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path, rows):
    path = tmp_path / "a.json"
    path.write_text("\ufeff" + "".join(json.dumps(row) + "\n" for row in rows))
    assert len(read_prices(path).heard) == 2


def test_words_in_bars_are_no_numbers_and_end_nothing(tmp_path):
    rows = [{**bar(0, 20_000.0, 2.0), "close": "n/a", "volume": "many"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tick,) = read_prices(tmp_path / "a.parquet").heard
    assert math.isnan(tick.price)


def bar(minute, close, volume, venue="kraken"):
    time = datetime(2023, 3, 9, 0, minute, tzinfo=UTC).replace(tzinfo=None)
    return {"time": time, "venue": venue, "pair": "BTC/USD", "close": close, "volume": volume}


def test_a_bar_is_known_a_minute_after_its_start_and_one_without_volume_is_no_news(tmp_path):
    rows = [bar(0, 20_000.0, 2.0), bar(1, 20_000.0, 0.0), bar(2, 20_100.0, 1.0), bar(0, None, None, "okx")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    heard = read_prices(tmp_path / "a.parquet").heard
    start = round(datetime(2023, 3, 9, tzinfo=UTC).timestamp() * 1000)
    assert [(t.source, t.price, t.at_ms - start) for t in heard] == [
        ("kraken", 20_000.0, 60_000),
        ("kraken", 20_100.0, 180_000),
    ]
    assert heard[0].volume_24h == pytest.approx(40_000 * 1440)
    assert heard[1].volume_24h == pytest.approx((40_000 + 20_100) * 480)


START = round(datetime(2023, 3, 9, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "time", [START, START * 1000, START * 10**9, str(START), "2023-03-09T00:00:00Z", "2023-03-09 00:00"]
)
@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.csv"])
def test_bars_begin_at_a_number_or_at_words_in_any_kind_of_file(tmp_path, time, name):
    rows = [{**bar(0, 20_000.0, 2.0), "time": time}]
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    elif name == "a.csv":
        (tmp_path / name).write_text(f"{','.join(rows[0])}\n{','.join(map(str, rows[0].values()))}\n")
    else:
        written(tmp_path / name, rows)
    (tick,) = read_prices(tmp_path / name).heard
    assert (tick.received_ms, tick.price) == (1000 * START + 60_000, 20_000.0)
    assert tick.volume_24h == pytest.approx(40_000 * 1440)


def test_bars_without_a_volume_are_all_news_and_tell_none(tmp_path):
    rows = [{"ts": START, "source": "okx", "symbol": "BTCUSD", "close": 20_000.0}]
    rows += [{"ts": START + 60, "source": "okx", "symbol": "BTCUSD", "close": 20_000.0}]
    heard = read_prices(written(tmp_path / "a.jsonl", rows)).heard
    assert [(tick.volume_24h, tick.symbol) for tick in heard] == [(None, "BTC/USD")] * 2


def test_a_tick_among_bars_is_refused_and_not_taken_for_a_minute_without_trades(tmp_path):
    bar = {"time": T, "venue": "okx", "pair": "BTC/USD", "close": 50_000.0}
    stream = read_prices(written(tmp_path / "a.jsonl", [bar, ROW]))
    assert [tick.price for tick in stream.heard] == [50_000.0]
    assert stream.refused == {"not_a_bar": 1}


def test_a_bar_that_is_there_twice_counts_once(tmp_path):
    rows = [{**bar(0, 20_000.0, 2.0), "time": START}] * 2
    stream = read_prices(written(tmp_path / "a.jsonl", rows))
    assert (len(stream.heard), stream.refused) == (1, {"duplicate": 1})
    assert stream.heard[0].volume_24h == pytest.approx(40_000 * 1440)


def test_ticks_in_csv_in_gzipped_parquet_and_in_an_object_are_the_same(tmp_path):
    plain = read_prices(written(tmp_path / "a.jsonl", [ROW, {**ROW, "source": "kraken"}])).heard
    rows = [ROW, {**ROW, "source": "kraken"}]
    lines = [",".join(map(str, values)) for values in (ROW, *(row.values() for row in rows))]
    (tmp_path / "b.csv").write_text("\n".join(lines))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    (tmp_path / "c.parquet.gz").write_bytes(gzip.compress((tmp_path / "c.parquet").read_bytes()))
    (tmp_path / "d.json").write_text(json.dumps({"made_by": "x", "ticks": rows}))
    (tmp_path / "e.json").write_text(json.dumps({"ticks": rows}, indent=2))
    (tmp_path / "f").write_text(json.dumps(rows))
    for name in ("b.csv", "c.parquet.gz", "d.json", "e.json", "f"):
        assert read_prices(tmp_path / name).heard == plain, name


@pytest.mark.parametrize("names", [("exchange", "pair", "ts"), ("Source", "SYMBOL", "Timestamp")])
def test_columns_have_other_names_and_letters(tmp_path, names):
    row = {"price": 5, "more": [{"x": 1}], **dict(zip(names, ("okx", "BTC/USD", T), strict=True))}
    (tick,) = read_prices(written(tmp_path / "a.jsonl", [row])).heard
    assert (tick.source, tick.symbol, tick.at_ms) == ("okx", "BTC/USD", T)


def test_a_table_of_stamps_without_a_price_is_none_of_ticks(tmp_path):
    row = {"source": "okx", "symbol": "BTC/USD", "timestamp": T, "funding": 0.1}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    with pytest.raises(UnreadablePrices, match="its columns are funding"):
        read_prices(tmp_path / "a.parquet")


@pytest.mark.skipif(not MINUTES.is_file(), reason="the shared market data are not here")
def test_the_real_minutes_have_a_full_day_of_turnover():
    chosen = [("venue", "==", "kraken"), ("pair", "==", "BTC/USD")]
    columns = ["time", "venue", "pair", "close", "volume"]
    rows = pq.read_table(MINUTES, columns=columns, filters=chosen).to_pylist()
    (heard,) = ticks_of_bars(rows).undated
    assert len(heard) > 4_000
    end = max(row["time"] for row in rows)
    told = sum(row["volume"] * row["close"] for row in rows if (end - row["time"]).days < 1)
    assert heard[-1].volume_24h == pytest.approx(told)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.parquet", b"PAR1 no"),
        ("a.jsonl.gz", b"not gzip"),
        ("a.csv", b"x"),
        ("a.jsonl", b""),
        ("a.jsonl", b"nonsense\n"),
        ("a.json", b"[1, "),
        ("a.txt", b"hello\n"),
        ("a.jsonl", b'{"ledger": "index price"}\n'),
    ],
)
def test_what_cannot_be_read_is_named_with_what_is_allowed(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadablePrices, match=name):
        read_prices(tmp_path / name)


def test_a_path_that_is_not_there_says_so(tmp_path):
    with pytest.raises(UnreadablePrices, match="no such file"):
        read_prices(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "part"), [("a" * 300, "File name too long"), ("a\0b", "no such file")])
def test_a_name_that_no_file_can_have_is_said_to_be_none(tmp_path, name, part):
    with pytest.raises(UnreadablePrices, match=part):
        read_prices(tmp_path / name)


def test_a_pipe_is_not_read_because_what_was_taken_out_of_it_would_be_missing(tmp_path):
    os.mkfifo(tmp_path / "ticks.jsonl")
    with pytest.raises(UnreadablePrices, match="a pipe or device"):
        read_prices(tmp_path / "ticks.jsonl")


def test_a_date_of_no_calendar_in_a_table_costs_its_own_row_alone(tmp_path):
    stamps = pa.array([T * 1000, 2**62], pa.timestamp("us"))
    table = pa.Table.from_pylist([ROW, ROW]).drop_columns("timestamp").append_column("timestamp", stamps)
    pq.write_table(table, tmp_path / "a.parquet")
    stream = read_prices(tmp_path / "a.parquet")
    assert [tick.at_ms for tick in stream.heard] == [T]
    assert stream.refused == {"no_timestamp": 1}


def test_a_directory_is_read_file_by_file_and_tells_what_it_left_out(tmp_path):
    written(tmp_path / "b.jsonl", [ROW])
    written(tmp_path / "a.jsonl", [{**ROW, "timestamp": T + 5}])
    (tmp_path / "README.md").write_text("words")
    stream = read_prices(tmp_path)
    assert [tick.at_ms for tick in stream.heard] == [T, T + 5]
    assert ["README.md" in line for line in stream.left_out] == [True]


class Scripted:
    """Words that read a price, a heartbeat, a gap, or nothing known."""

    source = "kraken"

    def __init__(self, pairs):
        self.pairs = pairs

    def read(self, frame, received_ms):
        found = json.loads(frame)
        if "price" in found:
            one = Tick(
                source="kraken", symbol=self.pairs[0], at_ms=T, received_ms=received_ms, price=found["price"]
            )
            return Read(ticks=(one,))
        return Read(alive="alive" in found, fault=found.get("fault"), strange=found.get("strange"))


FRAMES = """wss://ws.kraken.com <-> 1618678132.3858151
wss://ws.kraken.com <- 1618678132.8: {"event":"subscribe"}
1618678133.25: {"price": 5}
1618678133250999888 {"alive": 1}
1618678134.0: {"fault": "gap"}
1618678134.0: {"strange": "?"}
nonsense
"""


def test_raw_frames_are_read_by_the_words_of_the_venue_in_the_files_name(tmp_path):
    with gzip.open(tmp_path / "KRAKEN.ws.50.0.txt.gz", "wt") as file:
        file.write(FRAMES)
    stream = frames.heard_in_frames(tmp_path / "KRAKEN.ws.50.0.txt.gz", ["BTC"], {"kraken": Scripted})
    ms = 1_618_678_133_250
    assert stream.heard == [
        Tick(source="kraken", symbol="BTC/USD", price=5, at_ms=T, received_ms=ms),
        Alive("kraken", ms),
        Down("kraken", 1_618_678_134_000),
    ]
    assert stream.refused == {"strange_frame": 1, "not_a_frame": 1}


@pytest.mark.parametrize(
    "stamp", ["1618678133.25", "1618678133250", "1618678133250999", "1618678133250999888"]
)
def test_a_frames_stamp_is_in_the_unit_that_its_digits_tell(tmp_path, stamp):
    (tmp_path / "kraken.txt").write_text(f'{stamp} {{"alive": 1}}\n')
    stream = frames.heard_in_frames(tmp_path / "kraken.txt", ["BTC"], {"kraken": Scripted})
    assert stream.heard == [Alive("kraken", 1_618_678_133_250)]


@pytest.mark.parametrize(
    "name", ["KRAKEN_FUTURES.ws.1.0.txt", "binance_usdm_btcusdt_first2000.txt", "BITMEX.ws.txt"]
)
def test_a_venue_without_a_parser_is_said_to_have_none(tmp_path, name):
    known = {"kraken": Scripted, "binance": Scripted}
    with pytest.raises(UnreadablePrices, match=r"no parser for the raw frames of .* binance, kraken"):
        frames.venue_of(tmp_path / name, known)
    assert frames.venue_of(tmp_path / "binance_spot_btcusdt_first2000.txt", known) == "binance"
