"""Whatever a venue sends, reading it never raises, and no number gets out that could not be a price."""

import json
from functools import cache
from itertools import islice
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.exchanges.ports import Read
from tests.adapters.exchanges.venue_frames import NOW, OLD_FILES, TODAYS, TODAYS_PAIRS, old_frames

VENUES = sorted(TODAYS_PAIRS, key=lambda venue: venue.source)
LONG, OLD_FRAMES = 12, 40
GONE = object()
WILD = st.sampled_from(
    (
        *("NaN", "-1", "0", "1e999", "inf", "1_0", "", "\u0661", "\ud800", "x" * 50, "9" * 40),
        *(None, True, 10**30, -(10**30), -1, 0, 1.5, 5e-324, 1.7e308, [], {}, [[]], [None], {"a": [{}]}),
    )
)
LEAVES = WILD | st.text(max_size=3) | st.integers() | st.floats(allow_nan=False)
ANY_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner)
)


def places(value, at=()):
    """Yield the way to every member of a document."""
    yield at
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from places(member, (*at, key))


def changed(value, at, new):
    """Return a copy of a document with one member replaced, or without it where new is GONE."""
    if not at:
        return None if new is GONE else new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(at) == 1 and new is GONE:
        del copy[at[0]]
    else:
        copy[at[0]] = changed(value[at[0]], at[1:], new)
    return copy


def cut(value):
    """Return a document with its longest lists cut: a change anywhere else would never be drawn."""
    if isinstance(value, list):
        return [cut(one) for one in (value if len(value) <= LONG else [*value[:3], *value[-3:]])]
    return {key: cut(one) for key, one in value.items()} if isinstance(value, dict) else value


@cache
def frames_of(venue):
    """Return today's frames, and the first of the recorded ones where they are here."""
    old = (
        (json.loads(frame) for _, frame in old_frames(venue))
        if venue in OLD_FILES and OLD_FILES[venue].is_file()
        else ()
    )
    return TODAYS[venue], tuple(cut(frame) for frame in islice(old, OLD_FRAMES))


def sound(read):
    """Hold what was read to what is promised."""
    assert isinstance(read, Read)
    for tick in read.ticks:
        numbers = (tick.price, tick.bid, tick.ask)
        assert all(one is None or (isfinite(one) and one > 0) for one in numbers), tick
        volumes = (tick.volume_24h, tick.volume_24h_base)
        assert all(one is None or (isfinite(one) and one >= 0) for one in volumes), tick
        assert isinstance(tick.at_ms, int)
        assert 0 <= tick.at_ms < 2**53
        assert tick.symbol.count("/") == 1
    assert read.ticks or read.alive or read.fault or read.strange is not None
    return read


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.source)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_frame_with_one_member_changed_is_read_or_left(venue, data):
    """Every frame before the changed one is whole, so that it meets books and sequences that stand."""
    frames = data.draw(st.sampled_from([some for some in frames_of(venue) if some]))
    words = venue(TODAYS_PAIRS[venue])
    which = data.draw(st.integers(0, len(frames) - 1))
    for frame in frames[:which]:
        sound(words.read(json.dumps(frame), NOW))
    at = data.draw(st.sampled_from(list(places(frames[which]))))
    sound(words.read(json.dumps(changed(frames[which], at, data.draw(WILD | st.just(GONE)))), NOW))
    for frame in frames[which:][:3]:
        sound(words.read(json.dumps(frame), NOW))


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.source)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_frame_cut_or_with_bytes_overwritten_is_read_or_left(venue, data):
    words = venue(TODAYS_PAIRS[venue])
    whole = bytearray(json.dumps(data.draw(st.sampled_from(TODAYS[venue]))).encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    frame = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    sound(words.read(frame, NOW))
    sound(words.read(frame.decode("utf-8", "surrogateescape"), NOW))


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.source)
@settings(max_examples=30, deadline=None)
@given(frame=st.binary(max_size=40) | st.text(max_size=40) | ANY_JSON.map(json.dumps))
def test_arbitrary_bytes_text_and_json_are_read_or_left(venue, frame):
    sound(venue(TODAYS_PAIRS[venue]).read(frame, NOW))


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.source)
@pytest.mark.parametrize(
    "frame", ["[" * 100_000, '{"a":' * 50_000, b"\xff\xfe", "\ud800", b"", "null", "1" * 5_000]
)
def test_a_frame_that_breaks_decoders_is_strange(venue, frame):
    assert venue(TODAYS_PAIRS[venue]).read(frame, NOW).strange is not None
