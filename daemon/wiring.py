"""The one place where the mode is chosen: live, or dry against a venue in memory or in another process.

All modes run the same engine, adapter and state; they differ in clock, transport, journal thread and worker.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.backoff import Backoff
from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Account, Exchange
from adapters.hyperliquid.feed import HyperliquidFeed
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.signing import Network, Signer
from adapters.hyperliquid.universe import Universe
from adapters.ports import Clock, HttpTransport, SocketTransport
from adapters.secrets import Secret, SecretProvider
from core.book import venue_ms
from core.prices.types import Published
from core.types import TradingState
from daemon import config_file
from daemon.alerts import Alerts
from daemon.app import App
from daemon.clock import LoopClock, SteadyClock, VenueClock, WallClock, loop_s
from daemon.compute import Compute, InlineCompute, WorkerCompute
from daemon.credentials import alert_references, alert_url, signing_key, sources
from daemon.data_directory import SAMPLE
from daemon.history import HistoryKeeper
from daemon.inbox import Inbox
from daemon.logs import Logs
from daemon.night import NightDesk, Parts
from daemon.nonce_file import NonceFile
from daemon.options import BadUse, RunOptions
from daemon.outbox import Outbox
from daemon.price_check import Desk, Place, PriceCheck, RunIndex, Take
from daemon.pulse import NoPulse, pulse
from daemon.restore import restore
from daemon.rotation import Rotated, Rotation, take_key
from daemon.scheduler import ClockAlarms, WallAlarms
from daemon.service import Alarms, Pulse, Service, Shell
from daemon.settings import CryptoIndexSettings, Settings
from daemon.time_keeping import time_keeping
from daemon.venue_facts import venue_facts
from state.disk import OS_DISK, Disk
from state.history import History
from state.journal import InlineJournal, Journal, JournalWriter, ThreadedJournal
from state.kill_switch import KillSwitch
from state.nonces import FileNonces
from state.store import Identity, Store

if TYPE_CHECKING:
    from daemon.crypto_index.keeper import Keeper
    from sim.venue.price_source import PriceSource

BASE_URLS = {
    "mainnet": "https://api.hyperliquid.xyz",
    "testnet": "https://api.hyperliquid-testnet.xyz",
}
NO_LIMIT_PER_MIN = 1_000_000.0
"""The budget of reads where the venue limits nobody; see docs/decisions/0005."""

PATIENCE_PER_SPEED = 0.25
"""A stream's silence is judged in the clock's seconds; at speed 20 a second is 50 ms of a busy machine's."""

MIDNIGHT = "00:00"

DRY_RUN_USDC = Decimal(1_000_000)

AlarmMaker = Callable[[Callable[[], None], Callable[[], Awaitable[None]]], Alarms]

KeyReader = Callable[[SecretProvider], Secret]


