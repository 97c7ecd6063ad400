"""The index in the daemon: a level each second, a settlement level each midnight, reviews and removals when they are due.

It is a task of its own that trading knows nothing of: it computes in another process, writes in another thread, and what
fails is told and tried again. All that it does is in the ledger first; what is due is told from there (due.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from core.prices.types import Published
from daemon.crypto_index.by_hand import ByHand, Removing, members_of
from daemon.crypto_index.due import Done
from daemon.crypto_index.kept import earlier
from daemon.crypto_index.place import Place, place
from daemon.crypto_index.rebalancing import check_methodology
from daemon.crypto_index.stream import Stream
from daemon.crypto_index.work import ALERT, EVERY_S, Life, Parts, Work
from daemon.options import BadUse
from daemon.price_check import Take
from daemon.settings import CryptoIndexSettings
from state.errors import StateError
from state.index_ledger import IndexLedger

log = structlog.get_logger()


class Keeper:
    """run() until cancelled; take() index values; shown is what the index is worth, for who asks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stream = Stream(parts.settlement, parts.method)
        self._asked: list[ByHand] = []
        self.shown: dict[str, Any] | None = None

    def take(self, values: Sequence[Published]) -> None:
        self._stream.take(values)

    def ask(self, one: ByHand) -> dict[str, Any]:
        """Take a change that an operator makes; it is done within seconds, or told as refused."""
        if self.shown is None:
            return {"error": "this daemon keeps no index, or has not launched it yet"}
        awaited = self.shown["announced"] if isinstance(one, Removing) else None
        known = {*self.shown["members"], *(awaited["weights"] if awaited else ())}
        if strangers := [symbol for symbol in members_of(one) if symbol not in known]:
            return {"error": f"{', '.join(strangers)} is no member of {self.shown['index']}"}
        self._asked.append(one)
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
            await work.jobs()
            while self._asked:
                await work.by_hand(self._asked[0])
                # What was accepted outlives a disk that refuses it.
                del self._asked[0]
            self._ended("down")
            await self._parts.clock.sleep(EVERY_S)

    async def _show(self, work: "Work") -> None:
        while True:
            self.shown = await work.second(self.shown)
            await self._parts.clock.sleep(EVERY_S)

    async def _hear(self, prices: Callable[[Take], Awaitable[None]]) -> None:
        await prices(self.take)

    def _failed(self, error: Exception) -> None:
        known = isinstance(error, BadUse | StateError)
        text = f"the crypto index is not kept: {error if known else repr(error)}"
        self._parts.told.raised(code=f"{ALERT}.down", level="error", text=text)

    def _ended(self, what: str) -> None:
        self._parts.told.ended(f"{ALERT}.{what}")


def _opened(parts: Parts) -> tuple[CryptoIndexSettings, Place, IndexLedger, Done]:
    settings = parts.settings()
    where = place(settings, parts.directory)
    done = Done()
    for change in earlier(where.directory):
        done.took(change)
    ledger = IndexLedger.open(where.directory, parts.disk, heard=done.took)
    try:
        if ledger.state is not None:
            check_methodology(ledger.state, where)
    except BaseException:
        ledger.close()
        raise
    return settings, where, ledger, done
