"""The index in `nightdesk run`: what it is refused for, what is told while it cannot be kept, and the kill switch."""

import asyncio
from types import SimpleNamespace
from unittest.mock import patch

import msgspec
import pytest

import daemon.run
from daemon import wiring
from daemon.alerts import Alerts
from daemon.config_file import parse
from daemon.crypto_index.by_hand import Removing
from daemon.crypto_index.kept import history
from daemon.options import BadUse, RunOptions
from daemon.settings import AlertSettings
from state.disk import OS_DISK
from state.errors import StateError
from state.store import Store
from tests.daemon.command_line import nightdesk
from tests.daemon.crypto_index.kept import RULES, House
from tests.daemon.staged import MANY, ms, play

NOON = "2021-03-31T12:00:00"
ACCOUNT = f'[account]\naddress = "0x{"ab" * 20}"\nkey_env = "NIGHT_KEY"\n'
BESIDE = "[index_price]\nbeside = true\n"
KEPT = '[crypto_index]\nenabled = true\ndata = "caps"\n'


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (KEPT, "its prices come from index_price.beside: set that to true too"),
        (
            BESIDE + '[index_price.settlement]\nat = ["08:00"]\n' + KEPT,
            'index_price.settlement.at must have "00:00"',
        ),
        (BESIDE + KEPT.replace('data = "caps"\n', ""), "crypto_index.data is not set: name a data directory"),
    ],
)
def test_a_configuration_that_no_index_can_be_kept_by_is_refused_and_touches_nothing(
    tmp_path, monkeypatch, text, said
):
    monkeypatch.setenv("NIGHT_KEY", "0x" + "11" * 32)
    (tmp_path / "config.toml").write_text(ACCOUNT + text)
    found = nightdesk("run", "--config", tmp_path / "config.toml", "--state-dir", tmp_path / "state")
    assert found.code == 2
    assert found.err.startswith("nightdesk: crypto_index.enabled: ")
    assert said in found.err
    assert found.err.count("\n") == 1
    assert not (tmp_path / "state").exists()


