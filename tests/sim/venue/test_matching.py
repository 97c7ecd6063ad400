"""What takers ate of a ladder, and how it comes back."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sim.venue.matching import RECOVERY_MS, Bites

NOW_MS = 1_735_600_000_000
SIZES = st.decimals(min_value=Decimal("0.00001"), max_value=Decimal(10_000_000), places=5)


@given(st.lists(st.tuples(st.integers(0, 3_000), SIZES), max_size=30), st.integers(0, 6_000))
def test_what_is_gone_is_the_sum_of_every_bites_own_recovery(bites, later_ms):
    eaten, now_ms, made = Bites(), NOW_MS, []
    for wait_ms, size in bites:
        now_ms += wait_ms
        eaten.add(size, now_ms)
        made.append((now_ms, size))
        eaten.gone(now_ms)
    now_ms += later_ms
    left = [(size, RECOVERY_MS - now_ms + at_ms) for at_ms, size in made if now_ms - at_ms < RECOVERY_MS]
    assert eaten.gone(now_ms) == sum((size * ms / RECOVERY_MS for size, ms in left), Decimal(0))
    assert bool(eaten) == bool(left)
