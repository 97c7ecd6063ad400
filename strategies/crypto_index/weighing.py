"""The members' weights: the rule that the methodology names (S0-43 to S0-55, E0-18 to E0-20)."""

from collections.abc import Mapping

import numpy as np

from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import CappedCap, LiteralCappedCap, Weights
from strategies.quant.capped_weights import CappedWeights, Limits, capped_weights, literal_capped_weights


def weighed(
    market: Market, rule: Weights, caps_usd: Mapping[str, float]
) -> tuple[Mapping[str, float], tuple[str, ...]]:
    """Return weights that sum to 1, in the order of the members, and how they were found."""
    sizes = np.array(list(caps_usd.values()))
    match rule:
        case CappedCap():
            found = capped_weights(sizes, floor=rule.floor, cap=rule.cap)
        case LiteralCappedCap():
            found = literal_capped_weights(sizes, floor=rule.floor, cap=rule.cap)
        case _:
            raise NotImplementedError
    weights = {symbol: float(w) for symbol, w in zip(caps_usd, found.weights, strict=True)}
    return weights, _told(weights, found)


def _told(weights: Mapping[str, float], found: CappedWeights) -> tuple[str, ...]:
    lines = tuple(f"{symbol} {weight:.6f}" for symbol, weight in weights.items())
    return lines if found.bounds.limits is Limits.AS_ASKED else (*lines, found.bounds.limits.value)
