"""The person behind the daemon: stops it, looks at what stands still, mends files, takes the latch back with a reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sim.nights.page_cache import PageCache
from state.errors import CorruptFile, StateError
from state.history import History
from state.journal import Journal
from state.json_files import JsonFile
from state.kill_switch import KillSwitch
from state.store import Store

if TYPE_CHECKING:
    from sim.world import World

ANSWER_S = 10.0
"""How long the command waits for the daemon (daemon.control.ANSWER_S); then a kill writes the latch itself."""
COMES_S = (4.0, 15.0)
"""How long after the daemon stopped for good somebody has looked."""
LOOKS_S = (2.0, 8.0)
"""How long after things are quiet again a latch that stands is taken back."""


@dataclass(slots=True)
class Asked:
    """One request to the daemon that runs, and what it answered, if it did."""

    answers: list[dict[str, Any]] = field(default_factory=list)


class Operator:
    """Everything here is done outside of the daemon, or asked of it as its commands ask.

    moved_aside are the databases, by name and each time, that the daemon had to begin anew; removed the documents of
    which there was no earlier version to put back. What checkers hold against these files must know of both.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._random = Random(f"operator {world.night.seed}")
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        self.moved_aside: list[str] = []
        self.removed: list[str] = []

    def comes_after_s(self) -> float:
        return self._random.uniform(*COMES_S)

    def expect_quiet(self) -> None:
        """Look at the daemon once nothing goes wrong any more."""
        self._world.at(self._world.night.quiet_s + self._random.uniform(*LOOKS_S), self.look)

    def look(self) -> None:
        """Take a latch back that stands though all is quiet."""
        world = self._world
        halted = world.running is not None and world.running.state.halt_reason
        if halted or self.latch().read() is not None:
            self.reset("looked at it: the cause is gone")

    def kill(self, reason: str) -> None:
        """As `nightdesk kill`: ask the daemon; where it does not answer, write the latch that it reads."""
        self._ask({"do": "kill", "reason": reason}, otherwise=lambda: self.trip(reason))

    def reset(self, reason: str) -> None:
        """As `nightdesk reset`; where no daemon runs, remove the latch that the next one would read."""
        self._ask({"do": "reset", "reason": reason}, otherwise=lambda: self._remove_latch(reason))

    def remove_member(self, symbol: str, reason: str) -> None:
        """As `nightdesk index remove`, which asks the daemon that keeps the index; of one that does not run nothing."""
        change = {"kind": "Removing", "symbol": symbol, "reason": reason, "by": "operator"}
        self._ask({"do": "index_change", "change": change}, otherwise=lambda: None)

    def trip(self, reason: str) -> None:
        try:
            self.latch().trip(reason, by="operator", at_ms=self._world.clock.now_ms())
        except StateError as error:
            self.refused.append(str(error))

    def _remove_latch(self, reason: str) -> None:
        try:
            self.latch().reset(reason, at_ms=self._world.clock.now_ms())
        except StateError as error:
            self.refused.append(str(error))

    def _ask(self, request: dict[str, Any], *, otherwise: Callable[[], None]) -> None:
        daemon, asked = self._world.running, Asked()
        if daemon is None:
            otherwise()
            return
        self._world.tell(lambda: asked.answers.append(daemon.ask(request)))
        self._world.at(self._world.now_s + ANSWER_S, self._no_answer, asked, request, otherwise)
        self.asked.append(asked)

    def _no_answer(self, asked: Asked, request: dict[str, Any], otherwise: Callable[[], None]) -> None:
        if not asked.answers and (request["do"] == "kill" or self._world.running is None):
            otherwise()

    # --- a daemon that does not start ------------------------------------------------------------------

    def mend(self) -> None:
        """Do what the messages of a start that failed say: good configuration, whole files, no latch without cause."""
        world = self._world
        world.config = world.good_config
        store = Store(world.disk.directory)
        self._mend_document(JsonFile(store.directory / "identity.json", dict, "identity"))
        self._mend_document(JsonFile(store.nonces_path, dict, "nonces", keep=1))
        self._mend_database(store.journal_path, Journal.open)
        self._mend_database(store.history_path, History.open)
        world.manager.reset_failed()
        world.disk.end_all()
        world.disk.cache = PageCache()
        if self.latch().read() is not None:
            self._remove_latch("looked at the error, mended its cause")

    def _mend_document(self, file: "JsonFile[dict[str, Any]]") -> None:
        """Copy the last good version over one that cannot be read, or remove it where there is none."""
        try:
            file.read()
        except StateError:
            if good := file.previous():
                file.path.write_bytes(good[0][0].read_bytes())
            else:
                self.removed.append(file.path.name)
                file.path.unlink()

    def _mend_database(self, path: Path, opens: Callable[[Path], Any]) -> None:
        """Move a damaged database aside, as its message says; what it held is read from the venue again."""
        try:
            opens(path).close()
        except CorruptFile:
            self.moved_aside.append(path.name)
            for part in sorted(path.parent.glob(f"{path.name}*")):
                part.rename(part.with_name(f"damaged-{part.name}"))

    def latch(self) -> KillSwitch:
        return KillSwitch(Store(self._world.disk.directory).kill_switch_path, self._world.disk.outside())
