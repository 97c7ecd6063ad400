"""Bad use of every command: one message without a traceback, the right exit code, and nothing started."""

import json
import socket
from pathlib import Path

import pandas as pd
import pytest

from tests.daemon.command_line import nightdesk
from tests.daemon.staged import small_data

COMMANDS = (
    "run",
    "venue",
    "pipeline",
    "backtest",
    "status",
    "kill",
    "reset",
    "reload",
    "reconcile",
    "tail",
    "check",
    "swarm",
    "replay",
    "incident",
)
DRY = ("run", "--dry-run", "--speed", "max")


def is_one_message(said, code: int) -> None:
    assert said.code == code, said.err
    assert said.err.startswith("nightdesk: ")
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    said = nightdesk(command, "--help")
    assert said.code == 0
    assert "--" in said.out
    assert said.err == ""


def test_the_help_names_every_command():
    said = nightdesk("--help")
    assert said.code == 0
    assert [c for c in COMMANDS if c not in said.out] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_bad_use(command):
    words = (command, "idio") if command == "backtest" else (command,)
    said = nightdesk(*words, "--no-such-thing")
    is_one_message(said, 2)
    assert "--no-such-thing" in said.err


def test_an_unknown_command_is_bad_use():
    said = nightdesk("trade")
    is_one_message(said, 2)
    assert "trade" in said.err


BAD_RUNS = {
    "start": ((*DRY, "--start", "yesterday"), "--start yesterday: not an ISO time"),
    "until": ((*DRY, "--until", "soon"), "--until soon"),
    "speed": (("run", "--dry-run", "--speed", "fast"), "--speed fast"),
    "speed 0": (("run", "--dry-run", "--speed", "0"), "--speed 0"),
    "speed nan": (("run", "--dry-run", "--speed", "nan"), "--speed nan"),
    "seed": ((*DRY, "--seed", "-1"), "--seed"),
    "live seed": (("run", "--seed", "3"), "--seed: only together with --dry-run"),
    "live speed": (("run", "--speed", "max"), "--speed: only together with --dry-run"),
    "live data": (("run", "--data", "."), "--data: only together with --dry-run"),
    "no data": ((*DRY, "--data", "no/such/place"), "no/such/place: no such directory"),
    "no file": ((*DRY, "--data", str(Path(__file__).parent)), "perp_daily.parquet"),
    "no config": ((*DRY, "--config", "no.toml"), "--config no.toml: no such file"),
    "outside": ((*DRY, "--start", "2031-01-01"), "start inside of them"),
    "too early": ((*DRY, "--start", "2024-05-20T23:40:00Z"), "history too short"),
    "backwards": ((*DRY, "--start", "2024-12-31T23:40:00Z", "--until", "2024-12-31T23:00:00Z"), "not after"),
    "no venue url": (("run", "--dry-run", "--venue", ""), "--venue '': must be http://HOST:PORT"),
    "venue url": (("run", "--dry-run", "--venue", "localhost:1"), "must be http://HOST:PORT"),
    "no venue": (("run", "--dry-run", "--venue", "http://127.0.0.1:9"), "no nightdesk venue answers there"),
}


@pytest.mark.parametrize("case", BAD_RUNS)
def test_a_run_that_cannot_be_is_refused_and_touches_nothing(case, tmp_path):
    words, text = BAD_RUNS[case]
    said = nightdesk(*words, "--state-dir", tmp_path / "state")
    is_one_message(said, 2)
    assert text in said.err
    assert not (tmp_path / "state").exists()


def test_with_json_a_refusal_is_one_document_too(tmp_path):
    said = nightdesk(*DRY, "--start", "never", "--json")
    assert said.code == 2
    assert said.document == {"error": said.err.removeprefix("nightdesk: ").strip(), "exit": 2}


@pytest.mark.parametrize(
    "text",
    [
        "[idio_statarb",
        "[trading]\nsede = 3\n",
        "[trading.risk]\nloss_max = 'much'\n",
        "[idio_statarb]\ngamma = nan\n",
    ],
)
def test_a_bad_configuration_is_refused_with_code_4(text, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(text)
    said = nightdesk(*DRY, "--config", config, "--state-dir", tmp_path / "state")
    assert said.code == 4
    assert "config.toml" in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "state").exists()


