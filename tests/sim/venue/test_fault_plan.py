"""A plan at work: what strikes when, and that the same events are struck in the same way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.venue.fault_file import load_plan, parse_plan
from sim.venue.fault_plan import SMOOTH, UNTOUCHED, Course, Cut, FaultPlan

START_MS = 1_735_600_000_000
REQUESTS = [("/info", "meta"), ("/info", "orderStatus"), ("/exchange", "order"), ("/exchange", "cancel")]
CHANNELS = ["bbo", "userFills", "allMids", "pong", "subscriptionResponse", "post"]


def plan_of(text, *, seed=1):
    return FaultPlan(parse_plan(text, place="plan"), seed=seed, start_ms=START_MS)


def fault(kind, **keys):
    words = [f"{k} = {v!r}".replace("'", '"') for k, v in {"kind": kind, **keys}.items()]
    return "\n".join(["[[fault]]", *words, ""])


def played(plan, events):
    """Return what becomes of a sequence of requests and frames, one every 50 ms."""
    told = []
    for i, event in enumerate(events):
        now_ms = START_MS + 50 * i
        if isinstance(event, tuple):
            told.append(plan.on_request(*event, now_ms, fresh=i % 7 == 0))
        else:
            told.append(plan.on_frame(1, event, now_ms))
    return told


@given(st.lists(st.sampled_from([*REQUESTS, *CHANNELS]), max_size=200), st.integers(0, 5))
def test_the_same_plan_seed_and_events_give_the_same_faults(events, seed):
    default = load_plan("default")
    first, second = (FaultPlan(default, seed=seed, start_ms=START_MS) for _ in range(2))
    assert played(first, events) == played(second, events)
    assert first.document() == second.document()


def test_another_seed_gives_other_faults():
    events = REQUESTS * 500
    first, second = (FaultPlan(load_plan("default"), seed=seed, start_ms=START_MS) for seed in (1, 2))
    assert played(first, events) != played(second, events)


def test_a_fault_added_at_the_end_leaves_the_others_draws_alone():
    text = fault("delay", probability=0.3, delay_ms=5, spread_ms=100)
    alone = played(plan_of(text), REQUESTS * 50)
    beside = played(plan_of(text + fault("html", probability=0.5)), REQUESTS * 50)
    assert [c.arrive_ms for c in alone] == [c.arrive_ms for c in beside]


def test_an_empty_plan_touches_nothing():
    assert set(played(FaultPlan(), [*REQUESTS, *CHANNELS])) == {SMOOTH, UNTOUCHED}


# --- when ------------------------------------------------------------------------------------------------


def test_every_nth_strikes_each_nth_request_that_it_concerns():
    plan = plan_of(fault("drop_after_effect", path="/exchange", type="order", every_nth=3))
    struck = [plan.on_request(*r, START_MS).answer is not None for r in REQUESTS * 6]
    assert [i for i, hit in enumerate(struck) if hit] == [10, 22]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
def test_a_probability_is_the_share_that_is_struck(share):
    plan, n = plan_of(fault("html", probability=share)), 20_000
    hits = sum(plan.on_request("/info", "meta", START_MS).instead is not None for _ in range(n))
    assert abs(hits - n * share) <= 5 * (n * share * (1 - share)) ** 0.5


def test_from_and_until_bound_it_the_first_inside_and_the_last_outside():
    plan = plan_of(fault("html", **{"from": 10, "until": 20}))
    hit = [s for s in range(30) if plan.on_request("/info", "meta", START_MS + 1_000 * s).instead]
    assert hit == list(range(10, 20))


def test_every_s_strikes_about_so_often_whatever_the_rate_of_events():
    for step_ms in (10, 100):
        plan = plan_of(fault("close", every_s=10))
        times = [ms for ms in range(0, 600_000, step_ms) if plan.on_frame(1, "bbo", START_MS + ms).closes]
        gaps = [b - a for a, b in zip([0, *times], times, strict=False)]
        assert 50 <= len(times) <= 70
        assert all(5_000 <= gap <= 15_000 + step_ms for gap in gaps)


# --- what ------------------------------------------------------------------------------------------------


def test_delays_add_up_and_the_first_of_two_spoilers_wins():
    plan = plan_of(
        fault("delay", delay_ms=30)
        + fault("delay", delay_ms=12)
        + fault("delay", delay_ms=7, when="after")
        + fault("hang", seconds=3)
        + fault("drop_before_effect")
    )
    assert plan.on_request("/info", "meta", START_MS) == Course(arrive_ms=42, leave_ms=7, instead=Cut(3_000))


def test_statuses_are_429_with_null_and_html_otherwise():
    seen = {}
    for status in (429, 502, 503, 504):
        answered = plan_of(fault("status", status=status)).on_request("/info", "meta", START_MS).instead
        seen[status] = (answered.status, answered.content_type, answered.body[:6])
    assert seen.pop(429) == (429, "application/json", b"null")
    assert seen == {s: (s, "text/html", b"<html>") for s in (502, 503, 504)}
    assert plan_of(fault("html")).on_request("/info", "meta", START_MS).instead.status == 200


def test_a_connection_is_slow_or_refused_only_when_it_is_new():
    plan = plan_of(fault("slow_connect", delay_ms=500) + fault("refuse_connections", path="/exchange"))
    assert plan.on_request("/info", "meta", START_MS, fresh=True) == Course(arrive_ms=500)
    assert plan.on_request("/exchange", "order", START_MS, fresh=True).instead == Cut()
    assert plan.on_request("/exchange", "order", START_MS) == SMOOTH
    assert plan.on_upgrade(START_MS) == Course(arrive_ms=500)


def test_refused_connections_stay_refused_for_their_seconds():
    plan = plan_of(fault("refuse_connections", every_nth=4, seconds=2))
    refused = [plan.on_upgrade(START_MS + 500 * i).instead is not None for i in range(12)]
    assert refused == [False] * 3 + [True] * 4 + [False] * 3 + [True] * 2


def test_a_channel_falls_silent_on_one_connection_and_control_frames_go_on():
    plan = plan_of(fault("silent_channel", seconds=30, every_nth=2))
    assert not plan.on_frame(1, "bbo", START_MS).lost
    assert plan.on_frame(1, "bbo", START_MS + 1).lost
    for ms in (100, 10_000, 30_000):
        assert plan.on_frame(1, "bbo", START_MS + ms).lost
        assert not plan.on_frame(1, "pong", START_MS + ms).lost
    assert not plan.on_frame(2, "bbo", START_MS + 40_000).lost, "the third of those it may strike"
    assert plan.on_frame(2, "bbo", START_MS + 40_001).lost


def test_control_frames_are_struck_by_name():
    plan = plan_of(fault("duplicate", type="post"))
    assert plan.on_frame(1, "post", START_MS).copies == 2
    assert plan.on_frame(1, "bbo", START_MS) == UNTOUCHED


def test_an_unknown_order_concerns_only_order_status():
    plan = plan_of(fault("unknown_order", young_ms=300))
    assert plan.on_request("/info", "orderStatus", START_MS) == Course(young_ms=300)
    assert plan.on_request("/info", "openOrders", START_MS) == SMOOTH


def test_the_clock_is_ahead_inside_the_window_only_and_skews_add_up():
    plan = plan_of(
        fault("clock_skew", skew_ms=-3000, **{"from": 10, "until": 20}) + fault("clock_skew", skew_ms=500)
    )
    assert [plan.skew_ms(START_MS + 1_000 * s) for s in (0, 10, 19, 20)] == [500, -2500, -2500, 500]


def test_the_post_only_window_is_told_with_its_end():
    plan = plan_of(fault("post_only", **{"from": 10, "until": 20}))
    assert [plan.post_only_until_ms(START_MS + 1_000 * s) for s in (9, 10, 20)] == [0, START_MS + 20_000, 0]


def test_a_budget_is_exhausted_once():
    plan = plan_of(fault("budget_exhausted", left=7, **{"from": 10}))
    assert [list(plan.take_exhausted(START_MS + 1_000 * s)) for s in (9, 10, 11)] == [[], [7], []]
