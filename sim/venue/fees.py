"""Fee rates by volume: a master and its sub-accounts are one customer (hyperliquid.md 4.4).

The tier is that of the 14 UTC days before today, so it changes at midnight and not with a fill. Nobody stakes here, and
there is no spot market whose volume would count double. All rates are fractions of notional; negative ones are paid out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from sim.venue.account import ZERO, Account, DayVolume
from sim.venue.candles import CandleRow
from sim.venue.wire import number

if TYPE_CHECKING:
    from sim.venue.state import VenueState

DAY_MS = 86_400_000
WINDOW_DAYS = 14
M = 1_000_000
REFERRAL_DISCOUNT = Decimal("0.04")
REFERRAL_MAX_USD = 25 * M


@dataclass(frozen=True, slots=True)
class Tier:
    """Volume in USD that must be exceeded, and the rates of takers (cross) and makers (add)."""

    above_usd: int
    cross: Decimal
    add: Decimal


VIP = tuple(
    Tier(above_usd, Decimal(cross), Decimal(add))
    for above_usd, cross, add in (
        (0, "0.00045", "0.00015"),
        (5 * M, "0.0004", "0.00012"),
        (25 * M, "0.00035", "0.00008"),
        (100 * M, "0.0003", "0.00004"),
        (500 * M, "0.00028", "0"),
        (2_000 * M, "0.00026", "0"),
        (7_000 * M, "0.00024", "0"),
    )
)
MAKER_REBATES = tuple(
    (Decimal(share), Decimal(add))
    for share, add in (("0.005", "-0.00001"), ("0.015", "-0.00002"), ("0.03", "-0.00003"))
)
"""Share of all maker volume that must be exceeded, and the maker's rate from there on."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What an account pays now; the referral's discount is taken off already."""

    cross: Decimal
    add: Decimal
    referral_discount: Decimal

    def of(self, *, crossed: bool) -> Decimal:
        return self.cross if crossed else self.add

    def document(self) -> dict[str, str]:
        """Return the members of userFees that are the account's own."""
        return {
            "userCrossRate": number(self.cross),
            "userAddRate": number(self.add),
            "activeReferralDiscount": number(self.referral_discount),
        }


def customer(state: "VenueState", account: Account) -> Account:
    """Return the account whose tier and referral count: the master, for a sub-account."""
    return account if account.master is None else state.accounts[account.master]


def rates_of(state: "VenueState", account: Account) -> Rates:
    """Return the rates of the account's next fill."""
    master = customer(state, account)
    today = state.now_ms // DAY_MS
    if master.tier is None or master.tier[0] != today:
        master.tier = today, *_tier_of(state, master, today)
    _, cross, add = master.tier
    referred = master.referrer is not None and master.referred_usd < REFERRAL_MAX_USD
    discount = REFERRAL_DISCOUNT if referred else ZERO
    return Rates(cross * (1 - discount), add * (1 - discount) if add > 0 else add, discount)


def note_volume(state: "VenueState", account: Account, notional_usd: Decimal, *, crossed: bool) -> None:
    """Count a fill towards budget, tier and referral."""
    account.traded_usd += notional_usd
    day = account.volumes.setdefault(state.now_ms // DAY_MS, DayVolume())
    if crossed:
        day.cross_usd += notional_usd
    else:
        day.add_usd += notional_usd
    master = customer(state, account)
    if master.referrer is not None:
        master.referred_usd += notional_usd


def _tier_of(state: "VenueState", master: Account, today: int) -> tuple[Decimal, Decimal]:
    """Return (taker rate, maker rate) before discounts."""
    family = [a for a in state.accounts.values() if master.address in (a.address, a.master)]
    days = range(today - WINDOW_DAYS, today)
    volumes = [volume for a in family for day, volume in a.volumes.items() if day in days]
    added = sum((volume.add_usd for volume in volumes), ZERO)
    total = added + sum((volume.cross_usd for volume in volumes), ZERO)
    vip = next(tier for tier in reversed(VIP) if total > tier.above_usd or tier.above_usd == 0)
    return vip.cross, min(vip.add, _rebate(state, added, days))


def _rebate(state: "VenueState", added_usd: Decimal, days: Sequence[int]) -> Decimal:
    """Return the maker's rate by its share of the venue's volume, every trade of which has one maker."""
    if added_usd == 0:
        return VIP[0].add
    share = added_usd / max(Decimal(1), _venue_volume_usd(state, days) + added_usd)
    return next((add for above, add in reversed(MAKER_REBATES) if share > above), VIP[0].add)


def _venue_volume_usd(state: "VenueState", days: Sequence[int]) -> Decimal:
    """Return what everybody else traded on these days, in USD, by the daily candles of all coins."""
    start_ms, end_ms = days[0] * DAY_MS, (days[-1] + 1) * DAY_MS - 1
    total = ZERO
    for asset in state.prices.assets:
        rows = state.prices.candles(
            asset.asset_id, "1d", start_ms=start_ms, end_ms=end_ms, now_ms=state.now_ms
        )
        total += sum((_value_usd(row) for row in rows if start_ms <= row["t"]), ZERO)
    return total


def _value_usd(row: CandleRow) -> Decimal:
    """Return what a day's candle says was traded; nothing where a spoiled one has no numbers above zero."""
    try:
        value = Decimal(row["v"]) * Decimal(row["c"])
    except InvalidOperation:
        return ZERO
    return value if value.is_finite() and value > 0 else ZERO
