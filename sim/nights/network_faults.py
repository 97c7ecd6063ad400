"""What goes wrong between the daemon and the venue."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.nights.fault import Fault, Kind
from sim.venue import faults as of
from sim.venue.faults import Planned, Scope

if TYPE_CHECKING:
    from sim.world import World


def _reset_after_effect(fault: Fault, from_s: float) -> Iterator[Planned]:
    scope = Scope(
        path="/exchange", begins=from_s, ends=from_s + fault.for_s, probability=0.02 + 0.5 * fault.intensity
    )
    yield Planned(scope, of.DropAfterEffect())


def _both_down(world: "World", fault: Fault) -> None:
    world.network.go_down(fault.for_s)


def _half_open(world: "World", fault: Fault) -> None:
    world.network.half_open()


NETWORK = (
    Kind(
        name="reset-after-effect",
        family="network",
        text="connections are reset after an action was done, before its reply",
        planned=_reset_after_effect,
    ),
    Kind(
        name="both-down",
        family="network",
        text="nothing gets through, either way, without a word",
        strike=_both_down,
    ),
    Kind(
        name="half-open",
        family="network",
        text="every websocket that stands falls silent for ever; the venue knows nothing of it",
        strike=_half_open,
    ),
)
