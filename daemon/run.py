"""`nightdesk run`: lock, logs, the chosen mode, signals, and what is printed at the end."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from core.calendar import DAY_MS, current_close_ms
from core.config import SessionSettings
from core.report import iso
from daemon import config_file, hangups, logs
from daemon.clock import WallClock
from daemon.control import ControlServer
from daemon.crypto_index.by_hand import ByHand
from daemon.crypto_index.place import DIRECTORY
from daemon.data_directory import SAMPLE, check_night, check_start, checked_market
from daemon.options import BadUse, RunOptions
from daemon.service import Service
from daemon.settings import Settings
from daemon.supervisor import keep_running
from daemon.wiring import Ends, Wired, live_ends, memory_ends, remote_ends, wire
from state.errors import StateError
from state.lock import InstanceLock
from state.store import Store

log = structlog.get_logger()

BEFORE_CLOSE_MS = 20 * 60_000
AFTER_CLOSE_MS = 10 * 60_000
BAD_CONFIG = 4
LOOK_S = 1.0
"""How often a run looks whether its end has come: a clock may leap, as it does when a machine wakes up."""
"""A dry run starts at 23:40 and leaves at 00:10, unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: the sessions' reports, whether trading is halted, where the pages are."""

    reports: list[dict[str, Any]]
    halted: str
    pages: list[Path]


def run(options: RunOptions) -> Ran:
    """Run until told to stop. Raises ConfigError, CredentialError, BadUse, StateError, and what killed the daemon."""
    settings = _settings(options)
    ends, options = _staged(options, settings)
    store = Store(_state_dir(options, settings), ends.disk)
    with InstanceLock.acquire(store.directory, store.disk):
        if _in_memory(options):
            _move_aside(store)
        return _logged(options, ends, settings, store)


def _staged(options: RunOptions, settings: Settings) -> tuple[Ends, RunOptions]:
    """Make the edges of the chosen mode, and look at all that is needed for them, before anything is touched."""
    if options.venue_url is not None:
        return remote_ends(settings, options.venue_url), options
    if not options.dry_run:
        return live_ends(settings), options
    directory, session = options.data or SAMPLE, settings.trading.session
    market = checked_market(directory, seed=options.seed)
    start_ms, until_ms = _night(options, session, market.last_ms)
    check_start(market, start_ms)
    if options.data is not None or options.start_ms is not None:
        check_night(directory, start_ms, session, settings.idio_statarb)
    ends = memory_ends(options, market=market, start_ms=start_ms, settings=settings)
    return ends, replace(options, until_ms=until_ms)


def _in_memory(options: RunOptions) -> bool:
    return options.dry_run and options.venue_url is None


def _logged(options: RunOptions, ends: Ends, settings: Settings, store: Store) -> Ran:
    terminal = None if options.json else sys.stderr
    kept = logs.configure(
        settings.log, directory=store.directory, now_ms=ends.clock.now_ms, terminal=terminal
    )
    try:
        if options.venue_url is not None:
            log.info(
                "no crypto index is kept with --venue",
                why="neither its market caps nor all its prices are here",
            )
        wired = wire(ends, settings, store, kept)
        try:
            _loop(options)(_serve(wired, ends, options))
        finally:
            wired.close()
        days = [str(r["session"]) for r in wired.desk.reports]
        pages = [p for d in days if (p := store.directory / "sessions" / f"{d}.html").exists()]
        return Ran(wired.desk.reports, wired.service.state.halt_reason, pages)
    finally:
        kept.close()


def _loop(options: RunOptions) -> Any:
    """Return what runs a coroutine: virtual time, or uvloop."""
    if _in_memory(options) and options.speed is None:
        from sim.loop import run as run_virtual

        return run_virtual
    import uvloop

    return uvloop.run


async def _serve(wired: Wired, ends: Ends, options: RunOptions) -> None:
    service = wired.service
    loop = asyncio.get_running_loop()
    real = type(loop).__module__.startswith("uvloop")
    load = partial(_settings, options)
    control = ControlServer(wired.store.directory, lambda request: answer(service, request, load))
    if real:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop, signal.Signals(number).name)
        held = hangups.held()
        loop.add_signal_handler(signal.SIGHUP, _reload, service, load)
        if held.came:
            loop.call_soon(_reload, service, load)
        await control.start()
    beside = [asyncio.ensure_future(job) for job in _beside(wired, ends, options)]
    try:
        await service.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await control.close()
        if real:
            loop.remove_signal_handler(signal.SIGHUP)
            hangups.hold()