@dataclass(slots=True, kw_only=True)
class Ends:
    """The edges of the machine, which differ by mode."""

    http: HttpTransport
    sockets: SocketTransport
    account: Account
    network: str
    clock: Clock
    compute: Compute
    journal: Callable[[Journal], JournalWriter]
    alarms: AlarmMaker
    pulse: Pulse
    weight_per_min: float
    elapsed_ms: Callable[[], float]
    speed: float = 1.0
    disk: Disk = OS_DISK
    key: KeyReader | None = None
    """How the signing key is read again; None where the account is a throw-away one."""
    index: RunIndex | None = None
    """What makes index values beside the engine; None where nobody does."""
    levels: "LevelEnds | None" = None
    """A crypto index that is kept from index values; None where none is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEnds:
    """The edges of a kept crypto index: its configuration in a state directory, what computes, where the disk is waited for.

    prices makes index values for it alone; None where those of the index beside the engine are taken.
    """

    settings: Callable[[Path], CryptoIndexSettings]
    compute: Callable[[], Compute]
    apart: Callable[[Callable[[], Any]], Awaitable[Any]]
    prices: Callable[[Take], Awaitable[None]] | None = None


@dataclass(slots=True)
class Wired:
    """A service ready to run, what reads its secrets again beside it, and what must be closed after it."""

    service: Service
    desk: NightDesk
    store: Store
    rotation: Rotation
    close: Callable[[], None]


def wire(ends: Ends, settings: Settings, store: Store, logs: Logs) -> Wired:
    """Assemble the daemon from its edges, on a state directory whose lock the caller holds."""
    store.claim(Identity(ends.network, ends.account.address))
    journal = Journal.open(store.journal_path, store.disk)
    state, next_seq = restore(journal, settings.trading)
    writer = ends.journal(journal)
    history = History.open(store.history_path, store.disk)
    inbox = Inbox()
    app = App(state=state, next_seq=next_seq, inbox=inbox, journal=writer, clock=ends.clock)
    universe = Universe()
    info = Info(ends.http, ends.clock, Budget(ends.clock, capacity_per_min=ends.weight_per_min))
    exchange = _exchange(ends, store, budget=info.budget, timeout_s=settings.venue.request_timeout_s)
    gateway = HyperliquidGateway(exchange, info, universe)
    reference = HyperliquidReference(info, universe)
    parts = Parts(
        clock=ends.clock,
        gateway=gateway,
        reference=reference,
        keeper=HistoryKeeper(reference=reference, history=history, clock=ends.clock),
        history=history,
        compute=ends.compute,
        alerts=Alerts(settings.alerts, origin=ends.account.address, now_ms=ends.clock.now_ms),
        latch=KillSwitch(store.kill_switch_path, store.disk),
        store=store,
        address=ends.account.address,
        master=ends.account.master,
    )
    service_box: list[Service] = []
    desk = NightDesk(parts, settings=lambda: service_box[0].settings, state=lambda: app.state, put=inbox.put)
    rotation = _rotation(ends, settings, gateway, told=parts.alerts, now=lambda: service_box[0].settings)
    keeper = _keeper(ends, settings, app, parts)
    shell = Shell(
        app=app,
        outbox=Outbox(gateway=gateway, desk=desk, clock=ends.clock, put=inbox.put),
        desk=desk,
        feed=_feed(ends, reference, seed=settings.trading.seed),
        gateway=gateway,
        parts=parts,
        clock=ends.clock,
        keeping=time_keeping(parts, inbox.put, lambda: venue_ms(app.state)),
        alarms=ends.alarms,
        pulse=ends.pulse,
        logs=logs,
        version=version("nightdesk"),
        settings=settings,
        elapsed_ms=ends.elapsed_ms,
        reread_secrets=rotation.ask,
        index=_compared(ends, settings, app, parts, keeper),
        levels=keeper,
    )
    service_box.append(service := Service(shell))

    def close() -> None:
        writer.close()
        history.close()
        ends.compute.close()

    return Wired(service, desk, store, rotation, close)


def _compared(
    ends: Ends, settings: Settings, app: App, parts: Parts, keeper: "Keeper | None"
) -> Callable[[], Awaitable[None]] | None:
    """Return what makes index values and has each compared with the venue's price, None where nobody makes any."""
    if ends.index is None:
        return None
    desk = Desk(state=lambda: app.state, put=app.inbox.put, now_ms=ends.clock.now_ms, elapsed_s=loop_s)
    check = PriceCheck(settings.index_price, desk)
    if keeper is None:
        return partial(ends.index, Place(parts.store.directory, check.take, parts.alerts))

    def take(values: Sequence[Published]) -> None:
        check.take(values)
        keeper.take(values)

    place = Place(parts.store.directory, take, parts.alerts, level=lambda: keeper.shown)
    return partial(ends.index, place)


def _keeper(ends: Ends, settings: Settings, app: App, parts: Parts) -> "Keeper | None":
    levels = ends.levels
    if levels is None:
        return None
    from daemon.crypto_index.keeper import Keeper
    from daemon.crypto_index.work import Parts as KeeperParts
    from daemon.index_prices.settlements import rules_of

    directory = parts.store.directory
    return Keeper(
        KeeperParts(
            settings=partial(levels.settings, directory),
            settlement=rules_of(settings.index_price.settlement),
            method=settings.crypto_index.settlement,
            directory=directory,
            disk=parts.store.disk,
            clock=ends.clock,
            told=parts.alerts,
            compute=levels.compute,
            apart=levels.apart,
            halted=lambda: app.state.trading is TradingState.HALTED or parts.latch.read() is not None,
            prices=levels.prices,
        )
    )


