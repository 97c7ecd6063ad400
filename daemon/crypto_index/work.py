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
from daemon.crypto_index.asking import BLACKLIST, REVIEW, Kind, Review, asked_of, event_of, launch_of
from daemon.crypto_index.book import removal, removed
from daemon.crypto_index.by_hand import (
    ByHand,
    Forking,
    Redenominating,
    Removing,
    Restating,
    done,
    is_told_in_new_unit,
)
from daemon.crypto_index.due import Done, day_of
from daemon.crypto_index.kept import announced
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
OK, STALE, SETTLING, STANDS_STILL = "OK", "STALE", "SETTLING", "STANDS STILL"
"""What a level that is told is: of now; of no member of now; the last one, as a midnight settles; none."""
SILENT_MS = 5000
"""Without a good value for so long a price is no longer told."""

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
        # The ledger's own state is ahead of what is noted while an entry's write goes on in its thread.
        self._noted = life.ledger.state
        self._look_ms = 0
        self._writing = asyncio.Lock()

    # --- each second ---------------------------------------------------------------------------------------

    async def second(self, before: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return the level of now; who has had no price for too long leaves at its last one (E0-4).

        From midnight until its level is recorded the last one stands: members may change at settlement values.
        """
        state, now_ms = self._noted, self._parts.clock.now_ms()
        if state is None:
            return None
        if self._done.midnights(now_ms):
            return self._shown(None, SETTLING, now_ms) if before is None else before | {"state": SETTLING}
        heard = self._stream.heard(now_ms)
        try:
            gone = priceless(state, heard, at_ms=now_ms, by=BY)
            if gone is not None:
                await self._record(gone, heard, at_ms=now_ms)
                state = self._state()
            level = index_level.level(state, heard, at_ms=now_ms)
        except IndexRefused as error:
            self._raised("level", "critical", str(error))
            return self._shown(None, STANDS_STILL, now_ms) | {"why": str(error)}
        self._ended("level")
        fresh = self._stream.fresh(now_ms)
        carried = [member.symbol for member in state.members if member.symbol not in fresh]
        how = OK if len(carried) < len(state.members) else STALE
        return self._shown(str(level), how, now_ms) | {"carried": carried}

    # --- jobs ----------------------------------------------------------------------------------------------

    async def jobs(self) -> None:
        """Do what is due now, in order."""
        now_ms = self._parts.clock.now_ms()
        for midnight_ms in self._done.midnights(now_ms) if self._noted is not None else ():
            await self._midnight(midnight_ms)
            self._look_ms = 0
        if now_ms >= self._look_ms:
            self._look_ms = now_ms + round(1000 * self._settings.data_every_s)
            await self._look()

    async def by_hand(self, one: ByHand) -> None:
        """Do what an operator asked for, at the newest prices."""
        if not isinstance(one, Removing):
            await self._changed(one)
        elif one.symbol in _names(self._state()):
            await self._removed(removal(one.symbol, one.reason, by=one.by))
        else:
            log.info("the index has no such member any more", symbol=one.symbol)

    async def _changed(self, one: Restating | Forking | Redenominating) -> None:
        if self._done.midnights(self._parts.clock.now_ms()):
            # prices of now must not stand in for settlement values that are still to come
            await self.jobs()
        now_ms = self._parts.clock.now_ms()
        heard: Mapping[str, Price] = self._stream.heard(now_ms)
        directory = self._where.directory
        try:
            if isinstance(one, Redenominating):
                heard = self._in_old_units(one, heard, now_ms)
            await self._written(lambda: done(self._ledger, one, heard, directory=directory, now_ms=now_ms))
        except IndexRefused as error:
            self._raised("change", "critical", f"{type(one).__name__} cannot be: {error}")
            return
        if isinstance(one, Redenominating) and one.symbol in heard:
            self._stream.forget(one.symbol)
        self._ended("change")

    def _in_old_units(
        self, one: Redenominating, heard: Mapping[str, Price], now_ms: int
    ) -> Mapping[str, Price]:
        """Return what was heard, without a price in the new unit. Raises IndexRefused where the old one is still told."""
        told, others = heard.get(one.symbol), {s: p for s, p in heard.items() if s != one.symbol}
        old_usd = next((p.usd for p in self._state().prices if p.symbol == one.symbol), None)
        if told is None or old_usd is None or is_told_in_new_unit(one, told.usd, old_usd):
            return others
        if now_ms - told.at_ms < SILENT_MS:
            raise IndexRefused(
                f"{one.symbol} is still told in its old unit: ask again when its index price is in the new one, "
                "or hold it until then (nightdesk index-price hold)"
            )
        return others | {one.symbol: told}

    async def _look(self) -> None:
        """Launch, take out who is on the blacklist, make up for a review that its data came too late for."""
        if self._noted is None:
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
        day = day_of(midnight_ms)
        due = self._done.review(self._where.rules, midnight_ms)
        kind = due[1] if due is not None and due[0] == day else Kind.CLOSES
        if kind is not Kind.CLOSES and self._is_halted(day):
            kind = Kind.CLOSES
        found = await self._gathered(kind, day, midnight_ms)
        prices = self._vetted(midnight_ms, day, found)
        at_ms = max(midnight_ms, self._state().at_ms)
        await self._caught_up(prices, at_ms)
        if kind is not Kind.CLOSES and found is not None and not self._is_halted(day):
            await self._take_up(found, day, prices, at_ms)
        await self._try(Publish(), prices, at_ms)
        # Where no member has a price the day has no level, and its successor is not kept from having one.
        self._done.passed_ms = midnight_ms

    async def _take_up(self, found: Review, day: date, prices: Mapping[str, Price], at_ms: int) -> None:
        if await self._is_decided(found, day):
            await self._withdraw_pending(at_ms)
            await self._try(event_of(found, self._where.rules), prices, at_ms)

    async def _gathered(self, kind: Kind, day: date, midnight_ms: int) -> Review | None:
        """Wait for what a midnight is settled with, no longer than is configured, and return the newest review."""
        clock = self._parts.clock
        until_ms = midnight_ms + round(1000 * self._settings.settle_wait_s)
        found, asked_ms = await self._review(kind, day), clock.now_ms()
        while clock.now_ms() < until_ms and not self._is_all_there(kind, day, midnight_ms, found):
            await clock.sleep(EVERY_S / 4)
            if (found is None or found.day < day) and clock.now_ms() - asked_ms >= 1000 * AGAIN_S:
                found, asked_ms = await self._review(kind, day), clock.now_ms()
        return found

    def _is_all_there(self, kind: Kind, day: date, midnight_ms: int, found: Review | None) -> bool:
        """Say whether all members' windows have closed, and the day's data are there if they are needed."""
        settled = self._stream.settlements(midnight_ms)
        names = {member.symbol for member in self._state().members}
        if not names <= settled.keys():
            return False
        is_needed = kind is not Kind.CLOSES or any(settled[name] is None for name in names)
        return not is_needed or (found is not None and found.day == day)

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
        """Take out who is on the list, announced ones too; say whether it can be read. Without it nothing is reviewed."""
        try:
            listed = await self._compute.run(BLACKLIST, self._where.files, timeout_s=COMPUTE_S)
        except ComputeFailed as error:
            self._raised(
                "blacklist", "critical", f"{error}: nobody is removed and nothing reviewed until then"
            )
            return False
        self._ended("blacklist")
        found = tuple(symbol for symbol in _names(self._state()) if symbol in listed)
        if found:
            event = Remove(symbols=found, cause=RemovalCause.BLACKLIST, reason="on the blacklist", by=BY)
            await self._removed(event)
        return True

    async def _removed(self, event: Remove) -> None:
        """Remove at the prices of now; from midnight until its level is recorded the last ones stand, as the level does."""
        now_ms = self._parts.clock.now_ms()
        # A price of after a midnight must not stand in the way of what that midnight settles at.
        heard = {} if self._done.midnights(now_ms) else self._stream.heard(now_ms)
        try:
            await self._written(lambda: removed(self._ledger, event, heard, now_ms=now_ms))
        except IndexRefused as error:
            self._raised("removal", "critical", f"{', '.join(event.symbols)} cannot be removed: {error}")
            return
        self._ended("removal")

    async def _review(self, kind: Kind, day: date) -> Review | None:
        asked = asked_of(self._where, self._noted, kind, day)
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
        await self._written(lambda: self._ledger.record(event, prices, at_ms=at_ms))

    async def _written(self, record: Callable[[], Change]) -> None:
        """Record where the disk is waited for. A write that has begun is ended before we leave and let go of the ledger."""
        async with self._writing:
            writing = asyncio.ensure_future(self._parts.apart(record))
            try:
                change: Change = await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait((writing,))
                raise
        self._note(change)

    def _note(self, change: Change) -> None:
        entry = change.entry
        self._noted = change.state
        self._done.took(change)
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
        assert self._noted is not None
        return self._noted

    def _raised(self, code: str, level: str, text: str) -> None:
        self._parts.told.raised(code=f"{ALERT}.{code}", level=level, text=text)

    def _ended(self, code: str) -> None:
        self._parts.told.ended(f"{ALERT}.{code}")

    def _shown(self, level: str | None, how: str, now_ms: int) -> dict[str, Any]:
        """Return what is told of a second; docs/crypto_index.md explains each key."""
        state = self._state()
        return {
            "index": state.name,
            "state": how,
            "level": level,
            "divisor": str(state.divisor),
            "timestamp": iso(now_ms),
            "settled_at": iso(self._done.level_ms),
            "members": [member.symbol for member in state.members],
            "carried": [],
            "announced": announced(state),
            "why": None,
        }


def _names(state: IndexState) -> list[str]:
    """Return the symbols of members and of who is announced, each once."""
    pending = () if state.pending is None else state.pending.targets
    return sorted({member.symbol for member in state.members} | {target.symbol for target in pending})
