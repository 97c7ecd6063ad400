import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.exchanges.lane import Lane
from tests.adapters.exchanges.tiny import BTC, ETH, Told, tick
from tests.adapters.scripted import run

items = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from("ab"), st.sampled_from([BTC, ETH]), st.floats(1, 9)),
    st.tuples(st.just("heartbeat"), st.sampled_from("ab"), st.integers(0, 9)),
    st.tuples(st.just("disconnected"), st.sampled_from("ab")),
    st.tuples(st.just("strange"), st.sampled_from("ab"), st.text(max_size=2)),
)


def told_of(items, sink):
    for kind, *rest in items:
        if kind == "tick":
            source, symbol, price = rest
            sink.tick(tick(symbol, price, source=source))
        else:
            getattr(sink, kind)(*rest)
    return sink


@settings(max_examples=50)
@given(st.lists(items, max_size=20))
def test_whatever_is_told_the_lane_holds_one_of_a_kind_and_the_newest(told):
    lane, got = told_of(told, Lane()), Told()
    assert len(lane) <= 2 * 2 + 3 * 2
    kept = len(lane)
    assert lane.deliver(got) == kept == len(got.order)
    newest = {(tick.source, tick.symbol): tick for tick in told_of(told, Told()).ticks}
    assert {(tick.source, tick.symbol): tick for tick in got.ticks} == newest
    assert sum(lane.dropped.values()) == len(told_of(told, Told()).ticks) - len(newest)


@settings(max_examples=50)
@given(st.lists(items, max_size=20))
def test_what_came_last_of_two_leaves_last(told):
    """Above all: a tick of a new stream is never before the end of the old one."""
    got, all_of_it = Told(), told_of(told, Told())
    told_of(told, Lane()).deliver(got)
    last = {}
    for place, item in enumerate(all_of_it.order):
        last[repr(item)] = place
    places = [last[repr(item)] for item in got.order if not isinstance(item, str)]
    assert places == sorted(places)


def test_a_waiting_consumer_is_woken_once_for_what_came():
    async def scenario():
        lane, got = Lane(), Told()
        waiting = asyncio.create_task(lane.filled())
        await asyncio.sleep(0)
        assert not waiting.done()
        lane.tick(tick())
        await waiting
        lane.deliver(got)
        assert got.ticks == [tick()]
        assert len(lane) == 0
        again = asyncio.create_task(lane.filled())
        await asyncio.sleep(0)
        assert not again.done()
        again.cancel()

    run(scenario())
