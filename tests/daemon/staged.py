"""Whole nights in this process, in virtual time, on a few coins of the bundled sample, with the venue in reach."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import pandas as pd

import daemon.run
import sim.venue.memory
import sim.venue.venue
from adapters.hyperliquid.exchange import Account
from adapters.ports import HttpReply, Unknown
from core.engine import step
from core.events import AnyEvent, FillsReceived, QuoteReceived
from core.intents import AnyIntent, SubmitOrders
from core.state import State
from core.types import Fill, Side
from daemon import wiring
from daemon.config_file import ConfigError
from daemon.data_directory import SAMPLE
from daemon.options import BadUse, RunOptions, parse_instant
from daemon.price_check import Place
from daemon.restore import replayed, restore
from daemon.run import Ran, run
from daemon.service import Service
from state.errors import StateError
from state.journal import Journal
from state.store import Store

COINS = ("BTC", "ETH", "SOL", "XRP", "LTC", "AAVE", "LDO", "NEAR", "BNB", "ADA", "WIF", "kPEPE")
DAY = "2024-12-31"
CLOSE = "2025-01-01T00:00:00Z"
UNTIL = "2025-01-01T00:08:00Z"
MANY = "[idio_statarb]\nkappa = 0.0001\n"
"""A weak ridge penalty: the pipeline then trades every one of the few names."""


def ms(text: str) -> int:
    """Return an instant: "23:50:30" is before the sample's close, "00:03" after it, anything else ISO."""
    if len(text) <= 8:
        text = f"{DAY if text >= '12' else '2025-01-01'}T{text}Z"
    return parse_instant(text, option="test")


def is_order(path: str, request: dict[str, Any]) -> bool:
    return path == "/exchange" and request["action"]["type"] == "order"


@cache
def small_data() -> Path:
    """A data directory of twelve coins: a night on it takes a second."""
    directory = Path(mkdtemp(prefix="nightdesk-data-"))
    for path in SAMPLE.glob("*.parquet"):
        table = pd.read_parquet(path)
        table[table["symbol"].isin(COINS)].reset_index(drop=True).to_parquet(directory / path.name)
    return directory


Post = Callable[[str, bytes], None]


class Peer(sim.venue.memory.InMemoryVenue):
    """The venue in memory, with a hand on every request: before() may raise instead of it, after() instead of its reply."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.before: Callable[[str, dict], None] = lambda path, request: None
        self.after: Callable[[str, dict, HttpReply], HttpReply] = lambda path, request, reply: reply

    @property
    def venue(self) -> sim.venue.venue.Venue:
        return self.edge.venue

    @property
    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def close(self) -> None:
        """A daemon that left listens no more: the venue need not live through what it would have sent."""
        for number in self.sockets:
            self.edge.disconnect(number)
        await super().close()

    async def post(self, path, body, *, timeout_s):
        request = json.loads(body)
        self.before(path, request)
        reply = await super().post(path, body, timeout_s=timeout_s)
        return self.after(path, request, reply)

    def lose(self, what: str = "the reply was lost") -> None:
        raise Unknown(what)

    def at(self, when_ms: int, do: Callable[[], None]) -> None:
        async def later() -> None:
            await self._clock.sleep((when_ms - self._clock.now_ms()) / 1000)
            do()

        self._later = asyncio.get_running_loop().create_task(later())


@dataclass
class Night:
    """What a night leaves behind, and the venue it was played against."""

    directory: Path
    peer: Peer | None = None
    service: Service | None = None
    ran: Ran | None = None
    error: BaseException | None = None
    steps: list[tuple[AnyEvent, tuple[AnyIntent, ...]]] = field(default_factory=list)

    @property
    def report(self) -> dict:
        return self.ran.reports[-1]

    @property
    def state(self) -> State:
        return self.service.state

    @property
    def address(self) -> str:
        return self.service._shell.parts.address

    @property
    def alerts(self):
        return self.service._shell.parts.alerts

    def broken(self) -> list[dict]:
        return [i for i in self.report["invariants"] if not i["held"]]

    def ask(self, **request):
        reply = self.peer.venue.http(
            "/info",
            "application/json",
            json.dumps({"user": self.address, **request}).encode(),
            now_ms=self.state.at_ms,
        )
        return json.loads(reply.body)

    def ledger(self) -> dict[int, dict]:
        """The venue's own fills of the account, by tid."""
        found, from_ms = {}, 0
        while True:
            page = self.ask(type="userFillsByTime", startTime=from_ms)
            found |= {fill["tid"]: fill for fill in page}
            if len(page) < 2000:
                return found
            from_ms = max(fill["time"] for fill in page)

    def venue_positions(self) -> dict[str, Decimal]:
        held = self.ask(type="clearinghouseState")["assetPositions"]
        return {p["position"]["coin"]: Decimal(p["position"]["szi"]) for p in held}

    def our_fills(self) -> dict[int, Fill]:
        """Every fill that an event of the journal brought, by tid."""
        brought = [f for event, _ in self.records() if isinstance(event, FillsReceived) for f in event.fills]
        return {f.tid: f for f in brought}

    def records(self) -> list[tuple[AnyEvent, tuple[AnyIntent, ...]]]:
        journal = Journal.open_read_only(Store(self.directory).journal_path)
        try:
            return [(r.event, r.intents) for r in journal.read()]
        finally:
            journal.close()

    def chain(self) -> bytes:
        journal = Journal.open_read_only(Store(self.directory).journal_path)
        try:
            return journal._chain("end")[1]
        finally:
            journal.close()

    def restored(self) -> State:
        journal = Journal.open_read_only(Store(self.directory).journal_path)
        try:
            return restore(journal, self.state.settings)[0]
        finally:
            journal.close()

    def check_against_the_venue(self) -> None:
        """Every fill of the venue's ledger is booked as it is, none besides, and the positions are the same."""
        theirs, ours = self.ledger(), self.our_fills()
        assert {t: facts(f) for t, f in ours.items()} == {
            t: (f["coin"], f["side"], Decimal(f["sz"]), Decimal(f["px"]), Decimal(f["fee"]), f["cloid"])
            for t, f in theirs.items()
        }
        assert self.state.book.positions == self.venue_positions()
        filled: dict[str, Decimal] = {}
        for fill in theirs.values():
            filled[fill["cloid"]] = filled.get(fill["cloid"], Decimal(0)) + Decimal(fill["sz"])
        wanted = {order.cloid: order.qty for order in self.submitted()}
        assert all(qty <= wanted[cloid] for cloid, qty in filled.items())

    def check_well(self) -> None:
        """The night ended as it should, by its own report and by the venue's ledger."""
        assert self.error is None
        assert self.broken() == []
        assert self.report["stage"] == "done"
        self.check_against_the_venue()

    def phases(self) -> tuple[str, str]:
        return tuple(self.report["phases"][p]["stage"] for p in ("projected", "correction"))

    def reason(self, phase: str) -> str:
        return self.report["phases"][phase]["reason"]

    def asset(self, coin: str) -> dict:
        return next(a for a in self.report["assets"] if a["coin"] == coin)

    def replayed(self) -> State:
        """The state after every record of the journal, from nothing; each step must want again what it wanted."""
        journal = Journal.open_read_only(Store(self.directory).journal_path)
        state = State(settings=self.state.settings)
        try:
            for record in journal.read():
                before = state
                for quote in record.quotes:
                    before, _ = step(before, QuoteReceived(at_ms=quote.received_ms, quote=quote))
                assert step(before, record.event)[1] == record.intents
                state = replayed(state, record)
        finally:
            journal.close()
        return state

    def submitted(self, *, since_ms: int = 0) -> list:
        return [
            o
            for e, acts in self.records()
            if e.at_ms >= since_ms
            for a in acts
            if isinstance(a, SubmitOrders)
            for o in a.orders
        ]


