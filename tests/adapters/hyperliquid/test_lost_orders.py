"""A hedge whose POST went wrong, through engine, outbox and adapter to the simulated venue: one order for one intent.

The engine holds SOL and hedges it with BTC and ETH; what is lost, and when it turns up again, is the test's.
"""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Account, Exchange
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.universe import Universe
from adapters.ports import HttpReply, Unknown
from core.engine import step
from core.events import ClockTicked
from core.intents import BurnNonce, FetchFills, FetchSnapshot, QueryOrders, SubmitOrders
from core.orders import EXPIRY_SLACK_MS, on_restart
from core.types import Purpose
from daemon.clock import LoopClock
from daemon.outbox import Outbox
from sim.loop import run
from sim.venue.memory import InMemoryVenue
from sim.venue.venue import Venue
from tests.adapters.hyperliquid.desk import KeptNonce
from tests.core.desk import INSTRUMENTS, SOL, D, desk, sent
from tests.sim.venue.desk import AGENT, ALICE, JSON, MASTER
from tests.sim.venue.small_market import START_MS, SmallMarket

BEGIN_MS = START_MS + 1_000
HEDGED = {"BTC": D("-1.8"), "ETH": D("-11.25")}
"""1,000 SOL at 150 with betas 1.2 and 0.3, in BTC at 100,000 and ETH at 4,000."""


class Line:
    """The way to the venue. faults are what happens to the next POSTs to /exchange, in turn."""

    def __init__(self, peer, clock):
        self.peer, self.clock = peer, clock
        self.faults, self.withheld, self.actions, self.replies = [], [], [], []

    async def post(self, path, body, *, timeout_s):
        if path != "/exchange":
            return await self.peer.post(path, body, timeout_s=timeout_s)
        action = json.loads(body)["action"]["type"]
        self.actions.append((action, self.clock.now_ms()))
        fault = self.faults.pop(0) if self.faults else None
        if fault == "lost":
            self.withheld.append(body)
        if fault == "overtaken":
            await self.deliver_late()
        if fault != "lost":
            reply = await self.peer.post(path, body, timeout_s=timeout_s)
        if fault in ("lost", "unheard"):
            await self.clock.sleep(timeout_s)
            raise Unknown(f"POST {path}: no complete reply within {timeout_s} s")
        if fault == "reset":
            raise Unknown(f"POST {path}: connection reset by the other side")
        if fault == "refused":
            return HttpReply(502, "text/html", b"<html>bad gateway</html>")
        return reply

    async def deliver_late(self):
        """Hand over what was lost on the way; return the venue's replies."""
        for body in self.withheld:
            reply = await self.peer.post("/exchange", body, timeout_s=5.0)
            self.replies.append(json.loads(reply.body))

    async def close(self):
        await self.peer.close()


class Alerts:
    def alert(self, intent):
        pass


class Daemon:
    """Engine, outbox and adapter on the venue; a tick a second; positions are what fills say."""

    def __init__(self):
        self.clock = LoopClock(BEGIN_MS)
        self.venue = Venue(
            SmallMarket(),
            accounts={MASTER.address: D(1_000_000)},
            agents={AGENT.address: MASTER.address},
            start_ms=BEGIN_MS,
            seed=1,
        )
        self.line = Line(InMemoryVenue(self.venue, self.clock, seed=1, latency_ms=(40, 40)), self.clock)
        self.state = desk({SOL: D(1_000)}, at_ms=BEGIN_MS)
        self.intents = []
        self.start()

    def start(self):
        """Begin with an adapter that knows nothing of what was sent before."""
        budget = Budget(self.clock)
        account = Account(ALICE, Signer.from_key(AGENT.key.hex()), Network.TESTNET)
        exchange = Exchange(self.line, account, Nonces(self.clock, KeptNonce()), budget)
        info = Info(self.line, self.clock, budget)
        gateway = HyperliquidGateway(exchange, info, Universe(INSTRUMENTS.values()))
        self.outbox = Outbox(gateway=gateway, desk=Alerts(), clock=self.clock, put=self.put)

    def put(self, event):
        quotes = {c: self.fresh(q) for c, q in self.state.quotes.items()}
        self.state, intents = step(replace(self.state, quotes=quotes), event)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        acted = (SubmitOrders, QueryOrders, BurnNonce, FetchFills, FetchSnapshot)
        wanted = tuple(i for i in intents if isinstance(i, acted))
        self.intents += wanted
        self.outbox.act(wanted, done)

    def fresh(self, quote):
        now_ms = self.clock.now_ms()
        return replace(quote, at_ms=now_ms, received_ms=now_ms)

    async def play(self, seconds):
        for _ in range(seconds):
            self.put(ClockTicked(at_ms=self.clock.now_ms()))
            await self.clock.sleep(1)

    async def end(self):
        await self.outbox.close()
        await self.line.close()

    @property
    def hedges(self):
        return sent(self.intents, Purpose.HEDGE)

    def of(self, action):
        return [at_ms - BEGIN_MS for name, at_ms in self.line.actions if name == action]

    def fills(self):
        body = json.dumps({"type": "userFills", "user": ALICE}).encode()
        return json.loads(self.venue.http("/info", JSON, body, now_ms=self.clock.now_ms()).body)

    def positions(self):
        return {c: q for c, q in self.venue.positions(ALICE).items() if q}


