"""The coins of a made world: names, lots, leverage, price levels and volumes of the bundled sample (sim/sample)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sim.venue.assets import VenueAsset, list_assets
from sim.venue.bars import DAY_MS
from sim.venue.recorded import Recorded, Table

SAMPLE = Path(__file__).resolve().parents[1] / "sample"
HEDGES = 2
VOLUME_MIN_USD = 25e6
"""Every coin trades at least this a day, two and a half times what the strategy's universe asks for."""

_MEASURED_DAYS = 30
_VOLATILITY_MIN, _VOLATILITY_MAX = 0.02, 0.12


@dataclass(frozen=True, slots=True)
class Listed:
    """A coin as the sample's last days have it: close (USD), value traded a day (USD), daily volatility (fraction)."""

    asset: VenueAsset
    px: float
    recorded_usd: float
    volatility: float

    @property
    def volume_usd(self) -> float:
        """Return the value that the coin trades a day in a made world (USD)."""
        return max(self.recorded_usd, VOLUME_MIN_USD)


@cache
def listed() -> tuple[Listed, ...]:
    """Return BTC, ETH and then the coins that trade at the sample's end, most traded first."""
    recorded = Recorded(SAMPLE)
    assets = [asset for asset in list_assets(recorded) if asset.delisted_from_ms is None]
    coins = [
        _listed(asset, recorded.daily.of(asset.name), int(recorded.daily.times.max())) for asset in assets
    ]
    return *coins[:HEDGES], *sorted(coins[HEDGES:], key=lambda coin: -coin.recorded_usd)


def _listed(asset: VenueAsset, rows: Table, last_ms: int) -> Listed:
    recent = rows.times > last_ms - _MEASURED_DAYS * DAY_MS
    closes = rows.columns["close"][recent].astype(np.float64)
    volumes = rows.columns["volume"][recent].astype(np.float64)
    moved = float(np.std(np.diff(np.log(closes)))) if len(closes) > 2 else _VOLATILITY_MAX
    return Listed(
        asset=asset,
        px=float(closes[-1]),
        recorded_usd=float((closes * volumes).mean()),
        volatility=min(max(moved, _VOLATILITY_MIN), _VOLATILITY_MAX),
    )
