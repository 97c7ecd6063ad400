"""The checkers of a night, one file for each thing that must be true."""

from sim.checkers import Checker
from sim.checks.ledger import FillsAreTheVenues
from sim.world import World


def all_checks(world: World) -> tuple[Checker, ...]:
    """Return every checker, new for this night."""
    return (FillsAreTheVenues(),)
