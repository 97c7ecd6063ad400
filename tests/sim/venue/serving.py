"""A venue that listens in a thread of its own, for clients that block."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sim.venue.clock import VenueClock, wall_ms
from sim.venue.edge import Edge
from sim.venue.fault_file import parse_plan
from sim.venue.fault_plan import FaultPlan
from sim.venue.limits import UNLIMITED, Limits
from sim.venue.server import Server, serve
from sim.venue.venue import Venue
from tests.sim.venue.desk import MASTER, OTHER
from tests.sim.venue.small_market import D, SmallMarket


@contextmanager
def serving(plan: str = "", *, limits: Limits = UNLIMITED, speed: float = 1.0) -> Iterator[Server]:
    """Serve the small market to the accounts of MASTER and OTHER, behind these limits and this plan."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Server:
        clock = VenueClock(wall_ms(), speed=speed)
        accounts = {MASTER.address: D(1_000_000), OTHER.address: D(1_000_000)}
        venue = Venue(SmallMarket(), accounts=accounts, agents={}, start_ms=clock.now_ms(), seed=1)
        faults = FaultPlan(parse_plan(plan, place="plan"), seed=1, start_ms=clock.now_ms())
        return await serve(Edge(venue, limits=limits, plan=faults), port=0, clock=clock)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(5)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def eventually(look: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Return what look gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found
