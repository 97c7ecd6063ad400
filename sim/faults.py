"""What can go wrong in a night: every kind of fault by its name, and how a seed draws some of them."""

from collections.abc import Iterable
from math import exp, log
from random import Random

from sim.nights.data_faults import DATA
from sim.nights.distortions import Distortion
from sim.nights.fault import Fault, Kind
from sim.nights.index_faults import INDEX
from sim.nights.network_faults import NETWORK
from sim.nights.process_faults import PROCESS
from sim.nights.scene import Scene
from sim.nights.storage_faults import DISK
from sim.nights.venue_faults import VENUE

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*NETWORK, *VENUE, *PROCESS, *DISK, *DATA, *INDEX)}


def distortions_of(faults: Iterable[Fault], scene: Scene) -> tuple[Distortion, ...]:
    """Return what the faults of a night do to its market."""
    distorting = ((fault, KINDS[fault.name].distorts) for fault in faults)
    return tuple(
        one for fault, distorts in distorting if distorts is not None for one in distorts(fault, scene)
    )


def drawn_faults(
    random: Random, from_s: float, to_s: float, names: tuple[str, ...] | None = None
) -> tuple[Fault, ...]:
    """Draw a subset of the kinds, each with its own chance of none, one or more strikes (swarm testing).

    Groce et al., Swarm Testing, ISSTA 2012: leaving most kinds out of a run finds more than mixing all in each.
    """
    share = random.choice((0.05, 0.15, 0.3, 0.5))
    faults = []
    for name in sorted(KINDS if names is None else names, key=lambda name: (KINDS[name].edition, name)):
        if random.random() < share * KINDS[name].chance:
            faults += [
                drawn_fault(random, KINDS[name], from_s, to_s) for _ in range(random.choice((1, 1, 1, 2, 3)))
            ]
    return tuple(sorted(faults, key=lambda fault: (fault.at_s, fault.name)))


def drawn_fault(random: Random, kind: Kind, from_s: float, to_s: float) -> Fault:
    at_s = random.uniform(from_s, to_s)
    for_s = min(exp(random.uniform(log(0.2), log(kind.longest_s))), to_s - at_s)
    return Fault(
        name=kind.name,
        at_s=round(at_s, 3),
        for_s=round(for_s, 3),
        intensity=round(random.random(), 3),
        coin=random.randrange(0, 20),
    )
