"""The outbox: nothing is sent before it is durable, reads are not doubled, and what fails is told."""

import asyncio
from decimal import Decimal

import pytest

from adapters.ports import Rejected, Signed, Unknown, VenueError
from core.events import CancelScheduled, OrdersAnswered, SnapshotReceived
from core.intents import (
    BurnNonce,
    CancelEverything,
    CancelOrders,
    FetchFills,
    FetchSnapshot,
    RaiseAlert,
    RunPipeline,
    ScheduleCancel,
    SubmitOrders,
    TripKill,
)
from core.types import Answer, Coin, Outcome, Phase, SessionDay
from daemon.clock import LoopClock
from daemon.outbox import CANCEL_TRIES, COVERAGE_MARGIN_MS, Outbox
from daemon.service import DRAIN_S
from sim.loop import run
from state.errors import JournalLost
from tests.core.desk import order


class Gateway:
    """Takes a tenth of a second for everything and remembers what it was asked."""

    def __init__(self, clock):
        self.clock, self.asked, self.fault = clock, [], None

    def sign(self, orders):
        self.asked.append("sign")
        if self.fault == "sign":
            raise VenueError("the key does not fit")
        return Signed(b"", tuple(o.cloid for o in orders))

    async def _ask(self, what, answer):
        self.asked.append(what)
        await self.clock.sleep(0.1)
        if self.fault == what:
            raise VenueError("gone")
        if self.fault == f"{what}!":
            raise KeyError("nobody thought of this")
        return answer

    async def send(self, signed):
        return await self._ask("send", tuple(Answer(cloid=c, outcome=Outcome.RESTING) for c in signed.cloids))

    async def cancel(self, orders):
        self.cancelled = orders
        return await self._ask("cancel", tuple(Answer(cloid=c, outcome=Outcome.CANCELLED) for _, c in orders))

    async def burn(self, cloids):
        return await self._ask("burn", tuple(Answer(cloid=c, outcome=Outcome.BURNED) for c in cloids))

    async def fills(self, *, from_ms):
        return await self._ask(f"fills from {from_ms}", ())

    async def schedule_cancel(self, cancel_ms):
        await self._ask(f"cancel at {cancel_ms}", None)
        if isinstance(self.fault, VenueError):
            raise self.fault

    async def snapshot(self):
        return await self._ask("snapshot", None)


class Desk:
    def __init__(self):
        self.tripped, self.alerts, self.computing = [], [], asyncio.Event()

    def halt(self, reason):
        self.tripped.append(reason)

    def alert(self, intent):
        self.alerts.append(intent)

    async def pipeline(self, intent):
        await self.computing.wait()


class Stage:
    def __init__(self):
        self.clock = LoopClock(10_000)
        self.gateway, self.desk, self.events = Gateway(self.clock), Desk(), []
        self.outbox = Outbox(gateway=self.gateway, desk=self.desk, clock=self.clock, put=self.events.append)

    def act(self, *intents, durable=None):
        if durable is None:
            durable = asyncio.get_running_loop().create_future()
            durable.set_result(None)
        self.outbox.act(intents, durable)


def played(play):
    async def through():
        stage = Stage()
        await play(stage)
        return stage

    return run(through())


ORDER = order()


def test_an_order_is_signed_at_once_and_sent_when_its_record_is_durable():
    async def play(stage):
        durable = asyncio.get_running_loop().create_future()
        stage.act(SubmitOrders(orders=(ORDER,)), durable=durable)
        await stage.clock.sleep(1)
        assert stage.gateway.asked == ["sign"]
        durable.set_result(None)
        await stage.outbox.drain()
        assert stage.gateway.asked == ["sign", "send"]

    stage = played(play)
    (event,) = stage.events
    assert isinstance(event, OrdersAnswered)
    assert event.answers[0].cloid == ORDER.cloid


