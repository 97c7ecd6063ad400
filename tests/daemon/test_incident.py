"""The bundle of a night: whole, checked by its manifest, and without one secret of the machine."""

import io
import json
import shutil
import tarfile
from hashlib import sha256

import pytest

from daemon.incident import SECRET_NAMES
from daemon.played import in_memory, played
from sim.night import Night
from state.journal import Journal
from state.kill_switch import KillSwitch
from state.lock import InstanceLock
from tests.daemon.command_line import nightdesk

DAY = "2024-12-31"
PLANTED = {
    "key": "4c0883a69102937d6231471b5dbb6204fe512961708279f2e3e8a5d4b8e3e318",
    "env token": "tok-env-1b9f7a",
    "webhook": "T0AB/B0CD/x9secretpath",
    "command": "--header=hush-hush-77",
    "bearer": "eyJhbGciOi.J9",
    "login": "hunter2pass",
}
CONFIG = """
[account]
key_file = "{key_file}"
[alerts]
webhooks = ["https://hooks.example/{webhook}"]
commands = [["notify", "{command}"]]
# the key is 0x{key}
"""


@pytest.fixture(scope="module")
def night():
    with in_memory() as directory:
        yield played(Night(seed=1, coins=8), directory).directory


@pytest.fixture
def state(night, tmp_path, monkeypatch):
    """A state directory after a night, on a machine full of secrets, with some that slipped into its log."""
    state = tmp_path / "state"
    shutil.copytree(night, state)
    key_file = tmp_path / "private-place" / "signing-key"
    key_file.parent.mkdir()
    key_file.write_text(f"0x{PLANTED['key']}\n")
    key_file.chmod(0o600)
    monkeypatch.setenv("NIGHTDESK_API_TOKEN", PLANTED["env token"])
    (tmp_path / "config.toml").write_text(CONFIG.format(key_file=key_file, **PLANTED))
    lines = [
        {"at": "2024-12-31T23:59:00.000Z", "event": "of the night", "detail": f"0x{PLANTED['key']}"},
        {"at": "2024-12-31T23:59:01.000Z", "event": f"posted to https://hooks.example/{PLANTED['webhook']}"},
        {"at": "2024-12-31T23:59:02.000Z", "event": f"Authorization: Bearer {PLANTED['bearer']}"},
        {"at": "2024-12-31T23:59:03.000Z", "event": f"https://me:{PLANTED['login']}@example/ {key_file}"},
        {"at": "2024-12-31T23:59:04.000Z", "event": f"token {PLANTED['env token']} {PLANTED['command']}"},
        {"at": "2024-11-02T12:00:00.000Z", "event": "of another night"},
    ]
    (state / "nightdesk.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (state / "nightdesk.log.1").write_text('{"at": "2024-12-31T20:00:00.000Z", "event": "rotated"}\n')
    KillSwitch(state / "kill_switch.json").trip(f"see {PLANTED['env token']}", by="operator", at_ms=1)
    return state


def bundled(state, *more, code=0):
    out = state.parent / "night.tar.gz"
    said = nightdesk(
        "incident",
        "--state-dir",
        state,
        "--config",
        state.parent / "config.toml",
        "--out",
        out,
        "--json",
        *more,
    )
    assert said.code == code, said.err
    return said.document, members(out) if code == 0 else {}


def members(path):
    with tarfile.open(path) as tar:
        return {m.name.removeprefix("incident/"): tar.extractfile(m).read() for m in tar.getmembers()}


def test_no_secret_of_the_machine_is_in_any_byte_of_it(state):
    _, found = bundled(state)
    everything = b"".join(found.values())
    assert [name for name, secret in PLANTED.items() if secret.encode() in everything] == []
    assert b"private-place" not in everything
    assert b"[hidden]" in found["nightdesk.log"]
    assert b"[hidden]" in found["kill_switch.json"]
    assert "TOKEN" in SECRET_NAMES


def test_everything_about_the_night_is_in_it(state):
    document, found = bundled(state)
    assert document["session"] == DAY
    assert set(found) == {
        "manifest.json",
        "journal.sqlite",
        f"sessions/{DAY}.json",
        "kill_switch.json",
        "kill_switch.json.history",
        "nonces.json",
        "identity.json",
        "nightdesk.log",
        "config.json",
        "versions.json",
        "status.json",
    }
    assert set(document["missing"]) == {f"sessions/{DAY}.html"}
    assert json.loads(found["status.json"])["running"] is False
    assert json.loads(found["versions.json"])["packages"]["msgspec"]
    values = json.loads(found["config.json"])["values"]
    assert values["account.key_file"] == values["alerts.webhooks"] == "[hidden]"
    assert values["alerts.level"] == "warning"
    assert found[f"sessions/{DAY}.json"] == (state / "sessions" / f"{DAY}.json").read_bytes()


def test_the_log_has_the_lines_of_the_night_and_no_other_oldest_first(state):
    lines = [json.loads(line)["event"] for line in bundled(state)[1]["nightdesk.log"].splitlines()]
    assert lines[:2] == ["rotated", "of the night"]
    assert "of another night" not in lines


def test_the_manifest_has_the_hash_of_every_member_and_the_order_is_fixed(state):
    document, found = bundled(state)
    manifest = json.loads(found["manifest.json"])
    listed = {m["name"]: (m["bytes"], m["sha256"]) for m in manifest["members"]}
    rest = {n: d for n, d in found.items() if n != "manifest.json"}
    assert listed == {n: (len(d), sha256(d).hexdigest()) for n, d in rest.items()}
    assert list(found) == ["manifest.json", *sorted(rest)]
    assert document["members"] == manifest["members"]


def test_the_journal_in_it_is_whole_and_can_be_replayed(state, tmp_path):
    _, found = bundled(state)
    (tmp_path / "copy.sqlite").write_bytes(found["journal.sqlite"])
    ours, copy = (Journal.open_read_only(p) for p in (state / "journal.sqlite", tmp_path / "copy.sqlite"))
    assert copy.verify() == ours.last_seq() > 100
    assert nightdesk("replay", tmp_path / "copy.sqlite").code == 0


def test_it_works_beside_a_daemon_that_writes(state):
    lock = InstanceLock.acquire(state)
    writer = Journal.open(state / "journal.sqlite")
    try:
        document, found = bundled(state)
    finally:
        writer.close()
        lock.release()
    assert document["daemon_running"] is True
    assert len(found["journal.sqlite"]) > 10_000


def test_nothing_is_overwritten(state):
    bundled(state)
    before = (state.parent / "night.tar.gz").read_bytes()
    document, _ = bundled(state, code=2)
    assert "is there already" in document["error"]
    assert (state.parent / "night.tar.gz").read_bytes() == before


def test_only_its_owner_can_read_it(state):
    bundled(state)
    assert (state.parent / "night.tar.gz").stat().st_mode & 0o777 == 0o600


def test_a_member_that_holds_a_secret_where_none_should_be_is_left_out(state):
    path = state / "sessions" / f"{DAY}.json"
    path.write_bytes(path.read_bytes().replace(b"{", b'{"x": "%s", ' % PLANTED["env token"].encode(), 1))
    document, found = bundled(state)
    assert f"sessions/{DAY}.json" not in found
    assert document["missing"][f"sessions/{DAY}.json"].startswith("left out")


def test_a_broken_machine_still_gives_what_it_has(state):
    (state / "journal.sqlite").write_bytes(b"not a journal at all" * 100)
    (state / "nonces.json").unlink()
    (state.parent / "config.toml").write_text("[account")
    document, found = bundled(state)
    assert found["journal.sqlite"] == b"not a journal at all" * 100
    assert document["missing"]["nonces.json"] == "there is none"
    assert json.loads(found["config.json"])["error"]
    assert document["session"] == DAY


@pytest.mark.parametrize(
    ("more", "words"),
    [(("--session", "yesterday"), "not a day"), (("--out", "no/such/place/x.tar.gz"), "cannot be written")],
)
def test_bad_use_is_one_message(state, more, words, monkeypatch):
    monkeypatch.chdir(state.parent)
    said = nightdesk("incident", "--state-dir", state, *more)
    assert said.code == 2
    assert words in said.err
    assert said.err.count("\n") == 1


def test_a_directory_that_is_not_there_is_not_made(tmp_path):
    said = nightdesk("incident", "--state-dir", tmp_path / "none")
    assert said.code == 2
    assert "no such directory" in said.err
    assert not (tmp_path / "none").exists()


def test_the_same_members_are_the_same_bytes():
    from daemon.incident import _packed

    members = {"manifest.json": b"{}", "b": b"2", "a": b"1"}
    assert _packed(members) == _packed(dict(reversed(members.items())))
    with tarfile.open(fileobj=io.BytesIO(_packed(members))) as tar:
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in tar.getmembers()} == {(0, 0, 0, "")}
