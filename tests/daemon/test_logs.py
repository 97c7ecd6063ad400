import io
import json
import logging
from decimal import Decimal

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import logs
from daemon.logs import HIDDEN, Changes, redact, without_secrets
from daemon.settings import LogSettings

NOON_MS = 1_738_324_800_123
KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
ADDRESS, CLOID = "0x" + "ab" * 20, "0x" + "12" * 16


@pytest.fixture
def terminal():
    return io.StringIO()


@pytest.fixture
def configured(tmp_path, terminal):
    found = logs.configure(LogSettings(), directory=tmp_path, now_ms=lambda: NOON_MS, terminal=terminal)
    yield found
    found.close()
    structlog.reset_defaults()


@pytest.fixture
def ours():
    return structlog.get_logger("daemon.app")


def lines(tmp_path, name="nightdesk.log"):
    return [json.loads(line) for line in (tmp_path / name).read_text("utf-8").splitlines()]


def test_a_line_is_json_in_the_file_and_text_on_the_terminal(tmp_path, configured, ours, terminal, capsys):
    ours.info("session began", session="2025-01-31", equity_usd=Decimal("1000000.10"), coins=("SOL", "DOGE"))
    assert lines(tmp_path) == [
        {
            "at": "2025-01-31T12:00:00.123Z",
            "level": "info",
            "event": "session began",
            "session": "2025-01-31",
            "equity_usd": "1000000.10",
            "coins": ["SOL", "DOGE"],
        }
    ]
    assert list(lines(tmp_path)[0])[:3] == ["at", "level", "event"]
    assert "session began" in terminal.getvalue()
    assert "{" not in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_the_stamp_is_the_given_clocks(tmp_path, ours):
    clock = iter([0, 86_400_000])
    found = logs.configure(LogSettings(), directory=tmp_path, now_ms=lambda: next(clock), terminal=None)
    ours.info("one")
    ours.info("two")
    found.close()
    structlog.reset_defaults()
    assert [line["at"] for line in lines(tmp_path)] == [
        "1970-01-01T00:00:00.000Z",
        "1970-01-02T00:00:00.000Z",
    ]


def test_session_and_phase_stand_on_every_line_while_they_hold(tmp_path, configured, ours):
    configured.context.bind(session="2025-01-31", phase="projected")
    ours.info("one", phase="own")
    logging.getLogger("websockets").warning("lost %s", "it")
    configured.context.bind(phase=None)
    ours.info("two")
    found = [(line["event"], line["session"], line.get("phase")) for line in lines(tmp_path)]
    assert found == [
        ("one", "2025-01-31", "own"),
        ("lost it", "2025-01-31", "projected"),
        ("two", "2025-01-31", None),
    ]


def test_the_level_can_be_changed_and_libraries_are_heard_from_warning_on(tmp_path, configured, ours):
    ours.debug("not yet")
    configured.set_level("debug")
    ours.debug("now")
    logging.getLogger("websockets.client").info("chatter")
    logging.getLogger().debug("a payload")
    logging.getLogger("aiohttp").error("trouble")
    assert [line["event"] for line in lines(tmp_path)] == ["now", "trouble"]


def test_a_library_line_carries_its_logger_and_its_exception(tmp_path, configured):
    try:
        raise ValueError(f"bad key 0x{KEY}")
    except ValueError:
        logging.getLogger("aiohttp").exception("failed with %s", f"Authorization: Bearer {KEY}")
    [line] = lines(tmp_path)
    assert line["logger"] == "aiohttp"
    assert "ValueError: bad key" in line["exception"]
    assert KEY not in json.dumps(line)


def test_files_rotate_and_the_newest_are_kept(tmp_path, ours):
    found = logs.configure(
        LogSettings(rotate_mb=1, keep=2), directory=tmp_path, now_ms=lambda: 0, terminal=None
    )
    for number in range(60):
        ours.info("x" * 100_000, number=number)
    found.close()
    structlog.reset_defaults()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "nightdesk.log",
        "nightdesk.log.1",
        "nightdesk.log.2",
    ]
    assert lines(tmp_path)[-1]["number"] == 59


