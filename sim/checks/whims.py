"""Nights in which the venue does what it always does, and those in which it may refuse and take what it likes."""

from sim.faults import KINDS
from sim.night import Night

AS_EVER = ("network", "process", "disk")
"""Families of faults in which the venue refuses nothing but what it must, and prices are what they were."""


def is_as_ever(night: Night) -> bool:
    return all(KINDS[fault.name].family in AS_EVER for fault in night.faults)
