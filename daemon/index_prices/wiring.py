"""The one place where an index price is put together: venues, rules, election, and everybody who is told."""

import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adapters.exchanges import venues
from adapters.exchanges.connector import Connector
from adapters.exchanges.dialing import Network
from adapters.exchanges.fallback import Terms
from adapters.exchanges.lane import Lane
from adapters.ports import Clock
from adapters.secrets import Secret
from core.prices.board import RATES, PriceBoard, symbol_of
from core.prices.presets import PRESETS
from core.prices.settling import SettlementRules
from daemon.alerts import Alerts
from daemon.credentials import alert_references, alert_url, sources
from daemon.index_prices.alert_rules import Levels, Rules
from daemon.index_prices.alerts import IndexAlerts
from daemon.index_prices.endpoint import About, Endpoint
from daemon.index_prices.engine import Nowhere, PriceEngine, Record, Sinks, ToAll
from daemon.index_prices.holds import Holds
from daemon.index_prices.instance import Instance, Made, counts_of
from daemon.index_prices.metrics import Metrics, level_text
from daemon.index_prices.pairs import pairs_of
from daemon.index_prices.publisher import Election, Publisher
from daemon.index_prices.settlements import Settlements, Unsettling, rules_of
from daemon.rotation import Rotated, Rotation
from daemon.settings import IndexPriceSettings, Settings
from state.disk import OS_DISK, Disk

NAME = "index"
"""Of the election, in the lease file as in ZooKeeper."""

LEASE = "lease.sqlite"
TOLD_S = 0.5
"""How long after its time a value is published at the latest, where nothing is heard at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Where an instance ends: its clocks, the way to each venue, its own directory and the disk below it, its ledger's file.

    connector_of is another way to a venue than the way out: a scripted market's. level is that of a crypto index which is
    kept in this process.
    """

    clock: Clock
    elapsed_s: Callable[[], float]
    network_of: Callable[[str], Network]
    directory: Path
    out: Path | None = None
    terms: Terms | None = None
    disk: Disk = OS_DISK
    level: Callable[[], Mapping[str, Any] | None] = lambda: None
    connector_of: Callable[[str, tuple[str, ...], Lane], Connector] | None = None


def holder() -> str:
    """Return this instance's name, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def lease_path(settings: IndexPriceSettings, directory: Path) -> Path:
    return directory / LEASE if settings.lease_file is None else Path(settings.lease_file).expanduser()


def watched(settings: IndexPriceSettings) -> list[str]:
    """Return every index of an instance: those it is to publish, and those that convert."""
    return sorted({*settings.symbols, *map(symbol_of, RATES)})


def election_of(settings: IndexPriceSettings, edges: Edges) -> Election:
    """Return this instance's place among those it shares a lease file or an ensemble with."""
    if settings.zookeeper is not None:
        from adapters.zookeeper_election import ZooKeeperElection

        return ZooKeeperElection(
            settings.zookeeper,
            f"/nightdesk/{NAME}",
            holder=holder(),
            session_s=settings.lease_s,
            elapsed_s=edges.elapsed_s,
        )
    from daemon.index_prices.local_election import LocalElection

    return LocalElection(
        lease_path(settings, edges.directory),
        NAME,
        holder=holder(),
        lease_s=settings.lease_s,
        elapsed_s=edges.elapsed_s,
        disk=edges.disk,
    )


