"""A daemon as a process of its own, operated by the commands, by signals, and by accidents."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.daemon.command_line import nightdesk
from tests.daemon.staged import MANY, small_data
from tests.processes.two_processes import NIGHTDESK, ROOT

pytestmark = pytest.mark.xdist_group("waiting")

WAIT_S = 25.0


@dataclass
class Running:
    """`nightdesk run --dry-run --speed 20`, on a state directory of its own."""

    process: "subprocess.Popen[bytes]"
    directory: Path
    config: Path

    @classmethod
    def start(cls, directory: Path, *, start: str) -> "Running":
        config = directory / "config.toml"
        config.write_text(MANY)
        words = ["run", "--dry-run", "--speed", "20", "--data", str(small_data()), "--start", start, "--json"]
        words += ["--state-dir", str(directory / "state"), "--config", str(config)]
        process = subprocess.Popen(
            [*NIGHTDESK, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
        )
        running = cls(process, directory / "state", config)
        running.wait_for(lambda: running.ask("status").code == 0)
        return running

    def ask(self, *words: str):
        return nightdesk(*words, "--state-dir", self.directory, "--json")

    def status(self) -> dict:
        return self.ask("status").document

    def log(self) -> list[dict]:
        return [json.loads(line) for line in (self.directory / "nightdesk.log").read_bytes().splitlines()]

    def logged(self, event: str, **facts) -> list[dict]:
        return [e for e in self.log() if e["event"] == event and facts.items() <= e.items()]

    def wait_for(self, so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not so():
            assert self.process.poll() is None, self.process.communicate()[1].decode()[-2000:]
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.05)

    def worker(self) -> int:
        """The pid of the process that computes weights: of the children that were spawned to run our code the first."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        spawned = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
        return min(map(int, spawned))

    def end(self) -> tuple[int, bytes, bytes]:
        if self.process.poll() is None:
            self.process.terminate()
        out, err = self.process.communicate(timeout=15)
        return self.process.returncode, out, err


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    daemon = Running.start(tmp_path_factory.mktemp("operated"), start="2024-12-31T23:48:30Z")
    yield daemon
    daemon.end()


def test_status_answers_in_one_document(running):
    said = running.ask("status")
    assert (said.code, said.err) == (0, "")
    wanted = {
        "trading",
        "stage",
        "delta_usd",
        "band_usd",
        "inside_band",
        "next_phase",
        "next_phase_at",
        "kill_would",
    }
    assert wanted <= said.document.keys()
    assert said.document["trading"] == "ACTIVE"


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(running):
    said = nightdesk("run", "--dry-run", "--speed", "max", "--state-dir", running.directory, "--json")
    assert said.code == 2
    assert str(running.process.pid) in said.document["error"]


def test_reconcile_and_tail_answer_in_one_document(running):
    assert running.ask("reconcile").document == {"asked": True, "mismatch": ""}
    lines = running.ask("tail", "-n", "3").document["log"]
    assert len(lines) == 3
    assert all({"event", "level", "at"} <= line.keys() for line in lines)


def test_a_hangup_with_a_good_file_changes_what_may_change_and_names_what_needs_a_restart(running):
    running.config.write_text(MANY + "[trading.risk]\nloss_max = 0.2\n[log]\nlevel = 'debug'\nkeep = 9\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(
        lambda: bool(running.logged("this key needs a restart; the old value stays", setting="log.keep"))
    )
    changed = running.logged("configuration changed")[-1]
    assert changed["keys"] == ["log.level", "trading.risk.loss_max"]
    again = running.ask("reload").document
    assert again == {"now": [], "at the session's end": [], "after a restart": ["log.keep"]}
    running.config.write_text(MANY + "gamma = 6.0\n")
    back = running.ask("reload").document
    assert sorted(back["now"]) == ["log.level", "trading.risk.loss_max"]
    assert back["at the session's end"] == ["idio_statarb.gamma"]
    running.config.write_text(MANY)
    assert running.ask("reload").document["at the session's end"] == ["idio_statarb.gamma"]


