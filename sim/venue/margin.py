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


def leverage_cap(asset: VenueAsset, value_usd: Decimal) -> int:
    """Return the maximum leverage of the tier that this notional falls into."""
    return next(leverage for bound, leverage in reversed(tiers(asset)) if value_usd >= bound)


def leverage_of(account: Account, asset: VenueAsset) -> int:
    return account.leverage.get(asset.asset_id, min(LEVERAGE_DEFAULT, asset.leverage_max))


def is_isolated(account: Account, asset: VenueAsset) -> bool:
    """Return whether the coin's position is isolated, or would be if it were opened now."""
    return asset.margin_mode is not None or asset.asset_id in account.isolated


def leverage_document(account: Account, asset: VenueAsset) -> dict[str, Any]:
    """Return leverage as clearinghouseState and activeAssetData show it; rawUsd only where it is isolated."""
    value = leverage_of(account, asset)
    if not is_isolated(account, asset):
        return {"type": "cross", "value": value}
    held = account.positions.get(asset.asset_id)
    raw = ZERO if held is None or held.raw_usd is None else held.raw_usd
    return {"type": "isolated", "value": value, "rawUsd": number(raw)}


@dataclass(frozen=True, slots=True)
class Holding:
    """One position at its mark, in USD. signed is value with the position's sign.

    raw_usd is None for a cross position; an isolated one's margin is its raw_usd and signed (hyperliquid.md 6.3).
    """

    mark: Decimal
    signed: Decimal
    value: Decimal
    margin: Decimal
    maintenance: Decimal
    raw_usd: Decimal | None = None


@dataclass(slots=True)
class Sums:
    """What a number of holdings add up to, in USD."""

    raw: Decimal = ZERO
    signed: Decimal = ZERO
    value: Decimal = ZERO
    margin: Decimal = ZERO
    maintenance: Decimal = ZERO

    def book(self, holding: Holding, sign: int) -> None:
        if holding.raw_usd is not None:
            self.raw += sign * holding.raw_usd
        self.signed += sign * holding.signed
        self.value += sign * holding.value
        self.margin += sign * holding.margin
        self.maintenance += sign * holding.maintenance


class Valuation:
    """An account's positions at the marks of one moment; a fill changes one row, a new mark all of them."""

    def __init__(self) -> None:
        self.holdings: dict[int, Holding] = {}
        self.cross, self.isolated = Sums(), Sums()
        self._price_ms = -1

    @property
    def signed(self) -> Decimal:
        return self.cross.signed + self.isolated.signed

    @property
    def value(self) -> Decimal:
        return self.cross.value + self.isolated.value

    @property
    def margin(self) -> Decimal:
        return self.cross.margin + self.isolated.margin

    def update(self, state: "VenueState", account: Account) -> "Valuation":
        """Renew everything if the marks are new."""
        if self._price_ms != state.price_ms:
            self._price_ms = state.price_ms
            self.holdings.clear()
            self.cross, self.isolated = Sums(), Sums()
            for asset_id in account.positions:
                self.renew(state, account, asset_id)
        return self

    def renew(self, state: "VenueState", account: Account, asset_id: int) -> None:
        """Value one position anew: its size, its leverage or its own cash changed."""
        old = self.holdings.pop(asset_id, None)
        if old is not None:
            self._sums(old).book(old, -1)
        position = account.positions.get(asset_id)
        if position is None:
            return
        asset = state.prices.assets[asset_id]
        mark = state.mark(asset_id)
        signed = usd(position.size * mark)
        value, raw = abs(signed), position.raw_usd
        margin = usd(value / leverage_of(account, asset)) if raw is None else raw + signed
        new = Holding(mark, signed, value, margin, maintenance_usd(asset, value), raw)
        self.holdings[asset_id] = new
        self._sums(new).book(new, 1)

    def _sums(self, holding: Holding) -> Sums:
        return self.cross if holding.raw_usd is None else self.isolated


def valuation(state: "VenueState", account: Account) -> Valuation:
    kept = state.valuations.get(account.address)
    return (Valuation() if kept is None else kept).update(state, account)


def equity_usd(state: "VenueState", account: Account) -> Decimal:
    """Return the whole account's value: the cross account's and that of every isolated position."""
    worth = valuation(state, account)
    return account.cash_usd + worth.isolated.raw + worth.signed


def cross_equity_usd(state: "VenueState", account: Account) -> Decimal:
    return account.cash_usd + valuation(state, account).cross.signed


def free_usd(state: "VenueState", account: Account) -> Decimal:
    """Return what neither positions nor resting orders use; below zero when they use more than there is."""
    used = valuation(state, account).cross.margin + resting_margin_usd(state, account)
    return cross_equity_usd(state, account) - used


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


