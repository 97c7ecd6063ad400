"""A night as a value: everything that happens in a world follows from it. It is drawn from a seed, shrunk, and kept."""

from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec

from sim.checkers import Failure
from sim.faults import drawn_faults
from sim.nights.fault import Fault

SHORT = """\
[trading.session]
preflight_s = -90
projected_s = -60
projected_duration_s = 75
freeze_s = 8
correction_s = 15
close_wait_s = 20
deadline_s = 75
[trading.twap]
slice_s = 6.0
[idio_statarb]
kappa = 0.0001
"""
"""A night of three minutes with every stage, and a pipeline that trades all of few names."""


class Night(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """seed decides whatever the rest leaves open. Times are seconds from the close at midnight.

    config is the daemon's configuration file, as text. quiet_s: from then on nothing goes wrong any more.
    kill_at_step and kill_at_write end the first life there, like SIGKILL, for the enumeration of crash points.
    why is a note to whoever reads a night that was kept: what it once broke.
    """

    seed: int
    coins: int = 20
    start_s: float = -110.0
    quiet_s: float = 20.0
    end_s: float = 100.0
    config: str = SHORT
    faults: tuple[Fault, ...] = ()
    kill_at_step: int | None = None
    kill_at_write: int | None = None
    why: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a night: what its checkers found, and enough to tell two runs of it apart.

    records and chain: how many the journal has, and the hash over all of them; lives: how often the daemon was started.
    steps are those of tasks and callbacks; first_steps and first_writes those of the first life, which has a crash point
    at each. engine_steps, outside_s and exposure_usd_s are sim.meter's. positions are the venue's at the end, by coin;
    slack is how far from another night's they may be at the same prices: a lot, and for a hedge what its band allows.
    explained are the coins that the report says are off their target, and why.
    """

    night: Night
    failures: tuple[Failure, ...]
    records: int
    chain: str
    steps: int
    lives: int
    fills: int
    stage: str
    engine_steps: int
    first_steps: int
    first_writes: int
    outside_s: float
    exposure_usd_s: float
    positions: dict[str, Decimal]
    slack: dict[str, Decimal]
    explained: tuple[str, ...]


def drawn_night(seed: int, *, coins: int = 20, kinds: tuple[str, ...] | None = None) -> Night:
    """Return the night of a seed: a random subset of the kinds of faults (of those named), at random times."""
    random = Random(f"night {seed}")
    night = Night(seed=seed, coins=coins)
    return msgspec.structs.replace(night, faults=drawn_faults(random, night.start_s, night.quiet_s, kinds))


def read_night(path: Path) -> Night:
    """Read a night that was kept as JSON. Raises ValueError that says what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Night)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: not a night ({error})") from error


def written(night: Night) -> bytes:
    return msgspec.json.format(msgspec.json.encode(night), indent=2) + b"\n"
