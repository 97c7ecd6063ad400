"""Checksums of books against the venues' published examples and against those that OKX sent with its books."""

import json
from itertools import pairwise

import pytest

from adapters.exchanges.book import Book, level_of
from adapters.exchanges.checksums import kraken_checksum, okx_checksum
from adapters.exchanges.kraken import MISTAKES_MAX, Kraken
from adapters.exchanges.okx import Okx
from adapters.exchanges.ports import ALIVE
from tests.adapters.exchanges.spot_frames import (
    KRAKEN_CHECKSUM,
    KRAKEN_LEVELS,
    KRAKEN_TICKER,
    NOW,
    PAIRS,
    kraken_book,
    needs_recordings,
    okx_book,
    old_frames,
)

OLD_KRAKEN_CHECKSUM = 974947235
"""Kraken's guide to the checksum of version 1: asks 0.05005 to 0.05050, bids 0.05000 to 0.04950 have this one."""

OLD_ASKS = [f"0.050{step:02}" for step in range(5, 55, 5)]
OLD_BIDS = [
    "0.05000",
    "0.04995",
    "0.04990",
    "0.04980",
    "0.04975",
    "0.04970",
    "0.04965",
    "0.04960",
    "0.04955",
    "0.04950",
]


def levels(texts):
    return [level_of(*text.split()) for text in texts]


def test_krakens_published_book_has_its_published_checksum():
    asks, bids = KRAKEN_LEVELS
    assert kraken_checksum(Book(10, levels(bids), levels(asks))) == KRAKEN_CHECKSUM
    read = Kraken(PAIRS).read(kraken_book(kind="snapshot", checksum=KRAKEN_CHECKSUM), NOW)
    assert [(tick.bid, tick.ask) for tick in read.ticks] == [(45283.5, 45285.2)]


def test_krakens_checksum_is_over_ten_levels_of_a_deeper_book_in_any_order():
    asks, bids = KRAKEN_LEVELS
    deeper = Book(25, levels([*bids, "45270.0 1.0"])[::-1], levels([*asks, "45300.0 1.0"])[::-1])
    assert kraken_checksum(deeper) == KRAKEN_CHECKSUM


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("place", range(10))
def test_a_book_of_krakens_with_one_other_digit_is_no_price_and_is_asked_for_anew(side, place):
    sides = [list(levels_) for levels_ in KRAKEN_LEVELS]
    text = sides[side][place]
    sides[side][place] = text[:-1] + str((int(text[-1]) + 1) % 10)
    read = Kraken(PAIRS).read(kraken_book(*sides, kind="snapshot", checksum=KRAKEN_CHECKSUM), NOW)
    assert "checksum" in read.strange
    assert (read.ticks, read.alive, read.fault) == ((), False, None)
    asked = [json.loads(reply) for reply in read.replies]
    assert [one["method"] for one in asked] == ["unsubscribe", "subscribe"]
    assert all(one["params"] == {"channel": "book", "depth": 10, "symbol": ["BTC/USD"]} for one in asked)


def test_after_three_false_books_krakens_ticker_goes_on_alone():
    words, false = Kraken(PAIRS), kraken_book(kind="snapshot", checksum=KRAKEN_CHECKSUM + 1)
    assert [len(words.read(false, NOW).replies) for _ in range(MISTAKES_MAX)] == [2, 2, 1]
    assert words.read(kraken_book(["45285.1 1"], [], kind="update", checksum=1), NOW) == ALIVE
    [tick] = words.read(json.dumps(KRAKEN_TICKER), NOW).ticks
    assert (tick.bid, tick.ask) == (KRAKEN_TICKER["data"][0]["bid"], KRAKEN_TICKER["data"][0]["ask"])


def test_kraken_levels_beyond_the_depth_fall_out_without_being_told():
    words = Kraken(PAIRS)
    words.read(kraken_book(kind="snapshot", checksum=KRAKEN_CHECKSUM), NOW)
    better = ["45285.1 0.50000000", *KRAKEN_LEVELS[0][:9]]
    checksum = kraken_checksum(Book(10, levels(KRAKEN_LEVELS[1]), levels(better)))
    read = words.read(kraken_book(better[:1], [], kind="update", checksum=checksum), NOW)
    assert [tick.ask for tick in read.ticks] == [45285.1]
    kept = [*KRAKEN_LEVELS[0][:9]]
    checksum = kraken_checksum(Book(10, levels(KRAKEN_LEVELS[1]), levels(kept)))
    read = words.read(kraken_book(["45285.1 0"], [], kind="update", checksum=checksum), NOW)
    assert [tick.ask for tick in read.ticks] == [45285.2]


def test_a_number_with_an_exponent_is_spelt_out_before_it_is_summed():
    plain = Book(10, levels(["0.00001302 0.00000500"]), levels(["0.00001305 0.00100000"]))
    short = Book(10, levels(["1302e-8 500E-8"]), levels(["0.00001305 1.00000e-3"]))
    assert kraken_checksum(short) == kraken_checksum(plain)


