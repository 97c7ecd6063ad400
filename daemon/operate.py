"""What the commands do, apart from `run`: ask the daemon, look at its state, run the research functions, show it."""

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from daemon import config_file, control
from daemon.clock import WallClock
from daemon.night_table import night_table
from daemon.options import BadUse
from daemon.settings import Settings
from state.kill_switch import KillSwitch
from state.lock import running_pid
from state.store import Store

DEFAULT_CONFIG = Path("config.toml")

console = Console()


def config_path(given: Path | None, *, live: bool) -> Path | None:
    """Return the configuration to read: the one named, or ./config.toml where a live run needs one."""
    if given is not None and not given.is_file():
        raise BadUse(f"--config {given}: no such file")
    if given is not None or not live:
        return given
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None


def settings(config: Path | None) -> Settings:
    return config_file.load(config_path(config, live=True))


def directory(state_dir: Path | None, config: Path | None) -> Path:
    """Return the state directory that a command is about."""
    return state_dir or config_file.state_directory(settings(config), os.environ)


# --- the running daemon --------------------------------------------------------------------------------


def ask(state_dir: Path, **request: Any) -> dict[str, Any]:
    return control.ask(state_dir, **request)


def status(state_dir: Path) -> dict[str, Any]:
    return control.ask(state_dir, do="status")


def kill(state_dir: Path, reason: str) -> dict[str, Any]:
    """Ask the daemon to stop trading; when none runs, latch the file that the next one reads first."""
    if not reason.strip():
        raise BadUse("--reason is empty: say why")
    try:
        return control.ask(state_dir, do="kill", reason=reason)
    except (control.NotRunning, TimeoutError):
        latch = _switch(state_dir).trip(reason, by="operator", at_ms=WallClock().now_ms())
        return {"killed": True, "reason": latch.reason, "running": running_pid(state_dir) is not None}


def reset(state_dir: Path, reason: str) -> dict[str, Any]:
    if not reason.strip():
        raise BadUse("--reason is empty: why is it safe to trade again?")
    try:
        return control.ask(state_dir, do="reset", reason=reason)
    except control.NotRunning:
        was = _switch(state_dir).reset(reason, at_ms=WallClock().now_ms())
        return {"reset": True, "was": was.reason if was else None, "running": False}


def _switch(state_dir: Path) -> KillSwitch:
    return KillSwitch(Store(state_dir).kill_switch_path)


# --- what happened -------------------------------------------------------------------------------------


def run_document(ran: Any) -> dict[str, Any]:
    """Return the last session's report; the reports before it under earlier_sessions."""
    if not ran.reports:
        return {"session": None, "halted": ran.halted, "reason": "no session ended during this run"}
    *earlier, last = ran.reports
    return {**last, "earlier_sessions": earlier} if earlier else dict(last)


def show_nights(ran: Any) -> None:
    for report in ran.reports:
        pages = [p for p in ran.pages if p.stem == report["session"]]
        console.print(night_table(report, pages[0] if pages else None))
    if not ran.reports:
        console.print("no session ended during this run")


def log_path(state_dir: Path | None, config: Path | None) -> Path:
    path = directory(state_dir, config) / settings(config).log.file
    if not path.exists():
        raise BadUse(f"{path}: no such log; is this the daemon's state directory?")
    return path


def last_lines(path: Path, count: int) -> list[Any]:
    lines = path.read_bytes().splitlines()[-count:]
    return [msgspec.json.decode(line) for line in lines]


def show_tail(path: Path, count: int, *, follow: bool) -> None:
    for line in path.read_bytes().splitlines()[-count:]:
        console.print(_readable(line), highlight=False, markup=False, soft_wrap=True)
    with path.open("rb") as log:
        log.seek(0, os.SEEK_END)
        while follow:
            if line := log.readline():
                console.print(_readable(line), highlight=False, markup=False, soft_wrap=True)
            else:
                time.sleep(0.2)


def _readable(line: bytes) -> str:
    document = msgspec.json.decode(line)
    first = f"{document.pop('at', '')} {document.pop('level', ''):8} {document.pop('event', '')}"
    return " ".join([first, *(f"{name}={value}" for name, value in document.items())])