def facts(fill: Fill) -> tuple:
    """A fill in the words of the venue's ledger."""
    side = "B" if fill.side is Side.BUY else "A"
    return fill.coin, side, fill.qty, fill.px, fill.fee_usd, fill.cloid


Stage = Callable[[Night], None]
"""Called once the service is wired and the loop runs: sets traps on night.peer, night.service."""


def play(
    directory: Path,
    *,
    start: str = "23:48",
    until: str = UNTIL,
    seed: int = 0,
    data: Path | None = None,
    stage: Stage | None = None,
    on: Night | None = None,
    config: str = MANY,
    account: Callable[[Account], Account] | None = None,
    index: Callable[[Night, Place], Awaitable[None]] | None = None,
) -> Night:
    """Play from start to until. on continues an earlier night, against its venue; index makes index prices beside it."""
    night = Night(directory)
    directory.mkdir(parents=True, exist_ok=True)
    path = None
    if config:
        path = directory.parent / f"{directory.name}.toml"
        path.write_text(config)
    options = RunOptions(
        dry_run=True,
        venue_url=None,
        data=data or small_data(),
        start_ms=ms(start),
        until_ms=ms(until),
        speed=None,
        seed=seed,
        state_dir=directory,
        config=path,
        json=True,
    )
    made = wiring.memory_ends

    def ends(options, *, market, start_ms, settings):
        found = made(options, market=market, start_ms=start_ms, settings=settings)
        if on is not None:
            peer = Peer(on.peer.venue, found.clock, seed=seed + 1)
            found.http = found.sockets = peer
        if account is not None:
            found.account = account(found.account)
        night.peer = found.http
        if index is not None:
            found.index = partial(index, night)
        return found

    def service(shell):
        night.service = Service(shell)
        shell.app.observers.append(lambda _, event, acts: night.steps.append((event, acts)))
        running = night.service.run

        async def run_staged():
            if stage is not None:
                stage(night)
            await running()

        night.service.run = run_staged
        return night.service

    with ExitStack() as patched:
        patched.enter_context(patch.object(sim.venue.memory, "InMemoryVenue", Peer))
        patched.enter_context(patch.object(daemon.run, "memory_ends", ends))
        patched.enter_context(patch.object(wiring, "Service", service))
        patched.enter_context(patch("research.night_page.page", lambda request: "<html></html>"))
        patched.enter_context(patch.object(daemon.run, "check_night", lambda *_: None))
        patched.enter_context(patch("daemon.data_directory.check_rows", lambda *_: None))
        if on is not None:
            patched.enter_context(patch.object(daemon.run, "_move_aside", lambda store: None))
        try:
            night.ran = run(options)
        except (StateError, BadUse, ConfigError) as error:
            night.error = error
    return night
