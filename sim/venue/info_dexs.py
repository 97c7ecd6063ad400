"""/info about perp dexes, margin tables and predicted funding. There is only the main dex here."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sim.venue.account import ZERO
from sim.venue.info_market import NoSuchCoin, margin_table
from sim.venue.margin import TIERED
from sim.venue.price_source import HOUR_MS
from sim.venue.state import VenueState
from sim.venue.wire import number

FLAT_TABLES_BELOW = 50
"""The id of a table below this is its one maximum leverage (hyperliquid.md 1.2)."""

MAX_MARKET_ORDER_USD = ((25, 15_000_000), (20, 5_000_000), (10, 2_000_000), (0, 500_000))
"""Maximum leverage from which the cap on a market order's notional holds (hyperliquid.md 4.3)."""

Document = dict[str, Any]


def perp_dex_status(state: VenueState) -> Document:
    deposited = sum((account.deposited_usd for account in state.accounts.values()), ZERO)
    return {"totalNetDeposit": number(deposited)}


def max_market_orders() -> list[list[Any]]:
    return [[leverage, number(Decimal(most_usd))] for leverage, most_usd in MAX_MARKET_ORDER_USD]


def table_of(table_id: int) -> Document:
    """Return a margin table, a flat one for its leverage. Raises NoSuchCoin for an id that there is not."""
    if table_id in TIERED:
        return margin_table(*TIERED[table_id])
    if not 0 < table_id < FLAT_TABLES_BELOW:
        raise NoSuchCoin(str(table_id))
    return margin_table("", ((0, table_id),))


def predicted_fundings(state: VenueState) -> list[list[Any]]:
    """Return our running estimates. The venue gives the hour just settled as the next one, and so do we (1.2)."""
    settled_ms = state.now_ms - state.now_ms % HOUR_MS
    rows: list[list[Any]] = []
    for asset in state.prices.assets:
        if state.prices.live(asset.asset_id, state.now_ms):
            rate = state.prices.context(asset.asset_id, state.price_ms).funding_rate
            ours = {
                "fundingRate": number(rate),
                "nextFundingTime": settled_ms,
                "fundingIntervalHours": 1,
            }
            rows.append([asset.name, _venues(ours)])
    return rows


def _venues(ours: Document) -> Sequence[list[Any]]:
    return [["BinPerp", None], ["HlPerp", ours], ["BybitPerp", None]]
