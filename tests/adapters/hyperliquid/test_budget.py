import asyncio

import pytest

from adapters.hyperliquid.budget import (
    RESERVED,
    SLICES_WEIGHT,
    URGENT_WEIGHT,
    Budget,
    Priority,
    action_weight,
    info_weight,
    rows_weight,
)
from adapters.ports import HttpReply
from core.types import Outcome, Purpose
from tests.adapters.hyperliquid.desk import gateway, info, order
from tests.adapters.scripted import NOON_MS, HastyClock, ScriptedClock, ScriptedHttp, reply, run, settle


def test_weights_are_those_of_the_venue():
    assert [info_weight(k) for k in ("clearinghouseState", "meta", "userRole")] == [2, 20, 60]
    assert [action_weight(n) for n in (1, 39, 40, 79, 80)] == [1, 1, 2, 2, 3]
    assert rows_weight("candleSnapshot", 5000) == 83
    assert rows_weight("userFillsByTime", 2000) == 100
    assert rows_weight("meta", 2000) == 0


def test_reads_in_a_row_never_pass_the_capacity_of_any_minute():
    async def scenario():
        clock = HastyClock()
        budget = Budget(clock, capacity_per_min=1200)
        spent = []
        for _ in range(400):
            await budget.wait(20, Priority.ACCOUNT)
            spent.append(clock.ms)
        for start, from_ms in enumerate(spent):
            weights = [20 * (n + 1) for n in range(len(spent) - start)]
            passed_min = [(to_ms - from_ms) / 60_000 for to_ms in spent[start:]]
            assert all(w <= 1200 + 1200 * m + 1e-6 for w, m in zip(weights, passed_min, strict=True))

    run(scenario())


def test_an_order_never_waits_and_a_read_pays_for_it():
    async def scenario():
        clock = ScriptedClock()
        budget = Budget(clock, capacity_per_min=600)
        budget.spend(700)
        assert budget.left == -100
        read = asyncio.create_task(budget.wait(20, Priority.ACCOUNT))
        due_s = (100 + URGENT_WEIGHT + SLICES_WEIGHT + 20) / (600 / 60)
        await clock.advance(due_s - 0.1)
        assert not read.done()
        await clock.advance(0.2)
        assert read.done()

    run(scenario())


def test_an_idle_hour_saves_nothing_up_beyond_the_capacity():
    clock = ScriptedClock()
    budget = Budget(clock, capacity_per_min=600)
    budget.spend(600)
    clock.ms += 3_600_000
    assert budget.left == 600


def test_history_leaves_room_for_the_account():
    async def scenario():
        clock = ScriptedClock()
        budget = Budget(clock, capacity_per_min=600)
        history = [asyncio.create_task(budget.wait(20, Priority.HISTORY)) for _ in range(50)]
        await settle()
        assert sum(t.done() for t in history) == 15
        await asyncio.wait_for(budget.wait(150, Priority.ACCOUNT), 1)
        for task in history:
            task.cancel()

    run(scenario())


def test_a_read_heavier_than_the_whole_budget_still_comes_through():
    async def scenario():
        budget = Budget(HastyClock(), capacity_per_min=50)
        await budget.wait(60, Priority.HISTORY)
        return budget.left

    assert run(scenario()) < 0


# --- who comes first -----------------------------------------------------------------------------------


def test_reads_however_many_leave_weight_for_slices_and_slices_for_hedges_and_a_full_cancel():
    async def taken(budget, priority, weight):
        tasks = [asyncio.create_task(budget.wait(weight, priority)) for _ in range(2_000)]
        await settle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return budget.left

    async def scenario():
        budget = Budget(ScriptedClock(), capacity_per_min=1000)
        left = [
            await taken(budget, p, w)
            for p, w in ((Priority.HISTORY, 20), (Priority.ACCOUNT, 2), (Priority.SLICE, 1))
        ]
        for _ in range(1_000):
            await budget.wait(1, Priority.URGENT)
        return [*left, budget.left]

    history, account, slices, urgent = run(scenario())
    assert history == 500
    assert URGENT_WEIGHT + SLICES_WEIGHT <= account < URGENT_WEIGHT + SLICES_WEIGHT + 2
    assert slices == URGENT_WEIGHT
    assert urgent == URGENT_WEIGHT - 1_000, "into debt, and never waited"


