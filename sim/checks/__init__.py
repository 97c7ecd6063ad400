"""The checkers of a night, one file for each thing that must be true."""

from sim.checkers import Checker
from sim.checks.disputes import DisputesAreTold
from sim.checks.ending import EndsAsItShould
from sim.checks.equity import EquityIsExplained
from sim.checks.exposure import ExposureIsWorkedOn
from sim.checks.freeze import LegsKeepTheirTime
from sim.checks.hedges import HedgesAreExplained
from sim.checks.kill import NothingAfterTheKill
from sim.checks.ledger import FillsAreTheVenues
from sim.checks.levels import LevelIsContinuous
from sim.checks.limits import WithinLimits
from sim.checks.memory import MemoryIsBounded
from sim.checks.nonces import NoncesRise
from sim.checks.orders_once import OrdersOnce
from sim.checks.replay import JournalReplays
from sim.checks.sizes import TargetsAreTheWeights
from sim.checks.sound import OrdersAreSound
from sim.checks.soundness import ErrorsAreExplained, VenueIsSound
from sim.checks.strangers import StrangersAreNoticed
from sim.checks.targets import NeverOverTarget
from sim.checks.unknowns import UnknownsAreProved
from sim.world import World


def all_checks(world: World) -> tuple[Checker, ...]:
    """Return every checker, new for this night."""
    once = OrdersOnce(world)
    return (
        FillsAreTheVenues(),
        once,
        NoncesRise(world),
        OrdersAreSound(world),
        NothingAfterTheKill(),
        LegsKeepTheirTime(),
        HedgesAreExplained(),
        ExposureIsWorkedOn(),
        WithinLimits(once),
        DisputesAreTold(),
        TargetsAreTheWeights(),
        NeverOverTarget(),
        StrangersAreNoticed(),
        UnknownsAreProved(),
        MemoryIsBounded(),
        LevelIsContinuous(),
        EquityIsExplained(),
        JournalReplays(once),
        EndsAsItShould(),
        VenueIsSound(),
        ErrorsAreExplained(),
    )
