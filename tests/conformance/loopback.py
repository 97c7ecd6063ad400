"""A venue on a socket of this machine, for clients nobody here wrote; it runs in a thread, since they block."""

import asyncio
import threading
import time
from contextlib import contextmanager

from sim.venue.clock import VenueClock, wall_ms
from sim.venue.server import serve
from sim.venue.venue import Venue
from tests.sim.venue.desk import MASTER, OTHER
from tests.sim.venue.small_market import D, SmallMarket

ACCOUNTS = {MASTER.address: D(1_000_000), OTHER.address: D(1_000_000)}


@contextmanager
def venue_on_loopback(**options):
    """Serve a small market on the wall clock; the server's url, ws and venue are at hand."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    clock = VenueClock(wall_ms())
    venue = Venue(SmallMarket(), accounts=ACCOUNTS, agents={}, start_ms=clock.now_ms(), seed=1, **options)

    async def start():
        return await serve(venue, port=0, clock=clock)

    running = asyncio.run_coroutine_threadsafe(start(), loop).result(5)
    try:
        yield running
    finally:
        asyncio.run_coroutine_threadsafe(running.close(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)


def eventually(look, seconds=5.0):
    """Return what look gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return found