@pytest.mark.parametrize("intent", [SubmitOrders(orders=(ORDER,)), FetchSnapshot()])
def test_nothing_is_sent_once_the_journal_is_lost(intent):
    async def play(stage):
        durable = asyncio.get_running_loop().create_future()
        durable.set_exception(JournalLost("no space"))
        stage.act(intent, durable=durable)
        await stage.outbox.drain()

    stage = played(play)
    assert set(stage.gateway.asked) <= {"sign"}
    assert stage.events == []
    assert stage.desk.alerts == []


def test_an_order_that_cannot_be_signed_is_answered_as_not_sent():
    async def play(stage):
        stage.gateway.fault = "sign"
        stage.act(SubmitOrders(orders=(ORDER,)))
        await stage.outbox.drain()

    stage = played(play)
    (answer,) = stage.events[0].answers
    assert answer.outcome is Outcome.REJECTED
    assert answer.reason == "not sent: the key does not fit"
    assert stage.gateway.asked == ["sign"]


def test_the_latch_and_alerts_do_not_wait_for_the_disk():
    async def play(stage):
        durable = asyncio.get_running_loop().create_future()
        alert = RaiseAlert(level="error", code="x", text="y")
        stage.act(TripKill(reason="a test"), alert, durable=durable)
        assert stage.desk.tripped == ["a test"]
        assert stage.desk.alerts == [alert]
        durable.set_result(None)

    played(play)


def test_a_cancel_proves_nothing_about_fills_so_its_answer_is_unknown():
    async def play(stage):
        stage.outbox.asset_ids = {ORDER.coin: 7}
        stage.act(CancelOrders(orders=((ORDER.coin, ORDER.cloid), (Coin("NONE"), ORDER.cloid))))
        await stage.outbox.drain()
        assert stage.gateway.cancelled == [(7, ORDER.cloid)]

    stage = played(play)
    assert [a.outcome for a in stage.events[0].answers] == [Outcome.UNKNOWN]


def test_a_nonce_is_burnt_when_the_wish_is_durable_and_what_it_proved_is_told():
    async def play(stage):
        durable = asyncio.get_running_loop().create_future()
        stage.act(BurnNonce(cloids=(ORDER.cloid,)), durable=durable)
        await stage.clock.sleep(1)
        assert stage.gateway.asked == []
        durable.set_result(None)
        await stage.outbox.drain()

    stage = played(play)
    assert stage.gateway.asked == ["burn"]
    (event,) = stage.events
    assert [(a.cloid, a.outcome) for a in event.answers] == [(ORDER.cloid, Outcome.BURNED)]


def test_a_read_that_reaches_as_far_back_is_not_doubled_while_it_is_under_way():
    async def play(stage):
        stage.act(FetchFills(from_ms=5_000), FetchFills(from_ms=6_000), FetchSnapshot(), FetchSnapshot())
        await stage.clock.sleep(0.05)
        stage.act(FetchFills(from_ms=4_000))
        await stage.outbox.drain()
        stage.act(FetchFills(from_ms=6_000))
        await stage.outbox.drain()

    stage = played(play)
    assert stage.gateway.asked == ["fills from 5000", "snapshot", "fills from 4000", "fills from 6000"]


def test_fills_prove_the_time_up_to_a_little_before_they_were_asked_for():
    async def play(stage):
        stage.act(FetchFills(from_ms=5_000))
        await stage.outbox.drain()

    (event,) = played(play).events
    assert (event.covered_from_ms, event.covered_to_ms) == (5_000, 10_000 - COVERAGE_MARGIN_MS)
    assert event.at_ms == 10_100


def test_a_read_that_fails_is_no_information_and_may_be_asked_again():
    async def play(stage):
        stage.gateway.fault = "snapshot"
        stage.act(FetchSnapshot())
        await stage.outbox.drain()
        assert stage.events == []
        stage.gateway.fault = None
        stage.act(FetchSnapshot())
        await stage.outbox.drain()

    stage = played(play)
    assert [type(e) for e in stage.events] == [SnapshotReceived]
    assert stage.desk.alerts == []


