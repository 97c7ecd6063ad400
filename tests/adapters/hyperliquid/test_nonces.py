import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.nonces import Nonces
from adapters.ports import VenueError
from tests.adapters.hyperliquid.desk import KeptNonce
from tests.adapters.scripted import NOON_MS, ScriptedClock


@given(
    st.lists(
        st.tuples(st.integers(-5_000, 90_000), st.sampled_from(["next", "ahead", "restart"])), max_size=60
    )
)
def test_nonces_rise_through_clock_steps_and_restarts_and_the_mark_is_never_below(steps):
    clock, store = ScriptedClock(), KeptNonce()
    nonces, last = Nonces(clock, store), 0
    for moved_ms, what in steps:
        clock.ms += moved_ms
        if what == "restart":
            nonces = Nonces(clock, store)
        elif what == "ahead":
            nonces.reserve_ahead()
        else:
            nonce = nonces.next()
            assert last < nonce <= store.highest_ms
            last = nonce


def test_a_nonce_is_the_time_when_the_time_has_moved():
    assert Nonces(ScriptedClock(), KeptNonce()).next() == NOON_MS


def test_a_thousand_nonces_in_one_millisecond_cost_one_write():
    store = KeptNonce()
    nonces = Nonces(ScriptedClock(), store)
    assert [nonces.next() for _ in range(1000)] == list(range(NOON_MS, NOON_MS + 1000))
    assert store.saves == 1


def test_a_mark_reserved_ahead_spares_the_next_signature_the_disk():
    clock, store = ScriptedClock(), KeptNonce()
    nonces = Nonces(clock, store)
    nonces.next()
    clock.ms += 45_000
    nonces.reserve_ahead()
    saves = store.saves
    clock.ms += 45_000
    nonces.next()
    assert store.saves == saves == 2


def test_a_mark_far_ahead_of_the_clock_is_refused_with_the_remedy():
    with pytest.raises(VenueError, match=r"24\.0 h ahead of the clock.*Set the clock right"):
        Nonces(ScriptedClock(), KeptNonce(NOON_MS + 86_400_000))
