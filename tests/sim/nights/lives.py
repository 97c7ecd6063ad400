"""A life of the state directory that is killed at its n-th write, and what it had been told was done by then."""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from adapters.ports import HourlyFunding
from core.types import Coin
from sim.nights.disk import WorldDisk
from sim.nights.page_cache import PageCache
from state.history import History
from state.journal import Journal
from state.kill_switch import KillSwitch, Latch
from state.nonces import FileNonces
from state.store import Identity, Store
from tests.state.records import record, records


def whole_journal(path: Path) -> int:
    """Return how many records a journal has, all of them as they were written.

    It is closed here: one that is closed late, by the garbage collector, takes the log of its successor along.
    """
    with closing(Journal.open(path)) as journal:
        last = journal.last_seq()
        assert list(journal.read()) == records(1, last)
        return last


MEMORY = Path("/dev/shm")
US = Identity("memory", "0x" + "ab" * 20)
SOL = Coin("SOL")


class Killed(BaseException):
    pass


@dataclass
class Count:
    """Raises Killed at the n-th write; None: never."""

    kill_at: int | None = None
    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self.kill_at is not None and len(self.names) > self.kill_at:
            raise Killed


@dataclass
class Told:
    """What returned, and what was under way: afterwards each document is as it was or as it was to become."""

    records: int = 0
    latches: list[Latch | None] = field(default_factory=lambda: [None])
    nonces: list[int] = field(default_factory=lambda: [0])
    hours: int = 0
    notes: int = 0
    snapshot: int = 0
    pages: list[str | None] = field(default_factory=lambda: [None])
    going: tuple[str, object] | None = None

    def check(self, directory: Path) -> None:
        going, what = self.going or ("", None)
        store = Store(directory)
        assert store.identity() in (US, *([None] if not self.records else []))
        with closing(Journal.open(store.journal_path)) as journal:
            last = journal.last_seq()
            assert last in (self.records, self.records + (what if going == "append" else 0))
            assert list(journal.read()) == records(1, last)
            snapshot = journal.latest_snapshot()
            assert self.snapshot <= (snapshot[0] if snapshot else 0) <= last
            journal.append([record(last + 1)])
        latch = KillSwitch(store.kill_switch_path)
        assert latch.read() in (self.latches[-1], *([what] if going == "latch" else []))
        assert len(latch.history()) - self.notes in ((0, 1) if going == "latch" else (0,))
        assert FileNonces(store.nonces_path).load() in (
            self.nonces[-1],
            *([what] if going == "nonces" else []),
        )
        with closing(History.open(store.history_path)) as history:
            days = history.daily_funding(SOL)
        hours = sum(count for _, _, count in days)
        assert sum(total for _, total, _ in days) == 0.5 * hours
        assert hours in (self.hours, self.hours + (what if going == "hours" else 0))
        page = store.page_path("2025-01-31")
        found = page.read_text() if page.exists() else None
        assert found in (self.pages[-1], *([what] if going == "page" else []))


def live(
    directory: Path,
    script: list[str],
    *,
    disk: WorldDisk,
    told: Told,
    after_open: Callable[[Journal], None] = lambda journal: None,
) -> None:
    """Open everything and do what the script says. told is kept up to date until the life is killed."""
    store = Store(directory, disk)
    store.claim(US)
    journal = Journal.open(store.journal_path, disk)
    after_open(journal)
    history = History.open(store.history_path, disk)
    latch, nonces = KillSwitch(store.kill_switch_path, disk), FileNonces(store.nonces_path, disk)
    for number, word in enumerate(script, start=1):
        match word:
            case "append":
                group = 1 + number % 4
                told.going = (word, group)
                journal.append(records(told.records + 1, told.records + group))
                told.records += group
            case "snapshot":
                told.going = (word, None)
                journal.save_snapshot(told.records, b"state" * 3000)
                told.snapshot = told.records
            case "trip":
                stands = told.latches[-1] or Latch(f"loss {number}", "risk", number)
                told.going = ("latch", stands)
                assert latch.trip(f"loss {number}", by="risk", at_ms=number) == stands
                told.latches.append(stands)
                told.notes += 1
            case "reset":
                told.going = ("latch", None)
                told.notes += latch.reset("all is well", at_ms=number) is not None
                told.latches.append(None)
            case "nonces":
                told.going = (word, told.nonces[-1] + number)
                nonces.save(told.nonces[-1] + number)
                told.nonces.append(told.nonces[-1] + number)
            case "hours":
                told.going = (word, number)
                hours = range(told.hours, told.hours + number)
                rates = [HourlyFunding(coin=SOL, hour_ms=h, rate=Decimal("0.5")) for h in hours]
                history.record_funding(rates, now_ms=0)
                told.hours += number
            case "page":
                text = f"<p>{number}</p>" * 900
                told.going = (word, text)
                store.write_page("2025-01-31", text)
                told.pages.append(text)
        told.going = None
    journal.close()
    history.close()


WORDS = ("append", "append", "append", "snapshot", "trip", "reset", "nonces", "nonces", "hours", "page")


def script(seed: int, length: int = 8) -> list[str]:
    return Random(seed).choices(WORDS, k=length)


def world(directory: Path, count: Callable[[str], None], cache: PageCache | None = None) -> WorldDisk:
    return WorldDisk(directory, on_write=count, stall=lambda seconds: None, cache=cache)


def emptied(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