def test_a_failure_that_nobody_thought_of_is_told_and_does_not_block_the_next_read():
    async def play(stage):
        stage.gateway.fault = "snapshot!"
        stage.act(FetchSnapshot())
        await stage.outbox.drain()
        stage.gateway.fault = None
        stage.act(FetchSnapshot())
        await stage.outbox.drain()

    stage = played(play)
    assert [a.code for a in stage.desk.alerts] == ["intent.failed"]
    assert len(stage.events) == 1


def test_leaving_waits_for_orders_but_not_for_a_computation():
    async def play(stage):
        pipeline = RunPipeline(
            session=SessionDay("2025-07-21"),
            phase=Phase.PROJECTED,
            universe=(),
            held_qty={},
            equity_usd=Decimal(1),
            prices={},
            give_up_ms=0,
        )
        stage.act(pipeline, SubmitOrders(orders=(ORDER,)))
        await stage.outbox.drain()
        assert stage.gateway.asked == ["sign", "send"]
        assert stage.clock.now_ms() == 10_100
        await stage.outbox.close()
        assert stage.outbox._tasks == set()

    assert played(play).desk.alerts == []


@pytest.mark.parametrize(
    ("fault", "taken"), [(None, True), (Rejected("too little volume"), False), (Unknown("time-out"), None)]
)
def test_a_scheduled_cancel_waits_for_its_record_and_its_answer_is_an_event(fault, taken):
    async def play(stage):
        stage.gateway.fault = fault
        durable = asyncio.get_running_loop().create_future()
        stage.act(ScheduleCancel(cancel_ms=40_000), durable=durable)
        await stage.clock.sleep(1)
        assert stage.gateway.asked == []
        durable.set_result(None)
        await stage.outbox.drain()

    stage = played(play)
    assert stage.gateway.asked == ["cancel at 40000"]
    [event] = stage.events
    assert isinstance(event, CancelScheduled)
    assert (event.scheduled_ms, event.taken, event.reason) == (40_000, taken, str(fault or ""))


class Venue(Gateway):
    """Its answers to cancel_open are written down beforehand; the last one is repeated."""

    def __init__(self, clock, *said):
        super().__init__(clock)
        self.said = list(said)

    async def cancel_open(self):
        self.asked.append("cancel open")
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, VenueError):
            raise said
        return said


GONE = Answer(cloid=ORDER.cloid, outcome=Outcome.CANCELLED)
UNSURE = Answer(cloid=ORDER.cloid, outcome=Outcome.UNKNOWN, reason="timeout")


def cancelled(*said):
    async def play(stage):
        stage.gateway = stage.outbox._gateway = Venue(stage.clock, *said)
        stage.act(CancelEverything())
        await stage.outbox.drain()

    return played(play)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (((),), 1),
        (((GONE,),), 1),
        ((Unknown("502"), (GONE,)), 2),
        (((GONE, UNSURE), ()), 2),
        ((Unknown("502"), (UNSURE,), (UNSURE,), ()), 4),
    ],
)
def test_everything_is_cancelled_until_the_venue_shows_nothing_more(said, asked):
    stage = cancelled(*said)
    assert stage.gateway.asked == ["cancel open"] * asked
    assert stage.desk.alerts == []
    assert all(a.outcome is Outcome.UNKNOWN for e in stage.events for a in e.answers)


@pytest.mark.parametrize("said", [Unknown("502"), (UNSURE,)])
def test_what_could_not_be_cancelled_is_told_in_time_for_a_stop(said):
    stage = cancelled(said)
    assert [a.code for a in stage.desk.alerts] == ["cancel.failed"]
    assert len(stage.gateway.asked) == CANCEL_TRIES
    assert stage.clock.now_ms() - 10_000 <= 1000 * DRAIN_S / 2
