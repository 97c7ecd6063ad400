"""Spoilt frames in any order on one connection of each of five venues: nothing is raised, only usable numbers pass."""

import json
import re
from math import isfinite

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fuzz.samples import HOSTILE
from tests.adapters.exchanges.spot_frames import NOW, PAIRS, TODAY, VENUES

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SYMBOL = re.compile(r"[A-Z0-9]{1,12}/[A-Z0-9]{1,12}", re.ASCII)
MARK = "here-something-else"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def usable(number):
    return number is None or (isfinite(number) and number > 0)


def held_to_account(read):
    """One frame says one thing: ticks, or life, or a fault, or something strange; strange may stand beside ticks."""
    assert not (read.alive and (read.ticks or read.strange))
    assert sum([bool(read.ticks) or read.strange is not None, read.alive, read.fault is not None]) == 1
    for tick in read.ticks:
        assert tick.price > 0
        assert all(usable(number) for number in (tick.price, tick.bid, tick.ask))
        assert all(v is None or (isfinite(v) and v >= 0) for v in (tick.volume_24h, tick.volume_24h_base))
        assert SYMBOL.fullmatch(tick.symbol)
        assert 0 <= tick.at_ms < 2**53
        assert tick.received_ms == NOW
    return read


def places(document, path=()):
    yield path
    children = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in children:
        yield from places(value, (*path, key))


def without(document, path):
    """Return the document as JSON with a mark at a place, for another word to stand there."""
    if not path:
        return json.dumps(MARK)
    copy = json.loads(json.dumps(document))
    inside = copy
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = MARK
    return json.dumps(copy)


def spoilt_with(marked, word):
    return marked.replace(json.dumps(MARK), word)


@st.composite
def spoilt(draw, venue):
    """A good frame, as it is or with a word changed, cut off, a byte turned over or something put in."""
    frame = draw(st.sampled_from(TODAY[venue]))
    if draw(st.booleans()):
        document = json.loads(frame)
        path = draw(st.sampled_from(list(places(document))))
        frame = spoilt_with(without(document, path), draw(st.sampled_from(HOSTILE) | JSON.map(json.dumps)))
    payload = frame.encode("utf-8", "surrogatepass")
    at = draw(st.integers(0, max(len(payload) - 1, 0)))
    match draw(st.sampled_from(("whole", "whole", "cut", "flipped", "inserted"))):
        case "cut":
            return payload[:at]
        case "flipped":
            return payload[:at] + bytes([draw(st.integers(0, 255))]) + payload[at + 1 :]
        case "inserted":
            return payload[:at] + draw(st.binary(max_size=4)) + payload[at:]
    return payload


@pytest.mark.parametrize("venue", VENUES)
def test_no_frames_in_any_order_raise_or_let_an_unusable_number_pass(venue):
    anything = st.binary(max_size=20) | st.text(max_size=20) | JSON.map(json.dumps) | spoilt(venue)

    @QUICK
    @given(frames=st.lists(anything, max_size=6))
    @example(frames=[f'{{"data":{word}}}' for word in HOSTILE])
    def check(frames):
        words = VENUES[venue](PAIRS)
        for frame in frames:
            held_to_account(words.read(frame, NOW))

    check()


@pytest.mark.parametrize("venue", VENUES)
def test_a_hostile_word_at_every_place_of_every_frame_is_withstood(venue):
    """Without chance. The good frames before it fill books and quotes; a reader that read all or nothing were none."""
    outcomes = set()
    for place, frame in enumerate(TODAY[venue]):
        document = json.loads(frame)
        for marked in [without(document, path) for path in places(document)]:
            for word in HOSTILE:
                words = VENUES[venue](PAIRS)
                for before in TODAY[venue][:place]:
                    words.read(before, NOW)
                payload = spoilt_with(marked, word).encode("utf-8", "surrogatepass")
                read = held_to_account(words.read(payload, NOW))
                outcomes.add((bool(read.ticks), read.strange is not None))
    assert {(True, False), (False, True)} <= outcomes
