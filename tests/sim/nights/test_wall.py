import _thread
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest

from sim.nights.loop import Unreachable
from sim.nights.wall import FORBIDDEN, out_of_reach

REACHES = {
    "time": lambda: time.time(),
    "monotonic": lambda: time.monotonic(),
    "perf_counter": lambda: time.perf_counter(),
    "clock_gettime": lambda: time.clock_gettime(time.CLOCK_REALTIME),
    "sleep": lambda: time.sleep(0),
    "datetime.now": lambda: datetime.now(UTC),
    "datetime.today": lambda: datetime.today(),
    "thread": lambda: threading.Thread(target=print).start(),
    "_thread": lambda: _thread.start_new_thread(print, ()),
    "pool": lambda: ThreadPoolExecutor(1).submit(print),
    "socket": lambda: socket.socket(),
    "connection": lambda: socket.create_connection(("127.0.0.1", 9)),
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "process": lambda: subprocess.run([sys.executable, "-V"], check=True),
    "fork": lambda: os.fork(),
    "urandom": lambda: os.urandom(1),
    "uuid": lambda: uuid.uuid4(),
    "secrets": lambda: secrets.token_hex(),
    "random": lambda: random.random(),
    "randint": lambda: random.randint(1, 2),
    "signal": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
}


@pytest.mark.parametrize("name", REACHES)
def test_what_a_world_does_not_have_fails_at_once_and_again_at_its_end(name):
    def world():
        with out_of_reach(), pytest.raises(Unreachable):
            REACHES[name]()

    with pytest.raises(Unreachable, match="was called in a world, by "):
        world()


def test_nothing_is_out_of_reach_any_more_afterwards():
    before = [getattr(holder, name) for holder, name in FORBIDDEN]
    with out_of_reach():
        within = [getattr(holder, name) for holder, name in FORBIDDEN]
    after = [getattr(holder, name) for holder, name in FORBIDDEN]
    assert not [was for was, now in zip(before, within, strict=True) if was is now]
    assert all(was is now for was, now in zip(before, after, strict=True))


def test_dates_that_are_given_are_still_dates():
    with out_of_reach():
        given = datetime(2025, 1, 1, tzinfo=UTC)
        assert isinstance(given, datetime)
        assert isinstance(datetime.fromtimestamp(0, UTC), date)
        assert given.isoformat() == "2025-01-01T00:00:00+00:00"


def test_everything_forbidden_exists():
    assert all(hasattr(holder, name) for holder, name in FORBIDDEN)
