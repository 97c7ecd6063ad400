import asyncio
import json
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.hyperliquid.universe import Universe
from core.events import FillsReceived, QuoteReceived, StreamChanged
from core.types import Coin
from tests.adapters.hyperliquid.desk import (
    BTC,
    ETH,
    MASTER,
    UNIVERSE,
    bbo_frame,
    feed,
    fill_row,
    fills_frame,
    mids_frame,
)
from tests.adapters.hyperliquid.test_wire_frames import nonsense
from tests.adapters.scripted import NOON_MS, ScriptedClock, ScriptedSockets, run, settle

SNAPSHOT = fills_frame(fill_row(1), isSnapshot=True)


class Night:
    """A running feed, its network, and the events it brought."""

    def __init__(self, universe=None):
        self.clock = ScriptedClock()
        self.sockets = ScriptedSockets(self.clock)
        self.feed = feed(self.sockets, self.clock, universe)
        self.events = []

    async def __aenter__(self):
        self._task = asyncio.create_task(self.feed.run(self.events.append))
        await settle()
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            raise self._task.exception()

    @property
    def socket(self):
        return self.sockets.last

    async def hear(self, *frames):
        for frame in frames:
            self.socket.say(frame)
        await settle()

    async def hear_mids_for(self, seconds):
        for _ in range(int(seconds // 5)):
            await self.hear(mids_frame())
            await self.clock.advance(5)

    @property
    def changes(self):
        return [e.up for e in self.events if isinstance(e, StreamChanged)]


def in_a_night(scenario, universe=None):
    async def play():
        async with Night(universe) as night:
            await scenario(night)

    run(play())


def test_the_account_is_subscribed_and_then_the_watched_coins():
    async def scenario(night):
        assert night.socket.subscribed == [
            {"type": "userFills", "user": MASTER},
            {"type": "orderUpdates", "user": MASTER},
            {"type": "userFundings", "user": MASTER},
            {"type": "allMids"},
        ]
        night.feed.watch([BTC, ETH, BTC])
        await night.clock.advance(1)
        assert night.socket.subscribed[4:] == [
            {"type": "l2Book", "coin": "BTC", "fast": True},
            {"type": "l2Book", "coin": "ETH", "fast": True},
            {"type": "bbo", "coin": "BTC"},
            {"type": "bbo", "coin": "ETH"},
        ]

    in_a_night(scenario)


def test_the_accounts_state_is_a_witness_while_a_session_trades_and_no_longer():
    state = {"type": "clearinghouseState", "user": MASTER}

    async def scenario(night):
        night.feed.watch([BTC, Coin("OLD")])
        await night.clock.advance(1)
        assert state in night.socket.subscribed
        night.feed.watch([BTC])
        await night.clock.advance(1)
        assert {"method": "unsubscribe", "subscription": state} in night.socket.sent

    in_a_night(scenario)


def test_a_channel_that_the_venue_does_not_know_is_done_without():
    async def scenario(night):
        night.feed.watch([BTC])
        await night.clock.advance(1)
        await night.hear(SNAPSHOT, {"channel": "error", "data": 'Invalid subscription {"type":"l2Book"}'})
        for _ in range(60):
            await night.hear(mids_frame())
            await night.clock.advance(1)
        assert len(night.sockets.opened) == 1
        assert sum(s["type"] == "l2Book" for s in night.socket.subscribed) == 1

    in_a_night(scenario)


def test_watching_other_coins_changes_the_live_socket_and_only_what_changed():
    async def scenario(night):
        night.feed.watch([BTC, Coin("OLD")])
        await night.clock.advance(1)
        night.feed.watch([BTC, Coin("OLD"), ETH])
        await night.clock.advance(1)
        before = len(night.socket.sent)
        night.feed.watch([ETH, Coin("OLD")])
        await night.clock.advance(1)
        assert night.socket.sent[before:] == [
            {"method": "unsubscribe", "subscription": {"type": "l2Book", "coin": "BTC", "fast": True}},
            {"method": "unsubscribe", "subscription": {"type": "bbo", "coin": "BTC"}},
        ]

    in_a_night(scenario)


def test_a_name_that_is_not_in_meta_is_never_subscribed_until_it_is():
    universe = Universe()

    async def scenario(night):
        night.feed.watch([Coin("OLD"), Coin("old")])
        await night.clock.advance(5)
        assert not any("coin" in words for words in night.socket.subscribed)
        universe.replace(UNIVERSE)
        await night.clock.advance(1)
        assert night.socket.subscribed[-1] == {"type": "bbo", "coin": "OLD"}

    in_a_night(scenario, universe)


def test_the_stream_is_up_after_the_fills_snapshot_and_not_before():
    async def scenario(night):
        await night.hear(mids_frame(), fills_frame(fill_row(9)))
        assert night.changes == []
        await night.hear(SNAPSHOT)
        assert [type(e) for e in night.events] == [FillsReceived, FillsReceived, StreamChanged]
        assert night.events[1].covered_from_ms is None

    in_a_night(scenario)


def test_an_empty_snapshot_brings_the_stream_up_too():
    async def scenario(night):
        await night.hear(fills_frame(isSnapshot=True))
        assert night.changes == [True]

    in_a_night(scenario)


def test_a_lost_socket_is_reported_once_and_everything_is_subscribed_again():
    async def scenario(night):
        night.feed.watch([BTC])
        await night.clock.advance(1)
        await night.hear(SNAPSHOT)
        night.socket.drop()
        await settle()
        assert night.changes == [True, False]
        assert "1006" in night.events[-1].reason
        await night.clock.advance(1)
        assert len(night.sockets.opened) == 2
        assert night.socket.subscribed[-1] == {"type": "bbo", "coin": "BTC"}
        await night.hear(SNAPSHOT)
        assert night.changes == [True, False, True]

    in_a_night(scenario)


def test_refused_connections_are_tried_ever_more_slowly_within_thirty_a_minute():
    async def scenario(night):
        night.sockets.refusing = True
        night.socket.drop()
        await night.clock.advance(600)
        tried = night.sockets.tried_ms
        gaps = [(b - a) / 1000 for a, b in pairwise(tried)]
        assert 20 < len(tried) < 50
        assert max(gaps) <= 30
        assert gaps[8] > 10 * gaps[0]
        assert night.changes == []

    in_a_night(scenario)


def test_a_socket_that_dies_at_once_again_and_again_is_not_hammered():
    async def scenario(night):
        for _ in range(2_000):
            if not night.socket.closed:
                night.socket.drop()
            await night.clock.advance(0.1)
        tried = night.sockets.tried_ms
        assert all(sum(t - 60_000 < other <= t for other in tried) <= 30 for t in tried)

    in_a_night(scenario)


def test_a_whole_universe_subscribed_anew_at_every_drop_stays_within_the_messages_of_a_minute():
    coins = [Coin(f"C{n}") for n in range(234)]
    listed = Universe(
        tuple(replace(UNIVERSE[0], coin=coin, asset_id=10 + n) for n, coin in enumerate(coins)) + UNIVERSE
    )

    async def scenario(night):
        sent_ms = []
        night.feed._backoff.longest_s = 0.5
        night.feed.watch(coins)
        for _ in range(1_200):
            known = sum(len(s.sent) for s in night.sockets.opened)
            await night.clock.advance(0.1)
            new = sum(len(s.sent) for s in night.sockets.opened) - known
            sent_ms += [night.clock.now_ms()] * new
            if len(night.socket.subscribed) >= len(coins) and not night.socket.closed:
                night.socket.drop()
        assert len(sent_ms) > 3_000
        for n in range(2_000, len(sent_ms)):
            assert sent_ms[n] - sent_ms[n - 2_000] >= 59_800

    in_a_night(scenario, listed)


def test_silence_of_every_price_ends_a_socket_that_still_answers_pings():
    async def scenario(night):
        await night.hear(SNAPSHOT, mids_frame())
        for _ in range(9):
            await night.hear({"channel": "pong"})
            await night.clock.advance(1)
        assert night.changes == [True]
        await night.clock.advance(1)
        assert night.changes == [True, False]
        assert "no price for" in night.events[-1].reason
        assert night.sockets.opened[0].closed

    in_a_night(scenario)


def test_mids_that_cannot_be_read_are_silence():
    async def scenario(night):
        await night.hear(SNAPSHOT, mids_frame())
        for _ in range(10):
            await night.hear({"channel": "allMids", "data": {"mids": "NaN"}})
            await night.clock.advance(1)
        assert night.changes == [True, False]

    in_a_night(scenario)


def test_a_snapshot_that_does_not_come_is_asked_for_again_and_then_ends_the_socket():
    async def scenario(night):
        await night.hear_mids_for(20)
        assert sum(words["type"] == "userFills" for words in night.sockets.opened[0].subscribed) == 3
        await night.hear_mids_for(10)
        assert len(night.sockets.opened) == 2

    in_a_night(scenario)


def test_a_socket_with_living_mids_is_kept_and_pinged_every_twenty_seconds():
    async def scenario(night):
        await night.hear(SNAPSHOT)
        await night.hear_mids_for(600)
        assert len(night.sockets.opened) == 1
        assert sum(m == {"method": "ping"} for m in night.socket.sent) == 30

    in_a_night(scenario)


def quotes(night):
    return [e.quote for e in night.events if isinstance(e, QuoteReceived)]


def test_a_mid_that_repeats_a_quote_renews_it_as_of_the_newest_stamp_and_another_mid_does_not():
    async def scenario(night):
        old = Coin("OLD")
        night.feed.watch([ETH, old])
        await night.clock.advance(1)
        await night.hear(bbo_frame("OLD"), bbo_frame())
        await night.clock.advance(2)
        await night.hear(bbo_frame("ETH", time=NOON_MS + 2_900), mids_frame(OLD="2345.6"))
        assert [(q.at_ms, q.received_ms) for q in quotes(night) if q.coin == old] == [
            (NOON_MS, NOON_MS + 1_000),
            (NOON_MS + 2_900, NOON_MS + 3_000),
        ]
        await night.hear(mids_frame(OLD="2345.65", BTC="1.0"))
        assert len([q for q in quotes(night) if q.coin == old]) == 2
        assert quotes(night)[0].mid == Decimal("2345.6")

    in_a_night(scenario)


def test_quotes_of_a_lost_socket_are_not_renewed_on_the_next():
    async def scenario(night):
        night.feed.watch([ETH])
        await night.clock.advance(1)
        await night.hear(SNAPSHOT, bbo_frame())
        night.socket.drop()
        await night.clock.advance(2)
        await night.hear(mids_frame(ETH="2345.6"))
        assert len(quotes(night)) == 1

    in_a_night(scenario)


def test_it_says_when_each_channel_was_last_heard():
    async def scenario(night):
        await night.hear(SNAPSHOT, mids_frame())
        await night.clock.advance(3)
        await night.hear(bbo_frame(), {"channel": "bbo", "data": {}})
        assert night.feed.heard_ms == {"userFills": NOON_MS, "allMids": NOON_MS, "bbo": NOON_MS + 3_000}

    in_a_night(scenario)


async def sleep_through(night, seconds):
    """Time goes by, and nobody looks: the machine was suspended, or the loop was held up."""
    night.clock.ms += 1000 * seconds
    await night.clock.advance(0.5)


def test_after_a_sleep_of_our_own_nobody_is_blamed_and_the_engine_reads_what_it_missed():
    async def scenario(night):
        await night.hear(SNAPSHOT, mids_frame())
        await sleep_through(night, 20)
        assert night.changes == [True, True]
        assert "deaf for 19" in night.events[-1].reason
        assert len(night.sockets.opened) == 1
        assert not [m for m in night.socket.sent if m["method"] == "unsubscribe"]

    in_a_night(scenario)


def test_a_short_sleep_is_forgiven_without_a_word():
    async def scenario(night):
        await night.hear(SNAPSHOT, mids_frame())
        await night.clock.advance(6)
        await sleep_through(night, 2.5)
        assert night.changes == [True]
        assert len(night.sockets.opened) == 1

    in_a_night(scenario)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        nonsense | st.binary(max_size=30) | st.builds(lambda d: {"channel": "userFills", "data": d}, nonsense)
    )
)
def test_nonsense_neither_ends_the_feed_nor_moves_it(frames):
    async def scenario(night):
        await night.hear(*[f if isinstance(f, bytes) else json.dumps(f) for f in frames])
        await night.hear(SNAPSHOT)
        assert night.changes == [True]
        assert len(night.sockets.opened) == 1

    in_a_night(scenario)


def test_a_fault_in_whoever_takes_the_events_is_not_hidden():
    async def play():
        clock = ScriptedClock()
        sockets = ScriptedSockets(clock)

        def sink(event):
            raise ZeroDivisionError

        task = asyncio.create_task(feed(sockets, clock).run(sink))
        await settle()
        sockets.last.say(SNAPSHOT)
        with pytest.raises(ExceptionGroup) as caught:
            await task
        assert caught.group_contains(ZeroDivisionError)
        assert sockets.last.closed

    run(play())


@pytest.mark.parametrize("turns", range(5))
def test_a_stop_in_the_moment_in_which_the_connection_ends_is_not_forgotten(turns):
    """CPython 3.11 and 3.12 forget a cancellation that meets a failure within a task group; the feed would run on."""

    async def play():
        clock = ScriptedClock()
        sockets = ScriptedSockets(clock)
        running = asyncio.create_task(feed(sockets, clock, None).run(lambda event: None))
        await settle()
        sockets.last.drop()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        await settle()
        ended = running.done()
        running.cancel()
        await settle()
        assert ended

    run(play())
