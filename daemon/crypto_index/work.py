"""The jobs of a kept index: settle a midnight, review, take out, tell a second's level; each is recorded before it counts.

Nothing here decides who is in: that is a review's, made in a process of its own (reviews.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import structlog

from adapters.ports import Clock
from core import index_level
from core.levels.overdue import overdue, priceless
from core.levels.types import (
    Announce,
    Change,
    Event,
    IndexRefused,
    IndexState,
    Price,
    Publish,
    RemovalCause,
    Remove,
    Reweight,
    Withdraw,
)
from core.prices.settling import SettlementRules
from core.report import iso
from daemon.alerts import Alerts
from daemon.compute import Compute, ComputeFailed
from daemon.crypto_index.asking import BLACKLIST, REVIEW, Asked, Kind, Review, event_of, launch_of
from daemon.crypto_index.book import removed
from daemon.crypto_index.due import Done, day_of
from daemon.crypto_index.place import Place
from daemon.crypto_index.review_file import keep
from daemon.crypto_index.stream import Stream
from daemon.price_check import Take
from daemon.settings import CryptoIndexSettings
from state.disk import Disk
from state.errors import DiskRefuses
from state.index_ledger import IndexLedger
from strategies.crypto_index.schedule import DAY_MS, close_ms

log = structlog.get_logger()

BY = "nightdesk"
EVERY_S = 1.0
AGAIN_S = 2.0
"""Between two looks for the data of a day that has just closed: each reads them all."""
COMPUTE_S = 60.0
ALERT = "crypto_index"
SETTLING = "SETTLING"
LARGEST = 3
"""Members that the log names of a review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a keeper is given: its configuration, read when it starts; where the rest of the daemon is.

    apart runs a function that waits for the disk where it holds nobody up. prices makes index values for this index
    alone; None where somebody else hands them over.
    """

    settings: Callable[[], CryptoIndexSettings]
    settlement: SettlementRules
    method: str
    directory: Path
    disk: Disk
    clock: Clock
    told: Alerts
    compute: Callable[[], Compute]
    apart: Callable[[Callable[[], Any]], Awaitable[Any]]
    halted: Callable[[], bool]
    prices: Callable[[Take], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What one life of a keeper has: its configuration, the open ledger and what is done by it, what computes."""

    settings: CryptoIndexSettings
    where: Place
    stream: Stream
    ledger: IndexLedger
    done: Done
    compute: Compute


