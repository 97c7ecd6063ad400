import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.config import TradingSettings
from core.events import ClockTicked, KillReset, KillTripped, QuoteReceived, Started
from core.types import Coin, Quote
from daemon import inbox as module
from daemon.inbox import Inbox, InboxFull

COINS = ("BTC", "ETH", "SOL")


def quote(coin, px, at_ms=0):
    px, one = Decimal(px), Decimal(1)
    best = Quote(
        coin=Coin(coin), bid=px, ask=px + 1, bid_size=one, ask_size=one, at_ms=at_ms, received_ms=at_ms
    )
    return QuoteReceived(at_ms=at_ms, quote=best)


def tick(at_ms):
    return ClockTicked(at_ms=at_ms)


def kill(at_ms):
    return KillTripped(at_ms=at_ms, reason="a test", by="test")


def reset(at_ms):
    return KillReset(at_ms=at_ms, reason="a test")


def start(at_ms):
    return Started(at_ms=at_ms, version="a test", settings=TradingSettings())


event = st.one_of(
    st.builds(quote, st.sampled_from(COINS), st.integers(1, 99)),
    st.builds(tick, st.integers(0, 9)),
    st.builds(kill, st.integers(0, 9)),
)


def taken(events):
    async def through():
        box = Inbox()
        for one in events:
            box.put(one)
        return await box.take(), box

    return asyncio.run(through())


@given(st.lists(event, min_size=1, max_size=30))
def test_kills_come_first_then_the_newest_quote_of_each_coin_then_the_rest_in_order(events):
    got, _ = taken(events)
    newest = {e.quote.coin: e for e in events if isinstance(e, QuoteReceived)}
    kills = [e for e in events if isinstance(e, KillTripped)]
    assert got[: len(kills)] == kills
    assert {e.quote.coin: e for e in got if isinstance(e, QuoteReceived)} == newest
    assert len(got) == len(kills) + len(newest) + sum(isinstance(e, ClockTicked) for e in events)
    assert got[len(kills) + len(newest) :] == [e for e in events if isinstance(e, ClockTicked)]


@given(st.lists(event, max_size=30), st.data())
def test_a_start_comes_before_everything_even_a_kill_that_was_there_before_it(events, data):
    at = data.draw(st.integers(0, len(events)))
    got, _ = taken([*events[:at], start(1), *events[at:]])
    assert got[0] == start(1)
    assert start(1) not in got[1:]


told = st.one_of([st.builds(kind, st.integers(0, 9)) for kind in (tick, kill, reset)])


@given(st.lists(told, min_size=1, max_size=30), st.integers(0, 9))
def test_what_was_told_before_a_start_is_of_its_time_whatever_the_clock_was_until_then(events, at_ms):
    got, _ = taken([*events, start(at_ms)])
    without, _ = taken(events)
    assert got == [start(at_ms), *(replace(e, at_ms=at_ms) for e in without)]


@given(st.lists(st.one_of(st.builds(kill, st.just(1)), st.builds(reset, st.just(1))), min_size=1))
def test_the_last_word_of_kills_and_resets_that_were_told_together_is_the_engines_last_too(events):
    got, _ = taken(events)
    assert got[-1] == events[-1]


def test_quotes_that_nobody_read_are_counted():
    _, box = taken([quote("BTC", 1), quote("BTC", 2), quote("ETH", 3), quote("BTC", 4)])
    assert box.quotes_dropped == 2


def test_take_waits_until_there_is_something():
    async def waiting():
        box = Inbox()
        reader = asyncio.ensure_future(box.take())
        await asyncio.sleep(0)
        assert not reader.done()
        box.put(tick(1))
        first = await reader
        second = asyncio.ensure_future(box.take())
        await asyncio.sleep(0)
        assert not second.done()
        second.cancel()
        return first

    assert asyncio.run(waiting()) == [tick(1)]


def test_an_inbox_that_nobody_reads_refuses_more_but_never_a_kill_or_a_quote(monkeypatch):
    monkeypatch.setattr(module, "TRADE_LANE_MAX", 3)
    box = Inbox()
    for at_ms in range(3):
        box.put(tick(at_ms))
    with pytest.raises(InboxFull, match="3 events wait unread"):
        box.put(tick(4))
    box.put(kill(5))
    box.put(quote("BTC", 1))
    assert len(asyncio.run(box.take())) == 5
