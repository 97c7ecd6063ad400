"""The cash of isolated positions: what goes in when one is opened, and what comes back (hyperliquid.md 2.4, 6.3).

Size times mark over leverage goes in, while what was paid and the fee stay with the position. That is read from the
recorded states: a long of 0.13 at 80.262 and 3x had a rawUsd of -6.955118, which a mark of 80.5 and a fee of 9 basis points
give to 0.000001 and no margin of the entry's notional does. A reduction frees margin in proportion to the size it closes.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sim.venue.account import ZERO, Account, Position
from sim.venue.assets import VenueAsset
from sim.venue.margin import leverage_of
from sim.venue.wire import usd

if TYPE_CHECKING:
    from sim.venue.state import VenueState


@dataclass(frozen=True, slots=True)
class IsolatedFill:
    """A fill of qty (signed) at px on a position whose size was start before and is position.size now."""

    position: Position
    start: Decimal
    qty: Decimal
    px: Decimal
    fee_usd: Decimal


def settle_isolated(state: "VenueState", account: Account, asset: VenueAsset, fill: IsolatedFill) -> None:
    """Pay a fill out of the position's own cash; move margin in for what it opened, out for what it closed."""
    position, mark = fill.position, state.mark(asset.asset_id)
    assert position.raw_usd is not None, "the position is isolated"
    before_usd = position.raw_usd + usd(fill.start * mark)
    position.raw_usd -= fill.qty * fill.px + fill.fee_usd
    if fill.start * fill.qty >= 0:
        into_usd = usd(abs(fill.qty) * mark / leverage_of(account, asset))
    elif fill.start * position.size > 0:
        into_usd = -_freed_usd(before_usd, position.raw_usd + usd(position.size * mark), fill)
    else:
        opened_usd = usd(abs(position.size) * mark / leverage_of(account, asset))
        into_usd = opened_usd - position.raw_usd - position.size * fill.px
    move_margin(account, position, into_usd)


def move_margin(account: Account, position: Position, amount_usd: Decimal) -> None:
    """Move cash from the account into an isolated position; out of it when the amount is negative."""
    assert position.raw_usd is not None, "the position is isolated"
    position.raw_usd += amount_usd
    account.cash_usd -= amount_usd


def _freed_usd(before_usd: Decimal, after_usd: Decimal, fill: IsolatedFill) -> Decimal:
    """Return the share of the margin that a reduction frees: that of the size, of what is there to free."""
    share = abs(fill.qty) / abs(fill.start)
    return usd(max(ZERO, min(before_usd, after_usd)) * share)
