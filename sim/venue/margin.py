"""What an account is worth and what it must hold: initial and maintenance margin, liquidation prices.

The identities of hyperliquid.md 6.3 hold to the last digit on every state that clearinghouse() returns.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from sim.venue.account import LEVERAGE_DEFAULT, ZERO, Account, Position
from sim.venue.assets import VenueAsset
from sim.venue.order import Order, average_px
from sim.venue.wire import number, usd

if TYPE_CHECKING:
    from sim.venue.state import VenueState

M = 1_000_000
TIERED: dict[int, tuple[str, tuple[tuple[int, int], ...]]] = {
    51: ("tiered 10x", ((0, 10), (3 * M, 5))),
    52: ("tiered 10x (2)", ((0, 10), (20 * M, 5))),
    53: ("tiered 20x", ((0, 20), (40 * M, 10))),
    54: ("tiered 20x (2)", ((0, 20), (70 * M, 10))),
    55: ("tiered 25x", ((0, 25), (100 * M, 15))),
    56: ("tiered 40x", ((0, 40), (150 * M, 20))),
}
"""Margin tables as the venue listed them in 2025; ids below 50 are flat and mean their own leverage."""

RATIO = Decimal("0.0000000001")


def tiers(asset: VenueAsset) -> tuple[tuple[int, int], ...]:
    """Return (lower bound in USD of notional, maximum leverage) from the lowest tier up."""
    if asset.margin_table_id in TIERED:
        return TIERED[asset.margin_table_id][1]
    return ((0, asset.leverage_max),)


def maintenance_rate(asset: VenueAsset, value_usd: Decimal) -> Decimal:
    """Return half the initial rate of the tier that this notional falls into."""
    leverage = next(lev for bound, lev in reversed(tiers(asset)) if value_usd >= bound)
    return half_initial_rate(leverage)


def maintenance_usd(asset: VenueAsset, value_usd: Decimal) -> Decimal:
    """Return the maintenance margin: each tier's rate on the part above its bound, so without a step."""
    held, rate_below = ZERO, ZERO
    for bound, leverage in tiers(asset):
        if value_usd <= bound and bound > 0:
            break
        rate = half_initial_rate(leverage)
        held += (value_usd - bound) * (rate - rate_below)
        rate_below = rate
    return held


@cache
def half_initial_rate(leverage: int) -> Decimal:
    return 1 / Decimal(2 * leverage)


def leverage_of(account: Account, asset: VenueAsset) -> int:
    return account.leverage.get(asset.asset_id, min(LEVERAGE_DEFAULT, asset.leverage_max))


@dataclass(frozen=True, slots=True)
class Holding:
    """One position at its mark, in USD. signed is value with the position's sign."""

    mark: Decimal
    signed: Decimal
    value: Decimal
    margin: Decimal
    maintenance: Decimal


class Valuation:
    """An account's positions at the marks of one moment; a fill changes one row, a new mark all of them."""

    def __init__(self) -> None:
        self.holdings: dict[int, Holding] = {}
        self.signed = self.value = self.margin = self.maintenance = ZERO
        self._price_ms = -1

    def update(self, state: "VenueState", account: Account) -> "Valuation":
        """Renew everything if the marks are new."""
        if self._price_ms != state.price_ms:
            self._price_ms = state.price_ms
            self.holdings.clear()
            self.signed = self.value = self.margin = self.maintenance = ZERO
            for asset_id in account.positions:
                self.renew(state, account, asset_id)
        return self

    def renew(self, state: "VenueState", account: Account, asset_id: int) -> None:
        """Value one position anew: its size or its leverage changed."""
        self._book(self.holdings.pop(asset_id, None), -1)
        position = account.positions.get(asset_id)
        if position is None:
            return
        asset = state.prices.assets[asset_id]
        mark = state.mark(asset_id)
        signed = usd(position.size * mark)
        value = abs(signed)
        margin = usd(value / leverage_of(account, asset))
        self.holdings[asset_id] = Holding(mark, signed, value, margin, maintenance_usd(asset, value))
        self._book(self.holdings[asset_id], 1)

    def _book(self, holding: Holding | None, sign: int) -> None:
        if holding is not None:
            self.signed += sign * holding.signed
            self.value += sign * holding.value
            self.margin += sign * holding.margin
            self.maintenance += sign * holding.maintenance


def valuation(state: "VenueState", account: Account) -> Valuation:
    kept = state.valuations.get(account.address)
    return (Valuation() if kept is None else kept).update(state, account)