def played(*faults, seconds=30, meanwhile=None):
    async def through():
        daemon = Daemon()
        daemon.line.faults = list(faults)
        if meanwhile is None:
            await daemon.play(seconds)
        else:
            await meanwhile(daemon)
        await daemon.line.deliver_late()
        await daemon.end()
        return daemon

    return run(through())


def refused_as_duplicates(replies):
    return replies and all(
        r["status"] == "err" and r["response"].startswith("Invalid nonce: duplicate nonce") for r in replies
    )


def test_without_a_fault_there_is_one_batch_and_no_noop():
    daemon = played()
    assert daemon.positions() == HEDGED
    assert [name for name, _ in daemon.line.actions] == ["order"]


@pytest.mark.parametrize("fault", ["unheard", "refused", "reset"])
def test_an_order_whose_reply_was_lost_is_found_and_nothing_is_burnt_or_sent_again(fault):
    daemon = played(fault)
    assert daemon.positions() == HEDGED
    assert [name for name, _ in daemon.line.actions] == ["order"]
    assert not daemon.state.orders.open


def test_an_order_lost_on_the_way_is_burnt_and_replaced_and_the_late_original_is_refused():
    daemon = played("lost")
    assert daemon.positions() == HEDGED
    assert [name for name, _ in daemon.line.actions] == ["order", "noop", "order"]
    assert refused_as_duplicates(daemon.line.replies)
    [lost_ms, replaced_ms] = daemon.of("order")
    assert replaced_ms - lost_ms < 3_500, "three seconds of silence, a question, a noop and a question more"
    assert len({o.cloid for o in daemon.hedges}) == 4


def test_an_original_that_overtakes_the_noop_is_the_one_that_counts():
    daemon = played("lost", "overtaken")
    assert daemon.positions() == HEDGED
    assert [name for name, _ in daemon.line.actions] == ["order", "noop"]
    assert daemon.line.replies[0]["status"] == "ok", "it landed late"


def test_a_noop_whose_reply_was_lost_proves_only_that_the_nonce_is_gone():
    """The second noop is a duplicate, of the first or of the order: absence is proof when the ledger is covered."""
    daemon = played("lost", "unheard")
    assert daemon.positions() == HEDGED
    assert refused_as_duplicates(daemon.line.replies)
    [lost_ms, replaced_ms] = daemon.of("order")
    [_, second_ms] = daemon.of("noop")
    assert second_ms + EXPIRY_SLACK_MS < replaced_ms < lost_ms + 12_000


def test_a_noop_lost_like_the_order_before_it_is_sent_again():
    daemon = played("lost", "lost")
    assert daemon.positions() == HEDGED
    assert refused_as_duplicates(daemon.line.replies[:1])
    assert len({o.cloid for o in daemon.hedges}) == 4


FAULTS = st.sampled_from([None, "lost", "unheard", "refused", "reset", "overtaken"])


@given(faults=st.lists(FAULTS, max_size=6), late_s=st.lists(st.integers(0, 25), max_size=2))
@settings(max_examples=40, deadline=None)
def test_whatever_is_lost_and_whenever_it_turns_up_each_wish_trades_once(faults, late_s):
    async def with_late_ones(daemon):
        for second in range(60):
            await daemon.play(1)
            if second in late_s:
                await daemon.line.deliver_late()

    daemon = played(*faults, meanwhile=with_late_ones)
    traded = {}
    for fill in daemon.fills():
        traded[fill["coin"]] = traded.get(fill["coin"], D(0)) + D(fill["sz"])
    assert daemon.positions() == HEDGED
    assert traded == {coin: abs(qty) for coin, qty in HEDGED.items()}, "nothing was bought back"
    assert not daemon.state.orders.open


def test_after_a_restart_the_nonce_is_not_known_and_the_expiry_is_the_proof():
    async def restarting(daemon):
        await daemon.play(2)
        await daemon.outbox.close()
        daemon.state = on_restart(daemon.state)
        daemon.start()
        await daemon.play(40)

    daemon = played("lost", meanwhile=restarting)
    assert daemon.positions() == HEDGED
    assert daemon.of("noop") == []
    [lost_ms, replaced_ms] = daemon.of("order")
    assert replaced_ms - lost_ms > daemon.hedges[0].expires_ms - daemon.hedges[0].created_ms
    assert daemon.line.replies[0] == {"status": "err", "response": "Action already expired"}
