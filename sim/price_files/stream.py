"""What was heard of venues, in the order it was received."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from core.prices.types import Tick


@dataclass(frozen=True, slots=True)
class Alive:
    """A venue's stream lives, though no price is in what it said."""

    source: str
    received_ms: int


@dataclass(frozen=True, slots=True)
class Down:
    """A venue's stream was lost."""

    source: str
    received_ms: int


Heard = Tick | Alive | Down


class UnreadablePrices(Exception):
    """A path that prices cannot be read from; the text says what, where, what is allowed and how to mend it."""


@dataclass(slots=True)
class Stream:
    """What a path held, heard in the order of receipt (stable).

    undated are, file by file, ticks without a time of receipt, which have the venue's stamp in its place until
    all that is known says when they were heard (sim.price_files.order). refused counts rows that cannot be placed
    in time or named, by reason; units counts stamps that were not in ms, by theirs; left_out are files of other
    things, and why.
    """

    heard: list[Heard] = field(default_factory=list)
    undated: list[list[Tick]] = field(default_factory=list)
    units: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)

    def stamps(self) -> Iterator[tuple[int, list[Heard]]]:
        """Yield each distinct stamp (ms) with all that was heard at it."""
        for at_ms, heard in groupby(self.heard, key=_received_ms):
            yield at_ms, list(heard)


_received_ms = attrgetter("received_ms")


def merged(streams: Iterable[Stream]) -> Stream:
    """Return one stream of several, in the order of receipt."""
    whole = Stream()
    for stream in streams:
        whole.heard += stream.heard
        whole.undated += stream.undated
        whole.units += stream.units
        whole.refused += stream.refused
        whole.left_out += stream.left_out
    whole.heard.sort(key=_received_ms)
    return whole
