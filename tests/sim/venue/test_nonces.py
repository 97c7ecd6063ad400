"""The hundred highest nonces, against a set that keeps everything."""

from hypothesis import given
from hypothesis import strategies as st

from sim.venue.nonces import AHEAD_MS, BEHIND_MS, NonceSet

NOW = 1_753_400_000_000


def test_a_duplicate_nonce_is_refused():
    nonces = NonceSet()
    nonces.use(NOW)
    assert nonces.refusal(NOW, NOW) == f"Invalid nonce: duplicate nonce {NOW}"


def test_nonces_out_of_the_window_are_refused():
    nonces = NonceSet()
    floor, roof = NOW - BEHIND_MS, NOW + AHEAD_MS
    assert nonces.refusal(floor, NOW) == f"Invalid nonce: nonce too low {floor} < {floor}"
    assert nonces.refusal(floor + 1, NOW) is None
    assert nonces.refusal(roof - 1, NOW) is None
    assert nonces.refusal(roof, NOW) == f"Invalid nonce: nonce too high {roof} > {roof}"


@given(st.randoms(use_true_random=False))
def test_a_nonce_is_taken_when_it_is_new_and_above_the_hundredth_highest(draw):
    nonces, used = NonceSet(), set()
    for offset in (draw.randint(-150, 150) for _ in range(300)):
        nonce = NOW + offset
        kept = sorted(used)[-100:]
        expected = nonce not in kept and (len(kept) < 100 or nonce > kept[0])
        assert (nonces.refusal(nonce, NOW) is None) == expected
        if expected:
            nonces.use(nonce)
            used.add(nonce)
