from statistics import mean

from hypothesis import given
from hypothesis import strategies as st

from core.chance import uniform


@given(seed=st.integers(0), name=st.text(), k=st.integers())
def test_the_same_name_gives_the_same_number_between_zero_and_one(seed, name, k):
    x = uniform(seed, name, k)
    assert 0 <= x < 1
    assert x == uniform(seed, name, k)


def test_numbers_are_spread_evenly():
    draws = [uniform(0, "even", k) for k in range(2_000)]
    assert abs(mean(draws) - 0.5) < 0.03
    assert abs(sum(x < 0.1 for x in draws) / len(draws) - 0.1) < 0.03


def test_another_seed_is_another_night():
    assert uniform(0, "a", 1) != uniform(1, "a", 1)


def test_the_number_of_a_name_never_changes_between_versions():
    """A restart after an upgrade must draw what was drawn before; the value was computed with hashlib alone."""
    from hashlib import blake2b

    digest = blake2b(b"7/2025-06-01/projected/time/3", digest_size=7).digest()
    assert uniform(7, "2025-06-01/projected", "time", 3) == int.from_bytes(digest, "big") / 2**56
