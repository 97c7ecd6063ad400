"""The service manager's heartbeat: systemd through sdnotify when it asked for one, nobody otherwise."""

import os

import sdnotify

MORE_US = 30_000_000


class SystemdPulse:
    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier()
        self._is_ready = False

    def ready(self) -> None:
        self._is_ready = True
        self._notifier.notify("READY=1")

    def alive(self, text: str) -> None:
        """Feed the watchdog. A start that waits for a venue that is away asks for more time: it has not failed."""
        more = "" if self._is_ready else f"\nEXTEND_TIMEOUT_USEC={MORE_US}"
        self._notifier.notify(f"WATCHDOG=1\nSTATUS={text}{more}")

    def stopping(self) -> None:
        self._notifier.notify("STOPPING=1")


class NoPulse:
    def ready(self) -> None:
        return None

    def alive(self, text: str) -> None:
        return None

    def stopping(self) -> None:
        return None


def pulse() -> SystemdPulse | NoPulse:
    return SystemdPulse() if os.environ.get("NOTIFY_SOCKET") else NoPulse()
