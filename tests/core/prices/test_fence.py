"""A consumer takes values in order, once each, and none of a leader that was followed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.prices import fence
from core.prices.fence import Fence, Line, Refusal

values = st.tuples(st.integers(0, 4), st.integers(0, 6))


@given(st.lists(values))
def test_what_is_taken_rises_and_what_is_refused_would_not_have(stream):
    consumer, taken = Fence(), [(-1, -1)]
    for value in stream:
        if consumer.take(*value) is None:
            taken.append(value)
        else:
            assert value <= taken[-1]
    assert all(before < after for before, after in pairwise(taken))


def test_a_value_of_a_leader_that_was_followed_is_refused_whatever_its_sequence():
    consumer = Fence()
    assert consumer.take(7, 1) is None
    assert consumer.take(6, 1_000_000) is Refusal.LOWER_TOKEN


def test_a_value_that_comes_twice_is_taken_once():
    consumer = Fence()
    assert consumer.take(7, 3) is None
    assert consumer.take(7, 3) is Refusal.NOT_ABOVE


def test_a_consumer_that_starts_again_refuses_what_it_refused_before():
    consumer = Fence(token=7, sequence=3)
    assert consumer.take(6, 9) is Refusal.LOWER_TOKEN
    assert consumer.take(7, 3) is Refusal.NOT_ABOVE
    assert consumer.take(7, 4) is None


def test_sequences_rise_through_all_tokens_without_one_leader_knowing_anothers(monkeypatch):
    monkeypatch.setattr(fence, "LINE", 4)
    lines = [Line(token) for token in (0, 1, 2)]
    given_out = [line.next() for line in lines for _ in range(line.left)]
    assert given_out == [1, 2, 3, 5, 6, 7, 9, 10, 11]


def test_a_line_that_is_given_out_gives_nothing_of_the_next(monkeypatch):
    monkeypatch.setattr(fence, "LINE", 2)
    line = Line(1)
    line.next()
    with pytest.raises(OverflowError):
        line.next()


def test_sequences_are_exact_where_numbers_are_doubles():
    last = 9_007_198 * fence.LINE + fence.LINE - 1
    assert int(float(last)) == last
    assert int(float(last - 1)) == last - 1
