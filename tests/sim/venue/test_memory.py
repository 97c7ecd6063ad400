"""The venue in memory, on the virtual loop: latency, order, the pump, broken connections."""

import asyncio
import json

import pytest
from hyperliquid.utils.signing import sign_l1_action

from adapters.ports import Unknown
from sim.loop import run
from sim.venue.blocks import block_end_ms
from sim.venue.edge import Edge
from sim.venue.fault_file import load_plan, parse_plan
from sim.venue.fault_plan import FaultPlan
from sim.venue.limits import Limits
from sim.venue.memory import InMemoryVenue
from sim.venue.venue import Venue
from tests.sim.venue.desk import AGENT, ALICE, MASTER, order_action
from tests.sim.venue.small_market import HOUR_MS, START_MS, D, SmallMarket


class LoopClock:
    def now_ms(self):
        return START_MS + 1_000 + int(asyncio.get_running_loop().time() * 1000)

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


class Night:
    def __init__(self, seed=1, **options):
        self.market, self.clock = SmallMarket(), LoopClock()
        self.venue = Venue(
            self.market,
            accounts={MASTER.address: D(1_000_000)},
            agents={AGENT.address: MASTER.address},
            start_ms=START_MS + 1_000,
            seed=seed,
        )
        self.peer = InMemoryVenue(self.venue, self.clock, seed=seed, **options)

    async def info(self, timeout_s=5.0, **request):
        reply = await self.peer.post("/info", json.dumps(request).encode(), timeout_s=timeout_s)
        return json.loads(reply.body)

    async def order(self, *asked, timeout_s=5.0):
        action, nonce = order_action(self.market, (*asked, False, None)), self.clock.now_ms()
        envelope = {
            "action": action,
            "nonce": nonce,
            "signature": sign_l1_action(AGENT, action, None, nonce, None, False),
        }
        reply = await self.peer.post("/exchange", json.dumps(envelope).encode(), timeout_s=timeout_s)
        return json.loads(reply.body)["response"]["data"]["statuses"][0]

    async def subscribed(self, **subscription):
        socket = await self.peer.connect()
        await socket.send(json.dumps({"method": "subscribe", "subscription": subscription}))
        return socket


async def read(socket):
    return json.loads(await socket.receive())


async def read_to_the_end(socket):
    while True:
        await socket.receive()


def test_a_request_takes_its_way_there_and_back():
    async def main():
        night = Night(latency_ms=(40, 40))
        before = night.clock.now_ms()
        status = await night.info(type="exchangeStatus")
        return status["time"] - before, night.clock.now_ms() - before

    assert run(main()) == (40, 80)


def test_a_reply_that_comes_too_late_is_unknown_and_the_order_is_there():
    async def main():
        night = Night(latency_ms=(40, 40))
        with pytest.raises(Unknown, match=r"within 0\.05 s"):
            await night.order("ETH", 1, 4100, "Ioc", timeout_s=0.05)
        assert night.venue.positions(ALICE) == {"ETH": D(1)}
        with pytest.raises(Unknown):
            await night.order("ETH", 1, 4100, "Ioc", timeout_s=0.03)
        assert night.venue.positions(ALICE) == {"ETH": D(1)}

    run(main())


def test_an_action_is_answered_when_its_block_has_ended():
    async def main():
        night = Night(latency_ms=(40, 40))
        before = night.clock.now_ms()
        await night.order("ETH", 1, 4100, "Ioc")
        [fill] = night.venue.fills(ALICE)
        return before, fill.at_ms, night.clock.now_ms()

    sent, executed, answered = run(main())
    assert executed == block_end_ms(sent + 40)
    assert answered == executed + 40


def test_a_block_that_ends_after_the_timeout_is_unknown_at_the_timeout():
    async def main():
        night = Night(latency_ms=(1, 1))
        await night.clock.sleep((block_end_ms(night.clock.now_ms()) + 1 - night.clock.now_ms()) / 1000)
        before = night.clock.now_ms()
        with pytest.raises(Unknown):
            await night.order("ETH", 1, 4100, "Ioc", timeout_s=0.05)
        assert night.clock.now_ms() - before == 50
        assert night.venue.positions(ALICE) == {}
        await night.clock.sleep(0.03)
        assert night.venue.positions(ALICE) == {"ETH": D(1)}

    run(main())


