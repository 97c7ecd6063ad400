"""The one place where the mode is chosen: live, or dry against a venue in memory or in another process.

All modes run the same engine, adapter and state; they differ in clock, transport, journal thread and worker.
"""

import os
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

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
from daemon import config_file
from daemon.alerts import Alerts
from daemon.app import App
from daemon.clock import LoopClock, SteadyClock, VenueClock, WallClock
from daemon.compute import Compute, InlineCompute, WorkerCompute
from daemon.credentials import alert_references, alert_url, signing_key, sources
from daemon.history import HistoryKeeper
from daemon.inbox import Inbox
from daemon.logs import Logs
from daemon.night import NightDesk, Parts
from daemon.nonce_file import NonceFile
from daemon.options import BadUse, RunOptions
from daemon.outbox import Outbox
from daemon.pulse import NoPulse, pulse
from daemon.restore import restore
from daemon.rotation import Rotated, Rotation, take_key
from daemon.scheduler import ClockAlarms, WallAlarms
from daemon.service import Alarms, Pulse, Service, Shell
from daemon.settings import Settings
from daemon.time_keeping import time_keeping
from daemon.venue_facts import venue_facts
from state.disk import OS_DISK, Disk
from state.history import History
from state.journal import InlineJournal, Journal, JournalWriter, ThreadedJournal
from state.kill_switch import KillSwitch
from state.nonces import FileNonces
from state.store import Identity, Store

if TYPE_CHECKING:
    from sim.venue.price_source import PriceSource

BASE_URLS = {
    "mainnet": "https://api.hyperliquid.xyz",
    "testnet": "https://api.hyperliquid-testnet.xyz",
}
NO_LIMIT_PER_MIN = 1_000_000.0
"""The budget of reads where the venue limits nobody; see docs/decisions/0005."""

PATIENCE_PER_SPEED = 0.25
"""A stream's silence is judged in the clock's seconds; at speed 20 a second is 50 ms of a busy machine's."""

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
    )
    service_box.append(service := Service(shell))

    def close() -> None:
        writer.close()
        history.close()
        ends.compute.close()

    return Wired(service, desk, store, rotation, close)


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


def memory_ends(options: RunOptions, *, market: "PriceSource", start_ms: int) -> Ends:
    """The venue in this process; the virtual loop when speed is max."""
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
