"""`nightdesk index-price run` as a process whose venue is at a place of this machine."""

import sys
from dataclasses import replace
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
            settings=Settings(index_price=replace(SETTINGS, sources=SETTINGS.sources[:1])),
            state_dir=Path(directory),
            json=True,
            out=Path(directory) / "ledger",
            network_of=lambda _: network,
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