def old_update(checksum):
    """The change in Kraken's guide: no level of it is among the best ten."""
    asks = [["0.05120", "0.00000500", "1582905486.493008"], ["0.05275", "0.00000500", "1582905486.493034"]]
    bids = [["0.04765", "0.00000500", "1582905486.493008"], ["0.04940", "0.00000500", "1582905486.493034"]]
    return json.dumps([0, {"a": asks}, {"b": bids, "c": str(checksum)}, "book-1000", "XBT/USD"])


@pytest.mark.parametrize("told", [OLD_KRAKEN_CHECKSUM, OLD_KRAKEN_CHECKSUM + 1])
def test_krakens_published_change_of_version_1_has_its_published_checksum(told):
    words = Kraken(PAIRS)
    sides = {
        name: [[at, "0.00000500", "1582905487.439814"] for at in prices]
        for name, prices in (("as", OLD_ASKS), ("bs", OLD_BIDS))
    }
    [tick] = words.read(json.dumps([0, sides, "book-1000", "XBT/USD"]), NOW).ticks
    assert (tick.symbol, tick.bid, tick.ask, tick.at_ms) == ("BTC/USD", 0.05, 0.05005, 1582905487439)
    read = words.read(old_update(told), NOW)
    assert (read.fault is None, read.alive) == ((told == OLD_KRAKEN_CHECKSUM,) * 2)


def test_okxs_published_books_have_their_published_checksum():
    """OKX's documentation: "3366.1:7:3366.8:9:3366:6:3368:8" is -1881014294."""
    book = Book(400, levels(["3366.1 7", "3366 6"]), levels(["3366.8 9", "3368 8"]))
    assert okx_checksum(book) == -1881014294


def test_a_side_with_fewer_levels_leaves_its_turns_out():
    from zlib import crc32

    book = Book(400, levels(["3366.1 7"]), levels(["3366.8 9", "3368 8", "3372 8"]))
    unsigned = crc32(b"3366.1:7:3366.8:9:3368:8:3372:8")
    assert okx_checksum(book) % 2**32 == unsigned


def recorded_books(instrument):
    return [
        (at_ms, frame)
        for at_ms, frame in old_frames("OKX.ws.1.0.txt.gz")
        if '"channel":"books"' in frame and f'"{instrument}"' in frame and '"action"' in frame
    ]


@needs_recordings
@pytest.mark.parametrize("instrument", ["BTC-USDT", "BTC-USD-220527", "UNI-USD-SWAP"])
def test_every_recorded_book_of_okx_has_the_checksum_it_came_with(instrument):
    book, checked = None, 0
    for _, frame in recorded_books(instrument):
        message = json.loads(frame)
        [row] = message["data"]
        bids, asks = ([level_of(*level[:2]) for level in row[side]] for side in ("bids", "asks"))
        if message["action"] == "snapshot":
            book = Book(400, bids, asks)
        else:
            book.change(bids, asks)
        assert okx_checksum(book) == row["checksum"]
        checked += 1
    assert checked > 60


@needs_recordings
def test_a_lost_change_of_okxs_recorded_book_is_a_fault_wherever_it_is_lost():
    """Each fifth change is tried. A loss shows where its levels are among the best 25; all but a few are."""
    frames = recorded_books("BTC-USDT")
    places, found = range(1, len(frames) - 1, 5), 0
    for lost in places:
        words = Okx(PAIRS)
        reads = [words.read(frame, at_ms) for at_ms, frame in frames[:lost] + frames[lost + 1 :]]
        assert not any(read.fault for read in reads[:lost])
        found += any(read.fault and "checksum" in read.fault for read in reads[lost:])
    assert found > 0.9 * len(places)


CHAIN = [100, 107, 119, 119, 164, 12, 20]
"""Steps as they come: by any amount, none when nothing changed for a minute, down once after maintenance."""


def chained():
    yield okx_book(["101 1"], ["99 1"], chain=(-1, CHAIN[0]), kind="snapshot")
    for before, after in pairwise(CHAIN):
        asks, bids = ([], []) if before == after else ([f"{100 + after / 1000} 1"], [])
        yield okx_book(asks, bids, chain=(before, after))


def test_a_whole_chain_of_okx_is_taken_though_its_checksums_are_0():
    words = Okx(PAIRS)
    reads = [words.read(json.dumps(frame), NOW) for frame in chained()]
    assert not any(read.fault or read.strange for read in reads)
    assert all(read.ticks or read.alive for read in reads)
    assert reads[3].alive


@pytest.mark.parametrize("lost", [0, 1, 2, 4, 5])
def test_a_link_that_is_lost_of_okxs_chain_is_a_fault_at_the_next_one(lost):
    words, frames = Okx(PAIRS), [json.dumps(frame) for frame in chained()]
    reads = [words.read(frame, NOW) for frame in frames[:lost] + frames[lost + 1 :]]
    assert [bool(read.fault) for read in reads[: lost + 1]] == [False] * lost + [True]


def test_okxs_new_snapshot_begins_a_new_chain():
    words = Okx(PAIRS)
    for frame in (*chained(), *chained()):
        assert words.read(json.dumps(frame), NOW).fault is None
