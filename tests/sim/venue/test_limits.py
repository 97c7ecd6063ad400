"""Limits of an address: a bucket of weight, sliding minutes, counters (hyperliquid.md 4.1)."""

from hypothesis import given
from hypothesis import strategies as st

from sim.venue.limits import MINUTE_MS, UNLIMITED, WITHOUT_WEIGHT, IpLimits, Limits
from sim.venue.weights import Asked

META = Asked("/info", "meta")
MIDS = Asked("/info", "allMids")
FILLS = Asked("/info", "userFills")
HERE, THERE = "10.0.0.1", "10.0.0.2"


def spend_all(limits, now_ms, what=META):
    served = 0
    while limits.request(HERE, what, now_ms=now_ms):
        served += 1
    return served


def test_a_full_bucket_serves_1200_and_a_second_brings_twenty():
    limits = IpLimits(Limits())
    assert spend_all(limits, 0) == 60
    assert spend_all(limits, 999) == 0
    assert spend_all(limits, 1_000) == 1
    assert spend_all(limits, MINUTE_MS + 1_000) == 60
    assert spend_all(limits, 100 * MINUTE_MS) == 60, "the bucket holds no more than a minute"


def test_another_address_has_a_bucket_of_its_own():
    limits = IpLimits(Limits())
    spend_all(limits, 0)
    assert limits.request(THERE, META, now_ms=0)


@given(st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from([META, MIDS])), max_size=300))
def test_never_more_than_the_bucket_and_what_ran_into_it(steps):
    limits, now_ms, served = IpLimits(Limits()), 0, 0
    for wait_ms, what in steps:
        now_ms += wait_ms
        served += what.weight * limits.request(HERE, what, now_ms=now_ms)
        assert served <= 1200 + now_ms * 1200 / MINUTE_MS + 1e-6


def test_rows_are_taken_into_debt_and_paid_off_before_the_next_request():
    limits = IpLimits(Limits())
    spend_all(limits, 0)
    limits.rows(HERE, FILLS, b"[" + b",".join([b"{}"] * 2000) + b"]", now_ms=0)
    assert not limits.request(HERE, MIDS, now_ms=5_000)
    assert limits.request(HERE, MIDS, now_ms=5_100)


def test_without_a_limit_of_weight_nothing_is_refused_but_all_is_counted():
    limits = IpLimits(WITHOUT_WEIGHT)
    assert all(limits.request(HERE, META, now_ms=0) for _ in range(1_000))
    spent = limits.document(0)["addresses"][HERE]
    assert (spent["weight_spent"], spent["weight_by_type"], spent["refused"]) == (20_000, {"meta": 20_000}, 0)


def test_ten_connections_at_a_time():
    limits = IpLimits(Limits())
    assert [limits.connect(HERE, 0) for _ in range(11)] == [True] * 10 + [False]
    assert limits.connect(THERE, 0)
    limits.disconnect(HERE)
    assert limits.connect(HERE, 0)


def test_thirty_new_connections_in_any_minute():
    limits, opened = IpLimits(Limits()), []
    for second in range(180):
        if limits.connect(HERE, 1_000 * second):
            opened.append(second)
            limits.disconnect(HERE)
    assert len(opened) == 90
    assert max(sum(s <= t < s + 60 for t in opened) for s in range(180)) == 30


def test_two_thousand_messages_in_any_minute_over_all_connections():
    limits = IpLimits(Limits())
    assert sum(limits.message(HERE, i) for i in range(2_500)) == 2_000
    assert not limits.message(HERE, MINUTE_MS - 1)
    assert limits.message(HERE, MINUTE_MS)


def test_a_hundred_posts_under_way_each_for_a_block_or_until_its_answer_leaves():
    limits = IpLimits(Limits())
    assert sum(limits.post(HERE, 0) for _ in range(120)) == 100
    limits.post_held(HERE, 5_000)
    assert sum(limits.post(HERE, 70) for _ in range(120)) == 99
    assert limits.document(71)["addresses"][HERE]["posts_in_flight"] == 100


def test_unlimited_is_without_any_limit():
    limits = IpLimits(UNLIMITED)
    assert all(
        limits.connect(HERE, 0) and limits.message(HERE, 0) and limits.post(HERE, 0) for _ in range(3_000)
    )
