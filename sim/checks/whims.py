"""Nights in which coins are what the daemon learnt of them, and those in which it could not know."""

from sim.faults import KINDS
from sim.night import Night

AS_LISTED = ("network", "process", "disk", "venue", "index")
"""Families of faults in which coins are listed, and counted, as they were before."""


def is_as_listed(night: Night) -> bool:
    return all(KINDS[fault.name].family in AS_LISTED for fault in night.faults)
