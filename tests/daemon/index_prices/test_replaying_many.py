"""Many symbols: a value where something was heard of one, and of each at least once a second."""

import io
import json
from itertools import pairwise

import msgspec
import pytest

from core.prices.board import PriceBoard
from core.prices.presets import PRESETS
from core.prices.types import State, Tick
from daemon.index_prices.ledger import Ledger
from daemon.index_prices.replaying import SETTLEMENT, Replayed, played
from daemon.index_prices.shown import ROWS, Condensed
from research.index_verify import verify
from sim.price_files.stream import Alive, Down, Stream
from tests.daemon.command_line import nightdesk

T = 1_700_000_000_000
VENUES = ("binance", "kraken", "okx")


def tick(source, symbol, at_ms):
    price = 1.0 if symbol.startswith("USDT") else 100.0
    return Tick(source=source, symbol=symbol, price=price, at_ms=at_ms, received_ms=at_ms)


def market(symbols, stamps, step_ms=10):
    """Each stamp brings one tick of one symbol, in turn."""
    pairs = [(symbol, venue) for symbol in symbols for venue in VENUES]
    return Stream(
        [tick(pairs[n % len(pairs)][1], pairs[n % len(pairs)][0], T + step_ms * n) for n in range(stamps)]
    )


def values_of(stream, ledger=None):
    board = PriceBoard(PRESETS["nightdesk"])
    return [value for values in played(stream, board, Replayed(), ledger) for value in values]


def test_values_go_with_what_was_heard_and_not_with_symbols_times_stamps():
    symbols = [f"C{i}/USD" for i in range(100)]
    values = values_of(market(symbols, 600))
    seconds = 6
    assert len(values) <= 600 + len(symbols) * (seconds + 1)
    for symbol in symbols:
        own = [value.at_ms for value in values if value.symbol == symbol]
        heard = {one.at_ms for one in market(symbols, 600).heard if one.symbol == symbol}
        assert heard <= set(own)
        assert all(later - earlier <= 1000 for earlier, later in pairwise(own))
    assert [value.symbol for value in values[-100:]] == sorted(symbols)
    assert {value.at_ms for value in values[-100:]} == {T + 5990}


def test_one_symbol_has_a_value_at_every_stamp_whatever_was_heard_there():
    stream = market(["BTC/USD"], 20)
    stream.heard[5] = Alive("okx", stream.heard[5].received_ms)
    stream.heard[9] = tick("okx", "BTC/XYZ", stream.heard[9].received_ms)
    assert [value.at_ms for value in values_of(stream)] == [T + 10 * n for n in range(20)]


def test_a_lost_stream_is_seen_in_every_symbol_at_once():
    stream = market(["BTC/USD", "ETH/USD"], 12)
    lost_ms = T + 500
    stream.heard += [Down("okx", lost_ms), tick("kraken", "BTC/USD", lost_ms + 1)]
    states = {value.symbol: value.state for value in values_of(stream) if value.at_ms == lost_ms}
    assert states == {"BTC/USD": State.DEGRADED, "ETH/USD": State.DEGRADED}


def test_what_is_not_heard_is_stale_within_a_second_of_its_time():
    stream = market(["BTC/USD", "ETH/USD"], 6)
    stream.heard += [tick(VENUES[n % 3], "BTC/USD", T + 100 + 100 * n) for n in range(150)]
    halted = [v.at_ms for v in values_of(stream) if v.symbol == "ETH/USD" and v.state is State.HALTED]
    assert T + 10_000 < halted[0] <= T + 11_050


@pytest.mark.parametrize("quote", ["USD", "USDT"])
def test_the_ledger_of_a_sparse_series_is_made_again(tmp_path, quote):
    file = io.BytesIO()
    stream = market([f"{base}/{quote}" for base in ("BTC", "ETH", "SOL", "XRP")] + ["USDT/USD"], 240)
    values = values_of(stream, Ledger(file, PRESETS["nightdesk"], SETTLEMENT))
    (tmp_path / "ledger").write_bytes(file.getvalue())
    found = verify(tmp_path / "ledger")
    assert (str(found.mismatch), found.values) == ("None", len(values))
    assert values[-1].state is State.OK


def test_the_ledger_of_two_feeds_from_the_start_is_made_again(tmp_path):
    file, stream = io.BytesIO(), Stream()
    for second, apart in enumerate((1.02, 1.011, 1.0099, 1.005, 1.02)):
        for source, factor in (("okx", 1.0), ("kraken", apart)):
            one = tick(source, "BTC/USD", T + 1000 * second)
            stream.heard.append(msgspec.structs.replace(one, price=one.price * factor))
    values = values_of(stream, Ledger(file, PRESETS["nightdesk"], SETTLEMENT))
    assert [value.state for value in values] == [State.STARTING] * 2 + [State.DEGRADED] * 3
    (tmp_path / "ledger").write_bytes(file.getvalue())
    assert str(verify(tmp_path / "ledger").mismatch) == "None"


def test_a_venue_whose_name_is_that_of_no_number_is_a_venue_in_both(tmp_path):
    file, stream = io.BytesIO(), Stream([tick(source, "BTC/USD", T) for source in ("nan", "inf", "okx")])
    assert values_of(stream, Ledger(file, PRESETS["nightdesk"], SETTLEMENT))[-1].active_feeds == 3
    (tmp_path / "ledger").write_bytes(file.getvalue())
    assert str(verify(tmp_path / "ledger").mismatch) == "None"


def written(path, symbols, stamps):
    rows = [
        {"source": one.source, "symbol": one.symbol, "price": one.price, "timestamp": one.at_ms}
        for one in market(symbols, stamps).heard
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_symbols_that_are_not_in_the_input_are_bad_use_and_said(tmp_path):
    path = written(tmp_path / "a.jsonl", ["BTC/USD", "ETH/USD"], 9)
    said = nightdesk("index-price", "replay", path, "--symbols", "FOO,BAR")
    assert said.code == 2
    assert said.err == f"nightdesk: --symbols FOO/USD,BAR/USD: not in {path}; in it are BTC/USD, ETH/USD\n"


def test_of_several_symbols_those_that_are_there_are_published_and_the_others_said(tmp_path):
    path = written(tmp_path / "a.jsonl", ["BTC/USD", "ETH/USD"], 9)
    said = nightdesk("index-price", "replay", path, "--symbols", "FOO,ETH", "--json")
    assert said.code == 0
    assert {value["symbol"] for value in said.document} == {"ETH/USD"}
    assert f"left out FOO/USD: nothing of it is in {path}" in said.err


def test_stamps_in_another_unit_are_said(tmp_path):
    row = {"source": "okx", "symbol": "BTCUSD", "price": 5, "timestamp": T // 1000}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    said = nightdesk("index-price", "replay", tmp_path / "a.jsonl", "--json")
    assert (said.code, said.document[0]["timestamp"]) == (0, T)
    assert "not in ms by their size: 1 in s, read so" in said.err


def test_a_table_keeps_changes_some_of_the_rest_and_the_last_however_many_there_are():
    series = Condensed()
    values = values_of(market(["BTC/USD"], 500))
    for value in values:
        series(value, None)
    rows = series.rows()
    assert (rows[0], rows[-1]) == (values[0], values[-1])
    assert ROWS / 2 < len(rows) <= ROWS + 4
    assert [row.at_ms for row in rows] == sorted(row.at_ms for row in rows)