class Work:
    """The jobs of one life, one after the other: nobody else writes the ledger."""

    def __init__(self, parts: Parts, life: Life) -> None:
        self._parts, self._settings, self._where, self._stream = parts, life.settings, life.where, life.stream
        self._ledger, self._compute, self._done = life.ledger, life.compute, life.done
        self._look_ms = 0
        self._writing = asyncio.Lock()

    # --- each second ---------------------------------------------------------------------------------------

    async def second(self, before: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return the level of now; who has had no price for too long leaves at its last one (E0-4).

        From midnight until its level is recorded the last one stands: members may change at settlement values.
        """
        state, now_ms = self._ledger.state, self._parts.clock.now_ms()
        if state is None:
            return None
        if self._done.midnights(now_ms):
            return _shown(state, None, SETTLING, now_ms) if before is None else before | {"state": SETTLING}
        heard = self._stream.heard(now_ms)
        try:
            gone = priceless(state, heard, at_ms=now_ms, by=BY)
            if gone is not None:
                await self._record(gone, heard, at_ms=now_ms)
                state = self._state()
            known = index_level.coverage(state, heard, at_ms=now_ms)
            level = index_level.level(state, heard, at_ms=now_ms)
        except IndexRefused as error:
            self._raised("level", "critical", str(error))
            return _shown(state, None, "STANDS STILL", now_ms) | {"why": str(error)}
        self._ended("level")
        shown = _shown(state, str(level), "OK" if known.fresh else "STALE", now_ms)
        return shown | {"carried": list(known.carried)}

    # --- jobs ----------------------------------------------------------------------------------------------

    async def jobs(self) -> None:
        """Do what is due now, in order."""
        now_ms = self._parts.clock.now_ms()
        for midnight_ms in self._done.midnights(now_ms) if self._ledger.state is not None else ():
            await self._midnight(midnight_ms)
            self._look_ms = 0
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + round(1000 * self._settings.data_every_s)
            await self._look()

    async def remove(self, symbol: str, reason: str) -> None:
        event = Remove(symbols=(symbol,), cause=RemovalCause.BLACKLIST, reason=reason, by="operator")
        await self._removed(event)

    async def _look(self) -> None:
        """Launch, take out who is on the blacklist, make up for a review that its data came too late for."""
        if self._ledger.state is None:
            await self._launch()
            return
        if not await self._blacklist():
            return
        now_ms = self._parts.clock.now_ms()
        if self._done.midnights(now_ms):
            # A midnight has come meanwhile: its review is that one's own, at the values that it settles at.
            return
        late = self._done.review(self._where.rules, now_ms)
        if late is None:
            self._ended("review")
        if late is None or self._is_halted(late[0]):
            return
        day, kind = late
        found = await self._review(kind, day)
        if found is None or not await self._is_decided(found, day):
            return
        await self._announce(found, day, now_ms)

    async def _launch(self) -> None:
        day = day_of(self._parts.clock.now_ms())
        if self._is_halted(day):
            return
        found = await self._review(Kind.MEMBERS, day)
        if found is None or not await self._is_decided(found, day):
            return
        await self._try(launch_of(found, self._where.rules), found.closes, close_ms(day))

    async def _announce(self, found: Review, day: date, now_ms: int) -> None:
        """A late review holds from the next midnight on: its weights are counted at settlement values like any other."""
        wait_ms = self._where.rules.schedule.announced_days * DAY_MS
        effective_ms = max(close_ms(day) + wait_ms, (now_ms // DAY_MS + 1) * DAY_MS)
        event = Announce(targets=found.targets, effective_at_ms=effective_ms)
        await self._withdraw_pending(now_ms)
        await self._try(event, {}, now_ms)

    async def _midnight(self, midnight_ms: int) -> None:
        """Settle a day: overdue events, its review where one is due and can be made, its level."""
        now_ms, day = self._parts.clock.now_ms(), day_of(midnight_ms)
        rules, state = self._where.rules, self._state()
        due = self._done.review(rules, midnight_ms)
        kind = due[1] if due is not None and due[0] == day else Kind.CLOSES
        reviewing = asyncio.ensure_future(self._awaited(kind, day, midnight_ms))
        try:
            if midnight_ms > now_ms - DAY_MS:
                await self._settled(midnight_ms, state)
            found = await reviewing
        finally:
            reviewing.cancel()
        prices = self._vetted(midnight_ms, day, found)
        at_ms = max(midnight_ms, self._state().at_ms)
        await self._caught_up(prices, at_ms)
        if kind is not Kind.CLOSES and found is not None and not self._is_halted(day):
            await self._take_up(found, day, prices, at_ms)
        await self._try(Publish(), prices, at_ms)
        if self._done.level_ms < midnight_ms:
            # No member has a price: the day has no level, and its successor is not kept from having one.
            self._done.level_ms = midnight_ms

    async def _take_up(self, found: Review, day: date, prices: Mapping[str, Price], at_ms: int) -> None:
        if await self._is_decided(found, day):
            await self._withdraw_pending(at_ms)
            await self._try(event_of(found, self._where.rules), prices, at_ms)

    async def _awaited(self, kind: Kind, day: date, midnight_ms: int) -> Review | None:
        """Review a day's close. One that decides something waits for its data, as long as for settlement values."""
        clock, until_ms = self._parts.clock, midnight_ms + round(1000 * self._settings.settle_wait_s)
        found = await self._review(kind, day)
        while kind is not Kind.CLOSES and found is not None and found.day < day and clock.now_ms() < until_ms:
            await clock.sleep(AGAIN_S)
            found = await self._review(kind, day)
        return found

    async def _settled(self, midnight_ms: int, state: IndexState) -> None:
        """Wait until all members' windows have closed, no longer than is configured."""
        clock = self._parts.clock
        until_ms = midnight_ms + round(1000 * self._settings.settle_wait_s)
        names = {member.symbol for member in state.members}
        while clock.now_ms() < until_ms and not names <= self._stream.settlements(midnight_ms).keys():
            await clock.sleep(EVERY_S / 4)

    def _vetted(self, midnight_ms: int, day: date, found: Review | None) -> dict[str, Price]:
        """Return the one price vector of a midnight: settlement values, else closes; the rest stands at its last ones."""
        settled = self._stream.settlements(midnight_ms)
        state = self._state()
        # What an entry of this midnight stands at already stays: an earlier life may have heard it settle.
        stands = {price.symbol for price in state.prices if price.at_ms >= midnight_ms}
        told = {} if found is None else found.closes
        closes = {s: p for s, p in told.items() if p.at_ms <= midnight_ms and s not in stands}
        prices = closes | {symbol: price for symbol, price in settled.items() if price is not None}
        held = [member.symbol for member in state.members]
        unsettled = [symbol for symbol in held if settled.get(symbol) is None and symbol not in stands]
        if unsettled:
            stood = [symbol for symbol in unsettled if symbol not in closes]
            text = f"{day}: not settled: {', '.join(unsettled)}; closes of the data stand for them"
            if stood:
                text += f", and last vetted prices for {', '.join(stood)}"
            self._raised("unsettled", "warning", text)
        else:
            self._ended("unsettled")
        return prices

    async def _caught_up(self, prices: Mapping[str, Price], at_ms: int) -> None:
        while True:
            state = self._state()
            try:
                event = overdue(state, prices, at_ms=at_ms, by=BY)
            except IndexRefused as error:
                self._raised("level", "critical", str(error))
                return
            takes_effect = isinstance(event, Reweight)
            if event is None or (takes_effect and self._is_halted(day_of(at_ms))):
                return
            if not await self._try(event, prices, at_ms):
                return

    async def _withdraw_pending(self, at_ms: int) -> None:
        if self._state().pending is not None:
            await self._try(Withdraw(reason="a later review decides", by=BY), {}, at_ms)

    async def _blacklist(self) -> bool:
        """Take out members that are on the list; say whether the list can be read. Without it nothing is reviewed."""
        try:
            listed = await self._compute.run(BLACKLIST, self._where.files, timeout_s=COMPUTE_S)
        except ComputeFailed as error:
            self._raised(
                "blacklist", "critical", f"{error}: nobody is removed and nothing reviewed until then"
            )
            return False
        self._ended("blacklist")
        state = self._state()
        found = tuple(member.symbol for member in state.members if member.symbol in listed)
        if found:
            event = Remove(symbols=found, cause=RemovalCause.BLACKLIST, reason="on the blacklist", by=BY)
            await self._removed(event)
        return True

    async def _removed(self, event: Remove) -> None:
        """Remove at the prices of now; from midnight until its level is recorded the last ones stand, as the level does."""
        now_ms = self._parts.clock.now_ms()
        heard = {} if self._done.midnights(now_ms) else self._stream.heard(now_ms)
        try:
            async with self._writing:
                change = await self._parts.apart(lambda: removed(self._ledger, event, heard, now_ms=now_ms))
        except IndexRefused as error:
            self._raised("removal", "critical", f"{', '.join(event.symbols)} cannot be removed: {error}")
            return
        self._ended("removal")
        self._note(change)

    async def _review(self, kind: Kind, day: date) -> Review | None:
        state = self._ledger.state
        asked = Asked(
            files=self._where.files,
            rules=self._where.rules,
            kind=kind,
            asof=day,
            members=() if state is None else tuple(member.symbol for member in state.members),
            announced=tuple(target.symbol for target in state.pending.targets)
            if state is not None and state.pending
            else (),
        )
        try:
            found: Review = await self._compute.run(REVIEW, asked, timeout_s=COMPUTE_S)
        except ComputeFailed as error:
            level = "warning" if kind is Kind.CLOSES else "critical"
            self._raised("review", level, f"{day}: {error}")
            return None
        return found

    async def _is_decided(self, found: Review, day: date) -> bool:
        """Say whether a review is of its day and decided something; people are told where it is not."""
        if found.day != day:
            text = f"the review of {day} waits for its data: {self._where.files.data} ends on {found.day}"
            self._raised("review", "error", text)
            return False
        if not found.targets:
            self._raised("review", "critical", f"{day}: {found.refused}; what holds goes on")
            return False
        self._ended("review")
        await self._kept(found)
        return True

    async def _kept(self, found: Review) -> None:
        """Say how a review came out, and where its reasons are; a disk that does not take them stops no review."""
        weights = sorted(((target.weight, target.symbol) for target in found.targets), reverse=True)
        largest = ", ".join(f"{symbol} {weight:.1%}" for weight, symbol in weights[:LARGEST])
        try:
            path = await self._parts.apart(lambda: keep(self._where.directory, found, self._parts.disk))
        except DiskRefuses as error:
            self._raised("reasons", "warning", f"{found.day}: the reasons of a review are not kept: {error}")
            path = None
        else:
            self._ended("reasons")
        reasons = None if path is None else str(path)
        log.info("index review", of=str(found.day), members=len(weights), largest=largest, reasons=reasons)

    def _is_halted(self, day: date) -> bool:
        if not self._parts.halted():
            self._ended("halted")
            return False
        self._raised("halted", "warning", f"trading is halted, so is the review of {day}; the level goes on")
        return True

    # --- recording -----------------------------------------------------------------------------------------

    async def _try(self, event: Event, prices: Mapping[str, Price], at_ms: int) -> bool:
        """Record an event; say whether it could be. What the disk refuses is raised."""
        code = "level" if isinstance(event, Publish) else "event"
        try:
            await self._record(event, prices, at_ms=at_ms)
        except IndexRefused as error:
            self._raised(code, "critical", f"{type(event).__name__} cannot be: {error}")
            return False
        self._ended(code)
        return True

    async def _record(self, event: Event, prices: Mapping[str, Price], *, at_ms: int) -> None:
        async with self._writing:
            change = await self._parts.apart(lambda: self._ledger.record(event, prices, at_ms=at_ms))
        self._note(change)

    def _note(self, change: Change) -> None:
        entry = change.entry
        self._done.took(entry)
        log.info(
            "index",
            entry=type(entry.event).__name__,
            sequence=entry.sequence,
            of=iso(entry.at_ms),
            level=None if entry.level is None else str(entry.level),
            divisor=str(entry.divisor),
            members=len(change.state.members),
        )

    def _state(self) -> IndexState:
        assert self._ledger.state is not None
        return self._ledger.state

    def _raised(self, code: str, level: str, text: str) -> None:
        self._parts.told.raised(code=f"{ALERT}.{code}", level=level, text=text)

    def _ended(self, code: str) -> None:
        self._parts.told.ended(f"{ALERT}.{code}")


def _shown(state: IndexState, level: str | None, how: str, now_ms: int) -> dict[str, Any]:
    return {
        "index": state.name,
        "state": how,
        "level": level,
        "divisor": str(state.divisor),
        "timestamp": iso(now_ms),
        "members": [member.symbol for member in state.members],
        "settled_at": iso(state.at_ms),
    }
