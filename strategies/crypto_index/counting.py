"""How many members: the rule that the methodology names, on the coins by rank (S0-32 to S0-42, E0-5 to E0-8)."""

from collections.abc import Sequence

import numpy as np

from strategies.crypto_index import count
from strategies.crypto_index.market import Floats, Market, carried
from strategies.crypto_index.methodology import Count, Crix, Everyone, Fixed, HoldOut, LiteralAic

KNOWN_SHARE = 2 / 3
"""A window needs that share of its days; with fewer, no rule says how many."""
CARRY_DAYS = 3

Counted = tuple[int, tuple[str, ...]]
"""The number, and how it was found."""


class TooFewDays(ValueError):
    """The data do not go back as far as a rule looks: nothing can be decided yet."""


def count_of(market: Market, rule: Count, order: Sequence[str]) -> Counted:
    """Return the number of members of the eligible, who come by falling market cap, and how it was found.

    Raises TooFewDays where a rule looks at returns and there are not enough of them.
    """
    match rule:
        case Fixed():
            return min(rule.k, len(order)), (f"{min(rule.k, len(order))} members: the largest {rule.k}",)
        case Everyone():
            return len(order), (f"{len(order)} members: everybody who is eligible",)
        case Crix() | HoldOut():
            return _measured(market, rule, order)
        case LiteralAic():
            return _literal(market, rule, order)


def _measured(market: Market, rule: Crix | HoldOut, order: Sequence[str]) -> Counted:
    """Count against the market of all priced coins: the eligible come first, by rank, then the others."""
    values, known = _market_values(market, rule.days, order)
    most = min(rule.most, known, values.shape[1] - 1)
    if most < rule.start:
        return len(order), (f"{len(order)} members: all, as fewer than {rule.start} can be compared",)
    if isinstance(rule, Crix):
        found = count.sequential_count(values, start=rule.start, step=rule.step, most=most)
    else:
        found = count.hold_out_count(values, range(rule.start, most + 1, rule.step))
    said = f"measured against all {values.shape[1]} priced coins over {len(values) - 1} days"
    return min(found.count, len(order)), (
        *_tried(found, "criterion" if isinstance(rule, Crix) else "error"),
        f"{found.count} members, {said}",
    )


def _literal(market: Market, rule: LiteralAic, order: Sequence[str]) -> Counted:
    """Count as the brief does, holes being returns of zero (S0-87)."""
    closes = _window(market.close, rule.days)[:, [market.place(symbol) for symbol in order]]
    found = count.literal_count(np.nan_to_num(np.diff(closes, axis=0) / closes[:-1], nan=0.0))
    grid = count.literal_grid(len(order))
    said = f"{found.count} members, tried {', '.join(map(str, grid))}"
    return min(found.count, len(order)), (*_tried(found, "AIC"), said)


def _market_values(market: Market, days: int, order: Sequence[str]) -> tuple[Floats, int]:
    """Return values (t, n) at the last day's supplies of all coins priced throughout, and how many are of the order."""
    closes = carried(_window(market.close, days), most_days=CARRY_DAYS)
    supply = carried(market.supply[-days:], most_days=days)[-1]
    values = closes * supply
    whole = np.isfinite(values).all(axis=0) & (values > 0).all(axis=0)
    first = [i for i in map(market.place, order) if whole[i]]
    others = sorted(set(np.flatnonzero(whole).tolist()) - set(first), key=lambda i: (-values[-1, i], i))
    return values[:, [*first, *others]], len(first)


def _window(closes: Floats, days: int) -> Floats:
    window = closes[-(days + 1) :]
    if len(window) - 1 < KNOWN_SHARE * days:
        raise TooFewDays(
            f"the number of members is told from returns of {days} days, the data have {len(window) - 1}"
        )
    return window


def _tried(found: count.Count, name: str) -> tuple[str, ...]:
    return tuple(f"{trial.count}: {name} {trial.score:.4f}" for trial in found.trials)