def test_a_live_index_has_the_prices_of_the_index_beside_and_shows_its_level_there(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHT_KEY", "0x" + "11" * 32)
    settings = parse(ACCOUNT + BESIDE + KEPT)
    ends = wiring.live_ends(settings)
    ends.compute.close()
    assert ends.levels.prices is None
    assert ends.levels.settings(tmp_path) == settings.crypto_index
    taken, places = [], []
    keeper = SimpleNamespace(shown={"level": "1"}, take=taken.append)
    ends.index = lambda place: places.append(place) or asyncio.sleep(0)
    parts = SimpleNamespace(
        store=Store(tmp_path), alerts=Alerts(AlertSettings(), origin="test", now_ms=lambda: 0)
    )
    app = SimpleNamespace(state=None, inbox=SimpleNamespace(put=None))
    work = wiring._compared(ends, settings, app, parts, keeper)
    asyncio.run(told_nothing(work, places))
    assert taken == [()]
    assert places[0].level() is keeper.shown


async def told_nothing(work, places):
    await work()
    places[0].take(())


# --- told while it cannot be kept ------------------------------------------------------------------------


def no_methodology(house):
    (house.directory.parent / "three.toml").unlink()
    return f"{house.directory.parent / 'three.toml'}: no such file"


def another_methodology(house):
    house.lives(NOON, "2021-03-31T12:00:05")
    (house.directory.parent / "three.toml").write_text('name = "other"\n' + RULES)
    where = house.directory / "crypto-index"
    return f"{where}: has the index THREE, launched by methodology three, not other: name that one, or another directory"


def a_wrong_rule(house):
    (house.directory.parent / "three.toml").write_text(RULES.replace("k = 3", "k = 0"))
    return f"{house.directory.parent / 'three.toml'}: count.k: Input should be greater than or equal to 1"


def a_damaged_ledger(house):
    house.lives(NOON, "2021-03-31T12:00:05")
    path = house.directory / "crypto-index" / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"BTC"', b'"BTX"'))
    return f"{path}: "


@pytest.mark.parametrize("broken", [no_methodology, another_methodology, a_wrong_rule, a_damaged_ledger])
def test_what_keeps_it_from_running_is_told_in_one_clear_message(house, broken):
    text = broken(house)
    with pytest.raises((BadUse, StateError)):
        house.lives("2021-03-31T13:00:00", "2021-03-31T13:00:05")
    (alert,) = house.alerts.active()
    assert (alert.code, alert.level) == ("crypto_index.down", "error")
    assert alert.text.startswith(f"the crypto index is not kept: {text}")
    assert "\n" not in alert.text


def test_data_that_are_not_there_launch_nothing_and_that_is_told(house):
    (house.data / "derived_daily.parquet").unlink()
    assert house.lives(NOON, "2021-03-31T12:00:05") is None
    (alert,) = house.alerts.active()
    assert (alert.code, alert.level) == ("crypto_index.review", "critical")
    assert f"2021-03-30: BadUse: {house.data}: no file named derived_daily*.parquet" in alert.text


def test_a_venue_in_another_process_has_no_index_and_the_log_says_so_once(tmp_path):
    ends = SimpleNamespace(clock=SimpleNamespace(now_ms=lambda: 0), disk=OS_DISK)
    options = RunOptions(
        dry_run=True, venue_url="http://127.0.0.1:9", data=None, start_ms=None, until_ms=None, speed=1.0,
        seed=0, state_dir=tmp_path / "state", config=None, json=True,
    )  # fmt: skip
    with (
        patch.object(daemon.run, "remote_ends", lambda settings, url: ends),
        patch.object(daemon.run, "wire", side_effect=BadUse("enough")),
        pytest.raises(BadUse, match="enough"),
    ):
        daemon.run.run(options)
    lines = [line for path in (tmp_path / "state").rglob("*.log*") for line in path.read_text().splitlines()]
    assert sum("no crypto index is kept with --venue" in line for line in lines) == 1


# --- the kill switch itself ------------------------------------------------------------------------------

NIGHT = MANY + '[crypto_index]\nmethodology = "{rules}"\nsettle_wait_s = 2\ndata_every_s = 5\n'


def entries(directory):
    return [(entry.at_ms, type(entry.event).__name__) for entry in history(directory / "crypto-index")]


def night_config(tmp_path):
    (tmp_path / "three.toml").write_text(RULES)
    return NIGHT.format(rules=tmp_path / "three.toml")


def test_a_killed_night_reviews_nothing_but_settles_and_removes_and_makes_up_for_it_after_the_reset(tmp_path):
    """The year ends in this night: members and weights are due at its midnight."""
    said, shown = {}, []

    def stage(night):
        def ask(**request):
            return daemon.run.answer(night.service, request, None)

        def member():
            return night.service.status()["crypto_index"]["members"][0]

        def remove():
            said["removed"] = member()
            gone = Removing(symbol=member(), reason="keys leaked", by="operator")
            said["answer"] = ask(do="index_change", change=msgspec.to_builtins(gone))

        def look():
            said["halted"] = entries(night.directory)
            shown.append(night.service.status()["crypto_index"])

        deeds = {
            "23:58:20": lambda: ask(do="kill", reason="a test"),
            "23:59": remove,
            "00:00:25": look,
            "00:00:30": lambda: ask(do="reset", reason="over"),
        }
        night.later = [asyncio.ensure_future(at(night, when, do)) for when, do in deeds.items()]

    night = play(
        tmp_path / "state", start="23:58", until="00:00:45", stage=stage, config=night_config(tmp_path)
    )
    assert night.error is None
    kinds = [kind for _, kind in said["halted"]]
    assert kinds == ["Launch", "Remove", "Publish"]
    assert said["answer"] == {"accepted": True}
    assert said["halted"][-1][0] == ms("00:00")
    assert said["removed"] not in shown[0]["members"]
    assert shown[0]["state"] == "OK"
    later = entries(night.directory)[3:]
    assert [kind for _, kind in later] == ["Announce"]
    assert later[0][0] > ms("00:00:30")


async def at(night, when, do):
    await night.peer._clock.sleep((ms(when) - night.peer.now_ms) / 1000)
    do()


def test_a_latch_that_nobody_can_read_keeps_an_index_from_its_launch(tmp_path):
    path = Store(tmp_path / "state").kill_switch_path
    path.write_text("{")
    night = play(tmp_path / "state", start="23:48", until="23:48:10", config=night_config(tmp_path))
    assert night.error is None
    assert not (tmp_path / "state" / "crypto-index" / "ledger.jsonl").exists()
    assert "crypto_index.halted" in {alert.code for alert in night.alerts.active()}
