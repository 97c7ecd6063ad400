"""One publishing instance as a process: a real election and publisher, a scripted source, datagrams to a collector.

Its clock is the machine's monotonic one plus the seconds that stand in a file, so that a test can make it jump.
"""

import asyncio
import json
import signal
import socket
import sys
import time
from pathlib import Path

from daemon.index_prices.publisher import Election, Publisher
from tests.daemon.index_prices.values import value

PUBLISH_S = 0.03
HANGS_S = 2.5
"""SIGUSR1 makes the event loop hang for so long, and no other thread."""


class Datagrams:
    """A sink that a partition of the network does not touch."""

    def __init__(self, holder, collector):
        self._holder = holder
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.connect(collector)

    def publish(self, values):
        for one in values:
            said = [self._holder, one.token, one.sequence, one.at_ms / 1000]
            self._socket.send(json.dumps(said).encode())


def value_now(token):
    return [value(at_ms=int(1000 * time.monotonic()), token=token)]


def election_of(kind, place, holder, *, lease_s, elapsed_s) -> Election:
    if kind == "local":
        from daemon.index_prices.local_election import LocalElection

        return LocalElection(Path(place), "index", holder=holder, lease_s=lease_s, elapsed_s=elapsed_s)
    from adapters.zookeeper_election import ZooKeeperElection

    return ZooKeeperElection(place, "/nightdesk/index", holder=holder, session_s=lease_s, elapsed_s=elapsed_s)


async def publish(election, sink):
    running = asyncio.ensure_future(Publisher(election, value_now, sink, publish_s=PUBLISH_S).run())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, running.cancel)
    loop.add_signal_handler(signal.SIGUSR1, time.sleep, HANGS_S)
    await asyncio.wait([running])
    if not running.cancelled():
        running.result()


def main(kind, place, holder, lease_s, directory):
    offset = Path(directory) / f"{holder}.offset"

    def elapsed_s():
        return time.monotonic() + float(offset.read_text())

    election = election_of(kind, place, holder, lease_s=float(lease_s), elapsed_s=elapsed_s)
    asyncio.run(publish(election, Datagrams(holder, str(Path(directory) / "collector"))))


if __name__ == "__main__":
    main(*sys.argv[1:])
