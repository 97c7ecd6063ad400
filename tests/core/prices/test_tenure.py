"""At no moment may two publish, however rounds of several instances interleave and whatever one clock does."""

from copy import copy
from random import Random

import pytest

from core.prices.tenure import MARGIN, Sighting, Tenure

LEASE_S = 1.0
NIGHTS, STEPS = 30, 1000
STEP_S = LEASE_S / 160
STOPS = 0.01
"""How often an instance is stopped after a step, for up to two leases."""


class Machine:
    """True time, which nobody sees, and the row that all see."""

    def __init__(self):
        self.true_s = 0.0
        self.row = None


class Instance:
    """An election's rounds as state.lease and its loop make them, in steps between which anything may happen."""

    def __init__(self, machine, rate):
        self._machine, self._rate = machine, rate
        self.ahead_s = 100 * rate
        self._tenure = Tenure()
        self.steps = self._rounds()

    def now_s(self):
        return self._machine.true_s * self._rate + self.ahead_s

    def publishes(self):
        return copy(self._tenure).at(self.now_s()) is not None

    def _rounds(self):
        token, renewals, sighting = None, 0, Sighting(LEASE_S)
        while True:
            sent_s = self.now_s()
            yield
            if token is not None and self._machine.row == (token, renewals):
                renewals += 1
                self._machine.row = (token, renewals)
            else:
                token, seen = None, self._machine.row
                yield
                has_ended = sighting.has_ended(seen, self.now_s())
                yield
                if has_ended and self._machine.row == seen:
                    token, renewals = (seen or (0, 0))[0] + 1, 0
                    self._machine.row = (token, renewals)
            yield
            if token is not None:
                self._tenure.granted(token, sent_s=sent_s, lease_s=LEASE_S)
            yield
            self._tenure.at(self.now_s())


class Night:
    """Three instances that are stopped now and then, anywhere in a round, and one clock that jumps ahead once."""

    def __init__(self, seed):
        self._rng, self._machine = Random(seed), Machine()
        self._instances = [Instance(self._machine, self._rng.uniform(0.98, 1.02)) for _ in range(3)]
        self._stopped_until_s = [0.0, 0.0, 0.0]
        self._jumps_at = self._rng.randrange(STEPS)
        self.led = set()

    def step(self, number):
        self._machine.true_s += self._rng.expovariate(1 / STEP_S)
        if number == self._jumps_at:
            self._rng.choice(self._instances).ahead_s += self._rng.choice([LEASE_S / 4, LEASE_S, 3600.0])
        who = self._rng.randrange(3)
        if self._stopped_until_s[who] <= self._machine.true_s:
            next(self._instances[who].steps)
            if self._rng.random() < STOPS:
                self._stopped_until_s[who] = self._machine.true_s + self._rng.uniform(0, 2 * LEASE_S)

    def publishers(self):
        found = [instance for instance in self._instances if instance.publishes()]
        self.led.update(found)
        return len(found)


def test_no_order_of_steps_and_no_jump_of_a_clock_gives_two_publishers():
    followed = 0
    for seed in range(NIGHTS):
        night = Night(seed)
        for number in range(STEPS):
            night.step(number)
            assert night.publishers() <= 1, f"seed {seed}, step {number}"
        followed += len(night.led) > 1
    assert followed > NIGHTS / 2, "nights in which nobody follows anybody prove nothing"


def test_a_term_counts_from_before_the_renewal_was_sent_and_ends_a_margin_early():
    tenure = Tenure()
    tenure.granted(3, sent_s=10.0, lease_s=4.0)
    term = tenure.at(12.0)
    assert term is not None
    assert (term.token, term.until_s) == (3, 10.0 + 4.0 * (1 - MARGIN))
    assert tenure.at(term.until_s) is None


def test_a_term_that_ended_does_not_come_back_with_the_clock():
    tenure = Tenure()
    tenure.granted(3, sent_s=10.0, lease_s=4.0)
    assert tenure.at(13.0) is None
    assert tenure.at(11.0) is None


def test_a_clock_that_goes_back_ends_the_term():
    tenure = Tenure()
    tenure.granted(3, sent_s=10.0, lease_s=4.0)
    assert tenure.at(12.0) is not None
    assert tenure.at(11.9) is None


def test_a_token_that_was_given_up_does_not_come_back_with_a_late_answer():
    tenure = Tenure()
    tenure.granted(3, sent_s=10.0, lease_s=4.0)
    tenure.give_up()
    tenure.granted(3, sent_s=10.5, lease_s=4.0)
    assert tenure.at(11.0) is None
    tenure.granted(4, sent_s=10.5, lease_s=4.0)
    assert tenure.at(11.0) is not None


@pytest.mark.parametrize("first_look_s", [0.0, 1e6])
def test_a_candidate_does_not_follow_at_its_first_look(first_look_s):
    assert not Sighting(LEASE_S).has_ended("lease", first_look_s)


def test_a_candidate_follows_when_nothing_changed_for_a_whole_lease():
    sighting, looks_s = Sighting(LEASE_S), [eighth / 8 for eighth in range(9)]
    assert [sighting.has_ended("lease", look_s) for look_s in looks_s] == [False] * 8 + [True]
