"""An index price beside the daemon, over real sockets: what it makes is compared, whoever publishes it."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import pytest

from core.engine import step
from core.events import PriceAgreed, PriceDisputed, QuoteReceived
from core.prices import agreement
from daemon import wiring
from daemon.alerts import Alerts
from daemon.index_prices.beside import run_beside
from daemon.index_prices.running import FOLDER
from daemon.price_check import Desk, Place, PriceCheck
from daemon.settings import AccountSettings, AlertSettings, Settings
from daemon.supervisor import keep_running
from state.errors import AlreadyRunning
from state.lock import InstanceLock
from tests.core.desk import BTC, D, desk, quote
from tests.daemon.index_prices.market import PRICE, SETTINGS, TERMS, market, ok, publishing

BESIDE = replace(SETTINGS, beside=True, dispute_s=0.5)
WITHIN_S = 20


class Trading:
    """An engine's state that is told what the check finds, and a venue whose BTC price a test sets."""

    def __init__(self, clock, directory, settings=BESIDE):
        self.clock, self.told, self.state = clock, [], desk()
        self.news = asyncio.Event()
        loop = asyncio.get_running_loop()
        seen = Desk(lambda: self.state, self.put, clock.now_ms, loop.time)
        self.alerts = Alerts(AlertSettings(), origin="a test", now_ms=clock.now_ms)
        self.place = Place(directory, PriceCheck(settings, seen).take, self.alerts)

    def put(self, event):
        self.state, _ = step(self.state, event)
        if not isinstance(event, QuoteReceived):
            self.told.append(event)
            self.news.set()

    async def quotes(self, px):
        """Quote a price, again and again, as a venue does."""
        while True:
            now_ms = self.clock.now_ms()
            self.put(QuoteReceived(at_ms=now_ms, quote=quote(BTC, D(px), at_ms=now_ms)))
            await asyncio.sleep(0.1)

    async def next(self):
        self.news.clear()
        await self.news.wait()
        return self.told[-1]


@asynccontextmanager
async def running(*work):
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def played(work):
    return asyncio.run(asyncio.wait_for(work, WITHIN_S))


def index_beside(made, trading, settings=BESIDE):
    return run_beside(
        Settings(index_price=settings), made.clock, trading.place, network_of=made.network_of, terms=TERMS
    )


def test_a_venue_five_percent_off_four_others_is_disputed_and_agreed_on_when_it_is_back(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(agreement, "AGREED_S", 0.5)
    monkeypatch.setattr("daemon.price_check.EVERY_S", 0.1)

    async def scenario():
        async with market() as made:
            trading = Trading(made.clock, tmp_path)
            async with running(index_beside(made, trading)):
                async with running(trading.quotes(0.95 * PRICE)):
                    first = await trading.next()
                stopped = dict(trading.state.disputed)
                async with running(trading.quotes(1.001 * PRICE)):
                    last = await trading.next()
            return first, stopped, last, trading.state.disputed

    first, stopped, last, left = played(scenario())
    assert type(first) is PriceDisputed
    assert first.venue_px == D(0.95 * PRICE)
    assert PRICE - 1 <= float(first.index_px) <= 1.02 * PRICE
    assert stopped.keys() == {BTC}
    assert (type(last), left) == (PriceAgreed, {})


def test_what_another_instance_publishes_is_made_here_as_well_and_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("daemon.price_check.EVERY_S", 0.1)
    shared = replace(BESIDE, lease_file=str(tmp_path / "shared.sqlite"))

    async def scenario():
        async with market() as made, publishing(made, tmp_path, shared) as other:
            await other.until(ok)
            trading = Trading(made.clock, tmp_path / "trading", shared)
            async with running(index_beside(made, trading, shared), trading.quotes(0.9 * PRICE)):
                event = await trading.next()
            return event, other.instance.leads()

    event, leads = played(scenario())
    assert type(event) is PriceDisputed
    assert leads


def test_an_index_that_cannot_run_is_told_until_it_does_and_stops_nothing_else(tmp_path):
    async def scenario():
        async with market() as made:
            trading = Trading(made.clock, tmp_path)
            (tmp_path / FOLDER).mkdir()
            lock = InstanceLock.acquire(tmp_path / FOLDER)
            with pytest.raises(AlreadyRunning):
                await index_beside(made, trading)
            down = [(a.code, a.level) for a in trading.alerts.active()]
            job = partial(index_beside, made, trading)
            async with running(keep_running("index price", job, clock=made.clock)):
                await asyncio.sleep(0.05)
                lock.release()
                while trading.alerts.active():
                    await asyncio.sleep(0.02)
            return down

    assert played(scenario()) == [("index.down", "error")]


def test_a_live_daemon_has_an_index_beside_it_where_the_configuration_asks_for_one(monkeypatch):
    monkeypatch.setenv("NIGHT_KEY", "0x" + "11" * 32)
    account = AccountSettings(address="0x" + "ab" * 20, key_env="NIGHT_KEY")
    begun = []

    async def noted(settings, clock, place):
        begun.append((settings, clock, place))

    async def made(settings):
        ends = wiring.live_ends(settings)
        ends.compute.close()
        if ends.index is not None:
            await ends.index("a place")
        return ends

    monkeypatch.setattr("daemon.index_prices.beside.run_beside", noted)
    assert asyncio.run(made(Settings(account=account))).index is None
    asked = Settings(account=account, index_price=BESIDE)
    ends = asyncio.run(made(asked))
    assert begun == [(asked, ends.clock, "a place")]
