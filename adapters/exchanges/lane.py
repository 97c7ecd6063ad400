"""Between connectors and one consumer: the newest of everything, so that a slow consumer never grows memory.

A price that was overtaken before anybody looked is of no use to an index; how many were is counted.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from adapters.exchanges.ports import Sink
from core.prices.types import Tick

Key = tuple[str, str, str]
Item = Callable[[Sink], object]


class Lane:
    """A sink that keeps one tick a (source, symbol), and one heartbeat, one end and one strange text a source.

    Items leave in the order in which they were last renewed: what a new stream says stays behind the end of the old.
    dropped counts overtaken ticks by source.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self._waiting: dict[Key, Item] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def tick(self, tick: Tick) -> None:
        if self._put(("tick", tick.source, tick.symbol), lambda sink: sink.tick(tick)):
            self.dropped[tick.source] += 1

    def heartbeat(self, source: str, at_ms: int) -> None:
        self._put(("heartbeat", source, ""), lambda sink: sink.heartbeat(source, at_ms))

    def disconnected(self, source: str) -> None:
        self._put(("disconnected", source, ""), lambda sink: sink.disconnected(source))

    def strange(self, source: str, text: str) -> None:
        self._put(("strange", source, ""), lambda sink: sink.strange(source, text))

    async def filled(self) -> None:
        """Return as soon as something waits."""
        await self._filled.wait()

    def deliver(self, sink: Sink) -> int:
        """Tell sink all that waits, and return how many items that was."""
        items, self._waiting = self._waiting, {}
        self._filled.clear()
        for item in items.values():
            item(sink)
        return len(items)

    def _put(self, key: Key, item: Item) -> bool:
        """Add an item as the last one; say whether it took an older one's place."""
        overtook = self._waiting.pop(key, None) is not None
        self._waiting[key] = item
        self._filled.set()
        return overtook
