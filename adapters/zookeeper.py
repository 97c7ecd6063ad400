"""One seat and its token on ZooKeeper, through kazoo, for instances on several hosts.

The leader owns PATH/leader, an ephemeral node; taking it and raising PATH/token are one transaction. A transaction that
only checks both proves, through the quorum, that the leadership still stands; a read would prove what one server knows.
PATH/token is a plain number and never falls. Where an ensemble lost it, set it above the last one that consumers took.
"""

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient, KazooState, TransactionRequest
from kazoo.exceptions import ConnectionClosedError, KazooException, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.loggingsupport import BLATHER

RETRY = {"max_tries": -1, "delay": 0.05, "backoff": 2, "max_delay": 0.5}
"""Tries to reach a server again: often enough to be back within a lease."""

NEGOTIATED = re.compile(r"negotiated session timeout: (\d+)")


class _Session(logging.Handler):
    """The session time that the server granted. kazoo says it in its log alone."""

    def __init__(self) -> None:
        super().__init__()
        self.granted_s: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if found := NEGOTIATED.search(record.getMessage()):
            self.granted_s = int(found[1]) / 1000


class Unreachable(Exception):
    """No server answered in time; what was asked may be done, or not, now or later."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads, as its node says; ours when it belongs to this session."""

    token: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Seat:
    """A leadership: its token, and the version of the token's node, which another leader would have changed."""

    token: int
    version: int


class Ballot:
    """The nodes of one election, as this session sees them. Calls block, and raise Unreachable."""

    def __init__(
        self, hosts: str, path: str, *, holder: str, session_s: float, on_change: Callable[[bool], None]
    ) -> None:
        """on_change is called from kazoo's threads when the leader or the connection may have changed.

        It is told whether there is a connection: without one the seat may already be another's.
        """
        self._session = _Session()
        self._hosts, self._session_s = hosts, session_s
        self._path, self._holder = path, holder
        self._leader, self._token = f"{path}/leader", f"{path}/token"
        self._on_change = on_change
        self._client = self._connect()

    @property
    def lease_s(self) -> float:
        """How long the session lives after the server heard from it. Raises RuntimeError while that is not known."""
        if self._session.granted_s is None:
            raise RuntimeError(
                "kazoo does not tell the session time that the server granted: nobody may lead"
            )
        return min(self._session.granted_s, self._session_s)

    def leader(self) -> Leader | None:
        """Return who leads, None for nobody; the next change calls on_change."""
        try:
            text, stat = self._reply(self._client.get_async, self._leader, self._left)
        except NoNodeError:
            return None
        mine = self._client.client_id
        return Leader(int(text.split()[0]), mine is not None and stat.ephemeralOwner == mine[0])

    def take(self, above: int) -> Seat | None:
        """Take the vacant seat, or return None where somebody was quicker."""
        text, stat = self._token_node()
        token = max(int(text), above) + 1
        both = self._client.transaction()
        both.create(self._leader, f"{token} {self._holder}".encode(), ephemeral=True)
        both.set_data(self._token, str(token).encode(), version=stat.version)
        results = self._committed(both)
        return None if results is None else Seat(token, results[1].version)

    def found(self, token: int) -> Seat | None:
        """Return the seat that a transaction took whose answer was lost."""
        text, stat = self._token_node()
        return Seat(token, stat.version) if int(text) == token else None

    def holds(self, seat: Seat) -> bool:
        """Ask the quorum whether the leadership stands."""
        return self._committed(self._checked(seat)) is not None

    def leave(self, seat: Seat) -> None:
        left = self._checked(seat)
        left.delete(self._leader)
        self._committed(left)

    def close(self) -> None:
        """End the session, and with it the leadership."""
        self._client.stop()
        self._client.close()

    def _connect(self) -> Any:
        logger = logging.Logger("kazoo", BLATHER)
        logger.addHandler(self._session)
        client = KazooClient(self._hosts, timeout=self._session_s, connection_retry=RETRY, logger=logger)
        client.add_listener(self._state_changed)
        client.start_async()
        return client

    def _checked(self, seat: Seat) -> TransactionRequest:
        both = self._client.transaction()
        both.check(self._token, seat.version)
        both.check(self._leader, 0)
        return both

    def _token_node(self) -> Any:
        try:
            return self._reply(self._client.get_async, self._token)
        except NoNodeError:
            self._reply(self._client.ensure_path_async, self._path)
        # Where another instance is quicker, its node is as good as ours.
        with suppress(NodeExistsError):
            self._reply(self._client.create_async, self._token, b"0")
        return self._reply(self._client.get_async, self._token)

    def _committed(self, transaction: TransactionRequest) -> list[Any] | None:
        results = self._reply(transaction.commit_async)
        return None if any(isinstance(result, Exception) for result in results) else results

    def _reply(self, ask: Callable[..., Any], *words: object) -> Any:
        # What is asked without a connection waits in kazoo's queue, to be sent when it is old.
        if not self._client.connected:
            raise Unreachable("no connection to any of the servers")
        try:
            return ask(*words).get(timeout=self._session_s / 2)
        except (NoNodeError, NodeExistsError):
            raise
        except ConnectionClosedError as error:
            self.close()
            self._client = self._connect()
            raise Unreachable(repr(error)) from error
        except (KazooException, KazooTimeoutError) as error:
            raise Unreachable(repr(error)) from error

    def _state_changed(self, state: str) -> None:
        self._on_change(state == KazooState.CONNECTED)

    def _left(self, event: object) -> None:
        self._on_change(self._client.connected)
