"""What waits for one consumer: the newest value of each symbol, and nothing older."""

import asyncio
from collections.abc import Collection


class Mailbox:
    """Never holds more than one value a symbol, however slow its reader is. overtaken counts those it let go.

    Settlements do not overtake each other: there are few of them, and each is final.
    """

    def __init__(self, symbols: Collection[str], *, settlements: bool = False) -> None:
        """symbols are those that are wanted, empty for all; settlements are only put where they are wanted too."""
        self.overtaken = 0
        self._settlements = settlements
        self._symbols = frozenset(symbols)
        self._waiting: dict[str, bytes] = {}
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, symbol: str, text: bytes) -> None:
        if self._symbols and symbol not in self._symbols:
            return
        self.overtaken += self._waiting.pop(symbol, None) is not None
        self._waiting[symbol] = text
        self._filled.set()

    def put_settlement(self, symbol: str, end_ms: int, text: bytes) -> None:
        if self._settlements and (not self._symbols or symbol in self._symbols):
            self._waiting[f"{symbol} {end_ms}"] = text
            self._filled.set()

    async def take(self) -> list[bytes]:
        """Return what waits, in the order of publication, as soon as anything does."""
        await self._filled.wait()
        self._filled.clear()
        taken, self._waiting = list(self._waiting.values()), {}
        return taken
