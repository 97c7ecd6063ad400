"""An index price in the trading daemon's own process and loop: an instance like any other, whose every value is compared.

It takes part in the election, serves its endpoint and tells its alerts. What the daemon compares is what it made itself,
published or not, so it does not matter to trading who leads.
"""

from collections.abc import Callable

from adapters.exchanges.dialing import Network
from adapters.exchanges.fallback import Terms
from adapters.ports import Clock
from daemon.clock import monotonic_s
from daemon.index_prices.running import checked, directory_of
from daemon.index_prices.wiring import Edges, wire
from daemon.price_check import Place
from daemon.settings import Settings
from state.lock import InstanceLock


async def run_beside(
    settings: Settings,
    clock: Clock,
    place: Place,
    *,
    network_of: Callable[[str], Network] | None = None,
    terms: Terms | None = None,
) -> None:
    """Run until cancelled. Raises what ended the instance, which is told until there is another one."""
    try:
        await _run(settings, clock, place, network_of or (lambda _: Network(clock)), terms)
    except Exception as error:
        place.failed(error)
        raise


async def _run(
    settings: Settings,
    clock: Clock,
    place: Place,
    network_of: Callable[[str], Network],
    terms: Terms | None,
) -> None:
    index = settings.index_price
    checked(index)
    directory = directory_of(settings, place.directory)
    with InstanceLock.acquire(directory):
        edges = Edges(
            clock=clock,
            elapsed_s=monotonic_s,
            network_of=network_of,
            directory=directory,
            terms=terms,
            level=place.level,
        )
        instance = wire(settings, edges, witnesses=(place.take,))
        await instance.run(index.host, index.port, ready=lambda _: place.runs())
