"""The world's loop for instances of the index price: what they hand to threads is done at once, and nobody connects."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.nights.loop import WorldLoop
from state.disk import Connection, OsDisk, connect

WRITES = ("INSERT", "UPDATE", "DELETE")


class ChaosLoop(WorldLoop):
    """Virtual time. A thread's work takes none of it, and a server listens where nobody is."""

    over = False

    def run_in_executor(  # type: ignore[override]
        self, executor: object, work: Callable[..., Any], *words: Any
    ) -> "asyncio.Future[Any]":
        if self.over:
            raise RuntimeError("the run is over")

        async def done() -> Any:
            return work(*words)

        return self.create_task(done())

    async def create_server(self, *words: Any, **named: Any) -> "Server":  # type: ignore[override]
        return Server()


class Server:
    """What asyncio returns of a server, as far as aiohttp asks for it."""

    def __init__(self) -> None:
        self.sockets: tuple[Server, ...] = (self,)

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def close(self) -> None:
        self.sockets = ()

    async def wait_closed(self) -> None:
        return


class _Database(sqlite3.Connection):
    full: Callable[[], bool]

    def execute(self, sql: str, *words: Any) -> sqlite3.Cursor:
        if sql.lstrip().startswith(WRITES) and self.full():
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
            raise error
        return super().execute(sql, *words)


class SomeDisk(OsDisk):
    """A disk that has no room left while somebody says so. It loses nothing: lives are killed, not machines."""

    def __init__(self, is_full: Callable[[], bool]) -> None:
        self._is_full = is_full

    def connect(self, path: Path, *, mode: str) -> Connection:
        found = connect(path, mode=mode, factory=_Database)
        found.full = self._is_full
        return found
