"""One life of the daemon: from its start to the moment it is killed, or leaves by itself."""

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field


class Killed(BaseException):
    """Raised where a process that is dead would have gone on: it does nothing any more."""


@dataclass(slots=True, eq=False)
class Life:
    """steps counts how often a task or callback of this life ran; writes what it wrote, or tried to.

    kill_at_step and kill_at_write end it like SIGKILL: nothing of it runs from there on. stalled_until_s holds up all of
    it, as SIGSTOP or a machine that swaps does. skew_ms is how far its clock is ahead of the world's.
    """

    number: int
    kill_at_step: int | None = None
    kill_at_write: int | None = None
    steps: int = 0
    writes: int = 0
    dead: bool = False
    stalled_until_s: float = 0.0
    skew_ms: int = 0
    held: list[object] = field(default_factory=list)
    on_kill: Callable[[], None] | None = None

    def kill(self) -> None:
        """End it. Whoever waits for its end is told."""
        if not self.dead:
            self.dead = True
            self.held.clear()
            if self.on_kill is not None:
                self.on_kill()

    def step(self) -> bool:
        """Count a step about to be made; return whether it may be."""
        if not self.dead and self.steps == self.kill_at_step:
            self.kill()
        self.steps += not self.dead
        return not self.dead

    def write(self) -> None:
        """Count a write about to be made. Raises Killed when this life has ended, or ends with it."""
        if not self.dead and self.writes == self.kill_at_write:
            self.kill()
        if self.dead:
            raise Killed
        self.writes += 1


LIFE: ContextVar[Life | None] = ContextVar("life", default=None)
"""Whose code runs: every task and callback that a life starts inherits it. None: the world's own."""

OUTSIDE = copy_context()
"""The context of what belongs to no life: the network, the venue, the faults."""
