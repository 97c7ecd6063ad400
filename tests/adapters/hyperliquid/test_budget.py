import asyncio

import pytest

from adapters.hyperliquid.budget import Budget, Priority, action_weight, info_weight, rows_weight
from tests.adapters.scripted import HastyClock, ScriptedClock, run, settle


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
        await clock.advance(17.9)
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
        await asyncio.wait_for(budget.wait(200, Priority.ACCOUNT), 1)
        for task in history:
            task.cancel()

    run(scenario())


def test_a_read_heavier_than_the_whole_budget_still_comes_through():
    async def scenario():
        budget = Budget(HastyClock(), capacity_per_min=50)
        await budget.wait(60, Priority.HISTORY)
        return budget.left

    assert run(scenario()) < 0


@pytest.mark.parametrize("capacity", [0, -1, float("nan")])
def test_a_capacity_that_gives_nothing_is_refused(capacity):
    with pytest.raises(ValueError, match="above 0"):
        Budget(ScriptedClock(), capacity_per_min=capacity)
