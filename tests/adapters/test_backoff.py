import random
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from adapters.backoff import MESSAGES_PER_MIN, Backoff, Pace


@given(seed=st.integers(0, 99), held_ms=st.lists(st.integers(0, 2_000), min_size=40, max_size=120))
def test_no_minute_sees_more_connections_than_allowed_however_short_the_waits(seed, held_ms):
    backoff = Backoff(random.Random(seed), first_s=0.01, longest_s=0.01)
    now_ms, made = 0.0, []
    for held in held_ms:
        backoff.connecting(int(now_ms))
        made.append(now_ms)
        now_ms += held
        now_ms += 1000 * backoff.wait_s(int(now_ms)) + 1
    for at in made:
        assert sum(at - 60_000 < other <= at for other in made) <= 30


@given(seed=st.integers(0, 99))
def test_waits_grow_to_the_longest_and_start_again_after_a_calm_connection(seed):
    backoff = Backoff(random.Random(seed))
    waits, now_ms = [], 0
    for _ in range(9):
        backoff.connecting(now_ms)
        waits.append(backoff.wait_s(now_ms))
        now_ms += int(1000 * waits[-1])
    assert all(0.5 * c <= w <= c for w, c in zip(waits, (0.5, 1, 2, 4, 8, 16, 30, 30, 30), strict=True))
    backoff.connecting(now_ms)
    assert backoff.wait_s(now_ms + 60_001) <= 0.5


def test_the_same_seed_waits_the_same():
    def series(seed):
        backoff = Backoff(random.Random(seed))
        return [backoff.wait_s(0) for _ in range(5)]

    assert series(3) == series(3) != series(4)


@given(
    burst=st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 700)), min_size=1, max_size=20),
)
def test_no_minute_sees_more_messages_than_allowed_however_many_there_are_to_send(burst):
    pace, now_ms, made = Pace(), 0, []
    for pause_ms, count in burst:
        now_ms += pause_ms
        for _ in range(count):
            now_ms += ceil(1000 * pace.wait_s(now_ms))
            pace.sent(now_ms)
            made.append(now_ms)
    window = 0
    for n, at in enumerate(made):
        while made[window] <= at - 60_000:
            window += 1
        assert n - window + 1 <= MESSAGES_PER_MIN
