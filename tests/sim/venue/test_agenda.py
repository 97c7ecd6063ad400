from hypothesis import given
from hypothesis import strategies as st

from sim.venue.agenda import Agenda, Duty

due = st.tuples(st.integers(0, 3), st.sampled_from([Duty.TICK, Duty.BLOCK, Duty.PRICES]), st.integers(0, 5))


def order_of(put):
    agenda = Agenda()
    for at_ms, duty, subject in put:
        agenda.put(at_ms, duty, subject)
    taken = []
    while (one := agenda.take(9)) is not None:
        taken.append((one.at_ms, one.duty, one.subject))
    return taken


@given(st.lists(due, unique=True), st.randoms(use_true_random=False))
def test_ticks_come_first_of_their_moment_by_coin_whenever_they_were_put_in(put, random):
    """A coin that somebody listens to is on the agenda earlier than one whose order has only come to rest."""
    ticks = [one for one in put if one[1] is Duty.TICK]
    rest = [one for one in put if one[1] is not Duty.TICK]
    random.shuffle(ticks)
    assert order_of([*rest, *ticks]) == order_of(put)
    for at_ms in range(4):
        of_moment = [one for one in order_of(put) if one[0] == at_ms]
        ticked = sorted((one for one in ticks if one[0] == at_ms), key=lambda one: one[2])
        assert of_moment == [*ticked, *(one for one in rest if one[0] == at_ms)]
