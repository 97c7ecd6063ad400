"""One accelerated night of two processes, struck from outside by what a seed draws.

The caller plays systemd and the operator: a daemon that was killed is started again, one that ended with code 8
is looked after first: space is freed, the latch reset.
"""

import heapq
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

from daemon.data_directory import SAMPLE
from state.nonces import FileNonces
from state.store import Store
from tests.daemon.command_line import nightdesk
from tests.processes.small_disk import SmallDisk
from tests.processes.two_processes import ROOT, DaemonProcess, VenueProcess

COINS = ("BTC", "ETH", "SOL", "XRP", "LTC", "AAVE", "NEAR", "ADA")
CLOSE, CLOSE_MS, DAY = "2025-01-01T00:00:00+00:00", 1_735_689_600_000, "2024-12-31"
START = "2024-12-31T23:58:50+00:00"
UNTIL = "2025-01-01T01:00:00+00:00"
"""Later than any round lasts: a round ends with its session's report."""
SPEED_MAX, SPEED_MIN = 10.0, 4.0
STARTS_S = 15.0
"""What a start of the worker may take of the night, on the venue's clock."""
POLL_S = 0.005
ROUND_S = 300.0
PAUSE_MS = 5_000
"""On the venue's clock: the longest time until somebody starts it again."""
LEAVES_S = 20.0
"""What systemd waits for a stop; the ten seconds of the runbook are measured where nothing else runs."""

FIRST_MS, LAST_MS = CLOSE_MS - 55_000, CLOSE_MS + 40_000
"""When the first and the last fault may strike: from the daemon's start to a few slices before the deadline."""

CONFIG = """
[trading.session]
preflight_s = -50
projected_s = -40
projected_duration_s = 50
freeze_s = 6
correction_s = 10
deadline_s = 75
close_wait_s = 15
[trading.twap]
slice_s = 5.0
catch_up_max = 10.0
participation_max = 20.0
[idio_statarb]
kappa = 0.0001
"""
RELOADED = CONFIG + "[trading.risk]\nloss_max = 0.2\n"
FAULTY = CONFIG + "[trading.risk]\nloss_max = 7\n"

BY_US = {"kill": -signal.SIGKILL, "term": -signal.SIGTERM}
FULL_DISK_WORDS = ("the journal is lost", "the disk is full", "cannot be written")


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """What happens when, on the venue's clock. lasts_ms is 0 for what has no end."""

    at_ms: int
    what: str
    lasts_ms: int = 0


def drawn(seed: int) -> list[Strike]:
    """Return the faults of a round, in the order of their times."""
    rng = random.Random(f"round {seed}")
    counts = {
        "kill": rng.choice((1, 1, 2, 2, 3)),
        "freeze the daemon": rng.randint(0, 2),
        "freeze the venue": rng.randint(0, 1),
        "fill the disk": rng.randint(0, 1),
        "term": rng.randint(0, 1),
        "reload": rng.randint(0, 1),
        "reload a faulty file": rng.randint(0, 1),
    }
    return sorted(
        Strike(rng.randrange(FIRST_MS, LAST_MS), what, rng.randrange(2_000, 30_000))
        for what, count in counts.items()
        for _ in range(count)
    )


def bearable_speed() -> float:
    """Return how fast the night may pass here and now: on a busy machine it would be over before the daemon is up."""
    began_s = time.monotonic()
    words = [sys.executable, "-c", "from daemon.night_pipeline import warm; warm()"]
    subprocess.run(words, cwd=ROOT, check=True)
    return min(max(STARTS_S / (time.monotonic() - began_s), SPEED_MIN), SPEED_MAX)


@cache
def data() -> Path:
    """A data directory of eight coins."""
    directory = Path(mkdtemp(prefix="nightdesk-rounds-"))
    for path in SAMPLE.glob("*.parquet"):
        table = pd.read_parquet(path)
        table[table["symbol"].isin(COINS)].reset_index(drop=True).to_parquet(directory / path.name)
    return directory