def show_status(document: dict[str, Any]) -> None:
    """Answer in the order a person asks: is the book where it should be, what is next, what would a kill do."""
    table = Table(show_header=False)
    halted = f": {document['halt_reason']}" if document["halt_reason"] else ""
    where = "inside its band" if document["inside_band"] else "OUTSIDE its band, being hedged"
    deltas = ", ".join(f"{coin} {usd:+,.0f} USD" for coin, usd in document["delta_usd"].items())
    would = document["kill_would"]
    table.add_row("trading", f"{document['trading']}{halted}")
    table.add_row("session", f"{document['session']}, {document['stage']}")
    table.add_row("book", str(document.get("book", "")))
    for why in document.get("disputed", {}).values():
        table.add_row("no new risk", why)
    table.add_row("net delta", f"{deltas}: {where} of {document['band_usd']:,.0f}")
    table.add_row("equity", f"{document['equity_usd']:,.0f} USD, gross {document['gross_usd']:,.0f}")
    table.add_row("next", f"{document['next_phase']} at {document['next_phase_at']}")
    table.add_row("account stream", "up" if document["stream_up"] else "DOWN, fills are read from the ledger")
    table.add_row(
        "a kill would",
        f"cancel {would['cancel_orders']} orders, close {would['close_positions']} positions, "
        f"keep {would['keep_positions']}",
    )
    console.print(table)


# --- research ------------------------------------------------------------------------------------------


def pipeline(
    *,
    data: Path,
    asof: date,
    previous: Path | None,
    equity_usd: float | None,
    out: Path | None,
    config: Path | None,
) -> dict[str, Any]:
    from research.pipeline_run import pipeline_document

    if equity_usd is not None and not (math.isfinite(equity_usd) and equity_usd > 0):
        raise BadUse(f"--equity {equity_usd}: give a positive, finite number of USD")
    parameters = config_file.load(config).idio_statarb
    with _refusals():
        return pipeline_document(
            data,
            asof=asof,
            previous=previous,
            equity_usd=parameters.equity_usd if equity_usd is None else equity_usd,
            out=out,
            parameters=parameters,
        )


@contextmanager
def _refusals() -> Iterator[None]:
    """What research refuses is bad use of its command; the texts say what, where and how to mend it."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise BadUse(str(error)) from error


def backtest(*, data: Path, days: tuple[date, date], out: Path, config: Path | None) -> dict[str, Any]:
    from research.backtest import backtest_document

    parameters = config_file.load(config).idio_statarb
    with _refusals():
        return backtest_document(
            data, start=days[0], end=days[1], out=out, parameters=parameters, equity_usd=parameters.equity_usd
        )


def show_pipeline(document: dict[str, Any]) -> None:
    table = Table(title=f"targets at the close of {document['asof']}")
    rows: list[dict[str, Any]] = document["targets"]
    for name in ("symbol", "weight", "previous", "cap", "cost", "reason"):
        table.add_column(name, justify="left" if name in ("symbol", "reason") else "right")
    for row in sorted(rows, key=lambda r: -abs(r["weight"])):
        table.add_row(*(f"{v:.6f}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(table)
    console.print({k: v for k, v in document.items() if k not in ("targets", "parameters", "duals")})


def show_backtest(document: dict[str, Any]) -> None:
    console.print_json(json.dumps(document, default=float))


# --- the doctor ----------------------------------------------------------------------------------------


def check(config: Path | None, state_dir: Path | None, *, venue: str | None, offline: bool) -> dict[str, Any]:
    """Return the doctor's findings, and the exit code under "exit"."""
    from daemon import doctor

    if venue is not None and offline:
        raise BadUse("--venue names a venue to ask, --offline asks none: choose one")
    if venue is not None and not venue.startswith(("http://", "https://")):
        raise BadUse(f"--venue {venue!r}: must be http://HOST:PORT, as nightdesk venue prints it")
    path = config_path(config, live=True)
    return doctor.check(lambda: config_file.load(path), state_dir, venue=venue, offline=offline)


def show_check(document: dict[str, Any]) -> None:
    from daemon import doctor

    doctor.show(document, console)
