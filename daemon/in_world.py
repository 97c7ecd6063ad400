"""The daemon wired into a world of sim.world: real code throughout, on the world's edges."""

import logging
from typing import Any

import structlog

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signing import Network, Signer
from core.state import State
from daemon import config_file
from daemon.compute import ComputeFailed, call
from daemon.logs import Context, Logs
from daemon.pulse import NoPulse
from daemon.scheduler import ClockAlarms
from daemon.wiring import NO_LIMIT_PER_MIN, Ends, wire
from sim.world import Edges
from state.journal import InlineJournal
from state.store import Store

SOLVES_S = (0.2, 2.0)
PAGE = "research.night_page:page"


class WorldCompute:
    """The worker's functions in the caller; the result comes after a drawn time of the world's clock."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges

    async def warm(self) -> None:
        return None

    async def run(self, function: str, request: Any) -> Any:
        """Raises ComputeFailed as a worker does; also for the page of a night, which a world does not draw."""
        await self._edges.clock.sleep(self._edges.random.uniform(*SOLVES_S))
        if function == PAGE:
            raise ComputeFailed("a world draws no page")
        try:
            return call(function, request)
        except Exception as error:
            raise ComputeFailed(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        return None


class InWorld:
    """One life: fills sim.world.Daemon."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        settings = config_file.parse(edges.config)
        signer = Signer.from_key(edges.keys.agent)
        clock = edges.clock
        ends = Ends(
            http=edges.http,
            sockets=edges.sockets,
            account=Account(edges.keys.address, signer, Network.TESTNET),
            network="world",
            clock=clock,
            compute=WorldCompute(edges),
            journal=InlineJournal,
            alarms=lambda _, hourly: ClockAlarms(clock, hourly=hourly),
            pulse=NoPulse(),
            weight_per_min=NO_LIMIT_PER_MIN,
            elapsed_ms=lambda: 0.0,
        )
        self._wired = wire(ends, settings, Store(edges.directory), Logs([], Context()))
        self._wired.service._shell.app.observers.append(edges.observe)

    @property
    def state(self) -> State:
        return self._wired.service.state

    @property
    def reports(self) -> list[dict[str, Any]]:
        return self._wired.desk.reports

    @property
    def alerts(self) -> tuple[str, ...]:
        """The codes of alerts that are not over."""
        return tuple(alert.code for alert in self._wired.service._shell.parts.alerts.active())

    async def run(self) -> None:
        try:
            await self._wired.service.run()
        finally:
            self._wired.close()

    def stop(self, reason: str) -> None:
        self._wired.service.stop(reason)


def _drop(_logger: object, _method: str, _line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def prepare() -> None:
    """Make this process ready for worlds: load what a worker loads, and let nothing be logged.

    Thousands of nights have nothing to say but their failures; and an import reads the wall clock.
    """
    call("daemon.night_pipeline:warm", None)
    logging.disable(logging.CRITICAL)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), processors=[_drop]
    )
