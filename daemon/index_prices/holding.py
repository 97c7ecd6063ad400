"""`nightdesk index-price hold` and `release`: which files, of which indices, and whether an instance will read them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon import operate
from daemon.clock import WallClock
from daemon.index_prices.holds import Holds
from daemon.index_prices.running import directory_of
from daemon.index_prices.wiring import lease_path, watched
from daemon.options import BadUse
from daemon.settings import Settings
from state.lock import running_pid


@dataclass(frozen=True, slots=True)
class Place:
    """The configuration an instance has, and its directory."""

    settings: Settings
    directory: Path

    @property
    def holds(self) -> Holds:
        return Holds(lease_path(self.settings.index_price, self.directory).parent)


def place(state_dir: Path | None, config: Path | None) -> Place:
    settings = operate.settings(config)
    return Place(settings, directory_of(settings, state_dir))


def hold(where: Place, symbol: str, reason: str) -> dict[str, Any]:
    name = index(symbol)
    return where.holds.hold(name, reason, at_ms=WallClock().now_ms()) | _heeded(where, name)


def release(where: Place, symbol: str, reason: str) -> dict[str, Any]:
    name = index(symbol)
    return where.holds.release(name, reason, at_ms=WallClock().now_ms()) | _heeded(where, name)


def index(symbol: str) -> str:
    """Return an index' name as BTC/USD from BTC/USD, btc-usd or BTC. Raises BadUse for what cannot be one."""
    base, _, quote = symbol.upper().replace("-", "/").partition("/")
    if not base.isalnum() or quote not in ("", "USD"):
        raise BadUse(f"{symbol}: an index is in USD; give BTC/USD or BTC")
    return f"{base}/USD"


def doubts(where: Place, symbol: str) -> tuple[str, ...]:
    """Say why nobody may heed what was done to an index: the slips of an emergency are another directory or name."""
    name, said = index(symbol), []
    if running_pid(where.directory) is None:
        said.append(
            f"no instance runs in {where.directory}: only one that shares {where.holds.directory} heeds this. "
            "Name the instance's own --config and --state-dir"
        )
    if name not in watched(where.settings.index_price):
        known = ", ".join(watched(where.settings.index_price))
        said.append(
            f"{name} is no index of this configuration, which has {known}: one run with --symbols may have it"
        )
    return tuple(said)


def _heeded(where: Place, symbol: str) -> dict[str, Any]:
    """Say where it is written, whether an instance runs in this directory, and whether the index is of its configuration."""
    running = running_pid(where.directory) is not None
    configured = symbol in watched(where.settings.index_price)
    return {"running": running, "configured": configured, "directory": str(where.holds.directory)}
