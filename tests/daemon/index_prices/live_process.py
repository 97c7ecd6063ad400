"""`nightdesk index-price run` as a process whose venues are all at one place of this machine."""

import sys
from pathlib import Path

from adapters.exchanges.dialing import Network, moved_to
from daemon.clock import WallClock
from daemon.index_prices import running
from daemon.settings import Settings
from tests.daemon.index_prices.market import SETTINGS


def main(directory: str, host: str) -> None:
    network = Network(WallClock(), place=moved_to(host))
    running.run(
        running.LiveOptions(
            settings=Settings(index_price=SETTINGS),
            state_dir=Path(directory),
            json=True,
            network_of=lambda _: network,
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