def test_what_is_reserved_for_a_full_cancel_pays_for_one():
    """The list of open orders, the names, and five actions of two hundred: 70, and thirty hedges."""
    assert URGENT_WEIGHT == 30 * 1 + 20 + 20 + 5 * (1 + 200 // 40)


@pytest.mark.parametrize("capacity", [60, 200, 1000, 1200, 1_000_000])
def test_a_reservation_never_takes_all_of_a_small_budget(capacity):
    budget = Budget(ScriptedClock(), capacity_per_min=capacity)
    floors = [budget.floor(p) for p in RESERVED]
    assert floors == sorted(floors)
    assert max(floors) <= capacity / 2


def test_a_slice_waits_for_its_weight_and_is_not_sent_when_it_would_expire_first():
    async def scenario(debt):
        clock = HastyClock()
        http = ScriptedHttp(
            lambda p, q: reply(
                {
                    "status": "ok",
                    "response": {"type": "order", "data": {"statuses": [{"resting": {"oid": 5}}]}},
                }
            )
        )
        desk = gateway(http, clock)
        desk._exchange.budget.spend(1200 - URGENT_WEIGHT + debt)
        signed = desk.sign([order(purpose=Purpose.CORRECTION)])
        [answer] = await desk.send(signed)
        return answer, clock.ms - NOON_MS, len(http.asked)

    waited, took_ms, sent = run(scenario(debt=100))
    assert (waited.outcome, sent) == (Outcome.RESTING, 1)
    assert took_ms == pytest.approx(1000 * 101 / 20)
    late, took_ms, sent = run(scenario(debt=200))
    assert (late.outcome, took_ms, sent) == (Outcome.REJECTED, 0, 0)
    assert "no request weight" in late.reason


@pytest.mark.parametrize("purpose", [Purpose.HEDGE, Purpose.FLATTEN])
def test_hedges_and_flattening_never_wait(purpose):
    async def scenario():
        clock = ScriptedClock()
        http = ScriptedHttp(lambda p, q: reply(None, 502))
        desk = gateway(http, clock)
        desk._exchange.budget.spend(5_000)
        await desk.send(desk.sign([order(purpose=purpose)]))
        return len(http.asked), clock.slept

    assert run(scenario()) == (1, [])


def test_cancelling_everything_never_waits_though_it_must_read_first():
    async def scenario():
        clock = ScriptedClock()
        row = {"coin": "ETH", "side": "A", "limitPx": "1.0", "sz": "0.5", "oid": 7, "timestamp": 1}

        def answer(path, question):
            return reply([row] if path == "/info" else {"status": "ok", "response": {"type": "cancel"}})

        http = ScriptedHttp(answer)
        desk = gateway(http, clock)
        desk._exchange.budget.spend(5_000)
        await desk.cancel_open()
        await desk.cancel([(1, order().cloid)])
        return [path for path, _ in http.asked], clock.slept

    assert run(scenario()) == (["/info", "/exchange", "/exchange"], [])


def test_a_429_empties_the_budget_and_reads_wait_until_it_refills():
    async def scenario():
        clock = HastyClock()
        answers = [HttpReply(429, "application/json", b"null"), reply({"ok": 1})]
        desk = info(ScriptedHttp(lambda p, q: answers.pop(0)), clock)
        assert desk.budget.left == 1200
        await desk.ask("allMids", lambda body: body, priority=Priority.ACCOUNT)
        return clock.ms - NOON_MS

    assert run(scenario()) == pytest.approx(1000 * (URGENT_WEIGHT + SLICES_WEIGHT + 2) / 20, abs=2)


def test_a_429_to_an_order_empties_the_budget_too_and_leaves_debt_as_it_is():
    async def scenario(spent):
        clock = HastyClock()
        desk = gateway(ScriptedHttp(lambda p, q: reply(None, 429)), clock)
        desk._exchange.budget.spend(spent)
        await desk.send(desk.sign([order()]))
        return desk._exchange.budget.left

    assert run(scenario(0)) == 0
    assert run(scenario(1_500)) == -301


@pytest.mark.parametrize("capacity", [0, -1, float("nan")])
def test_a_capacity_that_gives_nothing_is_refused(capacity):
    with pytest.raises(ValueError, match="above 0"):
        Budget(ScriptedClock(), capacity_per_min=capacity)