def _rotation(
    ends: Ends,
    settings: Settings,
    gateway: HyperliquidGateway,
    *,
    told: Alerts,
    now: Callable[[], Settings],
) -> Rotation:
    """Read the signing key and the secret URLs of alerts again, from where they lay at the start and lie by now."""
    secrets, renew = sources(settings.vault, os.environ)

    def rotated() -> Iterator[Rotated]:
        if ends.key is not None:
            yield Rotated(code="secret.key", read=partial(ends.key, secrets), take=partial(take_key, gateway))
        for setting, reference in alert_references(now().alerts):
            read = partial(alert_url, setting, reference, secrets)
            yield Rotated(code="secret.webhook", read=read, take=partial(_entrusted, told, reference))

    return Rotation(lambda: tuple(rotated()), renew, told=told, every_s=settings.secrets.reread_s)


async def _entrusted(alerts: Alerts, reference: str, url: Secret) -> str:
    alerts.entrust(reference, url)
    return ""


def _feed(ends: Ends, reference: HyperliquidReference, *, seed: int) -> HyperliquidFeed:
    return HyperliquidFeed(
        ends.sockets,
        reference,
        user=ends.account.address,
        backoff=Backoff(random.Random(seed)),
        patience=max(1.0, PATIENCE_PER_SPEED * ends.speed),
    )


def _exchange(ends: Ends, store: Store, *, budget: Budget, timeout_s: float) -> Exchange:
    nonces = Nonces(ends.clock, NonceFile(FileNonces(store.nonces_path, store.disk)))
    return Exchange(ends.http, ends.account, nonces, budget, timeout_s)


def elapsed_since_exec_ms() -> float:
    """Return the time since this process was started by the kernel (Linux), for the start-up figures."""
    with open("/proc/self/stat") as stat, open("/proc/uptime") as uptime:
        started_ticks = int(stat.read().rpartition(")")[2].split()[19])
        up_s = float(uptime.read().split()[0])
    return 1000 * (up_s - started_ticks / os.sysconf("SC_CLK_TCK"))


# --- the edges, by mode --------------------------------------------------------------------------------


def live_ends(settings: Settings) -> Ends:
    """The network, the wall clock held steady, a journal thread and a worker process."""
    network = settings.venue.network
    base_url = BASE_URLS.get(network, network)
    clock = SteadyClock(WallClock())
    http, sockets = _over_network(base_url)
    return Ends(
        http=http,
        sockets=sockets,
        account=configured_account(settings),
        network=network,
        clock=clock,
        compute=WorkerCompute(),
        journal=ThreadedJournal,
        alarms=lambda wake, hourly: WallAlarms(settings.trading.session, wake=wake, hourly=hourly),
        pulse=pulse(),
        weight_per_min=float(settings.venue.ip_weight_per_min),
        elapsed_ms=elapsed_since_exec_ms,
        key=_key_reader(settings),
        index=_index_beside(settings, clock) if settings.index_price.beside else None,
        levels=_live_levels(settings) if settings.crypto_index.enabled else None,
    )


def _live_levels(settings: Settings) -> LevelEnds:
    """Raises BadUse where there would be no prices or no market caps to keep an index from."""
    index = settings.index_price
    if not index.beside:
        raise BadUse("crypto_index.enabled: its prices come from index_price.beside: set that to true too")
    if MIDNIGHT not in index.settlement.at:
        raise BadUse(
            f'crypto_index.enabled: index_price.settlement.at must have "{MIDNIGHT}", when levels settle'
        )
    kept = settings.crypto_index
    if kept.data is None:
        raise BadUse(
            "crypto_index.enabled: crypto_index.data is not set: name a data directory of market caps"
        )
    return LevelEnds(settings=lambda _: kept, compute=WorkerCompute, apart=asyncio.to_thread)


def _dry_levels(options: RunOptions, settings: Settings, market: "PriceSource", clock: Clock) -> LevelEnds:
    """An index of the simulated venue's own prices, with market caps made from its data."""
    from daemon.crypto_index import dry

    virtual = options.speed is None
    return LevelEnds(
        settings=partial(dry.settings_of, settings.crypto_index, options.data or SAMPLE),
        compute=partial(InlineCompute, clock) if virtual else WorkerCompute,
        apart=dry.at_once if virtual else asyncio.to_thread,
        prices=partial(dry.run_prices, market, clock),
    )


