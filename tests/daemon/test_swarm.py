"""What a swarm counts, keeps and holds against each other."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from core.report import UNDECIDED
from daemon import swarm
from daemon.crash_points import SAME_BOOK, crash_points, exempt, same_book
from daemon.swarm import Tally
from daemon.swarm_pool import Played, Pool
from sim.checkers import Failure
from sim.night import Night, drawn_night, read_night
from tests.daemon.deadly import outcome, play


@pytest.fixture(scope="module")
def pool():
    with Pool(play, 1) as pool:
        yield pool


def test_the_figures_are_sums_over_the_nights():
    tally = Tally(2)
    for night in (drawn_night(0), drawn_night(5)):
        tally.add(Played(night=night, outcome=outcome(night), failures=(), took_s=0.5))
    figures = tally.figures()
    assert figures["nights_per_s_per_core"] == 2.0
    assert figures["steps_per_s_per_core"] == 200
    assert (figures["fills"], figures["lives"], figures["restarts"]) == (6, 4, 2)
    assert (figures["outside_s"], figures["exposure_usd_s"]) == (3.0, 2000)
    assert sum(figures["faults"].values()) == len(drawn_night(0).faults) + len(drawn_night(5).faults)


def test_failures_are_listed_by_checker_in_the_order_of_their_seeds(pool):
    tally = Tally(4)
    nights = [drawn_night(seed, kinds=("kill",)) for seed in (5, 4)] + [drawn_night(0)]
    nights[0] = Night(seed=5, faults=drawn_kill())
    told = []
    swarm.swarm(pool, nights, tally, lambda t: told.append(t.nights))
    assert told == [1, 2, 3]
    assert {c: [n.seed for n, _ in found] for c, found in tally.by_checker().items()} == {
        "never twice": [5],
        "the world": [4],
    }


def drawn_kill():
    return next(
        n.faults for n in map(drawn_night, range(99)) if {"kill", "stall"} <= {f.name for f in n.faults}
    )


def test_a_failed_night_is_shrunk_to_what_fails_it_and_written_down(pool, tmp_path):
    tally = Tally(1)
    swarm.swarm(pool, [Night(seed=5, faults=drawn_kill())], tally, lambda _: None)
    (kept,) = swarm.kept(pool, tally, tmp_path / "new", lambda checker, plays: None)
    night = read_night(kept.path)
    assert kept.path.name == "never-twice-5.json"
    assert [f.name for f in night.faults] == ["kill"]
    assert kept.faults == 1
    assert kept.whole
    assert night.why == "never twice: it was sent twice"


def test_a_night_is_not_shrunk_into_one_that_fails_for_another_reason(pool, tmp_path):
    """A delta left open at the end was once shrunk to a night without faults, cut off before its end."""
    tally = Tally(1)
    swarm.swarm(pool, [Night(seed=28)], tally, lambda _: None)
    (kept,) = swarm.kept(pool, tally, tmp_path, lambda checker, plays: None)
    assert 60.0 < read_night(kept.path).end_s < 70.0


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a delta of -712 USD ETH: {'ETH': -712}", True),
        ("a delta of 712 USD ETH, outside of 10", False),
        ("the session ended in stage closing", False),
    ],
)
def test_figures_and_coins_do_not_make_another_failure(text, same):
    one = Failure(checker="ending", at_s=1.0, text="a delta of 9.5 USD BTC: {}")
    assert swarm.is_like(one, Failure(checker="ending", at_s=2.0, text=text)) is same
    assert not swarm.is_like(one, Failure(checker="exposure", at_s=1.0, text=one.text))


def test_every_write_and_every_await_of_the_first_life_is_a_crash_point():
    points = list(crash_points(outcome(Night(seed=0))))
    assert [p.kill_at_write for p in points] == [0, 1, None, None, None, None]
    assert [p.kill_at_step for p in points] == [None, None, 0, 1, 2, 3]
    assert list(crash_points(outcome(Night(seed=0)), every=4)) == points[::4]


def test_a_book_may_be_a_lot_away_from_the_uninterrupted_ones():
    base = outcome(Night(seed=0))
    near = outcome(Night(seed=0), positions={"SOL": Decimal("5.1")})
    far = outcome(Night(seed=0), positions={"SOL": Decimal("4.8")})
    assert same_book(base, near) == ()
    assert same_book(base, far)[0].text == "SOL 4.8 instead of 5"
    assert same_book(base, outcome(Night(seed=0), positions={}))[0].text == "SOL 0 instead of 5"


OFF = {"SOL": Decimal(1), "ETH": Decimal(2), "ADA": Decimal(8)}
WHOLE = outcome(Night(seed=0), positions={"SOL": Decimal(5), "ETH": Decimal(1), "ADA": Decimal(9)})
WHY = "no fresh price since 00:00:59: not traded"


def test_what_the_report_explains_is_off_all_the_same_when_there_was_time():
    """An explanation once excused any coin, and hid that a restart forgot a slice."""
    night = outcome(Night(seed=0), positions=OFF, explained={"SOL": WHY}, killed_s=40.0)
    assert exempt(WHOLE, night) == frozenset()
    assert (
        same_book(WHOLE, night)[0].text
        == f"ADA 8 instead of 9; ETH 2 instead of 1; SOL 1 instead of 5 ({WHY})"
    )


def test_after_a_late_kill_what_the_report_explains_may_be_off_and_the_hedges_with_it_and_nothing_else():
    """The deadline of such a night is 75 s after the close; a start, its proof and an order take eight."""
    night = outcome(Night(seed=0), positions=OFF, explained={"SOL": WHY}, killed_s=67.1)
    assert exempt(WHOLE, night) == {"SOL", "BTC", "ETH"}
    assert same_book(WHOLE, night)[0].text == "ADA 8 instead of 9"
    early = replace(night, killed_s=66.9)
    assert exempt(WHOLE, early) == frozenset()


def test_a_slice_that_was_recorded_and_never_sent_has_until_its_expiry_is_proved():
    """It lives 4 s, is dead for sure 2.5 s later, is asked about each 2 s, and a last slice is repeated each 5 s."""
    why = f"{UNDECIDED} since 00:01:09: not traded beside it"
    night = outcome(Night(seed=0), positions=OFF, explained={"SOL": why}, killed_s=59.6)
    assert exempt(WHOLE, night) == {"SOL", "BTC", "ETH"}
    assert exempt(WHOLE, replace(night, killed_s=59.4)) == frozenset()
    assert exempt(WHOLE, replace(night, explained={"SOL": WHY})) == frozenset()


def test_what_the_uninterrupted_night_could_not_reach_either_may_be_off_for_the_same_reason():
    base = replace(WHOLE, explained={"SOL": WHY})
    same = outcome(Night(seed=0), positions=OFF, explained={"SOL": WHY.replace("59", "41")}, killed_s=0.0)
    assert "SOL" in exempt(base, same)
    assert "SOL" in exempt(base, replace(same, explained={}))
    assert exempt(base, replace(same, explained={"SOL": "not filled"})) == frozenset()


def test_a_coin_that_ends_where_it_should_needs_no_exemption():
    night = outcome(Night(seed=0), positions=WHOLE.positions, explained={"SOL": WHY}, killed_s=70.0)
    assert exempt(WHOLE, night) == frozenset()


def test_exemptions_are_counted(pool):
    tally = Tally(1)
    swarm.all_crash_points(pool, [Night(seed=7)], tally, lambda _: None, every=1)
    assert not tally.failed
    assert tally.figures()["exempt"] == 1


def test_a_point_at_which_the_book_ends_elsewhere_is_found(pool):
    tally = Tally(1)
    swarm.all_crash_points(pool, [Night(seed=6)], tally, lambda _: None, every=1)
    assert tally.nights == tally.wanted == 7
    ((night, failure),) = tally.by_checker()[SAME_BOOK]
    assert night.kill_at_step == 3
    assert failure.text == "SOL 5.2 instead of 5"


def test_a_kept_night_that_is_killed_at_a_point_is_held_against_itself_without_the_kill(pool):
    tally = Tally(1)
    swarm.swarm(pool, [Night(seed=6, kill_at_step=3)], tally, lambda _: None)
    assert list(tally.by_checker()) == [SAME_BOOK]
