"""From the feeds that count to one number."""

from typing import Any

import numpy as np

from research.index_again.heard import Record


def volume(row: Record, weighing: Record) -> Any:
    return row["feed"]["volume" if weighing["by"] == "slow_volume" else "told"]


def weigh(active: list[Record], weighing: Record, now: int) -> None:
    ages_s = np.array([max(now - row["feed"]["tick"]["at_ms"], 0) / 1000 for row in active])
    raw = _shares(active, weighing) * np.exp(weighing["alpha_per_s"] * (ages_s.min() - ages_s))
    raw = raw if raw.sum() > 0 else np.ones(len(active))
    for row, weight in zip(active, _under_cap(raw / raw.sum(), weighing["cap"]), strict=True):
        row["weight"] = float(weight)


def _shares(active: list[Record], weighing: Record) -> Any:
    if weighing["by"] == "equal":
        return np.ones(len(active))
    if weighing["by"] == "fixed":
        fixed = dict(weighing["fixed"])
        return np.array(
            [fixed.get(row["key"][0].lower(), weighing["unlisted"]) for row in active], dtype=float
        )
    told = [volume(row, weighing) for row in active]
    usd = np.array(
        [
            row["rate"] * v if v is not None and 0 <= v < np.inf else np.nan
            for row, v in zip(active, told, strict=True)
        ]
    )
    known = usd[~np.isnan(usd)]
    return np.where(np.isnan(usd), np.median(known) if known.size else 1.0, usd)


def _under_cap(shares: Any, cap: float) -> Any:
    """Fill from above: the largest get the cap, one more at a time, until what is left fits under it in proportion."""
    count = len(shares)
    if count * cap <= 1:
        return np.full(count, 1 / count)
    falling = np.argsort(-shares, kind="stable")
    given = shares.copy()
    for full in range(count):
        rest = shares[falling[full:]]
        scale = (1 - cap * full) / rest.sum() if rest.sum() > 0 else 0.0
        given[falling[:full]], given[falling[full:]] = cap, rest * scale
        if rest[0] * scale <= cap * (1 + 1e-12):
            break
    return given / given.sum()


def _half_spread(row: Record) -> float:
    bid, ask = row["feed"]["tick"].get("bid"), row["feed"]["tick"].get("ask")
    return 0.0 if bid is None or ask is None else 0.5 * (ask - bid) * row["rate"]


def averaged(active: list[Record], middle: float | None, rules: Record) -> float:
    base = active[0]["key"][1].split("/", 1)[0]
    clamp = dict(rules["outliers"]["clamp_of"]).get(base, rules["outliers"]["clamp"])
    usd, weights = (np.array([row[name] for row in active]) for name in ("usd", "weight"))
    used = np.clip(usd, middle * (1 - clamp), middle * (1 + clamp)) if clamp and middle is not None else usd
    for row, number in zip(active, used, strict=True):
        row["used"] = float(number)
    if rules["weighing"]["average"] == "mean":
        return float(np.clip(used @ weights, used.min(), used.max()))
    if rules["weighing"]["average"] == "median":
        rising = np.lexsort((weights, used))
        reached = np.cumsum(weights[rising]) >= weights.sum() / 2 - 1e-15
        return float(used[rising][int(np.argmax(reached))])
    half = np.array([_half_spread(row) for row in active])
    return float(np.median(np.concatenate([used - half, used, used + half])))


def confidence(active: list[Record], price: float) -> float:
    usd, half = (np.array([f(row) for row in active]) for f in (lambda r: r["usd"], _half_spread))
    votes = np.sort(np.concatenate([usd - half, usd, usd + half]))
    cut = votes.size // 4
    return float(max(abs(price - votes[cut]), abs(votes[votes.size - 1 - cut] - price)))
