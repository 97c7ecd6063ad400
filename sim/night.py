"""A night as a value: everything that happens in a world follows from it. It is drawn from a seed, shrunk, and kept."""

from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec

from core.rebalance import CLOSING_MAX_MS
from sim.checkers import Failure
from sim.faults import drawn_faults
from sim.nights.fault import Fault
from sim.nights.index_faults import OF_LEDGER

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
window_days = 15
cov_days = 20
pool_days = 20
min_history_days = 16
kappa = 0.0001
"""
"""A night of three minutes with every stage, and a pipeline that trades all of few names."""


DEADLINE_S = 75.0
"""The one of SHORT."""
END_S = DEADLINE_S + CLOSING_MAX_MS / 1000 + 15.0
"""By then a session is done whatever happened, or never will be."""

START_S = -110.0
STARTS_S = (-110.0, 15.0)
LATE_SHARE = 0.2
HELD_SHARE = 0.2
HELD_USD = (2_000.0, 20_000.0)
"""In which share of the nights the daemon starts in any phase, and in which it finds positions; their size."""


INDEX_SHARE = 0.25
"""In which share of the nights a crypto index is kept. Drawn apart from all else: a seed keeps the faults that it had."""


class Night(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """seed decides whatever the rest leaves open. Times are seconds from the close at midnight.

    config is the daemon's configuration file, as text. quiet_s: from then on nothing goes wrong any more.
    end_s is the end at the latest: a night is over some seconds after its session is done.
    kill_at_step and kill_at_write end the first life there, like SIGKILL, for the enumeration of crash points.
    why is a note to whoever reads a night that was kept: what it once broke.
    held_usd: what somebody traded by hand before the daemon's first start, by the coin's place in the venue's list.
    keeps_index: a crypto index is kept beside trading (sim.nights.kept_index).
    """

    seed: int
    coins: int = 20
    start_s: float = START_S
    quiet_s: float = 20.0
    end_s: float = END_S
    config: str = SHORT
    faults: tuple[Fault, ...] = ()
    kill_at_step: int | None = None
    kill_at_write: int | None = None
    why: str = ""
    held_usd: dict[int, float] = {}
    keeps_index: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a night: what its checkers found, and enough to tell two runs of it apart.

    figures: what the checkers counted, by name (sim.checks says which).
    records and chain: how many the journal has, and the hash over all of them; lives: how often the daemon was started.
    steps are those of tasks and callbacks; first_steps and first_writes those of the first life, which has a crash point
    at each. positions are the venue's at the end, by coin;
    slack is how far from another night's they may be at the same prices: a lot, and for a hedge what its band allows.
    explained are the coins that the report says are off their target, and why. killed_s is when the first life was killed,
    seconds from the close; None where it left by itself.
    """

    night: Night
    failures: tuple[Failure, ...]
    records: int
    chain: str
    steps: int
    lives: int
    fills: int
    stage: str
    figures: dict[str, float] = {}
    first_steps: int
    first_writes: int
    positions: dict[str, Decimal]
    slack: dict[str, Decimal]
    explained: dict[str, str]
    killed_s: float | None = None


def drawn_night(seed: int, *, coins: int = 20, kinds: tuple[str, ...] | None = None) -> Night:
    """Return the night of a seed: a random subset of the kinds of faults (of those named), at random times."""
    random = Random(f"night {seed}")
    start_s = round(random.uniform(*STARTS_S), 3) if random.random() < LATE_SHARE else START_S
    night = Night(
        seed=seed,
        coins=coins,
        start_s=start_s,
        held_usd=_drawn_held(random, coins),
        keeps_index=Random(f"index {seed}").random() < INDEX_SHARE
        or not {*OF_LEDGER}.isdisjoint(kinds or ()),
    )
    faults = drawn_faults(random, night.start_s, night.quiet_s, kinds)
    struck = tuple(fault for fault in faults if night.keeps_index or fault.name not in OF_LEDGER)
    return msgspec.structs.replace(night, faults=struck)


def _drawn_held(random: Random, coins: int) -> dict[int, float]:
    """Return nothing in most nights; in the others up to four positions of some ten thousand USD."""
    if random.random() >= HELD_SHARE:
        return {}
    places = random.sample(range(coins), min(coins, random.randint(1, 4)))
    return {place: random.choice((-1, 1)) * round(random.uniform(*HELD_USD)) for place in sorted(places)}


def read_night(path: Path) -> Night:
    """Read a night that was kept as JSON. Raises ValueError that says what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Night)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: not a night ({error})") from error


def written(night: Night) -> bytes:
    return msgspec.json.format(msgspec.json.encode(night), indent=2) + b"\n"
