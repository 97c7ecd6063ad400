from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ports import Candle, HourlyFunding
from core.types import Coin
from state.errors import StateError
from state.history import History, Recorded

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
SOL = Coin("SOL")


def candle(day, close="10.5", coin=SOL):
    return Candle(
        coin=coin,
        open_ms=day * DAY_MS,
        close_ms=(day + 1) * DAY_MS - 1,
        open=Decimal("10"),
        high=Decimal("12"),
        low=Decimal("9"),
        close=Decimal(close),
        volume=Decimal("1000.25"),
        trades=77,
    )


@pytest.fixture
def history(tmp_path):
    return History.open(tmp_path / "history.sqlite")


def test_candles_come_back_as_plain_rows_oldest_first(history):
    assert history.record_candles(
        [candle(2), candle(1), candle(1, coin=Coin("DOGE"))], now_ms=9 * DAY_MS
    ) == Recorded(added=3)
    assert history.candles(SOL) == [
        (DAY_MS, 10.0, 12.0, 9.0, 10.5, 1000.25, 77),
        (2 * DAY_MS, 10.0, 12.0, 9.0, 10.5, 1000.25, 77),
    ]
    assert history.candles(SOL, from_ms=2 * DAY_MS)[0][0] == 2 * DAY_MS
    assert history.last_candle_ms(SOL) == 2 * DAY_MS
    assert history.last_candle_ms(Coin("BTC")) is None
    assert history.coins() == ["DOGE", "SOL"]


@pytest.mark.parametrize(("now_ms", "kept"), [(2 * DAY_MS - 1, 0), (2 * DAY_MS, 1)])
def test_a_candle_is_kept_from_its_end_on(history, now_ms, kept):
    assert history.record_candles([candle(1)], now_ms=now_ms) == Recorded(added=kept, unfinished=1 - kept)
    assert len(history.candles(SOL)) == kept


def test_a_restart_finds_what_was_kept(history, tmp_path):
    history.record_candles([candle(1)], now_ms=9 * DAY_MS)
    history.close()
    assert History.open(tmp_path / "history.sqlite").last_candle_ms(SOL) == DAY_MS


def test_the_same_candle_again_changes_nothing(history):
    history.record_candles([candle(1, "10.5")], now_ms=9 * DAY_MS)
    assert history.record_candles([candle(1, "10.50")], now_ms=10 * DAY_MS) == Recorded(unchanged=1)
    assert history.revisions() == []


def test_another_value_is_read_from_then_on_and_the_old_one_is_noted(history):
    history.record_candles([candle(1, "10.5")], now_ms=9 * DAY_MS)
    assert history.record_candles([candle(1, "10.75")], now_ms=10 * DAY_MS) == Recorded(revised=1)
    assert history.candles(SOL)[0][4] == 10.75
    [revision] = history.revisions()
    assert (revision.series, revision.coin, revision.at_ms, revision.noted_ms) == (
        "candle",
        SOL,
        DAY_MS,
        10 * DAY_MS,
    )
    assert ("10.5" in revision.before, "10.75" in revision.after) == (True, True)
    assert history.revisions(since_ms=11 * DAY_MS) == []


def test_funding_is_kept_and_revised_the_same_way(history):
    rates = [HourlyFunding(coin=SOL, hour_ms=h * HOUR_MS, rate=Decimal("0.0000125")) for h in (5, 4)]
    assert history.record_funding(rates, now_ms=0) == Recorded(added=2)
    assert history.record_funding([replace(rates[0], rate=Decimal("-1e-7"))], now_ms=7) == Recorded(revised=1)
    assert history.daily_funding(SOL) == [(0, 1.25e-05 - 1e-07, 2)]
    assert history.last_funding_ms(SOL) == 5 * HOUR_MS
    assert history.revisions()[0].before == ("0.0000125",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("close", "NaN"),
        ("open", "Infinity"),
        ("low", "0"),
        ("low", "-1"),
        ("volume", "-1"),
        ("volume", "NaN"),
        ("close", "13"),
        ("low", "11"),
    ],
)
def test_an_impossible_candle_is_refused_with_all_its_batch(history, field, value):
    bad = replace(candle(2), **{field: Decimal(value)})
    with pytest.raises(ValueError, match=f"candle of SOL at {2 * DAY_MS}"):
        history.record_candles([candle(1), bad], now_ms=9 * DAY_MS)
    assert history.candles(SOL) == []


def test_funding_that_is_no_number_is_refused(history):
    with pytest.raises(ValueError, match="funding of SOL"):
        history.record_funding([HourlyFunding(coin=SOL, hour_ms=0, rate=Decimal("NaN"))], now_ms=0)


@given(rates=st.lists(st.decimals(-1, 1, places=10), max_size=10))
def test_the_last_value_given_is_the_one_read(rates):
    history = History.in_memory()
    for rate in rates:
        history.record_funding([HourlyFunding(coin=SOL, hour_ms=0, rate=rate)], now_ms=0)
    assert [value for _, value, _ in history.daily_funding(SOL)] == [float(rate) for rate in rates[-1:]]
    changes = sum(a != b for a, b in pairwise(rates))
    assert len(history.revisions()) == changes


def test_a_damaged_cache_is_named(tmp_path):
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"nonsense" * 1000)
    with pytest.raises(StateError, match=r"history\.sqlite: the file is damaged"):
        History.open(path)


@pytest.mark.parametrize(
    "read",
    [
        lambda history: history.candles(SOL),
        lambda history: history.daily_funding(SOL),
        lambda history: history.last_candle_ms(SOL),
        lambda history: history.coins(),
        lambda history: history.revisions(),
        lambda history: history.record_candles([candle(1)], now_ms=9 * DAY_MS),
    ],
)
def test_what_the_disk_can_no_longer_read_is_the_states_error(history, tmp_path, read):
    """The first page is overwritten under the open file: what a failing disk does."""
    history.record_candles([candle(day) for day in range(1, 200)], now_ms=900 * DAY_MS)
    history._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    history._connection.execute("PRAGMA cache_size = 0")
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"\xff" * path.stat().st_size)
    history._connection.execute("PRAGMA shrink_memory")
    with pytest.raises(StateError, match=r"history\.sqlite: "):
        read(history)


@given(
    rates=st.dictionaries(st.integers(0, 240), st.decimals(-1, 1, places=17), max_size=60),
    order=st.randoms(use_true_random=False),
)
def test_rates_of_a_day_are_added_in_the_order_of_their_hours(rates, order):
    history = History.in_memory()
    given_order = [HourlyFunding(coin=SOL, hour_ms=h * HOUR_MS, rate=rate) for h, rate in rates.items()]
    order.shuffle(given_order)
    history.record_funding(given_order, now_ms=0)
    wanted = {}
    for hour in sorted(rates):
        total, count = wanted.get(hour // 24, (0.0, 0))
        wanted[hour // 24] = (total + float(rates[hour]), count + 1)
    assert history.daily_funding(SOL) == [(day, *wanted[day]) for day in sorted(wanted)]


def test_a_reader_beside_the_writer_sees_what_was_kept(tmp_path):
    history = History.open(tmp_path / "history.sqlite")
    history.record_candles([candle(1)], now_ms=9 * DAY_MS)
    reader = History.open_read_only(tmp_path / "history.sqlite")
    assert reader.candles(SOL) == history.candles(SOL) != []
    with pytest.raises(StateError):
        reader.record_candles([candle(2)], now_ms=9 * DAY_MS)
