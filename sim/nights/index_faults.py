"""What is wrong with the index price that the daemon compares the venue's prices with; or with the venue's prices."""

from functools import partial
from typing import TYPE_CHECKING

from sim.nights.disk_faults import DiskFault, DiskFaultKind
from sim.nights.fault import Fault, Kind
from state.index_ledger import LEDGER

if TYPE_CHECKING:
    from sim.world import World

DISPUTE = "price-dispute"
OF_LEDGER = ("index-disk-full", "index-disk-read-only")
"""Kinds that strike nothing in a night that keeps no index."""
ROOM_BYTES = 3_000
"""What a full disk still takes of the ledger with intensity 1: an entry or two."""
LEAST, MOST = 0.005, 0.25
"""By which fraction an index is bent, with intensity 0 and with 1. The limit of a dispute is 0.02."""


def bent_by(fault: Fault) -> float:
    """Return the fraction by which a fault bends an index: up where its coin is odd, else down."""
    return (1 if fault.coin % 2 else -1) * (LEAST + (MOST - LEAST) * fault.intensity)


def _bend(world: "World", fault: Fault) -> None:
    assets = world.market.assets
    coin = assets[fault.coin % len(assets)].name
    world.elsewhere.bend(coin, bent_by(fault))
    world.at(fault.at_s + fault.for_s, world.elsewhere.straighten, coin, bent_by(fault))


def _disk(kind: DiskFaultKind, world: "World", fault: Fault) -> None:
    """The ledger of a kept index may lie on a disk of its own: what is wrong with it leaves trading alone."""
    room_bytes = round(ROOM_BYTES * fault.intensity)
    world.disk.begin(DiskFault(kind, LEDGER, room_bytes=room_bytes), fault.for_s)


INDEX = (
    Kind(
        name=DISPUTE,
        family="index",
        text="a coin's index, BTC's and ETH's too, is far from the venue's price; in other nights nothing is compared",
        intensity=f"by {LEAST:.1%} to {MOST:.0%}",
        strike=_bend,
        longest_s=60.0,
        chance=0.3,
        edition=2,
    ),
    Kind(
        name=OF_LEDGER[0],
        family="index",
        text="the disk that has the crypto index's ledger takes some bytes more, then none; in nights that keep one",
        intensity=f"0 to {ROOM_BYTES:,} bytes more",
        strike=partial(_disk, DiskFaultKind.FULL),
        longest_s=60.0,
        edition=3,
    ),
    Kind(
        name=OF_LEDGER[1],
        family="index",
        text="the file system that has the crypto index's ledger is read-only; in nights that keep one",
        strike=partial(_disk, DiskFaultKind.READ_ONLY),
        longest_s=60.0,
        edition=3,
    ),
)
