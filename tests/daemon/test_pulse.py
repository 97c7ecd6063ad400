"""What systemd is told, by the words it knows (sd_notify)."""

import pytest

from daemon.pulse import MORE_US, SystemdPulse


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr("sdnotify.SystemdNotifier.notify", lambda self, text: lines.append(text.splitlines()))
    return lines


def test_a_start_that_makes_progress_asks_for_more_time_until_it_is_ready(said):
    pulse = SystemdPulse()
    pulse.alive("starting")
    pulse.ready()
    pulse.alive("ACTIVE")
    assert said == [
        ["WATCHDOG=1", "STATUS=starting", f"EXTEND_TIMEOUT_USEC={MORE_US}"],
        ["READY=1"],
        ["WATCHDOG=1", "STATUS=ACTIVE"],
    ]
