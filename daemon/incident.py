"""`nightdesk incident`: what somebody elsewhere needs to look into a night, in one file, without a secret."""

import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from gzip import GzipFile
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from core.config import TradingSettings
from core.types import SessionDay
from daemon import config_file, control
from daemon.clock import WallClock
from daemon.credentials import CredentialError, SecretProvider, named, sources
from daemon.logs import HIDDEN, without_secrets
from daemon.options import BadUse
from daemon.restore import restore
from daemon.settings import Settings, keys, value_of
from state.errors import StateError
from state.journal import Journal
from state.lock import running_pid

SMALL_FILES = (
    "kill_switch.json",
    "kill_switch.json.history",
    "nonces.json",
    "identity.json",
)
AROUND = timedelta(hours=12)
"""Log lines this far from the close are of the night."""

SECRET_NAMES = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL", "WEBHOOK", "MNEMONIC")
"""An environment variable with one of these words in its name is taken for a secret."""

SECRET_MIN = 8
"""A shorter value is no secret, and stands in every text by chance."""

PRIVATE = (
    "account.key_credential",
    "account.key_file",
    "account.key_env",
    "account.key_vault",
    "vault.token",
    "vault.role_id",
    "vault.secret_id",
    "alerts.webhooks",
    "alerts.webhook_secrets",
    "alerts.commands",
    "alerts.services",
    "alerts.service_secrets",
)
"""Keys of the configuration whose values are secret, or say where a secret is."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an incident is taken from. config is the file that was read, if it could be."""

    directory: Path
    config: Path | None
    settings: Settings
    config_error: str = ""


@dataclass(slots=True)
class Bundle:
    """The members by name, what could not be had and why, and the values that may stand in none of them."""

    secrets: tuple[str, ...]
    members: dict[str, bytes] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, read: Callable[[], bytes]) -> None:
        """Add what read() returns, or note why there is nothing."""
        try:
            self.members[name] = read()
        except FileNotFoundError:
            self.missing[name] = "there is none"
        except (OSError, StateError, ValueError) as error:
            self.missing[name] = self.clean(str(error))

    def clean(self, text: str) -> str:
        """Return the text without what looks like a secret, and without every value known to be one."""
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return without_secrets(text)

    def cleaned(self, path: Path) -> bytes:
        return self.clean(path.read_bytes().decode("utf-8", "replace")).encode()


def place(state_dir: Path | None, config: Path | None, environ: Mapping[str, str]) -> Place:
    """Return where to look. A configuration that cannot be read is no reason to have no incident, given a directory."""
    try:
        settings, error = config_file.load(config), ""
    except config_file.ConfigError as wrong:
        if state_dir is None:
            raise
        settings, error = Settings(), str(wrong)
    directory = state_dir or config_file.state_directory(settings, environ)
    if not directory.is_dir():
        raise BadUse(f"{directory}: no such directory; name the daemon's state directory with --state-dir")
    return Place(directory, config, settings, error)


