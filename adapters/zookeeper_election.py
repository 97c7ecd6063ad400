"""Which of several hosts' instances publishes: an election on ZooKeeper.

Taking the seat and raising the token are one transaction, so each leadership has a token of its own. The server ends a
session no earlier than one session time after it heard from us, and the term counts from before we asked. In an ensemble
the server that hears us tells the others up to half a tick later, which the margin covers: a session is two ticks at least.
"""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from math import inf

import structlog

from adapters.zookeeper import Ballot, Seat, Unreachable
from core.prices.tenure import BEATS, Tenure, Term

log = structlog.get_logger()


class ZooKeeperElection:
    """An instance's place among those that share an ensemble. See daemon.index_prices.publisher.Election.

    kazoo's calls block, so one thread makes them all; it stands only while the event loop shows signs of life: a session
    that its own thread keeps alive must not hold the seat of a process that hangs.
    """

    def __init__(
        self, hosts: str, path: str, *, holder: str, session_s: float, elapsed_s: Callable[[], float]
    ) -> None:
        """hosts is host:port, by comma; path the index's node, as /nightdesk/index; holder this instance, for people.

        elapsed_s is a monotonic clock, in seconds. A server may grant another session time than the one asked for.
        """
        self._ballot = partial(
            Ballot, hosts, path, holder=holder, session_s=session_s, on_change=self._state_changed
        )
        self._session_s, self._elapsed_s = session_s, elapsed_s
        self._tenure = Tenure()
        self._seat: Seat | None = None
        self._highest = 0
        self._alive_s, self._back_s = 0.0, -inf
        self._resigning, self._stopping, self._wake = threading.Event(), threading.Event(), threading.Event()
        self._refused: str | None = None

    def term(self) -> Term | None:
        return self._tenure.at(self._elapsed_s())

    def resign(self) -> None:
        """Publish no more under this token, and let another instance go first."""
        self._tenure.give_up()
        self._resigning.set()
        self._wake.set()

    async def run(self, elected: Callable[[], None]) -> None:
        """Stand for election for ever, calling elected at each renewal; the seat is left at the end."""
        self._loop, self._elected = asyncio.get_running_loop(), elected
        self._alive_s = self._elapsed_s()
        self._stopping.clear()
        thread = threading.Thread(target=self._stand, name="election", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                self._alive_s = self._elapsed_s()
                self.term()
                await asyncio.sleep(self._session_s / BEATS)
            raise RuntimeError("the election's thread has ended")
        finally:
            self._tenure.give_up()
            self._stopping.set()
            self._wake.set()
            await asyncio.to_thread(thread.join)

    # --- in the thread -----------------------------------------------------------------------------------------

    def _stand(self) -> None:
        ballot = self._ballot()
        try:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    self._round(ballot)
                    self._told(None)
                except Unreachable as error:
                    self._told(str(error))
                self._wake.wait(self._session_s / BEATS)
        finally:
            self._finish(ballot)

    def _round(self, ballot: Ballot) -> None:
        now_s = self._elapsed_s()
        if self._resigning.is_set():
            self._back_s = now_s + self._session_s
            self._leave(ballot)
            self._resigning.clear()
        elif now_s - self._alive_s > self._session_s:
            self._leave(ballot)
        elif self._seat is not None:
            self._renew(ballot, self._seat)
        elif (leader := ballot.leader()) is not None:
            self._seat = ballot.found(leader.token) if leader.ours else None
        elif now_s >= self._back_s:
            self._take(ballot)

    def _take(self, ballot: Ballot) -> None:
        sent_s = self._elapsed_s()
        self._seat = ballot.take(self._highest)
        if self._seat is not None:
            self._highest = self._seat.token
            self._grant(self._seat, sent_s, ballot.lease_s)

    def _renew(self, ballot: Ballot, seat: Seat) -> None:
        sent_s = self._elapsed_s()
        if ballot.holds(seat):
            self._grant(seat, sent_s, ballot.lease_s)
        else:
            self._seat = None
            self._in_loop(self._tenure.lost)

    def _leave(self, ballot: Ballot) -> None:
        if self._seat is not None:
            self._in_loop(self._tenure.lost)
            ballot.leave(self._seat)
            self._seat = None

    def _finish(self, ballot: Ballot) -> None:
        try:
            self._leave(ballot)
        except Unreachable as error:
            log.warning("the seat goes with the session", error=str(error))
        ballot.close()
        self._seat = None

    def _state_changed(self, connected: bool) -> None:
        """Called by kazoo's own threads."""
        if not connected:
            self._in_loop(self._tenure.lost)
        self._wake.set()

    def _grant(self, seat: Seat, sent_s: float, lease_s: float) -> None:
        self._in_loop(lambda: self._tenure.granted(seat.token, sent_s=sent_s, lease_s=lease_s))
        self._in_loop(self._elected)

    def _in_loop(self, call: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _told(self, refused: str | None) -> None:
        """Say it once when the ensemble begins to refuse, and once when it ends."""
        if refused is not None and self._refused is None:
            log.warning("ZooKeeper does not answer", error=refused)
        elif refused is None and self._refused is not None:
            log.info("ZooKeeper is back")
        self._refused = refused
