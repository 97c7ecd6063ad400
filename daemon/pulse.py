"""The service manager's heartbeat: systemd through sdnotify when it asked for one, nobody otherwise."""

import os

import sdnotify


class SystemdPulse:
    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier()

    def ready(self) -> None:
        self._notifier.notify("READY=1")

    def alive(self, text: str) -> None:
        self._notifier.notify(f"WATCHDOG=1\nSTATUS={text}")

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
