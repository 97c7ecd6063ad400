"""Plays a night of sim.world with this daemon in it, and says what became of it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec

from core import hedge, risk
from core.state import State
from core.types import HEDGE_COINS
from daemon.in_world import InWorld, prepare, silence
from daemon.index_in_world import market_caps_of
from sim.checks import all_checks
from sim.faults import distortions_of
from sim.night import Night, Outcome
from sim.nights.distortions import Distortion, Listing, MissingFunding
from sim.nights.kept_index import DATA
from sim.nights.market import WorldMarket
from sim.nights.scene import Scene
from sim.world import World
from state.journal import Journal
from state.store import Store

CLOSE_MS = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
IN_MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory: a night syncs its journal hundreds of times."""

_histories: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the process ends."""

BEFORE = Night(seed=0, start_s=-900.0, end_s=-600.0)
"""A daemon that runs before the night, and fetches its history."""


def play_night(night: Night) -> Outcome:
    """Play a night in a directory of its own, which is removed. The same night has the same outcome."""
    with in_memory() as directory:
        return outcome(played(night, directory))


def played(night: Night, directory: Path) -> World:
    """Play a night in a directory that its caller keeps; return its world."""
    prepared()
    state = directory / "state"
    state.mkdir()
    distortions = distortions_of(night.faults, Scene.of(night.coins, CLOSE_MS))
    shutil.copy(history_of(night.coins, _of_the_past(distortions)), state)
    if night.keeps_index:
        shutil.copytree(market_caps_of(night.coins, CLOSE_MS), directory / DATA)
    market = _market(night.seed, night.coins, distortions)
    world = World(night, InWorld, market=market, close_ms=CLOSE_MS, directory=state)
    with silence():
        world.play(all_checks)
    return world


def outcome(world: World) -> Outcome:
    journal = Journal.open_read_only(Store(world.directory).journal_path)
    try:
        records, chain = journal._chain("end")
    finally:
        journal.close()
    assert world.checkers is not None
    state, first = world.daemon.state, world.lives.all[0]
    session = state.session
    return Outcome(
        night=world.night,
        failures=tuple(world.checkers.failures.values()),
        records=records,
        chain=chain.hex(),
        steps=sum(life.steps for life in world.lives.all),
        lives=len(world.lives.all),
        fills=len(world.venue.fills(world.keys.address)),
        stage=session.stage.value if session is not None else "none",
        figures=world.checkers.figures,
        first_steps=first.steps,
        first_writes=first.writes,
        positions=dict(world.venue.positions(world.keys.address)),
        slack=_slack(state),
        explained=_explained(world),
        killed_s=world.lives.killed_s,
    )


def _market(seed: int, coins: int, distortions: tuple[Distortion, ...]) -> WorldMarket:
    return WorldMarket.drawn(seed, coins=coins, close_ms=CLOSE_MS, distortions=distortions)


def _of_the_past(distortions: tuple[Distortion, ...]) -> tuple[Distortion, ...]:
    """Return, each once, what a daemon has met already when it fetched its history before the night."""
    past = [d for d in distortions if isinstance(d, MissingFunding)]
    listings = [Listing(d.coin, CLOSE_MS) for d in distortions if isinstance(d, Listing)]
    return tuple(dict.fromkeys((*past, *listings)))


def _explained(world: World) -> dict[str, str]:
    """Return the coins, hedges left out, that the newest report says are off their target, and its reasons."""
    store = Store(world.directory)
    written = [store.read_report(day) for day in store.sessions()]
    if not written:
        return {}
    assets = msgspec.json.decode(written[-1] or b"{}").get("assets", [])
    off = [asset for asset in assets if asset["residual_lots"] and asset["reason"]]
    return {asset["coin"]: asset["reason"] for asset in off if asset["coin"] not in HEDGE_COINS}


def _slack(state: State) -> dict[str, Decimal]:
    """Return how far two ends of one night may lie apart. A hedge is done anywhere within its band, on either side."""
    slack = {str(coin): instrument.lot for coin, instrument in state.instruments.items()}
    band_usd = Decimal(str(2 * hedge.band_usd(state)))
    for coin in HEDGE_COINS:
        if px := risk.last_px(state, coin):
            slack[coin] += band_usd / px
    return slack


@cache
def prepared() -> None:
    """Make this process ready, once."""
    prepare()


@cache
def history_of(coins: int, distortions: tuple[Distortion, ...] = ()) -> Path:
    """Return the history file that a daemon has before such nights, fetched by itself, once a process."""
    prepared()
    kept = tempfile.TemporaryDirectory(prefix="nightdesk-history-")
    _histories.append(kept)
    directory = Path(kept.name)
    before = Night(seed=0, coins=coins, start_s=BEFORE.start_s, end_s=BEFORE.end_s)
    world = World(
        before, InWorld, market=_market(0, coins, distortions), close_ms=CLOSE_MS, directory=directory
    )
    with silence():
        world.play(lambda _: ())
    return Store(world.directory).history_path


@contextmanager
def in_memory() -> Iterator[Path]:
    """Give an empty directory, in memory where there is such a place, and remove it in the end."""
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="nightdesk-world-", dir=place) as directory:
        yield Path(directory)
