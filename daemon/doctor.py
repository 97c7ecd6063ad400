"""`nightdesk check`: a line for each thing a night depends on, whether it is well, and the mend where it is not.

It sends no order, makes no file, and whatever it meets is a finding: a venue that is away is one too.
"""

import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.secrets import SecretProvider
from core.calendar import DAY_MS, current_close_ms, session_day
from daemon import config_file
from daemon.clock import WallClock
from daemon.config_file import ConfigError
from daemon.credentials import (
    CredentialError,
    alert_references,
    alert_url,
    key_reference,
    signing_key,
    sources,
)
from daemon.settings import Settings
from state.errors import StateError
from state.journal import Journal
from state.kill_switch import KillSwitch
from state.lock import running_pid
from state.store import Store

DISK_MIN_BYTES = 100_000_000
DISK_GOOD_BYTES = 1_000_000_000
BAD_CONFIG, BAD = 4, 2


class Level(StrEnum):
    """warning: a night can be traded, and somebody should look. wrong: it cannot, or not safely."""

    WELL = "well"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, what was found, and how to mend it ("" where it is well)."""

    what: str
    level: Level
    found: str
    mend: str = ""

    def document(self) -> dict[str, Any]:
        return asdict(self) | {"well": self.level is not Level.WRONG}


def well(what: str, found: str) -> Finding:
    return Finding(what, Level.WELL, found)


def wrong(what: str, found: str, mend: str) -> Finding:
    return Finding(what, Level.WRONG, found, mend)


def warning(what: str, found: str, mend: str) -> Finding:
    return Finding(what, Level.WARNING, found, mend)


def check(
    load: Callable[[], Settings], state_dir: Path | None, *, venue: str | None = None, offline: bool = False
) -> dict[str, Any]:
    """Return every finding as a document with the exit code: 0, 2 something is wrong, 4 configuration or key.

    load reads the configuration; venue is the URL of a nightdesk venue to ask instead of the configured one.
    """
    findings = [_version()]
    try:
        settings = load()
        if venue is None or settings.account.address is not None:
            config_file.require_account(settings)
    except ConfigError as error:
        findings.append(wrong("configuration", str(error), "mend the keys named, see docs/configuration.md"))
        return _document(findings, BAD_CONFIG)
    findings.append(well("configuration", f"network {venue or settings.venue.network}"))
    directory = state_dir or config_file.state_directory(settings, os.environ)
    key = _key(settings, venue, offline=offline)
    findings += [key, *_alert_urls(settings, offline=offline), *_state(directory, settings)]
    if offline:
        findings.append(warning("venue", "not asked, --offline", "leave out --offline to ask it"))
    elif key.level is not Level.WRONG:
        from daemon.doctor_venue import venue_findings

        findings += venue_findings(settings, directory, venue)
    bad = any(f.level is Level.WRONG for f in findings)
    return _document(findings, BAD_CONFIG if key.level is Level.WRONG else BAD if bad else 0)


def _document(findings: list[Finding], code: int) -> dict[str, Any]:
    return {"findings": [f.document() for f in findings], "exit": code}


def _version() -> Finding:
    return well("version", f"nightdesk {version('nightdesk')}, Python {platform.python_version()}")


def _key(settings: Settings, venue: str | None, *, offline: bool) -> Finding:
    from adapters.hyperliquid.signing import Signer

    what, mend = "signing key", "see [account] in docs/configuration.md"
    if venue is not None and settings.account.address is None:
        return well(what, "the venue's own throw-away account is used, [account] is empty")
    try:
        _, reference = key_reference(settings.account)
        if offline and reference.startswith(IN_VAULT):
            return warning(what, "not read from Vault, --offline", ASK_VAULT)
        secrets, _ = sources(settings.vault, os.environ)
        signer = Signer.from_key(signing_key(settings.account, secrets).reveal())
    except (CredentialError, ValueError) as error:
        return wrong(what, str(error), mend)
    return well(what, f"signs as {signer.address}")


IN_VAULT = "vault:"
ASK_VAULT = "leave out --offline to read it"


def _alert_urls(settings: Settings, *, offline: bool) -> list[Finding]:
    """Say of every webhook and service that is kept as a secret whether it can be read; nothing is sent to it."""
    secrets, _ = sources(settings.vault, os.environ)
    return [_alert_url(*named, secrets, offline=offline) for named in alert_references(settings.alerts)]


def _alert_url(setting: str, reference: str, secrets: SecretProvider, *, offline: bool) -> Finding:
    what = setting.removeprefix("alerts.").removesuffix("_secrets")
    if offline and reference.startswith(IN_VAULT):
        return warning(what, f"{reference}: not read, --offline", ASK_VAULT)
    try:
        alert_url(setting, reference, secrets)
    except CredentialError as error:
        return wrong(what, str(error), f"see {setting} in docs/configuration.md")
    return well(what, f"{reference} holds a URL")


# --- what is kept on this machine ------------------------------------------------------------------------


def _state(directory: Path, settings: Settings) -> list[Finding]:
    disk = _disk(directory)
    if not directory.exists():
        return [well("state directory", f"{directory} does not exist yet, a run makes it"), disk]
    try:
        store = Store(directory)
        owner = _owner(store, settings)
    except StateError as error:
        return [wrong("state directory", str(error), "name another --state-dir, or mend its rights"), disk]
    return [owner, disk, _journal(store), _latch(store), _last_session(store, settings)]


def _owner(store: Store, settings: Settings) -> Finding:
    """Raises StateError when the directory's own papers cannot be read."""
    what, owner, pid = "state directory", store.identity(), running_pid(store.directory)
    used = f"process {pid} runs on it" if pid else "no daemon runs on it"
    ours = (settings.account.address or "").lower()
    if owner is not None and ours and owner.address.lower() != ours and owner.network in NETWORKS:
        return wrong(
            what,
            f"{store.directory} holds the state of {owner.address} on {owner.network}",
            "name another --state-dir, or that account: one directory belongs to one account",
        )
    return well(what, f"{store.directory}, {used}")


