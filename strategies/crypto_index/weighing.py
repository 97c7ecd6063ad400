"""The members' weights: the rule that the methodology names (S0-43 to S0-55, E0-18 to E0-20)."""

from collections.abc import Mapping, Sequence

import numpy as np

from strategies.crypto_index.market import Floats, Market
from strategies.crypto_index.methodology import (
    CappedCap,
    LiteralCappedCap,
    LiteralMinimumVariance,
    MinimumVariance,
    Weights,
)
from strategies.quant.capped_weights import (
    CappedWeights,
    Limits,
    capped_weights,
    feasible_bounds,
    literal_capped_weights,
)
from strategies.quant.minimum_variance import literal_minimum_variance, minimum_variance
from strategies.quant.shrinkage import ledoit_wolf

MISSING_MAX = 0.1
"""Share of days without a return above which a name has no place in a covariance: a dead feed is not calm (E0-27)."""
DAYS_MIN = 20

Weighed = tuple[Mapping[str, float], tuple[str, ...]]
"""Weights that sum to 1 of those that have one, in the order of the members, and how they were found."""


def weighed(market: Market, rule: Weights, caps_usd: Mapping[str, float]) -> Weighed:
    """Return the members' weights. One of whom too few returns are known has none where the rule needs returns."""
    match rule:
        case CappedCap():
            return _by_cap(caps_usd, rule)
        case LiteralCappedCap():
            sizes = np.array(list(caps_usd.values()))
            return _told(list(caps_usd), literal_capped_weights(sizes, floor=rule.floor, cap=rule.cap))
        case MinimumVariance():
            return _calmest(market, rule, caps_usd)
        case LiteralMinimumVariance():
            return _literal(market, rule, caps_usd)


def _by_cap(
    caps_usd: Mapping[str, float], rule: CappedCap | MinimumVariance | LiteralMinimumVariance
) -> Weighed:
    sizes = np.array(list(caps_usd.values()))
    return _told(list(caps_usd), capped_weights(sizes, floor=rule.floor, cap=rule.cap))


def _calmest(market: Market, rule: MinimumVariance, caps_usd: Mapping[str, float]) -> Weighed:
    moves = np.diff(np.log(_closes(market, rule.days, caps_usd)), axis=0)
    missing = (~np.isfinite(moves)).sum(axis=0) / rule.days + max(rule.days - len(moves), 0) / rule.days
    names = [s for s, share in zip(caps_usd, missing, strict=True) if share <= MISSING_MAX]
    gone = tuple(
        f"{s} has no weight: {share:.0%} of {rule.days} days without a return, {MISSING_MAX:.0%} is the most"
        for s, share in zip(caps_usd, missing, strict=True)
        if share > MISSING_MAX
    )
    aligned = moves[:, missing <= MISSING_MAX]
    aligned = aligned[np.isfinite(aligned).all(axis=1)]
    if not names or len(aligned) < DAYS_MIN:
        weights, said = _by_cap(caps_usd, rule)
        return weights, (f"by market cap: {len(aligned)} days with all returns, {DAYS_MIN} are needed", *said)
    bounds = feasible_bounds(len(names), floor=rule.floor, cap=rule.cap)
    covariance, shrinkage = ledoit_wolf(aligned)
    found = minimum_variance(covariance, floor=bounds.floor, cap=bounds.cap)
    weights, said = _told(names, CappedWeights(weights=found.weights, bounds=bounds))
    return weights, (*gone, f"covariance of {len(aligned)} days, shrunk by {shrinkage:.3f}", *said)


def _literal(market: Market, rule: LiteralMinimumVariance, caps_usd: Mapping[str, float]) -> Weighed:
    """Holes are returns of zero (S0-87); a singular covariance means weights by market cap (S0-50)."""
    closes = _closes(market, rule.days, caps_usd)
    returns = np.nan_to_num(np.diff(closes, axis=0) / closes[:-1], nan=0.0)
    covariance = np.atleast_2d(np.cov(returns, rowvar=False)) if len(returns) > 1 else None
    found = (
        None if covariance is None else literal_minimum_variance(covariance, floor=rule.floor, cap=rule.cap)
    )
    if found is None or not np.isfinite(found.weights).all():
        weights, said = _by_cap(caps_usd, rule)
        return weights, ("by market cap: the covariance is singular", *said)
    return _told(list(caps_usd), found)


def _closes(market: Market, days: int, caps_usd: Mapping[str, float]) -> Floats:
    return market.close[-(days + 1) :, [market.place(symbol) for symbol in caps_usd]]


def _told(names: Sequence[str], found: CappedWeights) -> Weighed:
    weights = {symbol: float(w) for symbol, w in zip(names, found.weights, strict=True)}
    lines = tuple(f"{symbol} {weight:.6f}" for symbol, weight in weights.items())
    return weights, lines if found.bounds.limits is Limits.AS_ASKED else (*lines, found.bounds.limits.value)