def test_a_venue_that_breaks_leaves_nobody_waiting_for_a_reply(monkeypatch):
    async def main():
        night = Night()
        advance = night.venue.advance

        def broken(now_ms):
            if not night.venue._blocks.empty:
                raise ZeroDivisionError
            advance(now_ms)

        monkeypatch.setattr(night.venue, "advance", broken)
        with pytest.raises(ZeroDivisionError):
            await night.order("ETH", 1, 4100, "Ioc")

    run(main())


def test_frames_come_in_order_whatever_their_latency():
    async def main():
        night = Night(latency_ms=(10, 5_000))
        socket = await night.subscribed(type="bbo", coin="ETH")
        assert (await read(socket))["channel"] == "subscriptionResponse"
        for tick in range(40):
            night.market.mids["ETH"] = D(4000) + tick
            await night.clock.sleep(1)
        return [(await read(socket))["data"]["time"] for _ in range(35)]

    times = run(main())
    assert times == sorted(times)


def test_the_market_moves_while_nobody_asks():
    async def main():
        night = Night()
        socket = await night.subscribed(type="bbo", coin="ETH")
        for _ in range(2):
            await read(socket)
        night.market.mids["ETH"] = D(4_500)
        frame = await read(socket)
        lag_ms = night.clock.now_ms() - frame["data"]["time"]
        return frame["data"]["bbo"][0]["px"], lag_ms

    px, lag_ms = run(main())
    assert px == "4499.9"
    assert 30 <= lag_ms <= 60 + 70


def test_funding_is_paid_though_the_pump_slept_for_an_hour():
    async def main():
        night = Night()
        await night.order("ETH", 5, 4100, "Ioc")
        await night.clock.sleep(HOUR_MS / 1000)
        return await night.info(type="userFunding", user=ALICE, startTime=0)

    assert len(run(main())) == 1


def test_a_fill_reaches_the_socket():
    async def main():
        night = Night()
        socket = await night.subscribed(type="userFills", user=ALICE)
        for _ in range(2):
            await read(socket)
        await night.order("ETH", 1, 4100, "Ioc")
        return await read(socket)

    assert run(main())["data"]["fills"][0]["sz"] == "1.0"


def test_dropped_sockets_raise_and_a_new_one_may_be_opened():
    async def main():
        night = Night()
        socket = await night.subscribed(type="userFills", user=ALICE)
        await read(socket)
        night.peer.drop_sockets()
        with pytest.raises(ConnectionError, match="1006"):
            await read_to_the_end(socket)
        assert night.peer.sockets == {}
        again = await night.subscribed(type="userFills", user=ALICE)
        return (await read(again))["channel"]

    assert run(main()) == "subscriptionResponse"


def test_an_unknown_coin_closes_the_socket_and_so_does_a_minute_of_silence():
    async def main():
        night = Night()
        socket = await night.subscribed(type="bbo", coin="NOPE")
        with pytest.raises(ConnectionError, match="1006"):
            await socket.receive()
        socket, before = await night.peer.connect(), night.clock.now_ms()
        with pytest.raises(ConnectionError, match="1006"):
            await socket.receive()
        return night.clock.now_ms() - before

    assert 60_000 <= run(main()) <= 60_200


def test_the_client_may_leave():
    async def main():
        night = Night()
        socket = await night.subscribed(type="bbo", coin="ETH")
        await read(socket)
        await socket.close()
        night.market.mids["ETH"] = D(4_500)
        await night.clock.sleep(5)
        assert night.peer.sockets == {}
        await night.peer.close()

    run(main())


