"""When rows without a time of receipt were heard: the venue's own stamp says it, where it can be believed.

Nobody's clock is beside such rows, only their order in the file and what all others say. A stamp is not believed where
it stands far from everything else in the files, far ahead of what the other venues say after it, or outside the longest
run of its stream that never goes back. Its row was then heard when the row before it was, so that the engine refuses it
as ahead, as too late or as out of order, and nothing is evaluated at a time that never was.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from core.prices.types import Tick
from core.robust import median
from sim.price_files.stream import Heard

APART_MS = 1_200_000
"""A gap below this is never far: longer than any preset takes to call a feed stale."""

AHEAD_MS = 15_000
INTERVALS = 20, 3
"""Usual intervals of a stream that a far gap, and a stamp ahead of others, is longer than."""

GRAIN_MS = 5_000
"""Venues' stamps differ by this and more in rows that were recorded one after the other."""

ORDERED, INTERLEAVED = 0.75, 0.6
"""Shares of a stream's rows, and of all rows of a symbol, that do not go back where a file is in the order of time."""

LATE_MS = 10_000
"""Where two rows contradict each other and nothing else decides, the later is late up to this, else the first is ahead."""

Key = tuple[str, str]
Spans = Sequence[tuple[int, int]]

_stream, _received_ms = attrgetter("source", "symbol"), attrgetter("received_ms")


def in_order(heard: Sequence[Heard], undated: Sequence[Sequence[Tick]]) -> list[Heard]:
    """Return all in the order of receipt: heard has times of receipt, undated are ticks of files that have none."""
    usual_ms = _usual_ms(tick for file in undated for tick in file)
    body = _body(heard, undated, usual_ms)
    found = list(heard)
    for file in undated:
        found += _of_file(file, body, AHEAD_MS + INTERVALS[1] * (usual_ms or 0))
    return sorted(found, key=_received_ms)


def _usual_ms(ticks: Iterable[Tick]) -> float | None:
    """Return the usual time between two stamps of a stream, None where no stream has three."""
    stamps: dict[Key, set[int]] = {}
    for tick in ticks:
        stamps.setdefault(_stream(tick), set()).add(tick.at_ms)
    told = [
        median([later - earlier for earlier, later in pairwise(sorted(found))])
        for found in stamps.values()
        if len(found) > 2
    ]
    return median(told) if told else None


def _body(heard: Sequence[Heard], undated: Sequence[Sequence[Tick]], usual_ms: float | None) -> Spans:
    """Return the spans of time (ms) that are believed: between far gaps, and of more than a few rows of a few venues.

    The largest span of a file is always: files of different years may be read together.
    """
    apart_ms = max(APART_MS, INTERVALS[0] * (usual_ms or 0))
    everything = [*heard, *(tick for file in undated for tick in file)]
    parts, sources = _parts(everything, apart_ms), len({one.source for one in everything})
    largest = max(map(len, parts), default=0)
    surest = [max(_parts(file, apart_ms), key=len)[0].received_ms for file in undated if file]
    spans = [(part[0].received_ms, part[-1].received_ms, part) for part in parts]
    return [
        (first, last)
        for first, last, part in spans
        if not _is_few(part, sources, largest) or any(first <= at_ms <= last for at_ms in surest)
    ]


def _parts(heard: Sequence[Heard], apart_ms: float) -> list[list[Heard]]:
    """Return what was heard between gaps longer than this, in the order of time."""
    parts: list[list[Heard]] = []
    for one in sorted(heard, key=_received_ms):
        if not parts or one.received_ms - parts[-1][-1].received_ms > apart_ms:
            parts.append([])
        parts[-1].append(one)
    return parts


def _is_few(part: Sequence[Heard], sources: int, largest: int) -> bool:
    speaking = len({one.source for one in part})
    short, small = len(part) <= 2 * speaking, 10 * len(part) <= largest
    if 2 * speaking < sources:
        return short or small
    # one venue or two have no majority, and of many more than half may lie a few times: nobody believes a part so small
    return short and small if sources <= 2 else speaking < sources and short and 50 * len(part) <= largest


