"""SIGHUP at any moment: a daemon that starts or leaves outlives it, and acts on it as soon as it can."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon import hangups
from tests.daemon.staged import MANY, small_data
from tests.processes.two_processes import DaemonProcess, VenueProcess

pytestmark = pytest.mark.xdist_group("waiting")

WAIT_S = 25.0
ESTABLISHED = "01"


def wait_for(so: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not so():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)


def test_a_hangup_is_remembered_until_somebody_asks():
    before = signal.getsignal(signal.SIGHUP)
    try:
        hangups.hold()
        assert not hangups.held().came
        os.kill(os.getpid(), signal.SIGHUP)
        assert hangups.held().came
    finally:
        signal.signal(signal.SIGHUP, before)


def is_asked(url: str) -> bool:
    """Say whether somebody has connected, though a venue that is stopped answers nobody."""
    port = f"{int(url.rpartition(':')[2]):04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(f":{port}") and row[3] == ESTABLISHED for row in rows)


def test_a_hangup_during_the_start_ends_nothing_and_is_acted_on(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(MANY)
    venue = VenueProcess.start(data=small_data(), start="2024-12-31T23:00:00+00:00", speed=1.0)
    daemon: subprocess.Popen[bytes] | None = None
    try:
        os.kill(venue.process.pid, signal.SIGSTOP)
        command = DaemonProcess(venue, tmp_path / "state", config, "2025-01-01T00:00:00+00:00")
        daemon = command.start(stdout=subprocess.DEVNULL)
        wait_for(lambda: is_asked(venue.url))
        config.write_text(MANY + "[trading.risk]\nloss_max = 0.2\n")
        daemon.send_signal(signal.SIGHUP)
        os.kill(venue.process.pid, signal.SIGCONT)
        wait_for(lambda: changed(tmp_path / "state") or daemon.poll() is not None)
        assert changed(tmp_path / "state") == [["trading.risk.loss_max"]]
        daemon.terminate()
        daemon.send_signal(signal.SIGHUP)
        assert daemon.wait(WAIT_S) == 0
    finally:
        if daemon is not None and daemon.poll() is None:
            daemon.kill()
        os.kill(venue.process.pid, signal.SIGCONT)
        venue.stop()


def changed(state_dir: Path) -> list[list[str]]:
    """Return the keys of each reload that the log tells of."""
    log = state_dir / "nightdesk.log"
    lines = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
    return [line["keys"] for line in lines if line["event"] == "configuration changed"]
