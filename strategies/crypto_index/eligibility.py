"""Who may be a member, and which rule says no: the first that fails decides, with its value (S0-24 to S0-31)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from strategies.crypto_index.market import Floats, Market, carried
from strategies.crypto_index.methodology import Eligibility

PEG_DAYS = 90
PEG_VOLATILITY = 0.05
"""Annual; below it, and near one dollar, a coin is pegged whatever it is called (E0-15)."""
PEG_DISTANCE = 0.02
YEAR_DAYS = 365
KNOWN_SHARE = 2 / 3
"""A median of values traded needs that share of its days; of fewer, nothing is known, and that is no volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule said of a coin: rule is empty for one that passed all; said names value and limit."""

    symbol: str
    rule: str
    said: str

    @property
    def passed(self) -> bool:
        return not self.rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of each coin on the last day (n,): what the rules look at. NaN where nothing is known."""

    price: Floats
    cap_usd: Floats
    mdvt_usd: Floats
    age_days: Floats
    volatility: Floats
    mean_px: Floats


def facts(market: Market, rules: Eligibility) -> Facts:
    """Return what is known of each coin: means and medians over the windows of the rules, up to the last day."""
    price = carried(market.close[-(rules.stale_max_days + 1) :], most_days=rules.stale_max_days)[-1]
    caps = market.close[-rules.mean_days :] * market.supply[-rules.mean_days :]
    window = market.close[-PEG_DAYS:]
    moves = np.diff(np.log(window), axis=0)
    return Facts(
        price=price,
        cap_usd=np.where(np.isfinite(price), _mean(caps), np.nan),
        mdvt_usd=_median(market.volume_usd[-rules.mdvt_days :], days=rules.mdvt_days),
        age_days=_ages(market),
        volatility=_deviation(moves) * np.sqrt(YEAR_DAYS),
        mean_px=_mean(window),
    )


def verdicts(market: Market, rules: Eligibility, known: Facts) -> tuple[Verdict, ...]:
    """Return what the rules say of each coin, in the market's order.

    Raises ValueError where custodians are asked for and there is no custody map: no information is not none (E0-17).
    """
    if rules.custodians_min and market.custodians is None:
        raise ValueError(
            f"at least {rules.custodians_min} custodians are asked for, and there is no custody map: give custody_map.json"
        )
    limits = _limits(known, rules)
    said = tuple(_verdict(market, rules, known, limits, i) for i in range(len(market.symbols)))
    return _within(said, known, rules.within_rank) if rules.within_rank else said


def _within(said: tuple[Verdict, ...], known: Facts, most: int) -> tuple[Verdict, ...]:
    """Let only the largest so many of those that passed all else pass."""
    passed = [i for i, verdict in enumerate(said) if verdict.passed]
    order = sorted(passed, key=lambda i: (-known.cap_usd[i], said[i].symbol))
    rank = {i: place for place, i in enumerate(order, start=1)}
    return tuple(
        replace(verdict, rule="rank", said=f"rank {rank[i]}, wanted {most}")
        if rank.get(i, 0) > most
        else verdict
        for i, verdict in enumerate(said)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """What is asked of this day's coins, where that depends on all of them."""

    mdvt_usd: float
    cap_usd: float


def _limits(known: Facts, rules: Eligibility) -> _Limits:
    volumes = known.mdvt_usd[np.isfinite(known.mdvt_usd)]
    quantile = (
        float(np.quantile(volumes, rules.mdvt_quantile)) if rules.mdvt_quantile and len(volumes) else 0.0
    )
    return _Limits(mdvt_usd=max(rules.mdvt_min_usd, quantile), cap_usd=rules.mcap_min_usd)


Rule = Callable[[Market, Eligibility, Facts, _Limits, int], str]
"""Returns what is wrong with coin i, or nothing."""


def _blacklisted(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    return "it is on the blacklist" if market.symbols[i] in market.blacklist else ""


def _kind(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    kind = market.kind(market.symbols[i])
    return f"it is a {kind.value.replace('_', ' ')}" if kind in rules.excluded else ""


def _price(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    return "" if np.isfinite(known.price[i]) else f"no price within {rules.stale_max_days} days"


def _cap(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    cap = known.cap_usd[i]
    if not np.isfinite(cap):
        return "its supply is not known"
    return f"market cap {cap:,.0f} USD, wanted {limits.cap_usd:,.0f}" if cap < limits.cap_usd else ""


def _pegged(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    volatility, mean = known.volatility[i], known.mean_px[i]
    if not rules.pegged_excluded or not volatility < PEG_VOLATILITY or not abs(mean - 1) < PEG_DISTANCE:
        return ""
    return f"it is pegged: volatility {volatility:.2%} a year around {mean:.4f} USD"


def _custody(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    held_by = (market.custodians or {}).get(market.symbols[i], ())
    if len(set(held_by)) >= rules.custodians_min:
        return ""
    return f"custodians: {', '.join(held_by) or 'none'}; wanted {rules.custodians_min}"


def _volume(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    value = known.mdvt_usd[i]
    if limits.mdvt_usd <= 0 or value >= limits.mdvt_usd:
        return ""
    said = f"{value:,.0f} USD" if np.isfinite(value) else "not known"
    return f"median daily value traded {said}, wanted {limits.mdvt_usd:,.0f}"


def _age(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> str:
    age = known.age_days[i]
    return "" if age >= rules.age_min_days else f"known for {age:.0f} days, wanted {rules.age_min_days}"


RULES: tuple[tuple[str, Rule], ...] = (
    ("blacklist", _blacklisted),
    ("category", _kind),
    ("price", _price),
    ("market cap", _cap),
    ("pegged", _pegged),
    ("custody", _custody),
    ("volume", _volume),
    ("age", _age),
)


def _verdict(market: Market, rules: Eligibility, known: Facts, limits: _Limits, i: int) -> Verdict:
    for name, rule in RULES:
        if said := rule(market, rules, known, limits, i):
            return Verdict(symbol=market.symbols[i], rule=name, said=said)
    said = f"market cap {known.cap_usd[i]:,.0f} USD"
    return Verdict(symbol=market.symbols[i], rule="", said=said)


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _median(values: Floats, *, days: int) -> Floats:
    enough = np.isfinite(values).sum(axis=0) >= KNOWN_SHARE * days
    filled = np.where(enough, values, 0.0)
    return np.where(enough, np.nanmedian(filled, axis=0), np.nan)


def _deviation(moves: Floats) -> Floats:
    """Return the standard deviation of each column's known values; NaN where fewer than two are known."""
    known = np.isfinite(moves)
    count = known.sum(axis=0)
    centred = np.where(known, moves - _mean(moves), 0.0)
    return np.where(count > 1, np.sqrt((centred**2).sum(axis=0) / np.maximum(count - 1, 1)), np.nan)


def _ages(market: Market) -> Floats:
    """Return how many days ago each coin was first known to have a price."""
    first = np.where(
        np.isfinite(market.close).any(axis=0), np.isfinite(market.close).argmax(axis=0), len(market.days)
    )
    seen = len(market.days) - 1.0 - first
    earlier = [(market.day - market.first_seen.get(s, market.day)).days for s in market.symbols]
    ages: Floats = np.maximum(seen, np.asarray(earlier, dtype=float))
    return ages