NETWORKS = ("mainnet", "testnet")


def _disk(directory: Path) -> Finding:
    """Look at the nearest folder that exists: a state directory that is not there yet will lie in it."""
    place = next(p for p in (directory, *directory.absolute().parents) if p.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:,.1f} GB free at {place}"
    if not os.access(place, os.W_OK | os.X_OK):
        return wrong("disk", f"{place} cannot be written", "mend its owner and rights")
    if free < DISK_MIN_BYTES:
        return wrong("disk", found, "free some: a journal that cannot be written ends the daemon")
    if free < DISK_GOOD_BYTES:
        return warning("disk", found, "free some before the night")
    return well("disk", found)


def _journal(store: Store) -> Finding:
    if not store.journal_path.exists():
        return well("journal", "none yet")
    try:
        journal = Journal.open_read_only(store.journal_path)
        try:
            journal.verify()
        finally:
            journal.close()
    except StateError as error:
        mend = "see the runbook: The journal is lost or the disk is full"
        return wrong("journal", str(error), mend)
    return well("journal", "every record is whole and in its place")


def _latch(store: Store) -> Finding:
    latch = KillSwitch(store.kill_switch_path).read()
    if latch is None:
        return well("kill switch", "not latched")
    return wrong(
        "kill switch", f"latched: {latch.reason}", "find the cause, then nightdesk reset --reason '...'"
    )


def _last_session(store: Store, settings: Settings) -> Finding:
    what, days = "last session", store.sessions()
    if not days:
        return well(what, "none has ended here yet")
    try:
        report = msgspec.json.decode(store.read_report(days[-1]) or b"", type=LastReport)
    except msgspec.DecodeError as error:
        return warning(what, f"the report of {days[-1]} cannot be read: {error}", "see sessions/ for others")
    owner = store.identity()
    due = session_day(current_close_ms(WallClock().now_ms(), settings.trading.session) - DAY_MS)
    if owner is not None and owner.network in NETWORKS and days[-1] < due:
        return warning(
            what,
            f"the night of {due} left no report, the newest is of {days[-1]}",
            "see the runbook: The daemon was down at midnight",
        )
    if report.ended_well:
        return well(what, report.words)
    return warning(what, report.words, f"read {store.page_path(days[-1])}")


class Phase(msgspec.Struct):
    stage: str
    reason: str = ""


class Check(msgspec.Struct):
    name: str
    held: bool


class LastReport(msgspec.Struct):
    """As much of a session's report as says whether the night was done or missed, and why."""

    session: str
    phases: dict[str, Phase]
    invariants: list[Check]

    @property
    def ended_well(self) -> bool:
        traded = all(phase.stage == "traded" for phase in self.phases.values())
        return traded and all(check.held for check in self.invariants)

    @property
    def words(self) -> str:
        phases = [
            f"{name} {p.stage}" + (f" ({p.reason})" if p.reason else "") for name, p in self.phases.items()
        ]
        broken = [check.name for check in self.invariants if not check.held]
        checks = f"does not hold: {'; '.join(broken)}" if broken else "every check holds"
        return f"{self.session}: {', '.join(phases)}, {checks}"


# --- for a person ----------------------------------------------------------------------------------------

COLOURS = {Level.WELL: "green", Level.WARNING: "yellow", Level.WRONG: "red"}


def table(document: dict[str, Any]) -> Table:
    """Return the findings as a table that folds long words rather than cut them: every mend is whole at 80 columns."""
    shown = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True, min_width=7)
    shown.add_column(no_wrap=True, min_width=15)
    shown.add_column(overflow="fold")
    for finding in document["findings"]:
        text = Text(finding["found"])
        if finding["mend"]:
            text.append(f"\n-> {finding['mend']}", style="bold")
        shown.add_row(Text(finding["level"], style=COLOURS[finding["level"]]), finding["what"], text)
    return shown


def show(document: dict[str, Any], console: Console) -> None:
    console.print(table(document))
