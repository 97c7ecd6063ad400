"""nightdesk venue: the simulated venue as a process, for any client."""

import asyncio
import re
import secrets
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from coincurve import PrivateKey

from sim.venue.clock import VenueClock, wall_ms
from sim.venue.edge import Edge
from sim.venue.fault_file import BadFaultFile, load_plan
from sim.venue.fault_plan import FaultPlan
from sim.venue.limits import WEIGHT_PER_MIN, Limits
from sim.venue.price_source import PriceSource
from sim.venue.server import Server, serve
from sim.venue.shifted import ShiftedPrices, shift_onto
from sim.venue.signature import address_of
from sim.venue.venue import Venue
from sim.venue.wire import encode

FUNDED_USDC = Decimal(1_000_000)
_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """What the command line says, as it says it.

    data: a directory laid out like hyperliquid_perp; port: 0 picks a free one; accounts: addresses;
    agents: ADDRESS=MASTER; start: ISO time (UTC if it names no zone) or None for the wall clock; speed: seconds
    of the venue in one of the wall; ip_weight: request weight a minute of one address, 0 for no limit, None for
    the real limit at speed 1 and none at others;
    plan: a file of faults, or "default", or None for a venue without faults.
    """

    data: Path
    port: int = 0
    accounts: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    start: str | None = None
    speed: float = 1.0
    seed: int = 0
    ip_weight: int | None = None
    plan: str | None = None

    def faults(self) -> list[str]:
        """Return everything that is wrong with the options, each with what is allowed."""
        found = [f"--account {a!r}: an address is 0x and 40 hex digits" for a in self.accounts if not _is(a)]
        found += [
            f"--agent {pair!r}: must be ADDRESS=MASTER, each 0x and 40 hex digits"
            for pair in self.agents
            if not all(_is(part) for part in (*pair.split("="), *[""] * (pair.count("=") != 1)))
        ]
        if not 0 <= self.port <= 65_535:
            found.append(f"--port {self.port}: must be between 0 (any free port) and 65535")
        if not 0 < self.speed < float("inf"):
            found.append(f"--speed {self.speed}: must be a number above 0")
        if self.start is not None and _iso_ms(self.start) is None:
            found.append(f"--start {self.start!r}: must be an ISO time such as 2025-07-24T23:45:00Z")
        if self.ip_weight is not None and self.ip_weight < 0:
            found.append(f"--ip-weight {self.ip_weight}: must be 0 (no limit) or more")
        return found + self._plan_faults()

    def _plan_faults(self) -> list[str]:
        try:
            self.fault_plan(start_ms=0)
        except BadFaultFile as error:
            return [f"--faults {error}"]
        return []

    def fault_plan(self, *, start_ms: int) -> FaultPlan:
        """Return the plan, seeded. Raises BadFaultFile."""
        planned = () if self.plan is None else load_plan(self.plan)
        return FaultPlan(planned, seed=self.seed, start_ms=start_ms)

    def weight_per_min(self) -> int | None:
        """Return the limit of one address: the real one, but none on a clock of another speed unless it was asked for."""
        if self.ip_weight is None:
            return WEIGHT_PER_MIN if self.speed == 1 else None
        return self.ip_weight or None

    def pairs(self) -> dict[str, str]:
        """Return agent -> master, lower-case."""
        return dict(pair.lower().split("=") for pair in self.agents)


class BadOptions(ValueError):
    """The options cannot be used; the text names every fault."""


def _is(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def _iso_ms(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def venue_clock(options: VenueOptions) -> VenueClock:
    start_ms = wall_ms() if options.start is None else _iso_ms(options.start)
    assert start_ms is not None, "faults() has looked at it"
    return VenueClock(start_ms, speed=options.speed)


def laid_onto(prices: PriceSource, options: VenueOptions, now_ms: int) -> PriceSource:
    """Return the market as it is, or, without a start, with its last full day moved onto today."""
    if options.start is None:
        return ShiftedPrices(prices, shift_onto(prices.last_ms, now_ms))
    if not prices.first_ms <= now_ms < prices.last_ms:
        first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (prices.first_ms, prices.last_ms))
        raise BadOptions(
            f"--start {options.start}: the data holds {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
        )
    return prices


def venue_document(server: Server, addresses: list[str], key: str | None) -> dict[str, object]:
    """Return what the command prints once it listens."""
    document: dict[str, object] = {"url": server.url, "ws": server.ws, "accounts": addresses}
    return document if key is None else document | {"key": key}


async def run_venue(options: VenueOptions) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadOptions, DataDirectoryError, or OSError for a port that is taken."""
    from sim.venue.market import Market  # pandas: only for a process that reads data

    if faults := options.faults():
        raise BadOptions("; ".join(faults))
    clock = venue_clock(options)
    prices = laid_onto(Market.from_directory(options.data, seed=options.seed), options, clock.now_ms())
    agents, key = options.pairs(), None
    addresses = list(dict.fromkeys([*map(str.lower, options.accounts), *agents.values()]))
    if not options.accounts and not agents:
        key = "0x" + secrets.token_hex(32)
        addresses = [address_of(PrivateKey.from_hex(key[2:]).public_key.format(compressed=False))]
    venue = Venue(
        prices,
        accounts=dict.fromkeys(addresses, FUNDED_USDC),
        agents=agents,
        start_ms=clock.now_ms(),
        seed=options.seed,
    )
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    plan = options.fault_plan(start_ms=clock.now_ms())
    edge = Edge(venue, limits=Limits(weight_per_min=options.weight_per_min()), plan=plan)
    server = await serve(edge, port=options.port, clock=clock, key=key)
    sys.stdout.write(encode(venue_document(server, addresses, key)).decode() + "\n")
    sys.stdout.flush()
    await stopped.wait()
    await server.close()
