"""What the doctor asks the venue: who we are there, in what mode, on what budget, and what ends orders if we die."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from adapters.hyperliquid.budget import Budget
from adapters.hyperliquid.exchange import Exchange
from adapters.hyperliquid.gateway import HyperliquidGateway
from adapters.hyperliquid.info import Info
from adapters.hyperliquid.nonces import Nonces
from adapters.hyperliquid.reference import HyperliquidReference
from adapters.hyperliquid.universe import Universe
from adapters.ports import (
    AccountFacts,
    HttpReply,
    HttpTransport,
    NonceStore,
    Rejected,
    VenueError,
    VenueStatus,
)
from adapters.retry import ReadPolicy
from core import dead_man
from core.orders import purpose_of
from core.types import AccountSnapshot
from daemon import account_modes
from daemon.account_modes import Problem
from daemon.config_file import ConfigError
from daemon.credentials import CredentialError
from daemon.doctor import Finding, warning, well, wrong
from daemon.options import BadUse
from daemon.settings import Settings
from daemon.wiring import Ends, live_ends, remote_ends
from state.errors import StateError
from state.nonces import FileNonces
from state.store import Store

PATIENCE_S = 30.0
TIMEOUT_S = 5.0
POLICY = ReadPolicy(attempts=2, first_wait_s=0.5)
AWAY = "is the network up, is venue.network right, what does the venue's status page say"

T = TypeVar("T")


class ReadsOnly:
    """A transport that cannot carry an order: the doctor only asks."""

    def __init__(self, http: HttpTransport) -> None:
        self._http = http

    async def post(self, path: str, body: bytes, *, timeout_s: float) -> HttpReply:
        if path != "/info":
            raise Rejected(f"not sent: the doctor sends nothing to {path}")
        return await self._http.post(path, body, timeout_s=timeout_s)

    async def close(self) -> None:
        await self._http.close()


class NoNonces:
    """Nothing has been signed here yet."""

    def load(self) -> int:
        return 0

    def save(self, highest_ms: int) -> None:
        raise VenueError("not signed: the doctor signs nothing")


@dataclass(slots=True)
class Asked:
    """What the venue said; a question that got no answer holds the reason."""

    status: VenueStatus | str
    skew_ms: float
    facts: AccountFacts | str
    snapshot: AccountSnapshot | str


def venue_findings(settings: Settings, directory: Path, venue: str | None) -> list[Finding]:
    """Ask the configured venue, or the nightdesk venue at a URL. Whatever goes wrong is a finding."""
    try:
        ends = live_ends(settings) if venue is None else remote_ends(settings, venue)
    except (BadUse, ConfigError, CredentialError, ValueError) as error:
        return [wrong("venue", str(error), "give the URL that nightdesk venue prints")]
    try:
        return asyncio.run(findings(ends, settings, directory))
    finally:
        ends.compute.close()


async def findings(ends: Ends, settings: Settings, directory: Path) -> list[Finding]:
    """Return what there is to say about the venue and the account, on these edges."""
    http = ReadsOnly(ends.http)
    info = Info(http, ends.clock, Budget(ends.clock, capacity_per_min=ends.weight_per_min), POLICY, TIMEOUT_S)
    try:
        async with asyncio.timeout(PATIENCE_S):
            nonces, said = _nonces(ends, directory)
            gateway = HyperliquidGateway(Exchange(http, ends.account, nonces, info.budget), info, Universe())
            asked = await _ask(gateway, HyperliquidReference(info, Universe()), ends)
    except TimeoutError:
        return [wrong("venue", f"no complete answers within {PATIENCE_S:.0f} s", AWAY)]
    finally:
        await http.close()
    if isinstance(asked.status, str):
        return [said, wrong("venue", f"does not answer: {asked.status}", AWAY)]
    return [
        said,
        well("venue", f"answers, its clock says {_iso(asked.status.time_ms)}"),
        _notice(asked.status),
        _judged(
            "clock", account_modes.clock(asked.skew_ms), f"{asked.skew_ms / 1000:+.2f} s from the venue's"
        ),
        *_account(asked, ends, settings),
    ]


def _nonces(ends: Ends, directory: Path) -> tuple[Nonces, Finding]:
    """Return nonces that are never used, and whether those kept on the disk could be."""
    store: NonceStore = NoNonces()
    try:
        path = directory / "nonces.json"
        if path.exists():
            store = FileNonces(Store(directory).nonces_path)
        return Nonces(ends.clock, store), well("nonces", "below the clock, or none used yet")
    except (VenueError, StateError) as error:
        mend = "see the runbook: Clock"
        return Nonces(ends.clock, NoNonces()), wrong("nonces", str(error), mend)


async def _ask(gateway: HyperliquidGateway, reference: HyperliquidReference, ends: Ends) -> Asked:
    before_ms = ends.clock.now_ms()
    status = await _tried(reference.status)
    if isinstance(status, str):
        return Asked(status, 0.0, status, status)
    skew_ms = (before_ms + ends.clock.now_ms()) / 2 - status.time_ms
    return Asked(status, skew_ms, await _tried(gateway.facts), await _tried(gateway.snapshot))


async def _tried(question: Callable[[], Awaitable[T]]) -> T | str:
    try:
        return await question()
    except VenueError as error:
        return str(error)


def _judged(what: str, problem: Problem | None, found: str) -> Finding:
    return well(what, found) if problem is None else wrong(what, problem.what, problem.mend)


def _notice(status: VenueStatus) -> Finding:
    if not status.notice:
        return well("notices", "the venue announces nothing special")
    return warning(
        "notices",
        f"the venue announces {status.notice}",
        "read its status page; after an upgrade it may be post-only",
    )


def _account(asked: Asked, ends: Ends, settings: Settings) -> list[Finding]:
    facts, address = asked.facts, ends.account.address
    if isinstance(facts, str):
        return [
            wrong("account", f"could not be asked about: {facts}", "run check again; if it stays, " + AWAY)
        ]
    traded = _traded(ends)
    own = f"{address}, " + ("an account of its own" if traded.master is None else f"of {traded.master}")
    return [
        _judged("account", account_modes.role(facts, traded), own),
        _judged("account mode", account_modes.mode(facts), facts.abstraction),
        _judged("builder markets", account_modes.elsewhere(facts), "nothing is held on them"),
        _signer(facts, ends),
        _requests(facts),
        _weight(ends, settings),
        _open_orders(asked.snapshot),
        protection(facts, settings),
    ]


def _traded(ends: Ends) -> account_modes.Traded:
    return account_modes.Traded(ends.account.address, ends.account.master)


def _signer(facts: AccountFacts, ends: Ends) -> Finding:
    """Say whose key it is, and when its approval ends if the venue says so."""
    what, key, address = "signer", ends.account.signer.address, _traded(ends).owner
    if facts.role == "agent":
        return warning(
            what, f"{key}: not judged, {address} is no account", "mend account.address, then check again"
        )
    problem = account_modes.signer(facts, _traded(ends))
    if problem is not None:
        return wrong(what, f"{key}: {problem.what}", problem.mend)
    if key == address:
        mend = "approve an agent and use its key: an agent cannot withdraw"
        return warning(what, f"{key} is the account's own key", mend)
    if facts.agent_until_ms is None:
        return well(what, f"{key}, an unnamed agent of {address}; the venue does not say when it expires")
    left_ms = facts.agent_until_ms - ends.clock.now_ms()
    found = f"{key}, agent {facts.agent_name!r} of {address}, until {_iso(facts.agent_until_ms)}"
    mend = "approve a new agent with a new key: an expired one can sign nothing"
    if left_ms <= 0:
        return wrong(what, found, mend)
    if left_ms < account_modes.AGENT_LEFT_GOOD_MS:
        return warning(what, found, mend)
    return well(what, found)


def _requests(facts: AccountFacts) -> Finding:
    left, problem = facts.requests_cap - facts.requests_used, account_modes.requests(facts)
    found = f"{left:,} of {facts.requests_cap:,} requests left to the address"
    if problem is None and left < account_modes.REQUESTS_LEFT_GOOD:
        mend = "trade, or buy more: a large night uses some thousand"
        return warning("requests", found, mend)
    return _judged("requests", problem, found)


def _weight(ends: Ends, settings: Settings) -> Finding:
    used = settings.venue.ip_weight_per_min
    return well(
        "weight", f"{used:,} of the 1,200 a minute that the venue allows one IP address are the daemon's"
    )


def _open_orders(snapshot: AccountSnapshot | str) -> Finding:
    what = "open orders"
    if isinstance(snapshot, str):
        return wrong(what, f"could not be read: {snapshot}", "run check again")
    foreign = [order for order in snapshot.open_orders if purpose_of(order.cloid) is None]
    if not foreign:
        return well(what, f"{len(snapshot.open_orders)}, all ours")
    named = ", ".join(f"{o.coin} {o.side.value} {o.remaining_qty} at {o.limit_px}" for o in foreign[:3])
    more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
    return warning(
        what,
        f"{len(foreign)} not ours: {named}{more}",
        "cancel them and stop who made them: the daemon must be the account's only trader",
    )


def protection(facts: AccountFacts, settings: Settings) -> Finding:
    """Say what ends open orders when the daemon dies. Positions stay, and nobody hedges them."""
    expiry_s = settings.trading.twap.order_expiry_s
    expiries = f"every order expires {expiry_s:g} s after it was made"
    if dead_man.allowed(facts.traded_usd):
        ahead_s = dead_man.AHEAD_MS / 1000
        found = f"the venue cancels everything {ahead_s:g} s after the last sign of life in a trading window; {expiries}"
    else:
        asked = f"${dead_man.TRADED_MIN_USD:,}"
        found = f"{expiries}; a scheduled cancel needs {asked} of volume, the account has ${facts.traded_usd:,.0f}"
    return well("if it dies", found)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).isoformat(timespec="seconds")
