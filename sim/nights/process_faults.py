"""What goes wrong with the daemon's process."""

from typing import TYPE_CHECKING

from sim.nights.fault import Fault, Kind

if TYPE_CHECKING:
    from sim.world import World


def _kill(world: "World", fault: Fault) -> None:
    world.kill(restart_after_s=fault.for_s)


def _stall(world: "World", fault: Fault) -> None:
    world.stall(fault.for_s)


PROCESS = (
    Kind(name="kill", family="process", text="SIGKILL, and a start some time later", strike=_kill),
    Kind(
        name="stall",
        family="process",
        text="nothing of the daemon runs: SIGSTOP, a swapping machine, a loop that is held up",
        strike=_stall,
    ),
)
