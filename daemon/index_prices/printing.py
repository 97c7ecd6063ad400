"""Published values as lines on stdout. Whoever reads them may be slow or gone: a thread writes, and nobody waits for it."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TextIO

from core.prices.types import Published
from core.report import iso
from daemon.index_prices.documents import excluded, told
from daemon.index_prices.endpoint import encoded

WAITING_MAX = 10_000
LEAVING_S = 1.0

Line = Callable[[Published], str | None]
"""Says what is written of a value, None for nothing."""


class Printer:
    """A sink. dropped counts lines that a reader was too slow for; gone is called once when there is no reader."""

    def __init__(self, out: TextIO, line: Line, gone: Callable[[], None]) -> None:
        self.dropped = 0
        self._out, self._line, self._gone = out, line, gone
        self._lines: queue.Queue[str | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._write, name="stdout", daemon=True)
        self._thread.start()

    def publish(self, values: Sequence[Published]) -> None:
        for value in values:
            line = self._line(value)
            if line is not None:
                self.say(line)

    def say(self, line: str) -> None:
        self._put(line)

    def close(self) -> None:
        """Write what waits; gives a reader that takes nothing a second."""
        self._put(None)
        self._thread.join(LEAVING_S)

    def _put(self, line: str | None) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def _write(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                self._out.write(line + "\n")
                if self._lines.empty():
                    self._out.flush()
        except (OSError, ValueError):
            self._gone()


def as_json(value: Published) -> str:
    return encoded(told(value)).decode()


class Changes:
    """For people: a line where a symbol's state or its cause changes."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, str]] = {}

    def __call__(self, value: Published) -> str | None:
        state = (str(value.state), str(value.cause))
        if self._last.get(value.symbol) == state:
            return None
        self._last[value.symbol] = state
        price = "no price" if value.price is None else f"{value.price:,.8g}"
        left = ", ".join(f"{name} {reason}" for name, reason in excluded(value).items())
        words = f"{iso(value.at_ms)} {value.symbol} {' '.join(filter(None, state))}: {price}"
        return f"{words}, {value.active_feeds} feeds{f'; left out {left}' if left else ''}"