def equity_usd(state: "VenueState", account: Account) -> Decimal:
    return account.cash_usd + valuation(state, account).signed


# --- orders ----------------------------------------------------------------------------------------------


def resting_margin_usd(state: "VenueState", account: Account, more: Order | None = None) -> Decimal:
    """Return the initial margin of what resting orders (and one more) would open: per coin, of its heavier side.

    The oldest orders of a side are the ones that close what is held; only what goes beyond it opens.
    """
    closable: dict[tuple[int, bool], Decimal] = {}
    margins: dict[int, list[Decimal]] = {}
    for order in (*account.open_orders.values(), *(() if more is None else (more,))):
        if order.reduce_only or order.waits:
            continue
        side = order.asset_id, order.buy
        left = closable.get(side, max(ZERO, -account.size(order.asset_id) * order.sign))
        closable[side] = max(ZERO, left - order.size)
        leverage = leverage_of(account, state.prices.assets[order.asset_id])
        opens = max(ZERO, order.size - left)
        margins.setdefault(order.asset_id, [ZERO, ZERO])[order.buy] += opens * order.px / leverage
    return usd(sum(map(max, margins.values()), ZERO))


def affordable(state: "VenueState", account: Account, order: Order) -> bool:
    """Return whether the account can carry the order: what it opens, less what it frees by closing."""
    resting = resting_margin_usd(state, account)
    carried = resting_margin_usd(state, account, order)
    if carried <= resting:
        return True
    worth = valuation(state, account)
    held = worth.holdings.get(order.asset_id)
    freed = held.margin if held is not None and account.size(order.asset_id) * order.sign < 0 else ZERO
    return carried <= account.cash_usd + worth.signed - worth.margin + freed


# --- clearinghouseState ----------------------------------------------------------------------------------


def clearinghouse(state: "VenueState", account: Account) -> dict[str, Any]:
    """Return the clearinghouseState document of an account whose positions are all cross."""
    worth = valuation(state, account)
    equity = account.cash_usd + worth.signed
    summary = {
        "accountValue": number(equity),
        "totalNtlPos": number(worth.value),
        "totalRawUsd": number(account.cash_usd),
        "totalMarginUsed": number(worth.margin),
    }
    withdrawable = max(ZERO, equity - worth.margin - resting_margin_usd(state, account))
    return {
        "marginSummary": summary,
        "crossMarginSummary": summary,
        "crossMaintenanceMarginUsed": number(usd(worth.maintenance)),
        "withdrawable": number(withdrawable),
        "assetPositions": [
            {"type": "oneWay", "position": _position(state, account, asset_id)}
            for asset_id in sorted(account.positions)
        ],
        "time": state.now_ms,
    }


def _position(state: "VenueState", account: Account, asset_id: int) -> dict[str, Any]:
    asset, position = state.prices.assets[asset_id], account.positions[asset_id]
    worth = valuation(state, account)
    held, leverage = worth.holdings[asset_id], leverage_of(account, asset)
    pnl = held.signed - position.entry_usd
    liquidation = liquidation_px(asset, position, held, account.cash_usd + worth.signed - worth.maintenance)
    return {
        "coin": asset.name,
        "szi": number(position.size),
        "leverage": {"type": "cross", "value": leverage},
        "entryPx": number(average_px(asset, position.entry_usd, position.size)),
        "positionValue": number(held.value),
        "unrealizedPnl": number(pnl),
        "returnOnEquity": number((pnl * leverage / abs(position.entry_usd)).quantize(RATIO)),
        "liquidationPx": None if liquidation is None else number(liquidation),
        "marginUsed": number(held.margin),
        "maxLeverage": asset.leverage_max,
        "cumFunding": {
            "allTime": number(account.funding_all_time.get(asset_id, ZERO)),
            "sinceOpen": number(position.funding_since_open),
            "sinceChange": number(position.funding_since_change),
        },
    }


def liquidation_px(
    asset: VenueAsset, position: Position, held: Holding, available_usd: Decimal
) -> Decimal | None:
    """Return the mark at which equity meets maintenance, the other marks unchanged (hyperliquid.md 4.3)."""
    side = 1 if position.size > 0 else -1
    rate = maintenance_rate(asset, held.value)
    px = held.mark - side * available_usd / abs(position.size) / (1 - rate * side)
    return px.quantize(RATIO) if px > 0 else None
