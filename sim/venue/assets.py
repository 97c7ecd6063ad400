"""The venue's universe, inferred from a data directory: which perps, on what grid, at what leverage.

The data has no size decimals and no leverage. Size decimals are chosen so that every recorded price is legal and a lot
is worth about a dollar; leverage by liquidity. Both, like the ids, are fixed for a directory. The recorded `delisted`
column is hindsight and is not read: a perp is delisted after its last live day if that is before the data's last day.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.venue.bars import DAY_MS
from sim.venue.recorded import PRICES, DataDirectoryError, Recorded, Table

PRICE_FIGURES = 5
PRICE_DECIMALS_MAX = 6
"""A legal price has at most 5 significant figures and 6 - size decimals; integers are always legal (2.7)."""

_SIZE_DECIMALS_MAX = 5
_FINE_LOT = 0.3
_VOLUME_DAYS = 30
_MAJORS = {"BTC": (40, 56), "ETH": (25, 55)}
_LEVERAGE_OF_RANK = ((4, 20), (24, 10), (100, 5))


@dataclass(frozen=True, slots=True)
class VenueAsset:
    """One perpetual. Times are UTC milliseconds; delisted_from_ms is None while it trades to the data's end.

    margin_table_id is leverage_max for the implicit single-tier tables; BTC and ETH have their own (1.2).
    margin_mode is strictIsolated or noCross where cross margin is not allowed; nothing in the data tells which those are.
    """

    asset_id: int
    name: str
    size_decimals: int
    leverage_max: int
    margin_table_id: int
    delisted_from_ms: int | None
    listed_from_ms: int
    margin_mode: str | None = None


def list_assets(recorded: Recorded) -> tuple[VenueAsset, ...]:
    """Return the universe: BTC, ETH, then by name. Raises DataDirectoryError without a live day of BTC and ETH."""
    daily = recorded.daily
    live = {name: rows for name in daily.slices if (rows := _live_rows(daily, name)) is not None}
    for name in _MAJORS:
        if name not in live:
            raise DataDirectoryError(
                f"perp_daily.parquet: {name} has no live day; every book is hedged with it"
            )
    names = [*_MAJORS, *sorted(set(live) - set(_MAJORS))]
    ranks = {
        name: rank for rank, name in enumerate(sorted(names, key=lambda n: -_recent_volume_usd(daily, n)))
    }
    last_day = int(daily.times.max())
    return tuple(_asset(i, name, live[name], (ranks[name], last_day)) for i, name in enumerate(names))


def _asset(asset_id: int, name: str, live: Table, place: tuple[int, int]) -> VenueAsset:
    rank, last_day = place
    leverage = next((most for below, most in _LEVERAGE_OF_RANK if rank < below), 3)
    leverage, margin_table = _MAJORS.get(name, (leverage, leverage))
    last_live = int(live.times[-1])
    return VenueAsset(
        asset_id=asset_id,
        name=name,
        size_decimals=size_decimals(live),
        leverage_max=leverage,
        margin_table_id=margin_table,
        delisted_from_ms=last_live + DAY_MS if last_live < last_day else None,
        listed_from_ms=int(live.times[0]),
    )


def size_decimals(live: Table) -> int:
    """Return the size decimals under which all recorded prices are legal and a lot is worth 0.15 to 1.5 USD if it can be.

    A price with more than five figures is on no grid; what is left of it after rounding to five counts.
    """
    prices = _five_figures(np.concatenate([live.columns[name].astype(np.float64) for name in PRICES]))
    wanted = round(float(np.log10(np.median(prices))) + _FINE_LOT)
    return max(0, min(wanted, _SIZE_DECIMALS_MAX, PRICE_DECIMALS_MAX - decimals_used(prices)))


def decimals_used(prices: npt.NDArray[np.float64]) -> int:
    """Return how many decimals the prices need, 6 at most."""
    for decimals in range(PRICE_DECIMALS_MAX):
        if (np.round(prices, decimals) == prices).all():
            return decimals
    return PRICE_DECIMALS_MAX


def price_decimals(price: float, decimals_of_size: int) -> int:
    """Return the decimals that a price of this magnitude may have on the grid of an asset."""
    figures = PRICE_FIGURES - 1 - math.floor(math.log10(price))
    return max(0, min(figures, PRICE_DECIMALS_MAX - decimals_of_size))


def _five_figures(prices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    scale = 10.0 ** np.maximum(PRICE_FIGURES - 1 - np.floor(np.log10(prices)), 0.0)
    return np.asarray(np.rint(prices * scale) / scale)


def _live_rows(daily: Table, name: str) -> Table | None:
    rows = daily.of(name)
    live = rows.columns["live"].astype(bool)
    if not live.any():
        return None
    columns = {column: values[live] for column, values in rows.columns.items()}
    return Table(rows.times[live], columns, {name: slice(0, int(live.sum()))})


def _recent_volume_usd(daily: Table, name: str) -> float:
    rows = daily.of(name)
    recent = rows.times > int(daily.times.max()) - _VOLUME_DAYS * DAY_MS
    return float((rows.columns["volume"][recent].astype(np.float64) * rows.columns["close"][recent]).sum())