def test_a_full_disk_does_not_stop_the_caller_and_is_counted(tmp_path, configured, ours, monkeypatch, capsys):
    ours.info("before")
    [file] = [
        h
        for h in logging.getLogger().handlers
        if isinstance(h, logging.FileHandler) and h.baseFilename.startswith(str(tmp_path))
    ]

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file.stream, "write", full, raising=False)
    ours.info("lost")
    monkeypatch.undo()
    ours.info("after")
    assert configured.lost_lines() == 1
    assert [line["event"] for line in lines(tmp_path)] == ["before", "after"]
    assert capsys.readouterr().err == ""


def test_a_command_logs_to_its_terminal_only(terminal, capsys):
    found = logs.configure_terminal(now_ms=lambda: 0, terminal=terminal)
    structlog.get_logger("adapters.feed").info("quiet")
    structlog.get_logger("adapters.feed").warning("loud")
    found.close()
    structlog.reset_defaults()
    assert "loud" in terminal.getvalue()
    assert "quiet" not in terminal.getvalue()
    assert capsys.readouterr().out == ""


# --- secrets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        {"private_key": KEY},
        {"signature": {"r": "0x" + KEY[4:], "s": "0x" + KEY, "v": 27}},
        {"headers": {"Authorization": "Bearer abcdefgh12345678"}},
        {"event": f"key is 0x{KEY}, mind it"},
        {"event": f"key is {KEY.upper()}"},
        {"deep": [{"list": [f"0x{KEY}"]}, (b"0x" + KEY.encode(),)]},
        {"number": int(KEY, 16)},
        {"error": ValueError(f"0x{KEY}")},
        {"body": '{"action": {}, "nonce": 1}'},
        {"event": '{"signature":{"r":"0x' + KEY[2:] + '"}}'},
        {"url": "https://user:hunter2hunter2@example.com/x"},
        {"event": "authorization='Basic dXNlcjpwYXNz' sent"},
        {"error": "denied to hvs.CAESIvault-token_77, made for s.role"},
        {"secret_id": "vault-token_77"},
    ],
)
def test_no_secret_is_written_wherever_it_stands(line):
    text = json.dumps(redact(None, "info", dict(line)))
    assert HIDDEN in text
    for secret in (
        KEY[4:],
        KEY[4:].upper(),
        str(int(KEY, 16)),
        "abcdefgh12345678",
        "nonce",
        "hunter2",
        "dXNlcjpwYXNz",
        "vault-token_77",
    ):
        assert secret not in text


def test_what_is_no_secret_stays_readable():
    line = {
        "event": f"{ADDRESS} sent {CLOID}",
        "hash": f"0x{KEY}",
        "price": 101.5,
        "none": None,
        "on": True,
        "coin": "SOL",
    }
    assert redact(None, "info", dict(line)) == line


@settings(max_examples=100)
@given(before=st.text(max_size=20), after=st.text(max_size=20), key=st.binary(min_size=32, max_size=32))
def test_no_text_around_it_brings_a_key_through(before, after, key):
    assert key.hex() not in without_secrets(f"{before}0x{key.hex()}{after}")


@settings(max_examples=100, deadline=None)
@given(
    value=st.recursive(
        st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.none()),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
        max_leaves=8,
    )
)
def test_anything_can_be_logged(value):
    line = json.loads(logs._json(redact(None, "info", {"event": "x", "value": value})))
    assert set(line) == {"event", "value"}


def test_a_state_is_new_only_when_it_changed():
    changes = Changes()
    assert [changes.is_new("stream", up) for up in (True, True, False, False, True)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert changes.is_new("other", None)
    assert not changes.is_new("other", None)
