"""The state directory: whose it is, where things lie in it, and the session reports."""

from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec

from core.types import SessionDay
from state.disk import OS_DISK, Disk, sync_directory
from state.errors import DiskRefuses, StateError, WrongAccount
from state.json_files import JsonFile, write_atomically


class Identity(msgspec.Struct, frozen=True):
    """The account the state belongs to. network is "mainnet", "testnet" or a venue's address."""

    network: str
    address: str


class Store:
    """Paths and documents of one state directory. Opening it creates the directory, for its owner only."""

    def __init__(self, directory: Path, disk: Disk = OS_DISK) -> None:
        self.directory = directory
        self.disk = disk
        self._identity = JsonFile(directory / "identity.json", Identity, "identity", disk=disk)
        try:
            self._make_all()
        except OSError as error:
            raise StateError(
                f"{directory}: cannot be made a state directory ({error.strerror}). Name another one, or check its rights"
            ) from error

    def _make_all(self) -> None:
        """Make what is missing. Where the sessions are, the name of the state directory is on the disk."""
        sessions = self.directory / "sessions"
        if sessions.is_dir():
            return
        self._make(self.directory, 0o700)
        self._sync_name(self.directory)
        self._make(sessions, 0o700)

    def _make(self, directory: Path, mode: int) -> None:
        """Make a directory, and first those above it that are missing, as mkdir -p does."""
        if directory.is_dir():
            return
        self._make(directory.parent, 0o777)
        try:
            self.disk.mkdir(directory, mode)
        except FileExistsError:
            if not directory.is_dir():
                raise
        self._sync_name(directory)

    def _sync_name(self, directory: Path) -> None:
        # A place above that we may not read is not ours to sync: systemd makes such a one.
        with suppress(PermissionError):
            sync_directory(directory.parent, self.disk)

    @property
    def journal_path(self) -> Path:
        return self.directory / "journal.sqlite"

    @property
    def history_path(self) -> Path:
        return self.directory / "history.sqlite"

    @property
    def kill_switch_path(self) -> Path:
        return self.directory / "kill_switch.json"

    @property
    def nonces_path(self) -> Path:
        return self.directory / "nonces.json"

    def identity(self) -> Identity | None:
        return self._identity.read()

    def claim(self, identity: Identity) -> None:
        """Write down whose state this is, or raise WrongAccount when it is somebody else's.

        Every run begins with it, so names that a killed run left unsynced become durable before they are believed.
        """
        self._sync()
        owner = self._identity.read()
        if owner is None:
            self._identity.write(identity)
        elif (owner.network, owner.address.lower()) != (identity.network, identity.address.lower()):
            raise WrongAccount(
                f"{self.directory} holds the state of {owner.address} on {owner.network}, "
                f"not of {identity.address} on {identity.network}. Name another state directory, or that account"
            )

    def _sync(self) -> None:
        try:
            sync_directory(self.directory, self.disk)
        except OSError as error:
            raise DiskRefuses(
                f"{self.directory}: cannot be synced ({error.strerror}). Check the disk"
            ) from error

    def report_path(self, session: SessionDay) -> Path:
        return self.directory / "sessions" / f"{_day(session)}.json"

    def page_path(self, session: SessionDay) -> Path:
        return self.directory / "sessions" / f"{_day(session)}.html"

    def write_report(self, session: SessionDay, report: bytes) -> Path:
        """Keep the JSON of a session, replacing an earlier one; returns its path."""
        msgspec.json.decode(report)
        write_atomically(self.report_path(session), report, self.disk)
        return self.report_path(session)

    def write_page(self, session: SessionDay, html: str) -> Path:
        write_atomically(self.page_path(session), html.encode(), self.disk)
        return self.page_path(session)

    def read_report(self, session: SessionDay) -> bytes | None:
        try:
            return self.report_path(session).read_bytes()
        except FileNotFoundError:
            return None

    def sessions(self) -> list[SessionDay]:
        """Return the days that have a report, oldest first."""
        return sorted(SessionDay(path.stem) for path in (self.directory / "sessions").glob("????-??-??.json"))


def _day(session: SessionDay) -> str:
    """Return the day if it is one: it becomes a file name."""
    try:
        day = date.fromisoformat(session).isoformat()
    except ValueError:
        day = None
    if day is None or day != session:
        raise ValueError(f"session {session!r} is not a day like 2025-01-31")
    return day
