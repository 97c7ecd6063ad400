import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemon.clock import LoopClock
from daemon.compute import ComputeFailed, InlineCompute, WorkerCompute
from sim.loop import run

pytestmark = pytest.mark.xdist_group("waiting")


@pytest.fixture
def worker():
    compute = WorkerCompute()
    yield compute
    compute.close()


def is_gone(pid):
    """Say whether a process ended, be it that nobody has fetched its exit code yet."""
    for _ in range(50):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.1)
    return False


def pids(worker):
    return list(worker._pool._processes)


def test_the_worker_computes_elsewhere_and_brings_the_result_back(worker):
    async def ask():
        return await worker.run("os:getpid", None), await worker.run("math:sqrt", 9)

    pid, root = asyncio.run(ask())
    assert pid != os.getpid()
    assert root == 3


def test_what_the_computation_raises_is_said_by_name(worker):
    with pytest.raises(ComputeFailed, match="ValueError: math domain error"):
        asyncio.run(worker.run("math:sqrt", -1))


def test_a_killed_worker_fails_one_computation_and_the_next_has_a_new_one(worker):
    async def night():
        before = await worker.run("os:getpid", None)
        solving = asyncio.ensure_future(worker.run("time:sleep", 30))
        await asyncio.sleep(0.1)
        os.kill(before, signal.SIGKILL)
        with pytest.raises(ComputeFailed, match="the worker process died"):
            await solving
        return before, await worker.run("os:getpid", None)

    before, after = asyncio.run(night())
    assert before != after


def test_a_computation_that_hangs_is_given_up_and_its_worker_replaced(worker):
    async def night():
        with pytest.raises(ComputeFailed, match=r"no result within"):
            await worker.run("time:sleep", 60, timeout_s=0.5)
        return await worker.run("math:sqrt", 4)

    assert asyncio.run(night()) == 2


def test_a_computation_that_hangs_takes_nobody_along_who_waits_and_its_worker_is_replaced_once(worker):
    """Those who wait have less time than the one that hangs: theirs runs from their turn on."""

    async def night():
        await worker.warm()
        pools = {id(worker._pool)}
        hanging = asyncio.ensure_future(worker.run("time:sleep", 60, timeout_s=12.0))
        await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(worker.run("os:getpid", None, timeout_s=10.0)) for _ in range(3)]
        for one in waiting:
            one.add_done_callback(lambda _: pools.add(id(worker._pool)))
        with pytest.raises(ComputeFailed, match="no result within 12 s"):
            await hanging
        return await asyncio.gather(*waiting), pools

    answered, pools = asyncio.run(night())
    assert len(set(answered)) == 1
    assert len(pools) == 2


def test_who_waits_for_the_worker_when_it_is_closed_starts_no_other(worker):
    async def night():
        await worker.run("os:getpid", None)
        asked = [asyncio.ensure_future(worker.run("time:sleep", 60)) for _ in range(2)]
        await asyncio.sleep(0.1)
        worker.close()
        return await asyncio.gather(*asked, return_exceptions=True)

    began = time.monotonic()
    assert [type(answer) for answer in asyncio.run(night())] == [ComputeFailed, ComputeFailed]
    assert time.monotonic() - began < 10
    assert not worker._pool._processes


def test_closing_ends_the_worker_whatever_it_computes(worker):
    async def night():
        await worker.run("os:getpid", None)
        solving = asyncio.ensure_future(worker.run("time:sleep", 60))
        await asyncio.sleep(0.1)
        (pid,) = pids(worker)
        worker.close()
        with pytest.raises(ComputeFailed):
            await solving
        return pid

    began = time.monotonic()
    pid = asyncio.run(night())
    assert time.monotonic() - began < 10
    worker.close()
    assert is_gone(pid)


def test_inline_the_result_takes_its_time_on_the_virtual_clock():
    clock = LoopClock(0)

    async def ask():
        compute = InlineCompute(clock, takes_s=2.5)
        await compute.warm()
        value = await compute.run("math:sqrt", 16)
        with pytest.raises(ComputeFailed, match="ValueError"):
            await compute.run("math:sqrt", -1)
        compute.close()
        return value, clock.now_ms()

    assert run(ask()) == (4, 5000)


PARENT = """
import asyncio, time
from daemon.compute import WorkerCompute

if __name__ == "__main__":
    worker = WorkerCompute()
    print(asyncio.run(worker.run("os:getpid", None)), flush=True)
    time.sleep(60)
"""


def test_the_worker_does_not_outlive_a_daemon_that_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environ)
    worker_pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{worker_pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{worker_pid}").exists()