def test_a_live_run_without_account_and_key_is_refused_with_code_4(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("")
    said = nightdesk("run", "--config", config, "--state-dir", tmp_path / "state")
    assert said.code == 4
    assert "account.address" in said.err
    assert not (tmp_path / "state").exists()


# --- data directories --------------------------------------------------------------------------------------


def spoiled(tmp_path: Path, name: str, spoil) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    for path in small_data().glob("*.parquet"):
        table = pd.read_parquet(path)
        (spoil(table) if path.name == name else table).to_parquet(directory / path.name)
    return directory


def with_value(column, value):
    def spoil(table):
        table.loc[100, column] = value
        return table

    return spoil


DAILY, HOURLY, FUNDING = "perp_daily.parquet", "perp_1h_top20.parquet", "funding_1h.parquet"
BAD_DATA = {
    "missing column": (DAILY, lambda t: t.drop(columns=["close"]), "missing columns ['close']"),
    "nan": (DAILY, with_value("close", float("nan")), "row 100 (2024-08-25, AAVE): close nan is NaN"),
    "negative": (DAILY, with_value("open", -1.0), "row 100 (2024-08-25, AAVE): open -1.0 is not positive"),
    "duplicate": (DAILY, lambda t: pd.concat([t, t.iloc[[7]]], ignore_index=True), "is a duplicate"),
    "unsorted": (DAILY, lambda t: t.iloc[::-1].reset_index(drop=True), "is unsorted"),
    "short": (DAILY, lambda t: t[t["date"] >= "2024-12-20"].reset_index(drop=True), "history too short"),
    "no trades column": (DAILY, lambda t: t.drop(columns=["num_trades"]), "num_trades"),
    "hourly column": (HOURLY, lambda t: t.drop(columns=["high"]), f"{HOURLY}: column high is missing"),
    "hourly nan": (HOURLY, with_value("close", float("nan")), f"{HOURLY}: row of"),
    "funding nan": (FUNDING, with_value("rate", float("nan")), f"{FUNDING}: row of"),
    "funding twice": (
        FUNDING,
        lambda t: pd.concat([t, t.iloc[[7]]], ignore_index=True),
        "two rows of this time",
    ),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_data_that_cannot_be_used_is_refused_by_fault_file_and_row(case, tmp_path):
    name, spoil, text = BAD_DATA[case]
    data = spoiled(tmp_path, name, spoil)
    said = nightdesk(*DRY, "--data", data, "--state-dir", tmp_path / "state")
    is_one_message(said, 2)
    assert text in said.err
    assert name in said.err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", [DAILY, HOURLY, FUNDING])
def test_a_file_that_is_no_parquet_is_refused(name, tmp_path):
    data = spoiled(tmp_path, name, lambda t: t)
    (data / name).write_bytes(b"PAR1 this is not")
    for words in (DRY, ("venue",)):
        said = nightdesk(*words, "--data", data)
        is_one_message(said, 2)
        assert str(data) in said.err


def test_the_venue_refuses_the_same_data(tmp_path):
    said = nightdesk("venue", "--data", spoiled(tmp_path, DAILY, with_value("close", float("nan"))))
    is_one_message(said, 2)
    assert "row 100" in said.err


def test_the_pipeline_and_the_backtest_refuse_the_same_data(tmp_path):
    data = spoiled(tmp_path, DAILY, with_value("close", float("nan")))
    days = ("--start", "2024-11-01", "--end", "2024-12-01", "--out", tmp_path / "out")
    for words in (("pipeline", "--asof", "2024-12-30"), ("backtest", "idio", *days)):
        said = nightdesk(*words, "--data", data)
        is_one_message(said, 2)
        assert "row 100" in said.err


# --- the other commands -------------------------------------------------------------------------------------


def test_a_venue_on_a_port_that_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = nightdesk("venue", "--data", small_data(), "--port", str(taken.getsockname()[1]))
    is_one_message(said, 2)
    assert "Name another port" in said.err


BAD_VENUES = {
    "account": (("--account", "0x12"), "an address is 0x and 40 hex digits"),
    "agent": (("--agent", "0x12"), "ADDRESS=MASTER"),
    "start": (("--start", "noon"), "must be an ISO time"),
    "outside": (("--start", "2031-01-01"), "the data holds"),
    "speed": (("--speed", "0"), "--speed"),
    "port": (("--port", "70000"), "--port"),
    "weight": (("--ip-weight", "-1"), "--ip-weight"),
    "plan": (("--faults", "no-such.toml"), "no-such.toml: cannot be read"),
}


@pytest.mark.parametrize("case", BAD_VENUES)
def test_a_venue_with_bad_options_is_refused(case):
    words, text = BAD_VENUES[case]
    said = nightdesk("venue", *words)
    is_one_message(said, 2)
    assert text in said.err


def test_a_venue_with_a_bad_plan_is_refused_with_the_table_and_the_key(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text("[[fault]]\nkind = 'delay'\ndelay_ms = -5\n")
    said = nightdesk("venue", "--faults", plan)
    assert said.code == 2
    assert "[[fault]] 1 (delay): delay_ms = -5: allowed is a number, at least 0" in said.err


def test_pipeline_options_are_checked(tmp_path):
    base = ("pipeline", "--data", small_data())
    for words, text in (
        ((*base, "--asof", "today"), "--asof today: not an ISO day"),
        ((*base, "--asof", "2030-01-01"), "no candles of 2030-01-01"),
        ((*base, "--asof", "2024-12-30", "--equity", "-5"), "--equity -5.0"),
        ((*base, "--asof", "2024-12-30", "--equity", "nan"), "--equity nan"),
        ((*base, "--asof", "2024-12-30", "--previous", tmp_path / "none.csv"), "no such file"),
        (("pipeline", "--data", tmp_path, "--asof", "2024-12-30"), "perp_daily.parquet: no such file"),
        ((*base, "--asof", "2024-05-25"), "history too short"),
        ((*base, "--asof", "2024-12-30", "--out", "/proc/none"), "/proc/none"),
    ):
        said = nightdesk(*words)
        is_one_message(said, 2)
        assert text in said.err


def test_backtest_days_are_checked(tmp_path):
    base = ("backtest", "idio", "--data", small_data(), "--out", tmp_path / "out")
    for days in (("2024-11-01", "2024-10-01"), ("2019-01-01", "2024-10-01"), ("soon", "2024-10-01")):
        is_one_message(nightdesk(*base, "--start", days[0], "--end", days[1]), 2)


def test_commands_that_need_a_daemon_say_that_none_runs(tmp_path):
    for command in ("status", "reload", "reconcile"):
        said = nightdesk(command, "--state-dir", tmp_path, "--json")
        is_one_message(said, 3)
        assert said.document["exit"] == 3


def test_kill_and_reset_work_without_a_daemon_and_need_a_reason(tmp_path):
    for command in ("kill", "reset"):
        is_one_message(nightdesk(command, "--state-dir", tmp_path), 2)
        is_one_message(nightdesk(command, "--state-dir", tmp_path, "--reason", "  "), 2)
    killed = nightdesk("kill", "--state-dir", tmp_path, "--reason", "a test", "--json")
    assert (killed.code, killed.err) == (0, "")
    assert killed.document == {"killed": True, "reason": "a test", "running": False}
    found = nightdesk(
        "check", "--offline", "--state-dir", tmp_path, "--config", configured(tmp_path), "--json"
    )
    assert "latched: a test" in json.dumps(found.document)
    reset = nightdesk("reset", "--state-dir", tmp_path, "--reason", "over", "--json")
    assert reset.document == {"reset": True, "was": "a test", "running": False}


def test_tail_without_a_log_and_without_an_end_is_bad_use(tmp_path):
    is_one_message(nightdesk("tail", "--state-dir", tmp_path), 2)
    (tmp_path / "nightdesk.log").write_text('{"event": "one"}\n{"event": "two"}\n')
    said = nightdesk("tail", "--state-dir", tmp_path, "-n", "1", "--json")
    assert said.document == {"log": [{"event": "two"}]}
    both = nightdesk("tail", "--state-dir", tmp_path, "-f", "--json")
    assert both.code == 2
    assert "choose one" in both.document["error"]


KEY = "0x" + "5a" * 32


def configured(tmp_path: Path) -> Path:
    key = tmp_path / "signing_key"
    key.write_text(KEY)
    key.chmod(0o600)
    config = tmp_path / "config.toml"
    config.write_text(f'[account]\naddress = "0x{"ab" * 20}"\nkey_file = "{key}"\n')
    return config


def test_check_finds_a_good_setup_well_and_makes_nothing(tmp_path):
    said = nightdesk(
        "check", "--offline", "--config", configured(tmp_path), "--state-dir", tmp_path / "state", "--json"
    )
    assert said.code == 0
    assert all(f["well"] for f in said.document["findings"])
    assert not (tmp_path / "state").exists()


def test_check_tells_a_bad_key_and_a_bad_file_with_code_4_and_shows_no_secret(tmp_path):
    config = configured(tmp_path)
    (tmp_path / "signing_key").write_text(KEY[:-2] + "zz")
    bad_key = nightdesk("check", "--config", config, "--state-dir", tmp_path / "state", "--json")
    assert bad_key.code == 4
    assert "does not hold a private key" in bad_key.out
    assert KEY[2:60] not in bad_key.out + bad_key.err
    config.write_text("[account]\naddress = 'me'\n")
    bad = nightdesk("check", "--config", config, "--json")
    assert bad.code == 4
    assert [f["what"] for f in bad.document["findings"]] == ["version", "configuration"]


def test_check_tells_a_damaged_journal(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.sqlite").write_bytes(b"not a database" * 100)
    said = nightdesk(
        "check", "--offline", "--config", configured(tmp_path), "--state-dir", tmp_path / "state", "--json"
    )
    assert said.code == 2
    assert not next(f for f in said.document["findings"] if f["what"] == "journal")["well"]


def test_a_key_that_cannot_be_used_stops_a_live_run_with_code_4_and_is_shown_nowhere(tmp_path):
    config = configured(tmp_path)
    (tmp_path / "signing_key").write_text(KEY[:-2] + "zz")
    said = nightdesk("run", "--config", config, "--state-dir", tmp_path / "state")
    is_one_message(said, 4)
    assert KEY[2:60] not in said.err
    assert not (tmp_path / "state").exists()
