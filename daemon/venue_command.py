"""`nightdesk venue`: the simulated Hyperliquid as a process of its own."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from daemon.data_directory import SAMPLE, checked_market
from daemon.options import BadUse
from sim.venue.command import BadOptions, VenueOptions, run_venue
from sim.venue.recorded import DataDirectoryError


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
    """Serve until SIGTERM or SIGINT. Raises BadUse for options, data or a port that cannot be used."""
    options = VenueOptions(
        data=data or SAMPLE,
        port=port,
        accounts=tuple(accounts),
        agents=tuple(agents),
        start=start,
        speed=speed,
        seed=seed,
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
