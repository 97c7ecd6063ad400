"""SIGHUP where no loop runs yet, or any more: it would end the daemon, and systemd calls that a clean end."""

import signal
from types import FrameType


class Held:
    """A handler that remembers that the signal came."""

    came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True


def hold() -> None:
    """Keep hangups from now on, until a loop handles them. From the main thread only."""
    signal.signal(signal.SIGHUP, Held())


def held() -> Held:
    """Return what has been kept since hold(); ask before a loop takes the signal over, look at it after."""
    handler = signal.getsignal(signal.SIGHUP)
    return handler if isinstance(handler, Held) else Held()