def _of_file(ticks: Sequence[Tick], body: Spans, ahead_ms: float) -> list[Tick]:
    """Return the ticks of one file, each with the time at which it was heard."""
    near = {place for place, tick in enumerate(ticks) if _is_within(tick.at_ms, body)}
    believed, ordered = set[int](), set[int]()
    streams = _parted(range(len(ticks)), ticks, _stream)
    for places in streams.values():
        there = [place for place in places if place in near]
        run = {there[i] for i in longest([ticks[place].at_ms for place in there], LATE_MS)}
        is_ordered = len(run) >= ORDERED * len(there)
        believed |= run if is_ordered else set(there)
        ordered |= run if is_ordered else set()
    clocks, received = _ahead(ticks, sorted(near), ordered, ahead_ms), dict[int, int]()
    believed -= clocks.keys()
    for places in streams.values():
        received |= _received(ticks, places, believed, body)
    received |= clocks
    return [_heard_at(tick, received[place]) for place, tick in enumerate(ticks)]


def _heard_at(tick: Tick, received_ms: int) -> Tick:
    if received_ms == tick.received_ms:
        return tick
    return msgspec.structs.replace(tick, received_ms=received_ms)


def _parted(places: Iterable[int], ticks: Sequence[Tick], key: Callable[[Tick], Any]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = {}
    for place in places:
        found.setdefault(key(ticks[place]), []).append(place)
    return found


def _ahead(
    ticks: Sequence[Tick], near: Sequence[int], ordered: Collection[int], ahead_ms: float
) -> dict[int, int]:
    """Return the places of stamps that are ahead of what all others say after them, and what the next of these says.

    Told only of streams in the order of time, in files whose venues speak in turns.
    """
    found: dict[int, int] = {}
    for places in _parted(near, ticks, attrgetter("symbol")).values():
        run = {places[i] for i in longest([ticks[place].at_ms // GRAIN_MS for place in places])}
        in_turns = _is_in_turns([ticks[place].source for place in places])
        if not in_turns or len(run) < INTERLEAVED * len(places):
            continue
        clock_ms: int | None = None
        for place in reversed(places):
            if place in run:
                clock_ms = ticks[place].at_ms
            elif clock_ms is not None and place in ordered and ticks[place].at_ms > clock_ms + ahead_ms:
                found[place] = clock_ms
    return found


def _is_in_turns(sources: Sequence[str]) -> bool:
    """Say whether venues speak in turns, and more than once: at least half as often as if chance had mixed their rows."""
    counts = Counter(sources)
    turns = sum(before != after for before, after in pairwise(sources))
    by_chance = len(sources) - sum(count * count for count in counts.values()) / len(sources)
    return len(counts) > 1 and turns >= max(2 * len(counts), by_chance / 2)


def _received(
    ticks: Sequence[Tick], places: Sequence[int], believed: Collection[int], body: Spans
) -> dict[int, int]:
    """Return when each row of a stream was heard: by its own stamp, or when the newest before it was."""
    clock_ms = next((ticks[place].at_ms for place in places if place in believed), None)
    found: dict[int, int] = {}
    for place in places:
        at_ms = ticks[place].at_ms
        if place in believed:
            found[place] = at_ms
            clock_ms = at_ms if clock_ms is None else max(clock_ms, at_ms)
        else:
            found[place] = _edge(at_ms, body) if clock_ms is None else clock_ms
    return found


def _is_within(at_ms: int, body: Spans) -> bool:
    before = bisect_right(body, at_ms, key=itemgetter(0))
    return before > 0 and at_ms <= body[before - 1][1]


def _edge(at_ms: int, body: Spans) -> int:
    """Return the last believed time before a stamp, or the first of all."""
    return max((last for _, last in body if last < at_ms), default=body[0][0])


def longest(values: Sequence[int], late: int = 0) -> list[int]:
    """Return the places of the longest run of values that never falls.

    Of several the one with the smaller values, and an earlier one in place of one that is smaller by up to late.
    """
    piles: list[list[int]] = []
    tops: list[int] = []
    for place, value in enumerate(values):
        pile = bisect_right(tops, value)
        if pile == len(piles):
            piles.append([])
            tops.append(value)
        piles[pile].append(place)
        tops[pile] = value
    found: list[int] = []
    before, most = len(values), max(values, default=0)
    for places in reversed(piles):
        end = bisect_left(places, before)
        most = min(most, values[places[end - 1]] + late)
        before = places[bisect_left(places, -most, hi=end, key=lambda place: -values[place])]
        most = values[before]
        found.append(before)
    return found[::-1]
