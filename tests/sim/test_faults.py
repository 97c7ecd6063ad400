from random import Random

from sim.faults import KINDS, drawn_faults
from sim.night import drawn_night
from sim.nights.index_faults import OF_LEDGER

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


def test_the_disk_of_the_ledger_fails_in_nights_that_keep_an_index_and_every_fourth_does():
    nights = [drawn_night(seed) for seed in range(400)]
    struck = [night for night in nights if {fault.name for fault in night.faults} & {*OF_LEDGER}]
    assert struck
    assert all(night.keeps_index for night in struck)
    assert 80 < sum(night.keeps_index for night in nights) < 120
    assert drawn_night(0, kinds=OF_LEDGER[:1]).keeps_index
