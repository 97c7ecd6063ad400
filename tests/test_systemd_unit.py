import configparser
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

from daemon.__main__ import CODES, DISK
from daemon.account_modes import AccountRefused
from daemon.config_file import ConfigError
from daemon.credentials import CredentialError
from state.errors import AlreadyRunning, CorruptFile, NewerFile, WrongAccount

FOLDER = Path(__file__).resolve().parents[1] / "systemd"
UNITS = ("nightdesk.service", "nightdesk-kill@.service")


def unit(name):
    """Return the unit's sections; a key that comes twice would raise."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str
    parser.read(FOLDER / name, encoding="utf-8")
    return parser


@pytest.fixture
def service():
    return unit("nightdesk.service")["Service"]


def test_systemd_is_told_when_it_is_ready_and_that_it_makes_progress(service):
    assert service["Type"] == "notify"
    assert 10 <= int(service["WatchdogSec"]) <= 60


def test_a_reload_is_a_hangup_and_a_stop_has_time_to_cancel_orders(service):
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert int(service["TimeoutStopSec"]) > 10
    assert service["KillMode"] == "mixed"


def test_assertions_stay_in_force(service):
    text = (FOLDER / "nightdesk.service").read_text("utf-8")
    assert "PYTHONOPTIMIZE" not in text
    assert not {"-O", "-OO"} & set(service["ExecStart"].split())


def test_failures_restart_it_but_not_for_ever_and_the_last_one_trips_the_latch(service):
    top = unit("nightdesk.service")["Unit"]
    assert service["Restart"] == "on-failure"
    assert int(top["StartLimitBurst"]) <= 10
    assert int(top["StartLimitIntervalSec"]) > int(top["StartLimitBurst"]) * int(service["RestartSec"])
    assert top["OnFailure"] == "nightdesk-kill@%n.service"
    assert set(service["RestartPreventExitStatus"].split()) >= {"2", "4"}


def test_what_a_start_may_mend_is_started_again_and_latched_only_by_the_last_of_too_many(service):
    """A disk that was full for four seconds must not leave the book unattended (docs/decisions/0011)."""
    assert DISK in {code for _, code in CODES}
    assert str(DISK) not in service["RestartPreventExitStatus"].split()
    skipped = unit("nightdesk-kill@.service")["Service"]["ExecCondition"]
    assert "2|4|6)" in skipped
    assert str(DISK) not in skipped


def test_what_no_start_can_mend_waits_for_a_person(service):
    prevented = set(service["RestartPreventExitStatus"].split())
    unmended = (CorruptFile, NewerFile, WrongAccount, ConfigError, CredentialError, AccountRefused)
    for kind in (*unmended, partial(AlreadyRunning, pid=1)):
        error = kind("x", ["y"]) if kind is ConfigError else kind("x")
        assert str(next(code for known, code in CODES if isinstance(error, known))) in prevented


def test_the_key_comes_as_a_credential_and_the_state_has_a_directory(service):
    assert service["LoadCredential"].startswith("agent_key:/etc/")
    assert service["StateDirectory"] == "nightdesk"
    assert service["StateDirectoryMode"] == "0700"
    assert "KEY" not in service["Environment"]


def test_the_kill_unit_works_on_the_same_state_as_the_daemon(service):
    kill = unit("nightdesk-kill@.service")["Service"]
    for key in ("User", "Group", "DynamicUser", "StateDirectory", "StateDirectoryMode"):
        assert kill[key] == service[key]
    assert " kill --reason " in kill["ExecStart"]


@pytest.mark.parametrize("name", UNITS)
def test_units_give_away_nothing_that_is_not_needed(name):
    section = unit(name)["Service"]
    assert section["NoNewPrivileges"] == "yes"
    assert section["ProtectSystem"] == "strict"
    assert section["CapabilityBoundingSet"] == ""
    assert section["UMask"] == "0077"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_itself_accepts_the_unit(tmp_path, name):
    for other in UNITS:
        text = (FOLDER / other).read_text("utf-8").replace("/opt/nightdesk/.venv/bin/nightdesk", "/bin/true")
        (tmp_path / other).write_text(text)
    instance = tmp_path / name.replace("@", "@nightdesk")
    if not instance.exists():
        instance.symlink_to(tmp_path / name)
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