def _beside(wired: Wired, ends: Ends, options: RunOptions) -> list[Coroutine[Any, Any, None]]:
    jobs = [keep_running("secrets", wired.rotation.run, clock=ends.clock)]
    return jobs if options.until_ms is None else [*jobs, _stop_at(wired, ends, options.until_ms)]


async def _stop_at(wired: Wired, ends: Ends, until_ms: int) -> None:
    while (left_ms := until_ms - ends.clock.now_ms()) > 0:
        await ends.clock.sleep(min(left_ms / 1000, LOOK_S))
    wired.service.stop("the time given by --until has come")


# --- operating a running daemon ------------------------------------------------------------------------


def answer(service: Service, request: dict[str, Any], load: Callable[[], Settings]) -> dict[str, Any]:
    """Do what an operator asks of a running daemon, and say what came of it; load reads the configuration."""
    try:
        return _done(service, request, load)
    except StateError as error:
        log.error("an operator's request failed", do=request.get("do"), error=str(error))
        return {"error": str(error)}
    except msgspec.ValidationError as error:
        return {"error": f"unknown request: {error}"}


def _done(service: Service, request: dict[str, Any], load: Callable[[], Settings]) -> dict[str, Any]:
    match request:
        case {"do": "status"}:
            return dict(service.status())
        case {"do": "kill", "reason": str(reason)}:
            return dict(service.kill(reason))
        case {"do": "reset", "reason": str(reason)}:
            return dict(service.reset(reason))
        case {"do": "reconcile"}:
            return dict(service.reconcile())
        case {"do": "index_change", "change": dict(change)}:
            return dict(service.index_change(msgspec.convert(change, ByHand)))
        case {"do": "reload"}:
            return _reload(service, load)
        case _:
            return {"error": f"unknown request {request}"}


def _reload(service: Service, load: Callable[[], Settings]) -> dict[str, Any]:
    """Read the file again. A bad file changes nothing, and every fault of it is said."""
    try:
        return dict(service.reload(load()))
    except config_file.ConfigError as error:
        log.error("reload refused, nothing changed", faults=str(error))
        return {"error": str(error), "exit": BAD_CONFIG}


# --- where and when ------------------------------------------------------------------------------------


def _settings(options: RunOptions) -> Settings:
    settings = config_file.load(options.config)
    if options.dry_run:
        trading = replace(settings.trading, seed=options.seed)
        settings = replace(settings, trading=trading)
    return settings


def _state_dir(options: RunOptions, settings: Settings) -> Path:
    if options.state_dir is not None:
        return options.state_dir
    directory = config_file.state_directory(settings, os.environ)
    return directory / "dry-run" if options.dry_run else directory


def _night(options: RunOptions, session: SessionSettings, data_end_ms: int) -> tuple[int, int]:
    """Return start and end of a dry run: by default the last night of the data that has a day after it."""
    start_ms = options.start_ms
    if start_ms is None:
        start_ms = data_end_ms - DAY_MS - BEFORE_CLOSE_MS
    until_ms = options.until_ms
    if until_ms is None:
        until_ms = current_close_ms(start_ms, session) + AFTER_CLOSE_MS
    if until_ms <= start_ms:
        raise BadUse(f"--until {iso(until_ms)} is not after the start, {iso(start_ms)}")
    return start_ms, until_ms


def _move_aside(store: Store) -> None:
    """A venue in memory begins empty, so what we remember of an earlier one is put aside, never deleted."""
    names = (store.journal_path, store.nonces_path, store.history_path, store.directory / DIRECTORY)
    kept = [p for p in names if p.exists()]
    if not kept:
        return
    now = datetime.fromtimestamp(WallClock().now_ms() / 1000, tz=UTC).strftime("%Y%m%dT%H%M%S.%f")
    aside = store.directory / "earlier" / now
    aside.mkdir(parents=True)
    for path in kept:
        for part in store.directory.glob(f"{path.name}*"):
            part.rename(aside / part.name)
