"""A lost batch is proved dead by a noop with its nonce, or asked about until it is."""

import asyncio
import json

import pytest

from adapters.hyperliquid.sent import KEPT_MS
from adapters.hyperliquid.signing import Signer
from adapters.ports import Unknown
from core.types import Outcome
from tests.adapters.hyperliquid.desk import (
    KEY,
    TAKEN,
    always,
    gateway,
    name,
    nobody,
    order,
    orders_ok,
    recovered,
)
from tests.adapters.scripted import HastyClock, ScriptedHttp, reply, run, settle

DUPLICATE = reply({"status": "err", "response": "Invalid nonce: duplicate nonce 1"})


def lost_and_burnt(*answers, orders=None, named=None):
    """Send a batch and burn it; answers are those of /exchange in turn. Return the answers and the envelopes."""
    waiting = list(answers)
    http = ScriptedHttp(lambda path, question: waiting.pop(0))
    orders = orders or [order(1), order(2)]

    async def scenario():
        desk = gateway(http)
        first = await desk.send(desk.sign(orders))
        return first, await desk.burn(named or [orders[0].cloid])

    first, burnt = run(scenario())
    return first, burnt, [question for _, question in http.asked]


def test_a_lost_batch_is_burnt_by_one_noop_with_its_nonce_and_all_its_orders_are_answered():
    first, burnt, (batch, noop) = lost_and_burnt(Unknown("time-out"), TAKEN)
    assert {a.outcome for a in first} == {Outcome.UNKNOWN}
    assert [(a.cloid, a.outcome) for a in burnt] == [(name(1), Outcome.BURNED), (name(2), Outcome.BURNED)]
    assert noop["action"] == {"type": "noop"}
    assert noop["nonce"] == batch["nonce"]
    assert noop["expiresAfter"] is None, "an expired noop would leave the nonce free"
    assert recovered(json.dumps(noop).encode()) == Signer.from_key(KEY).address


def test_orders_of_one_action_are_burnt_once_and_those_of_two_twice():
    waiting = [Unknown("reset"), Unknown("reset"), TAKEN, DUPLICATE]
    http = ScriptedHttp(lambda path, question: waiting.pop(0))

    async def scenario():
        desk = gateway(http)
        await desk.send(desk.sign([order(1), order(2)]))
        await desk.send(desk.sign([order(3)]))
        return await desk.burn([name(3), name(1), name(2)])

    answers = {a.cloid: a.outcome for a in run(scenario())}
    assert len(http.asked) == 4
    assert answers == {name(3): Outcome.BURNED, name(1): Outcome.SPENT, name(2): Outcome.SPENT}


@pytest.mark.parametrize(
    "answer", [Unknown("reset"), reply(b"<html>", 502), reply(None, 429), reply(b"?", 422)]
)
def test_a_noop_that_nobody_answered_proves_nothing_and_is_sent_again_when_asked(answer):
    waiting = [Unknown("reset"), answer, TAKEN]
    http = ScriptedHttp(lambda path, question: waiting.pop(0))

    async def scenario():
        desk = gateway(http)
        await desk.send(desk.sign([order(1)]))
        return [(await desk.burn([name(1)]))[0].outcome for _ in range(2)]

    assert run(scenario()) == [Outcome.UNKNOWN, Outcome.BURNED]
    assert len({question["nonce"] for _, question in http.asked}) == 1


def test_an_order_nobody_remembers_is_not_burnt():
    """After a restart its nonce is not known, and its expiry is the proof."""
    [answer] = run(gateway(ScriptedHttp(nobody)).burn([name(1)]))
    assert answer.outcome is Outcome.UNKNOWN
    assert "not known" in answer.reason


@pytest.mark.parametrize(
    "proved",
    [
        {"resting": {"oid": 7}},
        {"filled": {"totalSz": "0.5", "avgPx": "2345.6", "oid": 8}},
        {"error": "Insufficient margin to place order. asset=1"},
    ],
)
def test_an_order_whose_outcome_is_proved_is_forgotten(proved):
    _, burnt, asked = lost_and_burnt(orders_ok(proved), orders=[order(1)])
    assert burnt[0].outcome is Outcome.UNKNOWN
    assert len(asked) == 1


def test_an_order_that_the_venue_was_found_to_know_is_forgotten():
    def answer(path, question):
        if path == "/exchange":
            return Unknown("reset")
        row = {"oid": 7, "sz": "0.0", "origSz": "0.5", "cloid": name(1), "coin": "ETH"}
        return reply({"status": "order", "order": {"order": row, "status": "filled"}})

    http = ScriptedHttp(answer)

    async def scenario():
        desk = gateway(http)
        await desk.send(desk.sign([order(1)]))
        await desk.order_status(name(1))
        return await desk.burn([name(1)])

    assert run(scenario())[0].outcome is Outcome.UNKNOWN
    assert len([path for path, _ in http.asked if path == "/exchange"]) == 1


def test_memory_of_what_was_lost_is_bounded_by_expiry():
    async def scenario():
        clock = HastyClock()
        desk = gateway(always(Unknown("reset")), clock)
        kept = []
        for n in range(100):
            pair = [order(2 * n + k, expires_ms=clock.now_ms() + 10_000) for k in range(2)]
            await desk.send(desk.sign(pair))
            kept.append(len(desk._sent))
            clock.ms += 5_000
        return kept

    kept = run(scenario())
    assert kept[0] == 2
    assert max(kept) == 2 * ((KEPT_MS + 10_000) // 5_000 + 1)


def test_a_batch_still_on_its_way_can_be_burnt():
    """Three seconds of silence are enough to ask, and the answer may be slower than that."""
    first = []

    async def scenario():
        gate = asyncio.Event()

        class Slow(ScriptedHttp):
            async def post(self, path, body, *, timeout_s):
                if json.loads(body)["action"]["type"] == "order":
                    await gate.wait()
                    return DUPLICATE
                return TAKEN

        desk = gateway(Slow(nobody))
        sending = asyncio.create_task(desk.send(desk.sign([order(1)])))
        await settle()
        burnt = await desk.burn([name(1)])
        gate.set()
        first.extend(await sending)
        return burnt

    assert run(scenario())[0].outcome is Outcome.BURNED
    assert first[0].outcome is Outcome.UNKNOWN, "its own late refusal is no proof, the noop is"
