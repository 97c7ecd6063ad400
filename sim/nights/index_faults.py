"""What is wrong with the index price that the daemon compares the venue's prices with; or with the venue's prices."""

from typing import TYPE_CHECKING

from sim.nights.fault import Fault, Kind

if TYPE_CHECKING:
    from sim.world import World

DISPUTE = "price-dispute"
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
)