def margin_fault(state: "VenueState", account: Account, order: Order) -> str | None:
    """Return the venue's text if the account's margin forbids the order. The tier's text is not known: it is ours."""
    if beyond_tier(state, account, order):
        return "Order would exceed the margin tier limit at current leverage."
    return None if affordable(state, account, order) else "Insufficient margin to place order."


def affordable(state: "VenueState", account: Account, order: Order) -> bool:
    """Return whether the account can carry the order: what it opens, less what it frees by closing."""
    resting = resting_margin_usd(state, account)
    carried = resting_margin_usd(state, account, order)
    if carried <= resting:
        return True
    return carried + _dearer_usd(state, account, order) <= _available_usd(state, account, order)


def fills_within_margin(state: "VenueState", account: Account, order: Order) -> bool:
    """Return whether the account can still carry a resting order at the moment when it would fill."""
    leverage = leverage_of(account, state.prices.assets[order.asset_id])
    needed = _opens(account, order) * order.px / leverage + _dearer_usd(state, account, order)
    return needed <= 0 or needed <= _available_usd(state, account, order)


def _opens(account: Account, order: Order) -> Decimal:
    return max(ZERO, order.size - max(ZERO, -account.size(order.asset_id) * order.sign))


def _available_usd(state: "VenueState", account: Account, order: Order) -> Decimal:
    worth = valuation(state, account)
    held = worth.holdings.get(order.asset_id)
    closes = held is not None and account.size(order.asset_id) * order.sign < 0
    freed = max(ZERO, held.margin) if held is not None and closes else ZERO
    return cross_equity_usd(state, account) - worth.cross.margin + freed


def _dearer_usd(state: "VenueState", account: Account, order: Order) -> Decimal:
    """Return what an isolated position's margin takes beyond the order's: it is measured at the mark."""
    asset = state.prices.assets[order.asset_id]
    if not is_isolated(account, asset):
        return ZERO
    above = max(ZERO, state.mark(asset.asset_id) - order.px)
    return _opens(account, order) * above / leverage_of(account, asset)


def beyond_tier(state: "VenueState", account: Account, order: Order) -> bool:
    """Return whether the position would outgrow the tiers that its leverage is allowed in (hyperliquid.md 4.3)."""
    asset, held = state.prices.assets[order.asset_id], account.size(order.asset_id)
    after = abs(held + order.size * order.sign)
    if order.reduce_only or after <= abs(held):
        return False
    return leverage_of(account, asset) > leverage_cap(asset, after * state.mark(asset.asset_id))


# --- clearinghouseState ----------------------------------------------------------------------------------


def clearinghouse(state: "VenueState", account: Account) -> dict[str, Any]:
    """Return the clearinghouseState document (hyperliquid.md 1.3)."""
    worth = valuation(state, account)
    cross, raw = worth.cross, account.cash_usd + worth.isolated.raw
    return {
        "marginSummary": _summary(raw, worth),
        "crossMarginSummary": _summary(account.cash_usd, cross),
        "crossMaintenanceMarginUsed": number(usd(cross.maintenance)),
        "withdrawable": number(max(ZERO, free_usd(state, account))),
        "assetPositions": [
            {"type": "oneWay", "position": _position(state, account, asset_id)}
            for asset_id in sorted(account.positions)
        ],
        "time": state.now_ms,
    }


def _summary(raw_usd: Decimal, sums: Sums | Valuation) -> dict[str, str]:
    return {
        "accountValue": number(raw_usd + sums.signed),
        "totalNtlPos": number(sums.value),
        "totalRawUsd": number(raw_usd),
        "totalMarginUsed": number(sums.margin),
    }


def _position(state: "VenueState", account: Account, asset_id: int) -> dict[str, Any]:
    asset, position = state.prices.assets[asset_id], account.positions[asset_id]
    held, leverage = valuation(state, account).holdings[asset_id], leverage_of(account, asset)
    pnl = held.signed - position.entry_usd
    liquidation = liquidation_px(asset, position, held, _to_maintenance_usd(state, account, held))
    return {
        "coin": asset.name,
        "szi": number(position.size),
        "leverage": leverage_document(account, asset),
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


def _to_maintenance_usd(state: "VenueState", account: Account, held: Holding) -> Decimal:
    """Return what may be lost before liquidation: of the position's own margin, or of the cross account's value."""
    if held.raw_usd is not None:
        return held.margin - held.maintenance
    return cross_equity_usd(state, account) - valuation(state, account).cross.maintenance


def liquidation_px(
    asset: VenueAsset, position: Position, held: Holding, available_usd: Decimal
) -> Decimal | None:
    """Return the mark at which equity meets maintenance, the other marks unchanged (hyperliquid.md 4.3)."""
    side = 1 if position.size > 0 else -1
    rate = maintenance_rate(asset, held.value)
    px = held.mark - side * available_usd / abs(position.size) / (1 - rate * side)
    return px.quantize(RATIO) if px > 0 else None
