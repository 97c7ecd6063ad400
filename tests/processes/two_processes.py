"""A venue and a daemon as real processes over loopback, to be killed and looked at from outside."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

NIGHTDESK = [sys.executable, "-m", "daemon"]
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class VenueProcess:
    """`nightdesk venue` on a free port; its ledger is asked over HTTP as any client would."""

    process: subprocess.Popen[bytes]
    url: str
    account: str

    @classmethod
    def start(
        cls, *, data: Path, start: str, speed: float, seed: int = 0, faults: str | None = None
    ) -> "VenueProcess":
        words = ["venue", "--data", str(data), "--start", start, "--speed", str(speed), "--seed", str(seed)]
        words += [] if faults is None else ["--faults", faults]
        process = subprocess.Popen([*NIGHTDESK, *words], cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        listening = json.loads(process.stdout.readline())
        return cls(process, listening["url"], listening["accounts"][0])

    @retry(
        retry=retry_if_exception_type((OSError, HTTPException, ValueError)),
        stop=stop_after_delay(30),
        wait=wait_fixed(0.1),
        reraise=True,
    )
    def info(self, **request: Any) -> Any:
        """Return the venue's answer. A venue with faults strikes who looks at it too: it is asked again."""
        body = json.dumps(request).encode()
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/info", body, headers), timeout=10
        ) as reply:
            return json.load(reply)

    def struck(self) -> dict[str, int]:
        """Return how often each kind of fault has struck."""
        with urllib.request.urlopen(f"{self.url}/nightdesk/faults", timeout=10) as reply:
            counts: dict[str, int] = {}
            for fault in json.load(reply):
                counts[fault["kind"]] = counts.get(fault["kind"], 0) + fault["struck"]
            return counts

    def now_ms(self) -> int:
        with urllib.request.urlopen(f"{self.url}/nightdesk/clock", timeout=10) as reply:
            return int(json.load(reply)["now_ms"])

    def positions(self) -> dict[str, Decimal]:
        state = self.info(type="clearinghouseState", user=self.account)
        return {p["position"]["coin"]: Decimal(p["position"]["szi"]) for p in state["assetPositions"]}

    def fills(self, from_ms: int) -> list[dict[str, Any]]:
        """Return the whole ledger from a moment on, page by page, each fill once."""
        found: dict[tuple[int, int], dict[str, Any]] = {}
        while True:
            page = self.info(type="userFillsByTime", user=self.account, startTime=from_ms)
            found |= {(f["tid"], f["oid"]): f for f in page}
            if len(page) < 2000:
                return sorted(found.values(), key=lambda f: f["time"])
            from_ms = max(f["time"] for f in page)

    def mistakes(self) -> list[str]:
        with urllib.request.urlopen(f"{self.url}/nightdesk/mistakes", timeout=10) as reply:
            return list(json.load(reply))

    def stop(self) -> None:
        """Raises AssertionError where the venue went on after a mistake of its own."""
        made = self.mistakes() if self.process.poll() is None else []
        self.process.terminate()
        self.process.wait(10)
        assert made == []


@dataclass
class DaemonProcess:
    """`nightdesk run --dry-run --venue`, started as often as it is killed, on one state directory."""

    venue: VenueProcess
    state_dir: Path
    config: Path
    until: str
    kills: list[str] = field(default_factory=list)

    def start(
        self, *, stdout: IO[bytes] | int = subprocess.PIPE, stderr: IO[bytes] | int = subprocess.PIPE
    ) -> "subprocess.Popen[bytes]":
        words = ["run", "--dry-run", "--venue", self.venue.url, "--state-dir", str(self.state_dir)]
        words += ["--config", str(self.config), "--until", self.until, "--json"]
        return subprocess.Popen([*NIGHTDESK, *words], cwd=ROOT, stdout=stdout, stderr=stderr, env=os.environ)

    def run_through(self, kill_at_ms: list[int], *, timeout_s: float) -> dict[str, Any]:
        """Run until the time given, killing with SIGKILL at these moments of the venue's clock; return the report."""
        deadline = time.monotonic() + timeout_s
        process = self.start()
        for at_ms in sorted(kill_at_ms):
            while self.venue.now_ms() < at_ms and process.poll() is None:
                assert time.monotonic() < deadline, "the night took too long"
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.kills.append(str(at_ms))
            process = self.start()
        out, err = process.communicate(timeout=max(deadline - time.monotonic(), 1))
        assert process.returncode == 0, err.decode()[-3000:]
        document: dict[str, Any] = json.loads(out)
        return document


def random_moments(rng: random.Random, first_ms: int, last_ms: int, count: int) -> list[int]:
    return sorted(rng.randrange(first_ms, last_ms) for _ in range(count))