def wire(configured: Settings, edges: Edges, *, sinks: Sinks = (), witnesses: Sinks = ()) -> Instance:
    """Return an instance that is ready to run.

    sinks are told of published values besides the endpoint, witnesses of every value that this instance makes.
    """
    settings = configured.index_price
    methodology = PRESETS[settings.preset]
    asked = {
        source: pairs_of(source, settings.symbols, without=settings.without, converts=methodology.converts)
        for source in settings.sources
    }
    expected = [(source, pair) for source, pairs in asked.items() for pair in pairs]
    lane, metrics = Lane(), Metrics(edges.elapsed_s)
    board = PriceBoard(methodology, symbols=settings.symbols, expected=expected)
    desk = Alerts(configured.alerts, origin=f"index price of {holder()}", now_ms=edges.clock.now_ms)
    rules = rules_of(settings.settlement)
    ledger = _ledger(edges.out, desk, board, rules, expected)
    engine = PriceEngine(board, lane, edges.clock, metrics, record=ledger, witnesses=witnesses)
    box: list[Instance] = []
    endpoint = Endpoint(_about(box, metrics, edges.level))
    told = IndexAlerts(Rules(_levels(settings)), desk)
    settlements = Settlements(
        rules, told=(endpoint.settled, metrics.settled, Unsettling(desk).settled), kept=ledger.settled
    )
    everybody = ToAll(
        (
            engine.publish,
            ledger.published,
            endpoint.publish,
            metrics.publish,
            told.publish,
            settlements.publish,
            *sinks,
        )
    )
    election = election_of(settings, edges)
    connectors = [_connector(source, pairs, lane, edges) for source, pairs in asked.items() if pairs]
    made = Made(
        symbols=watched(settings),
        connectors=connectors,
        lane=lane,
        engine=engine,
        election=election,
        publisher=Publisher(election, engine.due, everybody, publish_s=TOLD_S),
        endpoint=endpoint,
        metrics=metrics,
        holds=Holds(lease_path(settings, edges.directory).parent),
        alerts=desk,
        index_alerts=told,
        ledger=ledger,
        settlements=settlements,
        rotation=_rotation(configured, desk),
        clock=edges.clock,
        elapsed_s=edges.elapsed_s,
    )
    _follow(made)
    box.append(Instance(made))
    return box[0]


def _about(box: list[Instance], metrics: Metrics, level: Callable[[], Mapping[str, Any] | None]) -> About:
    return About(
        leads=lambda: box[0].leads(),
        health=lambda: box[0].health(),
        metrics=lambda: metrics.text() + level_text(level()),
        level=level,
    )


def _ledger(
    out: Path | None,
    desk: Alerts,
    board: PriceBoard,
    rules: SettlementRules,
    expected: Sequence[tuple[str, str]],
) -> Record:
    if out is None:
        return Nowhere()
    from daemon.index_prices.live_ledger import opened

    return opened(out, desk, board, rules, expected)


def _rotation(configured: Settings, desk: Alerts) -> Rotation:
    """Read the secret URLs of alerts, and again while the instance runs: it has no other secrets."""
    secrets, renew = sources(configured.vault, os.environ)
    rotated = [
        Rotated(
            code="secret.webhook",
            read=partial(alert_url, setting, reference, secrets),
            take=_taking(desk, reference),
        )
        for setting, reference in alert_references(configured.alerts)
    ]
    return Rotation(lambda: rotated, renew, told=desk, every_s=configured.secrets.reread_s)


def _taking(desk: Alerts, reference: str) -> Callable[[Secret], Awaitable[str]]:
    async def take(url: Secret) -> str:
        desk.entrust(reference, url)
        return ""

    return take


def _connector(source: str, pairs: tuple[str, ...], lane: Lane, edges: Edges) -> Connector:
    if edges.connector_of is not None:
        return edges.connector_of(source, pairs, lane)
    return venues.connector(source, pairs, lane, network=edges.network_of(source), terms=edges.terms)


def _levels(settings: IndexPriceSettings) -> Levels:
    return Levels(
        spread=settings.alert_spread, settle_s=settings.alert_settle_s, calm_s=settings.alert_calm_s
    )


def _follow(made: Made) -> None:
    """Let the metrics tell what connectors, lane and endpoint count."""

    def counted(name: str) -> dict[str, int]:
        return {one.source: counts_of(one)[name] for one in made.connectors}

    text = {
        "connections": "Streams that came about",
        "endings": "Streams that ended or did not come about",
        "stream_ticks": "Ticks from streams",
        "rest_ticks": "Ticks by request",
        "strange": "Frames nobody knows, and ends of streams",
    }
    for name, meaning in text.items():
        made.metrics.follow(f"venue_{name}", meaning, "source", partial(counted, name))
    made.metrics.follow(
        "ticks_dropped", "Ticks overtaken before they were taken", "source", lambda: made.lane.dropped
    )
    made.metrics.follow(
        "values_overtaken",
        "Values that slow consumers were not sent",
        "to",
        lambda: {"consumers": made.endpoint.overtaken},
    )
