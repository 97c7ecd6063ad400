"""The session report as a reader sees it: typed, with whatever a night may lack as None; and one verdict on it.

The document is written by core.report; unknown members are ignored, so that an older page reads a newer report.
"""

from datetime import datetime
from typing import Any

import msgspec

from core.types import HEDGE_COINS

LOTS_ON_TARGET = 1.0
"""A position within one lot of its target is on it."""

REMAINDER_MAX = 1e-4
"""Remainders worth less than this share of equity, all together, leave the book where it should be."""


class PhaseRow(msgspec.Struct, frozen=True):
    stage: str = "held"
    reason: str = ""
    requested: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    attempts: int = 0
    slices: int = 0
    targets: dict[str, str] = {}
    previous: dict[str, str] = {}
    closes: dict[str, str] = {}
    solver: str | None = None
    solver_status: str | None = None
    objective: float | None = None
    gap: float | None = None
    parameters: dict[str, Any] = {}


class AssetRow(msgspec.Struct, frozen=True):
    """Quantities in base units as the venue writes them; residual is target less position."""

    coin: str
    target: str | None = None
    position: str = "0"
    residual_lots: float | None = None
    residual_usd: float | None = None
    reason: str = ""

    @property
    def is_hedge(self) -> bool:
        return self.coin in HEDGE_COINS

    @property
    def is_off(self) -> bool:
        """More than a lot away from the target, or nobody knows how far."""
        return self.residual_lots is None or abs(self.residual_lots) > LOTS_ON_TARGET


class Leg(msgspec.Struct, frozen=True):
    orders: int = 0
    fills: int = 0
    rejected: int = 0
    notional_usd: float = 0.0
    fees_usd: float = 0.0
    slippage_bps: float | None = None


class OrdersRow(msgspec.Struct, frozen=True):
    count: int = 0
    rejected: int = 0
    open: int = 0
    rationed: int = 0
    burnt: int = 0
    by_leg: dict[str, Leg] = {}


class FillsRow(msgspec.Struct, frozen=True):
    count: int = 0
    notional_usd: float = 0.0
    fees_usd: float = 0.0
    slippage_bps: float | None = None


class HedgeRow(msgspec.Struct, frozen=True):
    """Deltas in USD by factor; the band is the half-width around zero."""

    count: int = 0
    notional_usd: float = 0.0
    worst_delta_usd: dict[str, float | None] = {}
    final_delta_usd: dict[str, float | None] = {}
    band_usd: float | None = None
    outside_band_s: float = 0.0
    reactions: int = 0
    fill_to_hedge_median_ms: float | None = None
    fill_to_hedge_p99_ms: float | None = None


class EquityRow(msgspec.Struct, frozen=True):
    """USD. before and after are None when the night has no opening or no closing snapshot."""

    before: float | None = None
    after: float | None = None
    price: float = 0.0
    hedge: float = 0.0
    funding: float = 0.0
    fees: float = 0.0
    residual: float = 0.0
    residual_bps: float | None = None
    explained: bool = False

    @property
    def change_usd(self) -> float | None:
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def change_bps(self) -> float | None:
        return self.change_usd / self.before * 10_000 if self.change_usd is not None and self.before else None

    @property
    def parts(self) -> list[tuple[str, float]]:
        """Return what made the change, by name; nothing where the change itself is not known."""
        if self.change_usd is None:
            return []
        parts = (self.price, self.hedge, self.funding, self.fees, self.residual)
        return list(zip(("price", "hedge", "funding", "fees", "residual"), parts, strict=True))


class DeadManRow(msgspec.Struct, frozen=True):
    """What ended open orders if the daemon died; fired counts the venue's cancels by UTC day."""

    protection: str = ""
    reason: str = ""
    expiry_s: float = 0.0
    fired: dict[str, int] = {}


class NoticeRow(msgspec.Struct, frozen=True):
    at: datetime
    text: str


class Check(msgspec.Struct, frozen=True):
    name: str
    held: bool
    detail: str = ""


