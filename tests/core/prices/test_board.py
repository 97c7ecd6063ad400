"""Many symbols under one methodology: rates come first, symbols are sorted, and parity is never guessed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from core.prices.board import PriceBoard, rate_methodology
from core.prices.presets import PRESETS
from core.prices.types import Reason, State, Tick

OURS = PRESETS["nightdesk"]
T = 1_700_000_000_000
VENUES = ("binance", "kraken", "okx")


def tick(source, symbol, price, at_ms=T, volume=1e6):
    return Tick(source=source, symbol=symbol, price=price, at_ms=at_ms, received_ms=at_ms, volume_24h=volume)


def board(ticks, methodology=OURS, **options):
    made = PriceBoard(methodology, **options)
    for one in ticks:
        made.tick(one)
    return made


def quotes(symbol, price, sources=VENUES):
    return [tick(source, symbol, price) for source in sources]


def test_dollars_of_a_stablecoin_are_its_own_index_times_the_price():
    made = board([*quotes("BTC/USDT", 50_000.0), *quotes("USDT/USD", 0.9)])
    values = {value.symbol: value for value in made.evaluate(T)}
    assert list(values) == ["USDT/USD", "BTC/USD"]
    assert values["BTC/USD"].price == pytest.approx(45_000)
    assert values["BTC/USD"].state is State.OK


def test_the_second_stablecoin_is_also_had_by_way_of_the_first():
    ticks = [*quotes("USDT/USD", 0.98), *quotes("USDC/USDT", 0.9, VENUES[:2]), *quotes("BTC/USDC", 50_000.0)]
    values = {value.symbol: value.price for value in board(ticks).evaluate(T)}
    assert values["USDC/USD"] == pytest.approx(0.882)
    assert values["BTC/USD"] == pytest.approx(44_100)


def test_without_a_conversion_nothing_is_published_of_stablecoin_quotes():
    made = board(quotes("BTC/USDT", 50_000.0))
    (value,) = made.evaluate(T)
    assert (value.state, value.price) == (State.STARTING, None)
    assert {i.reason for i in value.inputs} == {Reason.NO_CONVERSION}


@pytest.mark.parametrize("symbol", ["ETH/BTC", "btc/usd", "ETH/EUR", "BTC/USD/X"])
def test_a_quote_that_nothing_converts_begins_no_index(symbol):
    made = board(quotes("BTC/USD", 50_000.0)) if not symbol.startswith("BTC") else board([])
    assert made.tick(tick("kraken", symbol, 1.0)) is Reason.UNKNOWN_SYMBOL
    assert {value.symbol for value in made.evaluate(T)} <= {"BTC/USD"}


def test_beside_others_it_is_left_out_with_its_reason():
    made = board([*quotes("BTC/USD", 50_000.0), tick("bitso", "BTC/MXN", 900_000.0)])
    (value,) = made.evaluate(T)
    assert {i.source: i.reason for i in value.inputs}["bitso"] is Reason.NO_CONVERSION
    assert value.price == pytest.approx(50_000)


def test_one_venue_alone_converts_nothing():
    made = board([*quotes("BTC/USDT", 50_000.0), tick("kraken", "USDT/USD", 1.0)])
    values = {value.symbol: value for value in made.evaluate(T)}
    assert values["USDT/USD"].state is State.STARTING
    assert values["BTC/USD"].price is None


def test_a_methodology_that_does_not_convert_takes_stablecoins_for_dollars():
    (value,) = board(quotes("BTC/USDT", 50_000.0), PRESETS["brief"]).evaluate(T)
    assert value.price == pytest.approx(50_000)


def test_a_conversion_needs_its_own_number_of_feeds():
    rules = replace(OURS, rate_feeds_min=3)
    assert rate_methodology(rules).breaker.feeds_min == 3
    two = [*quotes("BTC/USDT", 50_000.0), *quotes("USDT/USD", 1.0, VENUES[:2])]
    assert board(two).evaluate(T)[0].state is State.OK
    assert board(two, rules).evaluate(T)[0].state is State.DEGRADED


def test_only_the_symbols_asked_for_are_made_and_what_converts_them():
    made = PriceBoard(OURS, symbols=["BTC/USD"])
    assert made.tick(tick("okx", "ETH/USD", 3_000.0)) is Reason.UNKNOWN_SYMBOL
    assert made.tick(tick("okx", "USDT/USD", 1.0)) is None
    assert made.tick(tick("okx", "BTC/USDT", 50_000.0)) is None
    assert [value.symbol for value in made.evaluate(T)] == ["USDT/USD", "BTC/USD"]


@pytest.mark.parametrize("symbol", ["", "BTC", "BTC/", "/USD", "USD/USDT"])
def test_what_is_no_pair_of_an_index_is_refused(symbol):
    assert PriceBoard(OURS).tick(tick("okx", symbol, 1.0)) is Reason.UNKNOWN_SYMBOL


def test_a_symbol_that_was_asked_for_is_told_missing_before_it_is_heard():
    made = PriceBoard(OURS, symbols=["BTC/USD"], expected=[("okx", "BTC/USDT")])
    (value,) = made.evaluate(T)
    assert value.state is State.STARTING
    assert [(i.source, i.reason) for i in value.inputs] == [("okx", Reason.NO_TICK)]


def test_a_lost_stream_and_its_heartbeats_concern_every_symbol():
    ticks = [*quotes("BTC/USD", 50_000.0), *quotes("ETH/USD", 3_000.0)]
    made = board(ticks)
    for source in VENUES:
        made.heartbeat(source, T + 15_000)
    assert [value.active_feeds for value in made.evaluate(T + 20_000)] == [3, 3]
    made.disconnected("okx")
    assert [value.active_feeds for value in made.evaluate(T + 20_000)] == [2, 2]


def test_a_value_is_due_at_its_second_at_its_basis_point_and_at_a_change_of_state():
    made = board(quotes("BTC/USD", 50_000.0))
    (first,) = made.evaluate(T)
    assert first.price is not None
    assert made.due(first, None)
    assert not made.due(with_fields(first, at_ms=T + 999), first)
    assert made.due(with_fields(first, at_ms=T + 1000), first)
    assert not made.due(with_fields(first, price=first.price * 1.00009), first)
    assert made.due(with_fields(first, price=first.price * 0.99989), first)
    assert made.due(with_fields(first, state=State.DEGRADED), first)
    assert made.due(with_fields(first, price=None), first)


@settings(max_examples=30, deadline=None)
@given(st.permutations(quotes("USDT/USD", 0.97) + quotes("USDC/USD", 0.88) + quotes("BTC/USDC", 50_000.0)))
def test_the_order_in_which_sources_are_heard_does_not_matter(ticks):
    assert [value.price for value in board(ticks).evaluate(T)] == [
        value.price for value in board(sorted(ticks, key=str)).evaluate(T)
    ]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("volume", [1e308, 1e31, float("inf"), float("nan"), -1.0, 0.0, 1e-300])
def test_whatever_volume_all_venues_tell_a_price_stays_between_theirs(preset, volume):
    ticks = [tick(source, "BTC/USD", 50_000.0, volume=volume) for source in VENUES]
    for value in board(ticks, PRESETS[preset]).evaluate(T):
        assert value.price is None or value.price == pytest.approx(50_000)
