import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import ClockTicked, KillReset, KillTripped, QuoteReceived
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
    return KillReset(at_ms=at_ms, reason="looked at it")


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


@given(st.lists(st.one_of(st.builds(kill, st.integers(0, 9)), st.builds(reset, st.integers(0, 9)))))
def test_whether_trading_is_halted_is_for_the_last_of_kills_and_resets_to_say(events):
    got, _ = taken([tick(0), *events])
    assert [e for e in got if isinstance(e, KillTripped)] == [e for e in events if isinstance(e, KillTripped)]
    decided = [type(e) for e in got if not isinstance(e, ClockTicked)]
    assert decided[-1:] == [type(e) for e in events[-1:]]
    assert tick(0) in got


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
