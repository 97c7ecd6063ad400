"""What an account was worth, hour by hour, and the periods that /info portfolio makes of it (hyperliquid.md 1.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sim.venue.account import ZERO, Account
from sim.venue.margin import equity_usd
from sim.venue.wire import number, usd

if TYPE_CHECKING:
    from sim.venue.state import VenueState

DAY_MS = 86_400_000
POINTS_MAX = 100
PERIODS = {"day": DAY_MS, "week": 7 * DAY_MS, "month": 30 * DAY_MS, "allTime": None}
"""The periods and how far they look back, in milliseconds; the venue lists each twice, once for perps alone."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Equity, profit since the venue's start and volume traded since then, in USD."""

    at_ms: int
    equity_usd: Decimal
    pnl_usd: Decimal
    volume_usd: Decimal


@dataclass(slots=True)
class _Booked:
    """What fills and fundings were worth, up to where they have been counted."""

    fills: int = 0
    fundings: int = 0
    usd: Decimal = ZERO


class Portfolios:
    """One sample an hour of every account, from the venue's start."""

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = {}
        self._booked: dict[str, _Booked] = {}

    def open(self, state: "VenueState") -> None:
        """Begin every account's history: it is worth its deposit and has gained nothing."""
        for account in state.accounts.values():
            self._samples[account.address] = [Sample(state.now_ms, account.deposited_usd, ZERO, ZERO)]

    def sample(self, state: "VenueState") -> None:
        """Remember what every account is worth now."""
        for account in state.accounts.values():
            with state.mistakes.survived("the hour's sample of", account.address):
                self._samples.setdefault(account.address, []).append(self.now(state, account))

    def samples(self, state: "VenueState", account: Account) -> list[Sample]:
        """Return the account's samples in order, the last of them now."""
        return [*self._samples.get(account.address, ()), self.now(state, account)]

    def now(self, state: "VenueState", account: Account) -> Sample:
        pnl_usd = self._realised_usd(account) + unrealised_usd(state, account)
        return Sample(state.now_ms, equity_usd(state, account), pnl_usd, account.traded_usd)

    def _realised_usd(self, account: Account) -> Decimal:
        booked = self._booked.setdefault(account.address, _Booked())
        for fill in account.fills[booked.fills :]:
            booked.usd += fill.closed_pnl_usd - fill.fee_usd
        for row in account.fundings[booked.fundings :]:
            booked.usd += row.usd
        booked.fills, booked.fundings = len(account.fills), len(account.fundings)
        return booked.usd


def unrealised_usd(state: "VenueState", account: Account) -> Decimal:
    """Return what the open positions have gained since they were entered, at the marks."""
    held = account.positions.items()
    return sum((usd(p.size * state.mark(asset_id)) - p.entry_usd for asset_id, p in held), ZERO)


def portfolio(state: "VenueState", account: Account) -> list[list[Any]]:
    """Return [[period, {accountValueHistory, pnlHistory, vlm}]]: profit counts from each period's first point."""
    samples = state.portfolios.samples(state, account)
    periods = {name: _period(samples, window_ms) for name, window_ms in PERIODS.items()}
    perps = {f"perp{name[0].upper()}{name[1:]}": document for name, document in periods.items()}
    return [[name, document] for name, document in (periods | perps).items()]


def _period(samples: Sequence[Sample], window_ms: int | None) -> dict[str, Any]:
    rows = inside(samples, window_ms)
    first, shown = rows[0], thinned(rows)
    return {
        "accountValueHistory": [[row.at_ms, number(row.equity_usd)] for row in shown],
        "pnlHistory": [[row.at_ms, number(row.pnl_usd - first.pnl_usd)] for row in shown],
        "vlm": number(rows[-1].volume_usd - first.volume_usd),
    }


def inside(samples: Sequence[Sample], window_ms: int | None) -> Sequence[Sample]:
    """Return the samples of the last window_ms, and the one before them that they are measured from."""
    if window_ms is None:
        return samples
    since_ms = samples[-1].at_ms - window_ms
    before = sum(1 for row in samples if row.at_ms < since_ms)
    return samples[max(0, before - 1) :]


def thinned(rows: Sequence[Sample]) -> list[Sample]:
    """Return at most POINTS_MAX rows, evenly spaced back from the last, the first always among them."""
    step = -(-len(rows) // (POINTS_MAX - 1))
    kept = rows[::-1][::step][::-1]
    return list(kept) if kept[0] is rows[0] else [rows[0], *kept]