def incident(
    place: Place, session: str | None, out: Path | None, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Write the bundle and return its manifest, with the path it was written to.

    session is the day of the night; by default the one the journal is in. Raises BadUse where out is there already.
    """
    day = _session(place, session)
    path = out or Path(f"incident-{day or 'none'}.tar.gz")
    if path.exists():
        raise BadUse(f"{path} is there already; name another file with --out")
    bundle = Bundle(known_secrets(place, environ))
    _collect(bundle, place, day)
    _leave_out_secrets(bundle)
    manifest = _manifest(bundle, place, day)
    data = _packed({"manifest.json": _json(manifest), **bundle.members})
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        raise BadUse(f"--out {path}: cannot be written ({error.strerror})") from error
    return {"path": str(path), "bytes": len(data), **manifest}


def known_secrets(place: Place, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that may not leave the machine, longest first: every secret that is named, where it lies in a
    file, webhooks, and what the environment hides. One that cannot be read here cannot be looked for by its value.
    """
    settings = place.settings
    secrets, _ = sources(settings.vault, environ)
    found = {v for n, v in environ.items() if any(word in n.upper() for word in SECRET_NAMES)}
    found |= {word for words in settings.alerts.commands for word in words[1:]}
    for url in (*settings.alerts.webhooks, *settings.alerts.services):
        found |= _ways_to_say(url)
    found |= {urlsplit(url).netloc for url in settings.alerts.services}
    for setting, reference in named(settings):
        text = _read(reference, secrets)
        found |= _ways_to_say(text)
        found |= {urlsplit(text).netloc} if setting == "alerts.service_secrets" else set()
        found |= {reference.removeprefix("file:")} if reference.startswith("file:") else set()
    return tuple(sorted((v for v in found if len(v) >= SECRET_MIN), key=lambda v: (-len(v), v)))


def _ways_to_say(secret: str) -> set[str]:
    """Return the texts that give a secret away: a key without its 0x, a URL without its host."""
    parts = urlsplit(secret)
    beyond_host = parts._replace(scheme="", netloc="").geturl().lstrip("/") if parts.netloc else secret
    return {secret, secret.lower(), secret.removeprefix("0x"), beyond_host}


def _read(reference: str, secrets: SecretProvider) -> str:
    try:
        return secrets.read(reference).reveal()
    except CredentialError:
        return ""


# --- what is in it -------------------------------------------------------------------------------------


def _session(place: Place, given: str | None) -> SessionDay | None:
    """Return the night that was asked for, else the journal's, else the newest that has a report."""
    if given is not None:
        try:
            return SessionDay(date.fromisoformat(given).isoformat())
        except ValueError:
            raise BadUse(f"--session {given}: not a day such as 2025-01-31") from None
    journaled = _journaled_session(place.directory)
    reported = sorted(path.stem for path in (place.directory / "sessions").glob("????-??-??.json"))
    return journaled or (SessionDay(reported[-1]) if reported else None)


def _journaled_session(directory: Path) -> SessionDay | None:
    path = directory / "journal.sqlite"
    if not path.is_file():
        return None
    try:
        journal = Journal.open_read_only(path)
    except StateError:
        return None
    try:
        state, _ = restore(journal, TradingSettings())
    except StateError:
        return None
    finally:
        journal.close()
    return state.session.day if state.session is not None else None


def _collect(bundle: Bundle, place: Place, day: SessionDay | None) -> None:
    directory = place.directory
    bundle.add("journal.sqlite", lambda: _journal(directory))
    if day is not None:
        for ending in ("json", "html"):
            path = directory / "sessions" / f"{day}.{ending}"
            bundle.add(f"sessions/{path.name}", path.read_bytes)
    for name in SMALL_FILES:
        bundle.add(name, lambda name=name: bundle.cleaned(directory / name))  # type: ignore[misc]
    bundle.add("nightdesk.log", lambda: _log(bundle, place, day))
    bundle.add("config.json", lambda: _json(_config(bundle, place)))
    bundle.add("versions.json", lambda: _json(versions()))
    bundle.add("status.json", lambda: _status(bundle, directory))


def _journal(directory: Path) -> bytes:
    """Return a consistent copy of the whole journal; of a damaged one the bytes as they are."""
    path = directory / "journal.sqlite"
    if not path.is_file():
        raise FileNotFoundError(path)
    with tempfile.TemporaryDirectory(prefix="nightdesk-incident-") as place:
        copy = Path(place) / "journal.sqlite"
        try:
            journal = Journal.open_read_only(path)
        except StateError:
            return path.read_bytes()
        try:
            journal.copy_to(copy)
        finally:
            journal.close()
        return copy.read_bytes()


def _log(bundle: Bundle, place: Place, day: SessionDay | None) -> bytes:
    """Return the lines of the night from the log and its rotated files, oldest first."""
    newest = place.directory / Path(place.settings.log.file).expanduser()
    rotated = [newest.with_name(f"{newest.name}.{n}") for n in range(place.settings.log.keep, 0, -1)]
    files = [path for path in (*rotated, newest) if path.is_file()]
    if not files:
        raise FileNotFoundError(newest)
    lines = [line for path in files for line in path.read_bytes().decode("utf-8", "replace").splitlines()]
    return "".join(f"{bundle.clean(line)}\n" for line in _of_night(lines, day)).encode()


def _of_night(lines: Iterable[str], day: SessionDay | None) -> list[str]:
    """Keep the lines within AROUND of the day's end, and those that carry no time of their own."""
    if day is None:
        return list(lines)
    close = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    kept = []
    for line in lines:
        at = _at(line)
        if at is None or abs(at - close) <= AROUND:
            kept.append(line)
    return kept


def _at(line: str) -> datetime | None:
    try:
        document = msgspec.json.decode(line)
        at = datetime.fromisoformat(document["at"])
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _config(bundle: Bundle, place: Place) -> dict[str, Any]:
    """Return every value that was in force for this command, what is private hidden; comments of the file are left out."""
    values = {name: _value(bundle, place.settings, name) for name in keys()}
    file = None if place.config is None else place.config.name
    return {"file": file, "error": bundle.clean(place.config_error), "values": values}


def _value(bundle: Bundle, settings: Settings, name: str) -> object:
    value = value_of(settings, name)
    if name in PRIVATE:
        return HIDDEN if value else None
    return bundle.clean(value) if isinstance(value, str) else value


def _status(bundle: Bundle, directory: Path) -> bytes:
    """Return the running daemon's own word, or that none runs."""
    try:
        return bundle.clean(_json(control.ask(directory, do="status")).decode()).encode()
    except (control.NotRunning, TimeoutError) as error:
        return _json({"running": False, "why": bundle.clean(str(error))})


def versions() -> dict[str, Any]:
    """Return the versions of this program, its packages, its interpreter and its machine."""
    packages = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"]}
    return {
        "nightdesk": metadata.version("nightdesk"),
        "commit": _commit(),
        "python": sys.version,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def _commit() -> str | None:
    """Return the commit of a checkout; an installed nightdesk has none."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--tags"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


# --- how it is packed ----------------------------------------------------------------------------------


def _leave_out_secrets(bundle: Bundle) -> None:
    """The journal and the report are copied as they are: they hold no secret, and this makes sure of it."""
    for name, data in list(bundle.members.items()):
        if any(secret.encode() in data for secret in bundle.secrets):
            del bundle.members[name]
            bundle.missing[name] = "left out: it holds a secret of this machine. Please report it"


def _manifest(bundle: Bundle, place: Place, day: SessionDay | None) -> dict[str, Any]:
    return {
        "format": "nightdesk incident 1",
        "session": day,
        "made_ms": WallClock().now_ms(),
        "daemon_running": running_pid(place.directory) is not None,
        "members": [
            {"name": name, "bytes": len(data), "sha256": sha256(data).hexdigest()}
            for name, data in sorted(bundle.members.items())
        ],
        "missing": dict(sorted(bundle.missing.items())),
    }


def _packed(members: Mapping[str, bytes]) -> bytes:
    """Return a tar in a fixed order, without owners and times: the same members are the same bytes."""
    packed = io.BytesIO()
    with (
        GzipFile(fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in ("manifest.json", *sorted(members.keys() - {"manifest.json"})):
            info = tarfile.TarInfo(f"incident/{name}")
            info.size, info.mode = len(members[name]), 0o600
            tar.addfile(info, io.BytesIO(members[name]))
    return packed.getvalue()


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the command says without --json."""
    names = [member["name"] for member in document["members"]]
    return {
        "path": document["path"],
        "session": document["session"],
        "bytes": document["bytes"],
        "members": ", ".join(names),
        "missing": ", ".join(document["missing"]) or "nothing",
    }
