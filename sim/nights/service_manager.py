"""systemd, as far as a night meets it: what starts the daemon again after it ended, and what ends one that is stuck."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.nights.life import OUTSIDE, Life


class Exited(Exception):
    """How a life left by itself, other than well: the exit status of its process."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What systemd/nightdesk.service says; a test compares. Seconds; prevents: RestartPreventExitStatus."""

    restart_s: float = 2.0
    prevents: frozenset[int] = frozenset({2, 4, 6})
    start_limit: int = 5
    start_limit_s: float = 600.0
    watchdog_s: float = 30.0
    start_timeout_s: float = 90.0
    stop_timeout_s: float = 20.0


SIGNALLED = -1
"""In place of an exit status: a signal, the watchdog or a timeout ended it."""
WELL = 0


@dataclass(slots=True)
class ServiceManager:
    """Counts starts and decides about the next one. Times are seconds of the loop."""

    unit: Unit = field(default_factory=Unit)
    gave_up: bool = False
    _starts_s: deque[float] = field(default_factory=deque)
    _timed_out: bool = False

    def started(self, now_s: float) -> None:
        self._timed_out = False
        self._starts_s.append(now_s)
        while self._starts_s[0] <= now_s - self.unit.start_limit_s:
            self._starts_s.popleft()

    def reset_failed(self) -> None:
        """What an operator does before starting a unit that was given up (systemctl reset-failed)."""
        self._starts_s.clear()
        self.gave_up = False

    def timed_out(self) -> None:
        """The life is ended because it is not ready, or no longer feeds the watchdog: that is a failure."""
        self._timed_out = True

    def next_start_s(self, status: int, now_s: float) -> float | None:
        """Return how long until the next start, None when there is none before somebody has looked."""
        if self._timed_out:
            status = SIGNALLED
        if status == WELL or status in self.unit.prevents:
            return None
        within = [s for s in self._starts_s if s > now_s + self.unit.restart_s - self.unit.start_limit_s]
        if len(within) >= self.unit.start_limit:
            self.gave_up = True
            return None
        return self.unit.restart_s


class Pulse:
    """The messages of one life to systemd (Type=notify). Fills daemon.service.Pulse.

    Not ready in time, it is asked to leave (stop); without a sign of life for the watchdog's time it is killed.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, manager: ServiceManager, life: Life, stop: Callable[[], None]
    ) -> None:
        self._loop, self._manager, self._life, self._stop = loop, manager, life, stop
        self._due_s = loop.time() + manager.unit.start_timeout_s
        self._is_ready = self._is_leaving = False
        self._watch()

    def ready(self) -> None:
        self._is_ready = True
        self._due_s = self._loop.time() + self._manager.unit.watchdog_s

    def alive(self, text: str) -> None:
        """A start that is not ready yet asks for more time, as daemon.pulse does."""
        self._due_s = max(self._due_s, self._loop.time() + self._manager.unit.watchdog_s)

    def stopping(self) -> None:
        self._is_leaving = True

    def _watch(self) -> None:
        if self._life.dead or self._is_leaving:
            return
        if self._loop.time() < self._due_s:
            self._loop.call_at(self._due_s, self._watch, context=OUTSIDE)
            return
        self._manager.timed_out()
        if self._is_ready:
            self._life.kill()
        else:
            self._stop()
