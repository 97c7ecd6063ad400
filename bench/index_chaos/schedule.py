"""What goes wrong and when, from a seed. Never more than a minority of venues at once: beyond that nothing is promised."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What may go wrong: with a venue, an instance, or the market."""

    DIES = "venue dies"
    MUTE = "venue falls silent"
    FREEZES = "venue freezes"
    LIES = "venue lies"
    RENAMES = "venue renames its channels"
    LIMITS = "venue answers 429"
    GARBLES = "venue garbles frames"
    KILL = "kill -9 of the leader"
    KILL_OTHER = "kill -9 of a follower"
    STOP = "SIGSTOP of the leader"
    CUT = "network of the leader cut"
    FULL = "disk of the leader full"
    CLOCK = "clock of the leader steps"
    CRASH = "market crashes"
    CRASH_AND_DIES = "market crashes while three venues fall silent"


VENUES = frozenset({Kind.DIES, Kind.MUTE, Kind.FREEZES, Kind.LIES, Kind.RENAMES, Kind.LIMITS, Kind.GARBLES})
WEIGHTS = {
    **dict.fromkeys(VENUES, 4.0),
    Kind.KILL: 2.0,
    Kind.KILL_OTHER: 2.0,
    Kind.STOP: 2.0,
    Kind.CUT: 1.0,
    Kind.FULL: 1.0,
    Kind.CLOCK: 1.0,
    Kind.CRASH: 0.5,
    Kind.CRASH_AND_DIES: 0.25,
}
LASTS_S = (5.0, 120.0)
SHORT_S = (0.5, 20.0)
LIES = (-0.5, -0.03, -0.02, -0.004, 0.004, 0.012, 0.024, 0.04, 9.0, 999.0)
STEPS_MS = (-2_000, -300, 300, 700)
CRASHES = (-0.2, -0.12, -0.07, 0.08)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong: at_s of the run, for lasts_s, with venues, by size (a lie, a fall, a step in ms)."""

    kind: Kind
    at_s: float
    lasts_s: float
    venues: tuple[str, ...] = ()
    size: float = 0.0


def drawn(random: Random, venues: tuple[str, ...], *, seconds: float, every_s: float) -> list[Fault]:
    """Return the faults of a run in order of time, one each every_s on average, from a minute after its start."""
    return list(_drawn(random, venues, seconds, every_s))


def _drawn(random: Random, venues: tuple[str, ...], seconds: float, every_s: float) -> Iterator[Fault]:
    free_s = dict.fromkeys(venues, 0.0)
    most, at_s, kinds = (len(venues) - 1) // 2, 60.0, list(Kind)
    weights = [WEIGHTS[kind] for kind in kinds]
    while (at_s := at_s + random.expovariate(1 / every_s)) < seconds - LASTS_S[1]:
        kind = random.choices(kinds, weights)[0]
        lasts_s = random.uniform(*(LASTS_S if kind in VENUES or kind is Kind.CRASH_AND_DIES else SHORT_S))
        busy = sum(until_s > at_s for until_s in free_s.values())
        wanted = most if kind is Kind.CRASH_AND_DIES else 1 if kind in VENUES else 0
        if busy + wanted > most:
            continue
        hit = tuple(random.sample([v for v in venues if free_s[v] <= at_s], wanted))
        # a venue that was frozen or lied is believed again a while after: it stays one of the few
        free_s.update(dict.fromkeys(hit, at_s + lasts_s + 10.0))
        sizes = {Kind.LIES: LIES, Kind.CLOCK: STEPS_MS, Kind.CRASH: CRASHES, Kind.CRASH_AND_DIES: CRASHES}
        size = random.choice(sizes.get(kind, (0.0,)))
        yield Fault(kind=kind, at_s=at_s, lasts_s=lasts_s, venues=hit, size=size)
