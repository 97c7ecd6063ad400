"""`nightdesk index-price run`: lock, logs, signals, and the instance between them."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import structlog

from adapters.exchanges.dialing import Network
from core.prices.presets import PRESETS
from daemon import config_file, logs
from daemon.clock import SteadyClock, WallClock, monotonic_s
from daemon.index_prices.instance import Instance
from daemon.index_prices.printing import Changes, Printer, as_json
from daemon.index_prices.wiring import Edges, wire
from daemon.options import BadUse
from daemon.settings import IndexPriceSettings, Preset, Settings
from state.lock import InstanceLock

log = structlog.get_logger()

FOLDER = "index-price"
"""In the state directory: lease, holds, log."""

LOOK_S = 10.0
STEP_MS = 50
"""A wall that differs by so much was stepped, or the machine slept; less is how two clocks are read."""

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What the command line said; None where the configuration says it. network_of is the way to each venue.

    out is the ledger's file, None for none.
    """

    settings: Settings
    state_dir: Path | None
    json: bool
    out: Path | None = None
    network_of: Callable[[str], Network] | None = None


def chosen(settings: Settings, *, symbols: tuple[str, ...], preset: str | None, port: int | None) -> Settings:
    """Return settings with what the command line says instead. Raises BadUse."""
    if preset is not None and preset not in PRESETS:
        raise BadUse(f"--preset {preset}: no such preset. Presets are {', '.join(PRESETS)}")
    index = settings.index_price
    index = replace(index, symbols=symbols or index.symbols, port=index.port if port is None else port)
    return replace(settings, index_price=replace(index, preset=cast(Preset, preset or index.preset)))


def directory_of(settings: Settings, state_dir: Path | None) -> Path:
    """Return the index price's own directory, made where it is missing. Raises BadUse."""
    directory = (state_dir or config_file.state_directory(settings, os.environ)) / FOLDER
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadUse(f"{directory}: cannot be made ({error.strerror})") from error
    return directory


def run(options: LiveOptions) -> None:
    """Publish until told to stop. Raises BadUse, StateError, and what ended the instance."""
    _checked(options.settings.index_price)
    directory = directory_of(options.settings, options.state_dir)
    with InstanceLock.acquire(directory):
        clock = SteadyClock(WallClock())
        kept = logs.configure(
            options.settings.log,
            directory=directory,
            now_ms=clock.now_ms,
            terminal=None if options.json else sys.stderr,
        )
        try:
            asyncio.run(_serve(options, directory, clock))
        finally:
            kept.close()


async def _serve(options: LiveOptions, directory: Path, clock: SteadyClock) -> None:
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    stopping = _Stop(task)

    def reader_left() -> None:
        # What is still in stdout's buffer would raise once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        loop.call_soon_threadsafe(stopping)

    printer = Printer(sys.stdout, as_json if options.json else Changes(), reader_left)
    for number in STOPPING:
        loop.add_signal_handler(number, stopping)
    settings = options.settings
    network_of = options.network_of or (lambda _: Network(clock))
    edges = Edges(
        clock=clock, elapsed_s=monotonic_s, network_of=network_of, directory=directory, out=options.out
    )
    try:
        instance = wire(settings, edges, sinks=(printer.publish,))
        await _beside(instance, settings.index_price, clock, printer, json=options.json)
    except asyncio.CancelledError:
        if not stopping.asked:
            raise
        log.info("stopped")
    finally:
        printer.close()


async def _beside(
    instance: Instance, settings: IndexPriceSettings, clock: SteadyClock, printer: Printer, *, json: bool
) -> None:
    def ready(port: int) -> None:
        url = f"http://{settings.host}:{port}"
        log.info("the endpoint listens", url=url, symbols=list(settings.symbols), preset=settings.preset)
        if not json:
            printer.say(f"serving {url}/v1/index ({', '.join(settings.symbols)}, {settings.preset})")

    keeping = asyncio.create_task(keep_time(clock))
    try:
        await instance.run(settings.host, settings.port, ready=ready)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def keep_time(clock: SteadyClock) -> None:
    """Follow steps of the machine's clock: stamps are compared with those of venues, which do not know ours."""
    while True:
        await asyncio.sleep(LOOK_S)
        ahead_ms = clock.wall_ahead_ms()
        if abs(ahead_ms) >= STEP_MS:
            log.warning("the machine's clock was stepped, and is followed", by_ms=ahead_ms)
            clock.anchor(clock.now_ms() + ahead_ms)


class _Stop:
    """Ends a task once, however often it is asked."""

    def __init__(self, task: "asyncio.Task[None]") -> None:
        self.asked = False
        self._task = task

    def __call__(self) -> None:
        if not self.asked:
            self.asked = True
            self._task.cancel()


def _checked(settings: IndexPriceSettings) -> None:
    if not settings.symbols:
        raise BadUse("index_price.symbols is empty: name at least one index, such as BTC/USD")
    if not settings.sources:
        raise BadUse("index_price.sources is empty: name the venues to ask")