def remote_ends(settings: Settings, url: str) -> Ends:
    """A simulated venue in another process: real sockets, on its clock and speed."""
    facts = venue_facts(url)
    clock = VenueClock(facts.now_ms, speed=facts.speed, read_at_s=facts.read_at_s)
    http, sockets = _over_network(url)
    return Ends(
        http=http,
        sockets=sockets,
        account=configured_account(settings) if settings.account.address else _of_key(facts.key, url),
        network=url,
        clock=clock,
        compute=WorkerCompute(),
        journal=ThreadedJournal,
        alarms=lambda _, hourly: ClockAlarms(clock, hourly=hourly),
        pulse=pulse(),
        weight_per_min=facts.ip_weight_per_min or NO_LIMIT_PER_MIN,
        elapsed_ms=elapsed_since_exec_ms,
        speed=facts.speed,
        key=_key_reader(settings) if settings.account.address else None,
    )


def memory_ends(
    options: RunOptions, *, market: "PriceSource", start_ms: int, settings: Settings | None = None
) -> Ends:
    """The venue in this process; the virtual loop when speed is max. settings: those of a crypto index beside it."""
    from sim.venue.edge import Edge
    from sim.venue.limits import WITHOUT_WEIGHT
    from sim.venue.memory import InMemoryVenue
    from sim.venue.venue import Venue

    virtual = options.speed is None
    clock = LoopClock(start_ms, speed=options.speed or 1.0)
    master, agent = dry_run_key("master"), dry_run_key("agent")
    address = Signer.from_key(master).address
    signer = Signer.from_key(agent)
    venue = Venue(
        market,
        accounts={address: DRY_RUN_USDC},
        agents={signer.address: address},
        start_ms=start_ms,
        seed=options.seed,
    )
    memory = InMemoryVenue(Edge(venue, limits=WITHOUT_WEIGHT), clock, seed=options.seed)
    return Ends(
        http=memory,
        sockets=memory,
        account=Account(address, signer, Network.TESTNET),
        network="memory",
        clock=clock,
        compute=InlineCompute(clock) if virtual else WorkerCompute(),
        journal=InlineJournal if virtual else ThreadedJournal,
        alarms=lambda _, hourly: ClockAlarms(clock, hourly=hourly),
        pulse=NoPulse(),
        weight_per_min=NO_LIMIT_PER_MIN,
        elapsed_ms=elapsed_since_exec_ms,
        speed=options.speed or 1.0,
        levels=None if settings is None else _dry_levels(options, settings, market, clock),
    )


def configured_account(settings: Settings) -> Account:
    """Return the account of the configuration with its signer. Raises ConfigError or CredentialError."""
    config_file.require_account(settings)
    assert settings.account.address is not None
    secrets, _ = sources(settings.vault, os.environ)
    signer = Signer.from_key(signing_key(settings.account, secrets).reveal())
    network = Network.MAINNET if settings.venue.network == "mainnet" else Network.TESTNET
    master = settings.account.master.lower() if settings.account.master else None
    return Account(settings.account.address.lower(), signer, network, master)


def _key_reader(settings: Settings) -> KeyReader:
    return partial(signing_key, settings.account)


def _index_beside(settings: Settings, clock: Clock) -> RunIndex:
    async def run(place: Place) -> None:
        # Its imports take a tenth of a second, in which the loop would hedge nothing.
        beside = await asyncio.to_thread(import_module, "daemon.index_prices.beside")
        await beside.run_beside(settings, clock, place)

    return run


def _over_network(base_url: str) -> tuple[HttpTransport, SocketTransport]:
    from adapters.http import AiohttpTransport
    from adapters.stream import WebsocketsTransport

    return AiohttpTransport(base_url), WebsocketsTransport("ws" + base_url.removeprefix("http") + "/ws")


def _of_key(key: str | None, url: str) -> Account:
    """Trade the throw-away account that the venue made, where it made one."""
    if key is None:
        raise BadUse(
            f"--venue {url}: that venue was given its accounts, so it has no key for us. "
            "Name [account] address and key_env or key_file in a file and pass it with --config"
        )
    signer = Signer.from_key(key)
    return Account(signer.address, signer, Network.TESTNET)


def dry_run_key(role: str) -> str:
    """Return the key of a dry run's own account, the same for every seed: it has never held but simulated money."""
    return "0x" + sha256(f"nightdesk dry run {role}".encode()).hexdigest()
