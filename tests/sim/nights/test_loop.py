import asyncio
from contextvars import copy_context
from random import Random

import pytest

from sim.nights.life import LIFE, Life
from sim.nights.loop import RESOLUTION_S, WorldLoop


@pytest.mark.parametrize("early_s", [0.0, 4e-16, RESOLUTION_S / 2])
def test_a_stall_ends_though_something_else_comes_due_a_moment_before_its_end(early_s):
    loop, life, ran_s = WorldLoop(Random(0)), Life(number=1), []
    context = copy_context()
    context.run(LIFE.set, life)
    loop.call_at(0.5, lambda: ran_s.append(loop.time()), context=context)
    loop.call_at(1.0, lambda: ran_s.append(loop.time()), context=context)
    loop.call_at(1.0 - early_s, int)
    loop.stall(life, 1.0)
    loop.run_until_complete(asyncio.sleep(2.0))
    loop.close()
    assert ran_s == pytest.approx([1.0, 1.0])
