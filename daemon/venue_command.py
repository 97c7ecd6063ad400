"""`nightdesk venue`: the simulated Hyperliquid as a process of its own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from daemon.data_directory import SAMPLE, checked_market
from daemon.options import BadUse
from sim.venue.command import BadOptions, VenueOptions, run_venue
from sim.venue.recorded import DataDirectoryError


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands before the venue: the request weight a minute of one address, and a plan of faults."""

    ip_weight: int | None
    plan: str | None


def serve(
    *,
    data: Path | None,
    port: int,
    accounts: Sequence[str],
    agents: Sequence[str],
    start: str | None,
    speed: float,
    seed: int,
    guard: Guard,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadUse for options, data, a plan or a port that cannot be used."""
    options = VenueOptions(
        data=data or SAMPLE,
        port=port,
        accounts=tuple(accounts),
        agents=tuple(agents),
        start=start,
        speed=speed,
        seed=seed,
        ip_weight=guard.ip_weight,
        plan=guard.plan,
    )
    if faults := options.faults():
        raise BadUse("; ".join(faults))
    if data is not None:
        checked_market(data, seed=seed)
    try:
        asyncio.run(run_venue(options))
    except (BadOptions, DataDirectoryError) as error:
        raise BadUse(str(error)) from error
    except OSError as error:
        raise BadUse(
            f"--port {port}: cannot listen on 127.0.0.1 ({error.strerror}). Name another port, or 0 for a free one"
        ) from error
