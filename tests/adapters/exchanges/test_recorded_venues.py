"""The recordings of 2021 and 2025, every line of them: read to the end, with prices that can be."""

from collections import defaultdict
from statistics import median

import pytest

from tests.adapters.exchanges.venue_frames import OLD_FILES, OLD_PAIRS, needs_recordings, old_frames

pytestmark = needs_recordings

NEAR = 0.15
"""How far a price of a quarter of an hour may be from its own median: the books of the smallest coins are that wide."""

AGE_MAX_MS = 60_000
"""A connection begins with trades of before it."""


@pytest.fixture(scope="module", params=OLD_FILES, ids=lambda venue: venue.source)
def played(request):
    words = request.param(OLD_PAIRS[request.param])
    return request.param, [(ms, words.read(frame, ms)) for ms, frame in old_frames(request.param)]


def test_no_line_is_strange_or_a_fault_and_each_says_something(played):
    _, reads = played
    assert [read for _, read in reads if read.strange or read.fault] == []
    assert all(read.ticks or read.alive for _, read in reads)


def test_every_pair_is_heard_under_our_name(played):
    venue, reads = played
    assert {tick.symbol for _, read in reads for tick in read.ticks} == set(OLD_PAIRS[venue])
    assert {tick.source for _, read in reads for tick in read.ticks} == {venue.source}


def test_prices_are_near_their_median_and_books_are_not_crossed(played):
    _, reads = played
    prices = defaultdict(list)
    for _, read in reads:
        for tick in read.ticks:
            prices[tick.symbol].append(tick.price)
            assert tick.bid is None or tick.ask is None or tick.bid < tick.ask
    for symbol, told in prices.items():
        middle = median(told)
        assert all(abs(price / middle - 1) < NEAR for price in told), symbol


def test_stamps_are_the_venues_where_it_sends_them(played):
    """A stamp of the venue's is some milliseconds old; Gemini's books and Bitfinex's frames of that year have none."""
    venue, reads = played
    own = [tick.at_ms == tick.received_ms for _, read in reads for tick in read.ticks]
    without = venue.source in ("gemini", "bitfinex")
    assert sum(own) > 0.8 * len(own) if without else not any(own)


def test_stamps_are_not_after_ours(played):
    _, reads = played
    for ms, read in reads:
        for tick in read.ticks:
            assert tick.received_ms == ms
            assert ms - AGE_MAX_MS < tick.at_ms <= ms + 1


def test_pairs_that_nobody_asked_for_are_read_as_well():
    for venue in OLD_FILES:
        words = venue(())
        heard = {tick.symbol for ms, frame in old_frames(venue) for tick in words.read(frame, ms).ticks}
        assert len(heard & set(OLD_PAIRS[venue])) > len(OLD_PAIRS[venue]) * 0.7, venue.source
