"""One instance while it runs: connectors, calculation, election and publication, endpoint, alerts."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from adapters.exchanges.connector import Connector
from adapters.exchanges.lane import Lane
from adapters.ports import Clock
from daemon.alerts import Alerts
from daemon.index_prices.alerts import IndexAlerts
from daemon.index_prices.endpoint import Endpoint
from daemon.index_prices.engine import PriceEngine, Record
from daemon.index_prices.holds import Holds
from daemon.index_prices.metrics import Metrics
from daemon.index_prices.publisher import Election, Publisher
from daemon.index_prices.settlements import Settlements
from daemon.rotation import Rotation
from daemon.supervisor import keep_running

log = structlog.get_logger()

BEAT_S = 0.1
"""Nothing was heard for so long: calculate, because ages and holds have changed."""

GAP_S = 0.002
RESTS = 3
"""After a calculation so many times its duration are left to everything else."""

HOLDS_S = 0.5
LATE_S = 5.0
"""An instance that has calculated nothing for so long, or for which no feed of any index has counted, is not well."""

FLUSH_S = 2.0

BLIND_S = 1.0
"""A leader for which no feed of any index has counted for so long lets another instance lead: it may hear more."""
ELSEWHERE_S = 10.0
"""An instance that has not led for so long leaves its alerts to the one that does: until then it may only stand aside."""
BLIND_AGAIN_S = 30.0
"""... and not again before this: where nobody hears anything, somebody has to go on saying so."""


@dataclass(slots=True, kw_only=True)
class Made:
    """What an instance is made of; daemon.index_prices.wiring makes it."""

    symbols: Sequence[str]
    connectors: Sequence[Connector]
    lane: Lane
    engine: PriceEngine
    election: Election
    publisher: Publisher
    endpoint: Endpoint
    metrics: Metrics
    holds: Holds
    alerts: Alerts
    index_alerts: IndexAlerts
    ledger: Record
    settlements: Settlements
    rotation: Rotation
    clock: Clock
    elapsed_s: Callable[[], float]


class Instance:
    """run() until it is cancelled, or calculation, election or publication fails: another instance goes on then."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self._led = False
        self._held: Mapping[str, str | None] = {}
        self._sighted_s = made.elapsed_s()
        self._heard_s = -math.inf
        self._aside_s = -BLIND_AGAIN_S
        self._lost_s = made.elapsed_s()

    async def run(self, host: str, port: int, *, ready: Callable[[int], None]) -> None:
        """Serve on host and port, told to ready once it listens. Raises BadUse where it cannot."""
        made = self._made
        self._read_holds()
        await made.endpoint.open(host, port)
        try:
            ready(made.endpoint.port)
            async with asyncio.TaskGroup() as group:
                for one in made.connectors:
                    group.create_task(keep_running(f"venue {one.source}", one.run, clock=made.clock))
                group.create_task(keep_running("alerts", made.alerts.run, clock=made.clock))
                group.create_task(keep_running("secrets", made.rotation.run, clock=made.clock))
                group.create_task(made.publisher.run())
                group.create_task(self._calculate())
                group.create_task(self._watch_holds())
        finally:
            await made.endpoint.close()
            made.index_alerts.silent()
            made.ledger.close()
            await made.alerts.flush(timeout_s=FLUSH_S)

    def leads(self) -> bool:
        return self._made.election.term() is not None

    def health(self) -> dict[str, Any]:
        """Return how this instance is: healthy where it calculates and hears, whether it publishes or stands by."""
        made, now_ms = self._made, self._made.clock.now_ms()
        newest = made.engine.newest
        late_s = (now_ms - max((v.at_ms for v in newest.values()), default=0)) / 1000
        calculates, hears = late_s < LATE_S, made.elapsed_s() - self._heard_s < LATE_S
        term = made.election.term()
        return {
            "healthy": calculates and hears,
            "calculates": calculates,
            "hears": hears,
            "leads": term is not None,
            "token": None if term is None else term.token,
            "timestamp": now_ms,
            "indices": {
                v.symbol: {"state": v.state, "cause": v.cause, "active_feeds": v.active_feeds}
                for v in newest.values()
            },
            "held": {symbol: reason for symbol, reason in self._held.items() if reason is not None},
            "venues": {one.source: counts_of(one) for one in made.connectors},
            "alerts": [alert.code for alert in made.alerts.active()],
            "consumers": made.endpoint.consumers,
        }

    async def _calculate(self) -> None:
        """Calculate as soon as something was heard, with rests in between so that nothing else starves."""
        made = self._made
        while True:
            await self._heard_or_beat()
            began_s = made.elapsed_s()
            self._look()
            await asyncio.sleep(max(GAP_S, RESTS * (made.elapsed_s() - began_s)))

    def _look(self) -> None:
        leads = self.leads()
        if leads is not self._led:
            self._led = leads
            self._made.metrics.leads(leads=leads)
            self._lost_s = self._made.elapsed_s()
            if not leads:
                self._made.endpoint.silent()
        if not leads and self._made.elapsed_s() - self._lost_s >= ELSEWHERE_S:
            self._made.index_alerts.silent()
        if not self._made.publisher.publish_due():
            self._stay_warm()
        self._step_aside_if_blind()

    def _step_aside_if_blind(self) -> None:
        made, now_s = self._made, self._made.elapsed_s()
        if any(value.active_feeds for value in made.engine.newest.values()):
            self._heard_s = self._sighted_s = now_s
        elif not self.leads():
            self._sighted_s = now_s
        elif now_s - self._sighted_s >= BLIND_S and now_s - self._aside_s >= BLIND_AGAIN_S:
            self._aside_s = now_s
            log.warning("this instance hears no venue and lets another one lead")
            made.election.resign()

    def _stay_warm(self) -> None:
        """Calculate where nobody asked for it: what was heard counts though this instance does not publish."""
        if not self.leads():
            self._made.settlements.stood_by(self._made.engine.calculate())

    async def _heard_or_beat(self) -> None:
        try:
            async with asyncio.timeout(BEAT_S):
                await self._made.lane.filled()
        except TimeoutError:
            return

    async def _watch_holds(self) -> None:
        while True:
            await asyncio.sleep(HOLDS_S)
            self._read_holds()

    def _read_holds(self) -> None:
        self._held = self._made.holds.read(self._made.symbols)
        self._made.engine.hold(self._held)


def counts_of(connector: Connector) -> dict[str, int]:
    found: dict[str, int] = asdict(connector.counts)
    return found
