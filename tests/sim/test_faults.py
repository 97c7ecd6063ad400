from random import Random

from sim.faults import KINDS, drawn_faults

FIRST = tuple(name for name, kind in KINDS.items() if kind.edition == 1)


def test_a_seed_keeps_the_faults_that_it_had_when_a_kind_is_added():
    later = 0
    for seed in range(300):
        had = drawn_faults(Random(seed), -110.0, 20.0, FIRST)
        has = drawn_faults(Random(seed), -110.0, 20.0)
        assert tuple(fault for fault in has if fault.name in FIRST) == had
        later += has != had
    assert later > 3


def test_the_order_in_which_kinds_are_named_draws_nothing_else():
    names = ("stall", "price-dispute", "kill", "adl")
    drawn = [drawn_faults(Random(1), -110.0, 20.0, some) for some in (names, names[::-1])]
    assert drawn[0] == drawn[1]