def test_a_reload_of_a_bad_file_changes_nothing_and_says_every_fault(running):
    running.config.write_text("[trading.risk]\nloss_max = 7\nquote_age_max_s = -1\n")
    said = running.ask("reload")
    assert said.code == 4
    assert "loss_max" in said.document["error"]
    assert "quote_age_max_s" in said.document["error"]
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(lambda: len(running.logged("reload refused, nothing changed")) == 2)
    running.config.write_text(MANY)
    assert not any(running.ask("reload").document.values())


def test_a_worker_killed_in_mid_solve_costs_one_attempt_and_the_hedge_lives_on(running):
    running.wait_for(lambda: running.status()["stage"] == "projecting")
    os.kill(running.worker(), signal.SIGKILL)
    running.wait_for(lambda: bool(running.logged("worker process replaced")))
    assert running.status()["engine_idle_ms"] < 5_000
    running.wait_for(lambda: running.status()["stage"] == "projected")
    results = [e["result"] for e in running.logged("pipeline", phase="projected")]
    assert results == ["ProFormaFailed", "ProFormaReady"]


def test_a_kill_stops_the_orders_and_a_reset_lets_them_go_on(running):
    running.wait_for(lambda: running.status()["gross_usd"] > 0)
    said = running.ask("kill", "--reason", "a test")
    assert said.document == {"killed": True, "reason": "a test"}
    running.wait_for(lambda: running.status()["trading"] == "HALTED")
    running.wait_for(lambda: running.status()["orders_open"] == 0)
    assert json.loads((running.directory / "kill_switch.json").read_bytes())["body"]["reason"] == "a test"
    assert running.ask("reset", "--reason", "it is over").document == {"reset": True, "was": "a test"}
    running.wait_for(lambda: running.status()["trading"] == "ACTIVE")
    assert not (running.directory / "kill_switch.json").exists()


@pytest.fixture
def in_mid_twap(tmp_path) -> Iterator[Running]:
    daemon = Running.start(tmp_path, start="2024-12-31T23:49:30Z")
    daemon.wait_for(lambda: daemon.status()["stage"] == "projected" and daemon.status()["gross_usd"] > 0)
    yield daemon
    daemon.end()


def test_a_term_in_mid_twap_leaves_within_ten_seconds_with_no_order_open(in_mid_twap):
    running = in_mid_twap
    asked = time.monotonic()
    code, out, err = running.end()
    took_s = time.monotonic() - asked
    print("left after", took_s)
    assert took_s < 10
    assert code == 0
    assert json.loads(out)["reason"] == "no session ended during this run"
    assert b"Traceback" not in err
    assert running.logged("stopping", reason="SIGTERM")
    assert not running.logged("left with requests under way")
    assert running.ask("status").code == 3


def test_a_halted_run_ends_with_code_6_and_one_document(tmp_path):
    assert nightdesk("kill", "--state-dir", tmp_path / "state", "--reason", "before it began").code == 0
    words = [
        "run",
        "--dry-run",
        "--speed",
        "max",
        "--data",
        str(small_data()),
        "--state-dir",
        str(tmp_path / "state"),
    ]
    done = subprocess.run(
        [*NIGHTDESK, *words, "--until", "2024-12-31T23:42:00Z", "--json"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 6
    assert "before it began" in json.loads(done.stdout)["halted"]


def test_two_processes_with_other_hash_seeds_write_the_same_night(tmp_path):
    """Nothing may depend on the order of a set: the same seed gives the same bytes in every process."""
    config = tmp_path / "config.toml"
    config.write_text(MANY)
    nights = []
    for seed in ("1", "2"):
        words = ["run", "--dry-run", "--speed", "max", "--data", str(small_data()), "--config", str(config)]
        done = subprocess.run(
            [
                *NIGHTDESK,
                *words,
                "--start",
                "2024-12-31T23:49:30Z",
                "--state-dir",
                str(tmp_path / seed),
                "--json",
            ],
            cwd=ROOT,
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        nights.append((json.loads(done.stdout), chain(tmp_path / seed)))
    assert nights[0] == nights[1]


def chain(directory: Path) -> bytes:
    from state.journal import Journal
    from state.store import Store

    journal = Journal.open_read_only(Store(directory).journal_path)
    try:
        return journal._chain("end")[1]
    finally:
        journal.close()