def test_the_same_seed_gives_the_same_night_and_another_seed_another():
    def night_of(seed):
        async def main():
            night = Night(seed)
            socket = await night.subscribed(type="trades", coin="ETH")
            await night.order("ETH", 1, 4100, "Ioc")
            await night.order("ETH", -1, 3900, "Ioc")
            frames = [await read(socket) for _ in range(8)]
            return json.dumps(frames), night.clock.now_ms()

        return run(main())

    assert night_of(3) == night_of(3)
    assert night_of(3) != night_of(4)


# --- limits and faults, the same as over sockets -------------------------------------------------------------


def planned(night, text):
    return FaultPlan(parse_plan(text, place="plan"), seed=1, start_ms=night.clock.now_ms())


def struck(text, **options):
    """Return a night whose venue has this one fault."""
    night = Night(latency_ms=(40, 40))
    plan = planned(night, f"[[fault]]\n{text}")
    night.peer = InMemoryVenue(
        Edge(night.venue, plan=plan, **options), night.clock, seed=1, latency_ms=(40, 40)
    )
    return night


@pytest.mark.parametrize(("kind", "held"), [("drop_before_effect", {}), ("drop_after_effect", {"ETH": D(1)})])
def test_a_reset_is_unknown_whether_the_venue_acted_or_not(kind, held):
    async def main():
        night = struck(f"kind = '{kind}'\npath = '/exchange'")
        with pytest.raises(Unknown, match="connection reset"):
            await night.order("ETH", 1, 4100, "Ioc")
        return night.venue.positions(ALICE)

    assert run(main()) == held


def test_an_order_held_up_longer_than_its_sender_waits_arrives_all_the_same():
    async def main():
        night = struck("kind = 'delay'\npath = '/exchange'\ndelay_ms = 8000")
        with pytest.raises(Unknown, match="within 5"):
            await night.order("ETH", 1, 4100, "Ioc")
        before = night.venue.positions(ALICE)
        await night.clock.sleep(4)
        return before, night.venue.positions(ALICE)

    assert run(main()) == ({}, {"ETH": D(1)})


def test_a_hang_is_given_up_after_the_time_that_was_given():
    async def main():
        night = struck("kind = 'hang'\nseconds = 60")
        before = night.clock.now_ms()
        with pytest.raises(Unknown, match=r"within 5\.0 s"):
            await night.info(type="meta")
        return night.clock.now_ms() - before

    assert run(main()) == 5_000


def test_a_refused_upgrade_is_a_connection_error():
    async def main():
        night = struck("kind = 'status'\nstatus = 503\npath = 'ws'")
        with pytest.raises(ConnectionError, match="HTTP 503"):
            await night.peer.connect()
        night = struck("kind = 'html'\nprobability = 0", limits=Limits())
        for _ in range(10):
            await night.peer.connect()
        with pytest.raises(ConnectionError, match="HTTP 429"):
            await night.peer.connect()
        night.peer.drop_sockets()
        await night.peer.connect()

    run(main())


def test_only_the_first_request_of_a_connection_waits_for_the_connection():
    async def main():
        night = struck("kind = 'slow_connect'\npath = '/info'\ndelay_ms = 300")
        took = []
        for _ in range(2):
            before = night.clock.now_ms()
            await night.info(type="exchangeStatus")
            took.append(night.clock.now_ms() - before)
        return took

    assert run(main()) == pytest.approx([380, 80], abs=1)


def test_a_plan_strikes_a_night_in_the_same_way_each_time():
    def night_of(seed):
        async def main():
            night = Night(seed)
            plan = FaultPlan(load_plan("default"), seed=seed, start_ms=night.clock.now_ms())
            night.peer = InMemoryVenue(Edge(night.venue, plan=plan), night.clock, seed=seed)
            told = []
            for _ in range(200):
                try:
                    told.append(await night.order("ETH", 1, 4100, "Ioc"))
                except (Unknown, ValueError, TypeError) as error:
                    told.append(str(error))
                await night.clock.sleep(5)
            return told, plan.document(), night.venue.positions(ALICE)

        return run(main())

    first = night_of(1)
    assert first == night_of(1)
    assert sum(row["struck"] for row in first[1]) > 10
