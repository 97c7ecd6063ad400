"""`nightdesk venue`: the simulated Hyperliquid as a process of its own."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from daemon.run import SAMPLE
from sim.venue.command import VenueOptions, run_venue


def serve(
    *,
    data: Path | None,
    port: int,
    accounts: Sequence[str],
    agents: Sequence[str],
    start: str | None,
    speed: float,
    seed: int,
) -> None:
    """Serve until SIGTERM or SIGINT."""
    options = VenueOptions(
        data=data or SAMPLE,
        port=port,
        accounts=tuple(accounts),
        agents=tuple(agents),
        start=start,
        speed=speed,
        seed=seed,
    )
    asyncio.run(run_venue(options))
