"""`nightdesk swarm`: its options, what it prints, its exit codes; and that it needs nothing but what is installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from daemon import swarm_command
from sim.faults import KINDS
from sim.night import Night, drawn_night, written
from sim.nights.fault import Fault
from tests.daemon import deadly
from tests.daemon.command_line import nightdesk

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ("core", "daemon", "strategies", "adapters", "state", "sim", "research")


@pytest.fixture
def staged(monkeypatch, tmp_path):
    """The command with nights that are over at once, in a directory of its own."""
    monkeypatch.setattr(swarm_command, "play_night", deadly.play)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def night_file(place, night):
    path = place / "night.json"
    path.write_bytes(written(night))
    return path


BAD = {
    "nothing": ((), "give --seeds A:B"),
    "backwards": (("--seeds", "7:3"), "--seeds 7:3: give two numbers A:B with A below B"),
    "empty": (("--seeds", "3:3"), "with A below B"),
    "one number": (("--seeds", "3"), "with A below B"),
    "negative": (("--seeds", "-3:3"), "with A below B"),
    "words": (("--seeds", "a:b"), "with A below B"),
    "fault": (("--seeds", "0:1", "--faults", "earthquake"), "no fault is called 'earthquake'. Known are"),
    "no fault": (("--seeds", "0:1", "--faults", ""), "no fault is called ''"),
    "jobs": (("--seeds", "0:1", "--jobs", "0"), "--jobs"),
    "coins": (("--seeds", "0:1", "--coins", "1"), "--coins"),
    "every": (("--seeds", "0:1", "--every", "3"), "--every"),
    "killed and faulted": (("--seeds", "0:1", "--crash-points", "--faults", "kill"), "leave out --faults"),
    "no file": (("--night", "nowhere.json"), "nowhere.json: cannot be read"),
    "both": (("--night", "nowhere.json", "--seeds", "0:1"), "leave out --seeds"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_use_is_one_message_and_nothing_is_played(name, staged):
    words, text = BAD[name]
    said = nightdesk("swarm", *words)
    assert said.code == 2
    assert text in said.err
    assert said.err.count("\n") == 1
    assert list(staged.iterdir()) == []


def test_an_unknown_fault_is_answered_with_every_known_one():
    said = nightdesk("swarm", "--seeds", "0:1", "--faults", "kill,earthquake")
    assert [name for name in KINDS if name not in said.err] == []


@pytest.mark.parametrize("text", ["{", "[]", '{"seed": 1, "moon": true}', '{"seed": "one"}'])
def test_a_file_that_is_no_night_is_one_message(text, staged):
    (staged / "night.json").write_text(text)
    said = nightdesk("swarm", "--night", "night.json")
    assert said.code == 2
    assert "not a night" in said.err
    assert said.err.count("\n") == 1


def test_a_kept_night_with_a_fault_that_nobody_knows_any_more_is_refused(staged):
    path = night_file(staged, Night(seed=1, faults=(Fault(name="earthquake", at_s=0.0),)))
    said = nightdesk("swarm", "--night", path)
    assert said.code == 2
    assert "no fault is called earthquake" in said.err


def test_nights_without_a_failure_end_with_zero(staged):
    said = nightdesk("swarm", "--seeds", "7:10", "--jobs", "1", "--json")
    assert said.code == 0
    assert said.document["held"] is True
    assert said.document["failures"] == []
    assert said.document["figures"]["nights"] == 3
    assert list(staged.iterdir()) == []


def failing_seed5():
    """Any seed's faults under seed 5, which fails while a kill is among them."""
    drawn = next(n for n in map(drawn_night, range(99)) if {"kill", "stall"} <= {f.name for f in n.faults})
    return replace(drawn, seed=5)


def test_a_failure_is_told_with_the_command_that_repeats_it(staged):
    path = night_file(staged, failing_seed5())
    said = nightdesk("swarm", "--night", path, "--json")
    assert said.code == 7
    (failure,) = said.document["failures"]
    assert (failure["checker"], failure["nights"], failure["first"][0]["seed"]) == ("never twice", 1, 5)
    again = nightdesk(*failure["repeat"].split()[1:], "--json")
    assert again.code == 7
    assert again.document["failures"] == said.document["failures"]


def test_a_failed_seed_is_shrunk_and_its_file_fails_again(staged, monkeypatch):
    monkeypatch.setattr(swarm_command, "drawn_night", lambda seed, **_: failing_seed5())
    said = nightdesk("swarm", "--seeds", "5:6", "--jobs", "1", "--json")
    assert said.code == 7
    (failure,) = said.document["failures"]
    assert failure["kept"]["path"] == "failed-nights/never-twice-5.json"
    assert failure["kept"]["faults"] == 1
    assert failure["repeat"] == "nightdesk swarm --night failed-nights/never-twice-5.json"
    assert nightdesk(*failure["repeat"].split()[1:], "--json").code == 7


def test_without_shrinking_the_seed_itself_is_the_command(staged):
    said = nightdesk("swarm", "--seeds", "4:5", "--faults", "kill", "--no-shrink", "--jobs", "1", "--json")
    assert said.code == 7
    assert said.document["failures"][0]["repeat"] == "nightdesk swarm --seeds 4:5 --faults kill"
    assert list(staged.iterdir()) == []


def test_what_a_person_reads_names_checkers_seeds_and_commands(staged):
    swarmed = swarm_command.run(swarm_command.SwarmOptions(seeds="4:5", jobs=1, shrink=False, keep=Path("x")))
    console = Console(width=120, record=True)
    console.print(swarm_command.view(swarmed))
    words = console.export_text()
    assert "the world" in words
    assert "ZeroDivisionError" in words
    assert "nightdesk swarm --seeds 4:5" in words
    assert "1 of 1 nights failed" in words


def test_every_crash_point_is_played_and_the_one_that_differs_is_named(staged):
    said = nightdesk("swarm", "--crash-points", "--seeds", "6:7", "--no-shrink", "--jobs", "1", "--json")
    assert said.code == 7
    assert said.document["figures"]["nights"] == 7
    (failure,) = said.document["failures"]
    assert failure["checker"] == "the same book"
    assert failure["first"][0]["kill_at_step"] == 3
    fewer = nightdesk(
        "swarm", "--crash-points", "--seeds", "6:7", "--every", "2", "--no-shrink", "--jobs", "1", "--json"
    )
    assert fewer.document["figures"]["nights"] == 4


def test_it_plays_from_installed_files_in_any_directory(tmp_path):
    """What a wheel holds, copied away from the repository: no tests, no configuration, no git."""
    for name in INSTALLED:
        shutil.copytree(ROOT / name, tmp_path / "site" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "elsewhere").mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path / "site")}
    words = [
        sys.executable,
        "-m",
        "daemon",
        "swarm",
        "--seeds",
        "0:2",
        "--jobs",
        "1",
        "--coins",
        "8",
        "--json",
    ]
    done = subprocess.run(
        words,
        cwd=tmp_path / "elsewhere",
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"]["stages"] == {"done": 2}
    assert list((tmp_path / "elsewhere").iterdir()) == []
