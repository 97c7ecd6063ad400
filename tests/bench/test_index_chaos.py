"""M4-4, a sample: the scripted world of bench.index_chaos, and what its counting would find."""

import json
import sys
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from bench.index_chaos import __main__ as command
from bench.index_chaos import world
from bench.index_chaos.market import Market
from bench.index_chaos.schedule import VENUES, Fault, Kind, drawn
from bench.index_chaos.score import Consumer, Limits, Score
from bench.index_chaos.venues import PAIRS
from bench.index_chaos.world import Played, Run, play
from core.prices.fence import LINE
from core.prices.types import State
from tests.daemon.index_prices.values import value

KILL = Fault(kind=Kind.KILL, at_s=8.0, lasts_s=1.0)


def test_a_killed_leader_is_followed_and_nothing_is_published_twice():
    faults = (
        Fault(kind=Kind.LIES, at_s=4.0, lasts_s=30.0, venues=("kraken",), size=0.04),
        Fault(kind=Kind.DIES, at_s=5.0, lasts_s=30.0, venues=("okx",)),
        KILL,
    )
    played = play(Run(seconds=16, seed=1, faults=faults))
    score = played.score
    assert played.struck.total() == len(faults)
    assert (score.broken, score.wrong, played.failures) == ({}, 0, [])
    assert (score.tokens, played.starts) == (2, 4)
    assert score.seconds - score.available <= 2
    assert score.worst_bps < 5


def test_a_run_is_the_same_whenever_it_is_played():
    garbles = Fault(kind=Kind.GARBLES, at_s=2.0, lasts_s=9.0, venues=("kraken",))
    run = Run(seconds=11, seed=2, faults=(garbles, replace(KILL, at_s=5.0)))
    assert play(run) == play(run)


def test_a_leader_that_hears_nothing_lets_another_one_lead():
    """Its cable is cut for half a minute: its feeds are stale after ten seconds."""
    score = play(Run(seconds=26, seed=3, faults=(Fault(kind=Kind.CUT, at_s=5.0, lasts_s=30.0),))).score
    assert (score.broken, score.tokens) == ({}, 2)
    assert set(score.out_of_use) <= {"HALTED no_feeds"}
    assert score.out_of_use.total() <= 3


def test_where_nobody_hears_anything_leadership_goes_round_once_and_somebody_goes_on_saying_so():
    dark = Fault(kind=Kind.DIES, at_s=5.0, lasts_s=60.0, venues=tuple(PAIRS))
    score = play(Run(seconds=24, seed=4, faults=(dark,))).score
    assert score.tokens <= 1 + len(world.HOSTS)
    assert score.out_of_use["HALTED no_feeds"] >= 15
    assert score.out_of_use.total() - score.out_of_use["HALTED no_feeds"] <= 3


def test_no_more_than_a_minority_of_venues_is_wrong_at_once():
    faults = drawn(Random(3), tuple(PAIRS), seconds=50_000, every_s=20)
    assert {fault.kind for fault in faults} == set(Kind)
    for fault in faults:
        wrong = [one for one in faults if one.at_s <= fault.at_s < one.at_s + one.lasts_s]
        assert sum(len(one.venues) for one in wrong) <= (len(PAIRS) - 1) // 2
    assert all(len(fault.venues) == 1 for fault in faults if fault.kind in VENUES)


def said(price=50_000.0, **changes):
    return value(price=price, **{"token": 1, "sequence": LINE + 1} | changes)


def consumer():
    return Consumer(Limits(), error_bps=lambda price: 1e4 * abs(price / 50_000 - 1))


@pytest.mark.parametrize(
    ("heard", "broken"),
    [
        ((("a", said()), ("a", said())), "a sequence twice"),
        ((("a", said()), ("b", said(sequence=LINE + 2))), "one token, two publishers"),
        ((("b", said(token=2)), ("a", said())), "a token below one that was seen"),
    ],
)
def test_what_may_never_be_seen_is_counted(heard, broken):
    made = consumer()
    for holder, one in heard:
        made.take(holder, [one], 0.5)
    assert dict(made.score.broken) == {broken: 1}


def test_seconds_are_counted_by_what_a_consumer_could_do_with_them():
    made = consumer()
    made.second(0, "")
    for at_s, one in enumerate(
        (
            said(),
            said(sequence=LINE + 2, state=State.DEGRADED),
            said(sequence=LINE + 3, state=State.HALTED),
            said(50_300.0, sequence=LINE + 4),
        )
    ):
        made.take("a", [one], at_s + 0.5)
        made.second(at_s + 1, "a fault")
    for second in (5, 6, 7):
        made.second(second, "a fault")
    score = made.score
    assert (score.seconds, score.available, score.degraded, score.wrong) == (7, 4, 1, 1)
    assert dict(score.out_of_use) == {"HALTED ": 1, "nothing published in time": 2}
    assert [(one.at_s, one.seconds) for one in score.spells] == [(3, 1), (6, 2)]


def test_a_price_is_right_that_was_so_within_the_last_moments():
    market = Market(Random(0))
    market.crash(-0.1)
    for _ in range(8):
        market.step()
    assert market.error_bps(market.usd) == 0
    assert market.error_bps(market.usd * 1.05) == 0
    assert market.error_bps(50_000.0) > 100


def test_a_majority_that_lies_is_seen_to_be_wrong():
    liars = Fault(kind=Kind.LIES, at_s=4.0, lasts_s=30.0, venues=tuple(PAIRS)[:6], size=0.04)
    score = play(Run(seconds=8, seed=5, faults=(liars,))).score
    assert score.wrong >= 2
    assert score.worst_bps == pytest.approx(400, abs=20)


def ended(monkeypatch, *words, **found):
    """Return the exit code of the command where a run gives this score."""
    score = Score(**{"seconds": 100, "available": 99} | found)
    monkeypatch.setattr(
        command, "play", lambda run, shown: Played(score=score, struck=Counter(), starts=3, failures=[])
    )
    monkeypatch.setattr(sys, "argv", ["index_chaos", "--json", *words])
    return command.main()


def test_the_command_ends_with_seven_where_a_promise_was_broken(monkeypatch, capsys):
    assert ended(monkeypatch) == 0
    assert json.loads(capsys.readouterr().out)["availability"] == 0.99
    assert ended(monkeypatch, "--at-least", "0.99") == 0
    assert ended(monkeypatch, "--at-least", "0.9999") == 7
    assert ended(monkeypatch, wrong=1) == 7
    assert ended(monkeypatch, broken=Counter({"a sequence twice": 1})) == 7
    assert ended(monkeypatch, "--every", "0") == 2
