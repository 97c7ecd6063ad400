"""What goes wrong with the disk under the daemon."""

from functools import partial
from typing import TYPE_CHECKING

from sim.nights.disk_faults import DiskFault, DiskFaultKind
from sim.nights.fault import Fault, Kind

if TYPE_CHECKING:
    from sim.world import World

ROOM_BYTES = 20_000
SYNC_S = (0.02, 3.0)
"""How long an fsync takes at the lowest and the highest intensity."""
DOCUMENTS = ("identity.json", "nonces.json")


def _for_a_while(kind: DiskFaultKind, file: str, world: "World", fault: Fault) -> None:
    """intensity: how much room is left on a full disk, how slow a slow one is."""
    low_s, high_s = SYNC_S
    wrong = DiskFault(
        kind,
        file,
        room_bytes=round(ROOM_BYTES * fault.intensity),
        stall_s=low_s + (high_s - low_s) * fault.intensity,
    )
    world.disk.begin(wrong, fault.for_s)


def _power_cut(world: "World", fault: Fault) -> None:
    if world.lives.current is not None:
        world.disk.lose_power()
        world.kill(restart_after_s=fault.for_s)


def _garbled_latch(world: "World", fault: Fault) -> None:
    world.disk.garble("kill_switch.json")
    world.at(fault.at_s + fault.for_s, world.operator.reset, "the file was garbage, nobody had tripped it")


def _corrupt_document(world: "World", fault: Fault) -> None:
    """intensity chooses the document."""
    world.kill(restart_after_s=fault.for_s)
    name = DOCUMENTS[fault.intensity > 0.5]
    world.at(world.now_s, world.disk.corrupt, name)


DISK = (
    Kind(
        name="disk-full",
        family="disk",
        text="the disk takes some bytes more, then none",
        strike=partial(_for_a_while, DiskFaultKind.FULL, ""),
    ),
    Kind(
        name="disk-read-only",
        family="disk",
        text="the file system is read-only, as after an error of the device",
        strike=partial(_for_a_while, DiskFaultKind.READ_ONLY, ""),
    ),
    Kind(
        name="slow-fsync",
        family="disk",
        text="each fsync takes up to three seconds",
        strike=partial(_for_a_while, DiskFaultKind.SLOW_SYNC, ""),
    ),
    Kind(
        name="journal-locked",
        family="disk",
        text="another process holds the journal's lock",
        strike=partial(_for_a_while, DiskFaultKind.LOCKED, "journal.sqlite"),
    ),
    Kind(
        name="power-cut",
        family="disk",
        text="the power fails: unsynced writes are lost or torn; a start some time later",
        strike=_power_cut,
    ),
    Kind(
        name="latch-garbled",
        family="disk",
        text="the latch file is garbage, which counts as tripped; a person takes it back",
        strike=_garbled_latch,
    ),
    Kind(
        name="json-corrupt",
        family="disk",
        text="SIGKILL, and a document of the state cut or garbled before the next start; a person mends it",
        strike=_corrupt_document,
    ),
)
