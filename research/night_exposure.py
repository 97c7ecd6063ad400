"""Exposure over the night, recomputed from the journal's fills and quotes; no number of the engine's own goes in."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from core.types import HEDGE_COINS
from research.night_report import NightReport
from research.night_series import Betas, Night, Steps, positions, targets

Change = tuple[int, str, str, float | Betas]
"""at_ms, what changed (price, position, target, betas), of which coin, to what."""


class Exposure(msgspec.Struct):
    """Net delta of each factor and what is missing towards the targets (USD), after every moment that changed one.

    The deltas are None until betas are known. worst is the largest delta of each factor since then, and when.
    """

    at_ms: list[int] = []
    btc_usd: list[float | None] = []
    eth_usd: list[float | None] = []
    missing_usd: list[float | None] = []


class _Walk:
    """Sums that are kept up to date coin by coin, so that a quote costs the same with 5 names as with 150."""

    def __init__(self, night: Night) -> None:
        self.px = {**night.marks, **{c: p[0][1] for c, p in night.prices.items() if p}}
        self.qty: dict[str, float] = {}
        self.target: dict[str, float] = {}
        self.betas = dict(night.betas_before)
        self.guess = (night.settings.hedge.beta_btc_unknown, 0.0)
        self.parts: dict[str, tuple[float, float, float]] = {}
        self.sums = [0.0, 0.0, 0.0]

    def apply(self, what: str, coin: str, value: float | Betas) -> None:
        if isinstance(value, dict):
            self.betas.update(value)
            self.recount(list(self.parts))
            return
        kept = {"price": self.px, "position": self.qty, "target": self.target}[what]
        kept[coin] = value
        self.recount([coin])

    def recount(self, coins: Iterable[str]) -> None:
        for coin in coins:
            new, old = self.part(coin), self.parts.get(coin, (0.0, 0.0, 0.0))
            self.parts[coin] = new
            for i in range(3):
                self.sums[i] += new[i] - old[i]

    def part(self, coin: str) -> tuple[float, float, float]:
        """Return the coin's BTC delta, ETH delta and missing notional (USD)."""
        px, qty = self.px.get(coin, 0.0), self.qty.get(coin, 0.0)
        if coin in HEDGE_COINS:
            return (qty * px, 0.0, 0.0) if coin == HEDGE_COINS[0] else (0.0, qty * px, 0.0)
        btc, eth = self.betas.get(coin, self.guess)
        missing = abs(self.target[coin] - qty) * px if coin in self.target else 0.0
        return qty * px * btc, qty * px * eth, missing


def exposure(night: Night, report: NightReport) -> Exposure:
    """Walk through the window. A moment counts once: fills of one millisecond are one change of the book."""
    walk, out = _Walk(night), Exposure()
    for at_ms, changes in groupby(_changes(night, report), key=lambda change: change[0]):
        for _, what, coin, value in changes:
            walk.apply(what, coin, value)
        out.at_ms.append(at_ms)
        out.btc_usd.append(walk.sums[0] if walk.betas else None)
        out.eth_usd.append(walk.sums[1] if walk.betas else None)
        out.missing_usd.append(walk.sums[2] if walk.target else None)
    return out


def _changes(night: Night, report: NightReport) -> list[Change]:
    changes: list[Change] = []
    for coin, prices in night.prices.items():
        changes += [(at_ms, "price", coin, px) for at_ms, px in prices]
    changes += _stepped("position", positions(night, report))
    changes += _stepped("target", targets(report))
    changes += [(at_ms, "betas", "", betas) for at_ms, betas in betas_taken(night, report)]
    changes.sort(key=lambda change: change[0])
    return changes


def _stepped(what: str, steps: dict[str, Steps]) -> Iterator[Change]:
    for coin, own in steps.items():
        for at_ms, value in zip(own.at_ms, own.value, strict=True):
            yield at_ms, what, coin, float(value)


def betas_taken(night: Night, report: NightReport) -> list[tuple[int, Betas]]:
    """Return the betas of each phase that was traded; a result that came too late was not taken and is left out."""
    taken: list[tuple[int, Betas]] = []
    for name, phase in report.phases.items():
        if phase.stage != "traded" or phase.start is None:
            continue
        start_ms = round(phase.start.timestamp() * 1000)
        ready = [
            e
            for e in night.proformas
            if e.session == report.session and e.phase.value == name and e.at_ms <= start_ms
        ]
        if ready:
            taken.append((start_ms, {str(c): b for c, b in ready[-1].proforma.betas.items()}))
    return taken


# --- fewer points --------------------------------------------------------------------------------------


def thinned(at_ms: list[int], values: list[float | None], *, bucket_ms: int) -> tuple[list[int], list[float]]:
    """Return first, least, greatest and last of each bucket: a spike of one instant stays on the picture."""
    known = ((t, v) for t, v in zip(at_ms, values, strict=True) if v is not None)
    times: list[int] = []
    kept: list[float] = []
    for _, group in groupby(known, key=lambda point: point[0] // bucket_ms):
        points = list(group)
        extremes = {points[0], points[-1], min(points, key=_value), max(points, key=_value)}
        for t, v in sorted(extremes):
            times.append(t)
            kept.append(v)
    return times, kept


def newest(points: list[tuple[int, float]], *, bucket_ms: int) -> list[tuple[int, float]]:
    """Return the newest point of each bucket, in order of time."""
    by_bucket = {t // bucket_ms: (t, v) for t, v in sorted(points)}
    return list(by_bucket.values())


def largest(at_ms: list[int], values: list[float | None]) -> tuple[int, float] | None:
    """Return when the largest absolute value was, and the value; None where none is known."""
    known = [(abs(v), t, v) for t, v in zip(at_ms, values, strict=True) if v is not None]
    return max(known)[1:] if known else None


def _value(point: tuple[int, float]) -> float:
    return point[1]