@dataclass
class Daemon:
    """The daemon's process, as often as it is started, and how it left each time."""

    command: DaemonProcess
    directory: Path
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    asked_to_leave_s: float | None = None
    leaves: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.starts += 1
        self.asked_to_leave_s = None
        with self._said("out").open("wb") as out, self._said("err").open("wb") as err:
            self.process = self.command.start(stdout=out, stderr=err)

    def send(self, number: int) -> bool:
        """Send a signal; say whether anybody was there."""
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.send_signal(number)
        if number == signal.SIGTERM and self.asked_to_leave_s is None:
            self.asked_to_leave_s = time.monotonic()
        return True

    def hang_up(self) -> bool:
        """Send SIGHUP, unless the interpreter has not come to our code yet: nobody's handler is there then."""
        if self.process is None or self.process.poll() is not None:
            return False
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught & 1 << signal.SIGHUP - 1) and self.send(signal.SIGHUP)

    def left(self) -> int | None:
        """Return the exit code once, when it has left; None while it runs and when there is none."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        self.leaves.append(f"{code} {self.last_words()}".strip())
        return code

    def last_words(self) -> str:
        lines = self._said("err").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def all_words(self) -> str:
        return self._said("err").read_text(errors="replace")

    def _said(self, kind: str) -> Path:
        return self.directory / f"daemon-{self.starts}.{kind}"


class Round:
    """A venue, a daemon, and an agenda of what strikes them; play() ends when the night has its report."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.seed = seed
        self.state_dir = directory / "state"
        self.strikes = drawn(seed)
        self.struck: Counter[str] = Counter()
        self.nonces: list[int] = []
        self._rng = random.Random(f"operator {seed}")
        self._agenda = list(self.strikes)
        self._config = directory / "config.toml"
        self._config.write_text(CONFIG)
        self._disk_suffered = self._faulty_read = False
        self.speed = bearable_speed()
        full = any(strike.what == "fill the disk" for strike in self.strikes)
        self.disk = SmallDisk.mount(self.state_dir) if full else None
        self.venue = VenueProcess.start(data=data(), start=START, speed=self.speed, seed=seed)
        self._read_at_s, self._venue_ms = time.monotonic(), self.venue.now_ms()
        command = DaemonProcess(self.venue, self.state_dir, self._config, UNTIL)
        self.daemon = Daemon(command, directory)

    # --- the night -------------------------------------------------------------------------------------

    def play(self) -> None:
        """Strike until the agenda is done and the session has its report, then stop the daemon in order."""
        deadline_s = time.monotonic() + ROUND_S
        self.daemon.start()
        while self._agenda or self.daemon.process is None or not self._is_reported():
            assert time.monotonic() < deadline_s, "the night took too long"
            while self._agenda and self._agenda[0].at_ms <= self.now_ms():
                self._strike(heapq.heappop(self._agenda))
            self._look_after(self.daemon.left())
            self._note_nonce()
            time.sleep(POLL_S)
        self.daemon.send(signal.SIGTERM)
        assert self.daemon.process is not None
        self.daemon.process.wait(LEAVES_S)
        self._note_nonce()
        code = self.daemon.left()
        assert code == 0, f"the daemon left the night with {code}: {self.daemon.all_words()}"

    def now_ms(self) -> int:
        """The venue's clock, read once and going on: a venue that is stopped answers nobody."""
        return int(self._venue_ms + 1000 * self.speed * (time.monotonic() - self._read_at_s))

    def close(self) -> None:
        if self.daemon.process is not None:
            self.daemon.process.kill()
            self.daemon.process.wait()
        self.venue.process.send_signal(signal.SIGCONT)
        self.venue.stop()
        if self.disk is not None:
            self.disk.unmount()

    def _is_reported(self) -> bool:
        return (self.state_dir / "sessions" / f"{DAY}.json").exists()

    def _note_nonce(self) -> None:
        nonce = FileNonces(Store(self.state_dir).nonces_path).load()
        if not self.nonces or nonce != self.nonces[-1]:
            self.nonces.append(nonce)

    def _then(self, after_ms: int, what: str) -> None:
        heapq.heappush(self._agenda, Strike(self.now_ms() + after_ms, what))

    # --- what strikes ----------------------------------------------------------------------------------

    def _strike(self, strike: Strike) -> None:
        done = self._done(strike)
        self.struck[strike.what if done else f"{strike.what}: nobody there"] += 1

    def _done(self, strike: Strike) -> bool:
        match strike.what:
            case "kill":
                return self.daemon.send(signal.SIGKILL)
            case "term":
                return self.daemon.send(signal.SIGTERM)
            case "freeze the daemon":
                self._then(strike.lasts_ms, "thaw the daemon")
                return self.daemon.send(signal.SIGSTOP)
            case "thaw the daemon":
                return self.daemon.send(signal.SIGCONT)
            case "freeze the venue":
                self._then(strike.lasts_ms, "thaw the venue")
                os.kill(self.venue.process.pid, signal.SIGSTOP)
            case "thaw the venue":
                os.kill(self.venue.process.pid, signal.SIGCONT)
            case "fill the disk":
                self._fill(strike.lasts_ms)
            case "free the disk":
                self._free()
            case "reload":
                self._config.write_text(RELOADED)
                return self.daemon.hang_up()
            case "reload a faulty file":
                self._config.write_text(FAULTY)
                self._faulty_read = True
                self._then(strike.lasts_ms, "mend the file")
                return self.daemon.hang_up()
            case "mend the file":
                self._config.write_text(CONFIG)
            case "start":
                return self._start()
        return True

    def _fill(self, lasts_ms: int) -> None:
        assert self.disk is not None
        self.disk.fill(left_bytes=self._rng.choice((0, 0, 4096, 16_384, 65_536)))
        self._disk_suffered = True
        self._then(lasts_ms, "free the disk")

    def _free(self) -> None:
        assert self.disk is not None
        self.disk.free()
        if self.daemon.process is None:
            self._start_after_the_disk()

    def _start(self) -> bool:
        if self.daemon.process is not None:
            return False
        self._disk_suffered = self.disk is not None and self.disk.is_full
        self._faulty_read = self._config.read_text() == FAULTY
        self.daemon.start()
        return True

    # --- what the operator does ------------------------------------------------------------------------

    def _look_after(self, code: int | None) -> None:
        """Do what systemd and the runbook say about a daemon that left; fail where it should not have."""
        if code is None:
            return
        pause_ms = self._rng.randrange(0, PAUSE_MS)
        if code in BY_US.values():
            self._then(pause_ms, "start")
        elif code == 0 and self.daemon.asked_to_leave_s is not None:
            took_s = time.monotonic() - self.daemon.asked_to_leave_s
            assert took_s < LEAVES_S, f"SIGTERM took {took_s:.1f} s"
            self._then(pause_ms, "start")
        elif code == 8 and self._disk_suffered:
            self._after_a_full_disk(pause_ms)
        elif code == 4 and self._faulty_read:
            self._config.write_text(CONFIG)
            self._then(pause_ms, "start")
        else:
            raise AssertionError(f"the daemon left with {code}: {self.daemon.all_words()}")

    def _after_a_full_disk(self, pause_ms: int) -> None:
        words = self.daemon.all_words()
        assert any(said in words for said in FULL_DISK_WORDS), words
        assert "Traceback" not in words, words
        self.struck["stopped by the full disk"] += 1
        if self.disk is not None and not self.disk.is_full:
            self._start_after_the_disk()
        elif self._rng.random() < 0.3:
            self._then(pause_ms, "start")

    def _start_after_the_disk(self) -> None:
        said = nightdesk(
            "reset", "--reason", "the disk is free again", "--state-dir", self.state_dir, "--json"
        )
        assert (said.code, said.document["reset"]) == (0, True), said
        self.struck["latched by the full disk"] += said.document["was"] is not None
        self._start()
