"""Thousands of drawn events of an index, with restarts and kills between and in them: the level never jumps.

NIGHTDESK_INDEX_EVENTS says how many, `make levels` does ten thousand.
"""

import os
from collections import Counter
from decimal import Decimal as D
from fractions import Fraction
from random import Random

from core.index_level import level, weights
from core.levels.types import ChangeSupply, ForkVariant, Publish, Redenominate, Reweight
from research.index_level_again import check
from sim.nights.disk import WorldDisk
from state.index_ledger import LEDGER, IndexLedger
from state.index_lines import LedgerLines
from tests.core.levels.lives import Market, next_event, redenominated
from tests.sim.nights.lives import Count, Killed

EVENTS = int(os.environ.get("NIGHTDESK_INDEX_EVENTS", "600"))
ROLL = 150
"""Entries of a file."""
SEEN = {"Publish", "Reweight", "Announce", "Remove", "Fork", "Redenominate", "ChangeSupply", "restart"}


class Life:
    """An index on a disk that is killed now and then; counts are of what has happened to it."""

    def __init__(self, directory, seed):
        self.directory, self.rng, self.counts = directory, Random(f"restarts {seed}"), Counter()
        self.disk = self.ledger = self.count = None
        self.start()

    def start(self):
        self.count = Count()
        self.disk = WorldDisk(self.directory, on_write=self.count, stall=lambda seconds: None)
        self.ledger = IndexLedger.open(self.directory, self.disk)

    def restart(self):
        self.ledger.close()
        self.counts["restart"] += 1
        self.start()

    def record(self, event, prices, at_ms):
        """Do an event, over a kill if one is drawn; return the entry."""
        if self.rng.random() < 0.02:
            self.restart()
        if self.rng.random() < 0.02:
            self.count.kill_at = len(self.count.names) + self.rng.randrange(self.rng.choice((4, 30)))
        before = self.last()
        try:
            entry = self.ledger.record(event, prices, at_ms=at_ms).entry
            self.count.kill_at = None
            return entry
        except Killed:
            self.disk.crash(self.rng, power=self.rng.random() < 0.5)
        self.start()
        self.counts[f"kill that {'kept' if self.last() > before else 'lost'} the entry"] += 1
        if self.last() == before:
            return self.ledger.record(event, prices, at_ms=at_ms).entry
        assert self.last() == before + 1
        return [entry for entry, _ in LedgerLines(self.directory / LEDGER).places()][-1]

    def last(self):
        return self.ledger.state.sequence if self.ledger.state else -1


def step(life, market):
    """Do the next drawn event and hold what it made against what no event may do."""
    market.walk()
    before = life.ledger.state
    event, prices = next_event(market, before), market.prices()
    entry = life.record(event, prices, market.at_ms)
    after = life.ledger.state
    life.counts[type(event).__name__] += 1
    if entry.before is not None:
        assert abs(Fraction(entry.level) / Fraction(entry.before) - 1) < D("1e-30")
    if isinstance(event, Reweight | ChangeSupply):
        sides = [level(state, prices, at_ms=market.at_ms) for state in (before, after)]
        assert abs(sides[1] / sides[0] - 1) < D("1e-12")
    if isinstance(event, Publish | Redenominate) or getattr(event, "variant", "") is ForkVariant.DROPPED:
        assert repr(after.divisor) == repr(before.divisor)
    assert abs(sum(weights(after).values()) - 1) < D("1e-12")
    assert not {m.symbol for m in after.members} & market.gone
    redenominated(market, event)


def test_a_level_never_jumps_whatever_happens_and_the_second_implementation_makes_each_again(place):
    life, market = Life(place / "index", 1), Market(Random(1))
    levels = 0
    for number in range(1, EVENTS + 1):
        step(life, market)
        if number % ROLL == 0 or number == EVENTS:
            found = check(life.directory / LEDGER)
            assert str(found.difference) == "None"
            assert found.head == life.ledger.head
            levels += found.levels
            life.ledger.roll()
    assert life.ledger.state.sequence == EVENTS - 1
    assert levels > EVENTS * 0.8
    assert {kind for kind, count in life.counts.items() if count >= EVENTS / 200} >= SEEN
    print(EVENTS, "events:", dict(life.counts))
    life.ledger.close()