class NightReport(msgspec.Struct, frozen=True):
    session: str
    close: datetime
    stage: str = ""
    trading: str = ""
    halt_reason: str = ""
    restarts: int = 0
    problems: list[str] = []
    notices: list[NoticeRow] = []
    universe: list[str] = []
    phases: dict[str, PhaseRow] = {}
    orders: OrdersRow = OrdersRow()
    fills: FillsRow = FillsRow()
    assets: list[AssetRow] = []
    hedge: HedgeRow = HedgeRow()
    dead_man: DeadManRow = DeadManRow()
    equity: EquityRow = EquityRow()
    invariants: list[Check] = []

    @property
    def close_ms(self) -> int:
        return round(self.close.timestamp() * 1000)

    @property
    def names(self) -> list[AssetRow]:
        """The traded names, without the two hedges."""
        return [a for a in self.assets if not a.is_hedge]


class Verdict(msgspec.Struct, frozen=True):
    """level is good, warn or bad; the headline answers: is the book where it should be?"""

    level: str
    headline: str
    why: tuple[str, ...] = ()


def read_report(document: bytes | dict[str, Any]) -> NightReport:
    """Return the report. Raises msgspec.ValidationError or DecodeError, which names the member that is wrong."""
    if isinstance(document, bytes):
        return msgspec.json.decode(document, type=NightReport)
    return msgspec.convert(document, NightReport)


def verdict(report: NightReport) -> Verdict:
    """Say whether the book is where it should be, worst news first."""
    broken = [
        f"{c.name}: no" + (f" ({c.detail})" if c.detail else "") for c in report.invariants if not c.held
    ]
    if report.trading == "REDUCING":
        why = (report.halt_reason or "no reason recorded", *(b for b in broken if "halted" not in b))
        return Verdict("bad", "No new risk was taken: slices only made positions smaller.", why)
    if report.halt_reason or report.trading == "HALTED":
        why = (report.halt_reason or "no reason recorded", *(b for b in broken if "halted" not in b))
        return Verdict("bad", "Trading is halted. The book stands as the halt left it.", why)
    if broken:
        return Verdict("bad", "Look at this book: a check failed.", tuple(broken))
    if not report.invariants:
        return Verdict("bad", "Nobody checked this book: the report holds no invariants.")
    held = [f"{name} phase held: {p.reason or 'no reason recorded'}" for name, p in _held(report)]
    if any(name == "correction" for name, _ in _held(report)):
        return Verdict("warn", "The book was held, not corrected to the official closes.", tuple(held))
    left = [a for a in report.names if a.is_off]
    if left:
        return Verdict(*_remainders(report, left), (*held, *_reasons(left)))
    idle = [] if report.orders.count else ["no order was needed"]
    if report.names and all(a.target is not None and float(a.target) == 0 for a in report.names):
        idle = ["the optimiser wanted no position tonight: every target is zero"]
    return Verdict("good", "The book is where it should be.", (*held, *idle))


def _held(report: NightReport) -> list[tuple[str, PhaseRow]]:
    return [(name, phase) for name, phase in report.phases.items() if phase.stage != "traded"]


def _reasons(left: list[AssetRow]) -> list[str]:
    """Return each reason once, with the coins it holds for, the largest remainder first."""
    by_reason: dict[str, list[str]] = {}
    for asset in sorted(left, key=lambda a: -abs(a.residual_usd or 0.0)):
        by_reason.setdefault(asset.reason or "no reason named", []).append(asset.coin)
    return [f"{_listed(coins)}: {reason}" for reason, coins in by_reason.items()]


def _listed(coins: list[str], most: int = 8) -> str:
    more = f" and {len(coins) - most} more" if len(coins) > most else ""
    return ", ".join(coins[:most]) + more


def _remainders(report: NightReport, left: list[AssetRow]) -> tuple[str, str]:
    """Return level and headline: what no order can trade is carried and no worry, more than that is."""
    usd = sum(abs(a.residual_usd or 0.0) for a in left)
    known = all(a.residual_usd is not None for a in left) and report.equity.before is not None
    count = f"{len(left)} of {len(report.names)}"
    if known and usd <= REMAINDER_MAX * (report.equity.before or 0.0):
        return "good", f"The book is where it should be; {count} names carry a remainder ({usd:,.2f} USD)."
    return "warn", f"{count} positions are off target by {usd:,.0f} USD in all, each with a reason."
