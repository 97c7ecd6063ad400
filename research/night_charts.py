"""What the page's charts are drawn from, as plain data: columns of times and values, nothing repeated."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from core.orders import purpose_of
from core.types import Answer, Fill, Order, Purpose
from research.night_exposure import Exposure, largest, newest, thinned
from research.night_report import NightReport
from research.night_series import ZERO, Night, Steps, by_coin, positions, sorted_fills, targets

PRICE_BUCKET_MS = 5_000
EXPOSURE_BUCKET_MS = 2_000
LEGS = (*(p.value for p in Purpose), "not ours")
"""Orders and fills name their leg by its place in this list."""

Document = dict[str, Any]


def chart_data(report: NightReport, night: Night, walked: Exposure, coins: list[str]) -> Document:
    """Return what the page's script draws: the window, exposure, hedges, equity, and the series of each coin.

    Times are milliseconds from start, the window's own edges and the shades absolute milliseconds.
    """
    held, wanted, fills = positions(night, report), targets(report), by_coin(sorted_fills(night))
    seen = night.seen_ms
    orders: dict[str, list[Order]] = {}
    for order in sorted(night.orders.values(), key=lambda o: o.created_ms):
        orders.setdefault(order.coin, []).append(order)
    return {
        "legs": LEGS,
        "start": night.start_ms,
        "from": night.start_ms if seen is None else seen[0],
        "to": night.end_ms if seen is None else seen[1],
        "close": report.close_ms,
        "shades": _shades(report),
        "band": report.hedge.band_usd,
        "exposure": _exposure(night, walked),
        "hedges": _hedges(night),
        "equity": msgspec.to_builtins(report.equity),
        "order": coins,
        "coins": {
            c: {
                "mid": _mids(night, c),
                "held": _steps(night, held.get(c)),
                "target": _steps(night, wanted.get(c)),
                "slices": _slices(night, orders.get(c, [])),
                "fills": _fills(night, fills.get(c, [])),
            }
            for c in coins
        },
    }


def _shades(report: NightReport) -> list[Document]:
    """Return projected, freeze and correction as intervals of absolute milliseconds, those that took place."""
    projected, correction = report.phases.get("projected"), report.phases.get("correction")
    shades = [
        _shade(name, p.start, p.end)
        for name, p in (("projected", projected), ("correction", correction))
        if p
    ]
    if projected and correction:
        shades.append(_shade("freeze", projected.end, correction.start or correction.requested))
    return [s for s in shades if s is not None]


def _shade(name: str, start: Any, end: Any) -> Document | None:
    if start is None or end is None or end <= start:
        return None
    return {"name": name, "from": start.timestamp() * 1000, "to": end.timestamp() * 1000}


def _exposure(night: Night, walked: Exposure) -> Document:
    series = {"btc": walked.btc_usd, "eth": walked.eth_usd, "missing": walked.missing_usd}
    drawn: Document = {}
    for name, values in series.items():
        times, kept = thinned(walked.at_ms, values, bucket_ms=EXPOSURE_BUCKET_MS)
        worst = largest(walked.at_ms, values)
        drawn[name] = {
            "t": [t - night.start_ms for t in times],
            "v": [round(v, 1) for v in kept],
            "usual": _usual(walked.at_ms, values),
            "worst": None if worst is None else [worst[0] - night.start_ms, round(worst[1], 1)],
        }
    return drawn


def _usual(at_ms: list[int], values: list[float | None], share: float = 0.985) -> float:
    """Return what the series stays within for most of the time, so that one instant does not flatten the picture."""
    lasted = sorted(
        (abs(v), after - t)
        for (t, v), (after, _) in pairwise(zip(at_ms, values, strict=True))
        if v is not None
    )
    total_ms, passed_ms = sum(ms for _, ms in lasted), 0
    for value, ms in lasted:
        passed_ms += ms
        if passed_ms >= share * total_ms:
            return value
    return 0.0


def _hedges(night: Night) -> Document:
    sent = [o for o in night.orders.values() if o.purpose.value == "hedge"]
    sent.sort(key=lambda o: o.created_ms)
    return {
        "t": [o.created_ms - night.start_ms for o in sent],
        "coin": [o.coin for o in sent],
        "usd": [round(float(o.signed_qty * o.arrival_mid)) for o in sent],
    }


def _mids(night: Night, coin: str) -> Document:
    points = newest(night.prices.get(coin, []), bucket_ms=PRICE_BUCKET_MS)
    return {"t": [t - night.start_ms for t, _ in points], "v": [float(f"{v:.7g}") for _, v in points]}


def _steps(night: Night, steps: Steps | None) -> Document:
    if steps is None:
        return {"t": [], "v": []}
    return {"t": [t - night.start_ms for t in steps.at_ms], "v": [float(v) for v in steps.value]}


def _slices(night: Night, orders: Sequence[Order]) -> Document:
    """Return child orders, how much of each was filled, and its fate in words."""
    filled = [night.filled_qty.get(o.cloid, ZERO) for o in orders]
    return {
        "t": [o.created_ms - night.start_ms for o in orders],
        "qty": [float(o.signed_qty) for o in orders],
        "filled": [float(q * o.side.sign) for q, o in zip(filled, orders, strict=True)],
        "limit": [float(o.limit_px) for o in orders],
        "leg": [LEGS.index(o.purpose.value) for o in orders],
        "fate": [_fate(o, q, night.answers.get(o.cloid)) for q, o in zip(filled, orders, strict=True)],
    }


def _fate(order: Order, filled: Decimal, answer: Answer | None) -> str:
    """Say what became of an order that was not filled in full; nothing where it was."""
    if filled >= order.qty:
        return ""
    said = "no answer recorded" if answer is None else answer.outcome.value
    why = f": {answer.reason}" if answer is not None and answer.reason else ""
    return f"{filled} of {order.qty} filled, {said}{why}"


def _fills(night: Night, fills: Sequence[Fill]) -> Document:
    legs = [purpose_of(f.cloid) for f in fills]
    return {
        "t": [f.at_ms - night.start_ms for f in fills],
        "qty": [float(f.signed_qty) for f in fills],
        "px": [float(f.px) for f in fills],
        "fee": [round(float(f.fee_usd), 4) for f in fills],
        "leg": [LEGS.index(leg.value if leg else "not ours") for leg in legs],
    }
