"""Three publishing instances as real processes, and a collector that sees everything that any of them says."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from core.prices.fence import LINE, Fence

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("publishing_instance.py")
HOLDERS = ("a", "b", "c")
LEASE_S = 1.0
FOLLOWS_S = 2.0
"""A new leader publishes this much after the lease's end at the latest."""


SETTLED = 5
PATIENCE_S = 60.0
"""How long a loaded machine may take to start instances."""


@dataclass(frozen=True)
class Said:
    """One value as it arrived. at_s: the machine's monotonic clock when it was made, by whichever instance."""

    holder: str
    token: int
    sequence: int
    at_s: float
    taken: bool


class Lateness(threading.Thread):
    """How late the machine wakes who sleeps: the worst since it was last asked for. A following takes WAKES of these."""

    WAKES = 10

    def __init__(self):
        super().__init__(daemon=True)
        self._worst_s, self._ended = 0.0, threading.Event()
        self.start()

    def run(self):
        while not self._ended.is_set():
            began_s = time.monotonic()
            time.sleep(0.05)
            self._worst_s = max(self._worst_s, time.monotonic() - began_s - 0.05)

    def take_s(self):
        worst_s, self._worst_s = self._worst_s, 0.0
        return self.WAKES * worst_s

    def close(self):
        self._ended.set()
        self.join(5)


class Collector(threading.Thread):
    """A consumer behind a fence that also remembers what it refused."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        self.said: list[Said] = []
        self._fence, self._news = Fence(), threading.Condition()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "collector"))
        self.start()

    def run(self):
        while datagram := self._socket.recv(1000):
            holder, token, sequence, at_s = json.loads(datagram)
            with self._news:
                taken = self._fence.take(token, sequence) is None
                self.said.append(Said(holder, token, sequence, at_s, taken))
                self._news.notify_all()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self.join(5)
        self._socket.close()

    def next(self, wanted, *, within_s):
        """Return the first value from now on for which wanted is true."""
        with self._news:
            start = len(self.said)
            found = self._news.wait_for(
                lambda: next((s for s in self.said[start:] if wanted(s)), None), within_s
            )
        assert found, f"nothing of the kind within {within_s} s; last: {self.said[-1:]}"
        return found

    def quiet(self, seconds):
        """Return what was made and said within so many seconds from now."""
        start_s = time.monotonic()
        time.sleep(seconds)
        return [said for said in self.said if said.at_s >= start_s]


class Trio:
    """Three instances that stand for one election at a place: a lease file, or ZooKeeper's host:port."""

    def __init__(self, kind, place, directory, *, prefix=lambda holder: []):
        self.kind, self.place, self.directory = kind, str(place), directory
        self.collector, self._lateness = Collector(directory), Lateness()
        self._prefix = prefix
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for holder in HOLDERS:
            self.start(holder)

    def start(self, holder):
        self.clock(holder, 0.0)
        words = [*self._prefix(holder), sys.executable, str(SCRIPT)]
        words += [self.kind, self.place, holder, str(LEASE_S), str(self.directory)]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        with (self.directory / f"{holder}.log").open("ab") as log:
            self._processes[holder] = subprocess.Popen(words, env=env, stdout=log, stderr=log)

    def signal(self, holder, number):
        self._processes[holder].send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self._processes[holder].pid, os.WSTOPPED | os.WNOWAIT)

    def kill(self, holder):
        self.signal(holder, signal.SIGKILL)
        self._processes[holder].wait()

    def end(self, holder):
        """Ask it to end, as a service manager does."""
        self.signal(holder, signal.SIGTERM)
        assert self._processes[holder].wait(PATIENCE_S) == 0, (self.directory / f"{holder}.log").read_text()[
            -3000:
        ]

    def clock(self, holder, ahead_s):
        """Set an instance's clock so far ahead of the machine's."""
        part = self.directory / f"{holder}.part"
        part.write_text(str(ahead_s))
        part.replace(self.directory / f"{holder}.offset")

    def leader(self):
        """Return a value of the instance that leads, and has for some values."""
        return self.collector.next(
            lambda said: said.taken and said.sequence % LINE > SETTLED, within_s=PATIENCE_S
        )

    def follower(self, leader):
        """Return the first value of a later token than the leader's, once it came in time."""
        self._lateness.take_s()
        follower = self.collector.next(lambda said: said.token > leader.token, within_s=PATIENCE_S)
        last_s = max(s.at_s for s in self.collector.said if s.token == leader.token)
        assert follower.at_s <= last_s + LEASE_S + FOLLOWS_S + self._lateness.take_s()
        return follower

    def close(self):
        for process in self._processes.values():
            process.kill()
            process.wait()
        self.collector.close()
        self._lateness.close()


def check(said):
    """What holds for all that was ever said, whatever happened to the instances meanwhile."""
    sequences = [s.sequence for s in said]
    assert len(set(sequences)) == len(sequences), "two values with one sequence"
    taken = [(s.token, s.sequence) for s in said if s.taken]
    assert taken == sorted(taken)
    assert taken
    holders = {s.token: {other.holder for other in said if other.token == s.token} for s in said}
    assert all(len(of_token) == 1 for of_token in holders.values()), "a token of two instances"
    made = {token: [s.at_s for s in said if s.token == token] for token in sorted(holders)}
    for (older, before), (newer, after) in pairwise(made.items()):
        assert max(before) < min(after), f"token {older} was still published under token {newer}"
