"""The index in the daemon: a level each second, a settlement level each midnight, reviews and removals when they are due.

It is a task of its own that trading knows nothing of: it computes in another process, writes in another thread, and what
fails is told and tried again. All that it does is in the ledger first; what is due is told from there (due.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from core.prices.types import Published
from daemon.crypto_index.due import Done
from daemon.crypto_index.kept import history
from daemon.crypto_index.place import Place, place
from daemon.crypto_index.rebalancing import check_methodology
from daemon.crypto_index.stream import Stream
from daemon.crypto_index.work import ALERT, EVERY_S, Life, Parts, Work
from daemon.price_check import Take
from daemon.settings import CryptoIndexSettings
from state.index_ledger import LEDGER, IndexLedger

log = structlog.get_logger()


class Keeper:
    """run() until cancelled; take() index values; shown is what the index is worth, for who asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stream = Stream(parts.settlement, parts.method)
        self._asked: list[tuple[str, str]] = []
        self.shown: dict[str, Any] | None = None

    def take(self, values: Sequence[Published]) -> None:
        self._stream.take(values)

    def ask_removal(self, symbol: str, reason: str) -> dict[str, Any]:
        """Take an operator's removal; it is done within seconds, or told as refused."""
        if self.shown is None:
            return {"error": "this daemon keeps no index, or has not launched it yet"}
        if symbol not in self.shown["members"]:
            return {"error": f"{symbol} is no member of {self.shown['index']}"}
        self._asked.append((symbol, reason))
        return {"accepted": True}

    async def run(self) -> None:
        """Keep the index. Raises what keeps it from that, after it was told."""
        parts = self._parts
        try:
            settings, where, ledger, done = await parts.apart(lambda: _opened(parts))
        except Exception as error:
            self._failed(error)
            raise
        compute = parts.compute()
        try:
            for message in ledger.messages:
                log.warning("the index's ledger was mended", what=message)
            life = Life(
                settings=settings,
                where=where,
                stream=self._stream,
                ledger=ledger,
                done=done,
                compute=compute,
            )
            work = Work(parts, life)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._work(work))
                group.create_task(self._show(work))
                if parts.prices is not None:
                    group.create_task(self._hear(parts.prices))
        except ExceptionGroup as errors:
            self._failed(errors.exceptions[0])
            raise errors.exceptions[0] from None
        finally:
            self.shown = None
            compute.close()
            ledger.close()

    async def _work(self, work: "Work") -> None:
        while True:
            while self._asked:
                await work.remove(*self._asked.pop(0))
            await work.jobs()
            self._ended("down")
            await self._parts.clock.sleep(EVERY_S)

    async def _show(self, work: "Work") -> None:
        while True:
            self.shown = await work.second(self.shown)
            await self._parts.clock.sleep(EVERY_S)

    async def _hear(self, prices: Callable[[Take], Awaitable[None]]) -> None:
        await prices(self.take)

    def _failed(self, error: Exception) -> None:
        text = f"the crypto index is not kept: {error!r}"
        self._parts.told.raised(code=f"{ALERT}.down", level="error", text=text)

    def _ended(self, what: str) -> None:
        self._parts.told.ended(f"{ALERT}.{what}")


def _opened(parts: Parts) -> tuple[CryptoIndexSettings, Place, IndexLedger, Done]:
    settings = parts.settings()
    where = place(settings, parts.directory)
    ledger = IndexLedger.open(where.directory, parts.disk)
    try:
        done = Done()
        if (where.directory / LEDGER).exists():
            for entry in history(where.directory):
                done.took(entry)
        if ledger.state is not None:
            check_methodology(ledger.state, where)
    except BaseException:
        ledger.close()
        raise
    return settings, where, ledger, done
