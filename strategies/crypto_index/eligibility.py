"""Who may be a member, and which rule says no: the first that fails decides, with its value (S0-24 to S0-31)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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


Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of each coin on the last day (n,): what the rules look at. NaN where nothing is known.

    known: coins that had a price up to then. supply is the newest of the days that cap_usd is a mean of.
    """

    known: Bools
    price: Floats
    supply: Floats
    cap_usd: Floats
    mdvt_usd: Floats
    age_days: Floats
    volatility: Floats
    mean_px: Floats


def facts(market: Market, rules: Eligibility) -> Facts:
    """Return what is known of each coin: means and medians over the windows of the rules, up to the last day."""
    price = carried(market.close[-(rules.stale_max_days + 1) :], most_days=rules.stale_max_days)[-1]
    supply = market.supply[-rules.mean_days :]
    caps = market.close[-rules.mean_days :] * supply
    ages = _ages(market)
    window = market.close[-PEG_DAYS:]
    moves = np.diff(np.log(window), axis=0)
    return Facts(
        known=np.isfinite(ages),
        price=price,
        supply=carried(supply, most_days=rules.mean_days)[-1],
        cap_usd=np.where(np.isfinite(price), _mean(caps), np.nan),
        mdvt_usd=_median(market.volume_usd[-rules.mdvt_days :], days=rules.mdvt_days),
        age_days=ages,
        volatility=_deviation(moves) * np.sqrt(YEAR_DAYS),
        mean_px=_mean(window),
    )


def verdicts(market: Market, rules: Eligibility, known: Facts) -> tuple[Verdict, ...]:
    """Return what the rules say of each coin that ever had a price, in the market's order.

    Raises ValueError where custodians are asked for and there is no custody map: no information is not none (E0-17).
    """
    if rules.custodians_min and market.custodians is None:
        raise ValueError(
            f"at least {rules.custodians_min} custodians are asked for, and there is no custody map: give custody_map.json"
        )
    said: dict[int, Verdict] = {}
    left = known.known.copy()
    for name, rule in RULES:
        found = rule(market, rules, known)
        for i in np.flatnonzero(left & found.failed).tolist():
            said[i] = Verdict(symbol=market.symbols[i], rule=name, said=found.said(i))
        left &= ~found.failed
    for i in np.flatnonzero(left).tolist():
        said[i] = Verdict(symbol=market.symbols[i], rule="", said=f"market cap {known.cap_usd[i]:,.0f} USD")
    if rules.within_rank:
        _keep_largest(said, known, rules.within_rank)
    return tuple(said[i] for i in sorted(said))


def _keep_largest(said: dict[int, Verdict], known: Facts, most: int) -> None:
    """Let only the largest so many of those that passed all else pass."""
    passed = [i for i, verdict in said.items() if verdict.passed]
    order = sorted(passed, key=lambda i: (-known.cap_usd[i], said[i].symbol))
    for rank, i in enumerate(order[most:], start=most + 1):
        said[i] = replace(said[i], rule="rank", said=f"rank {rank}, wanted {most}")


@dataclass(frozen=True, slots=True)
class Finding:
    """failed (n,): for whom a rule says no; said tells of coin i with value and limit."""

    failed: Bools
    said: Callable[[int], str]


def _blacklisted(market: Market, rules: Eligibility, known: Facts) -> Finding:
    failed = np.array([symbol in market.blacklist for symbol in market.symbols])
    return Finding(failed, lambda i: "it is on the blacklist")


def _kind(market: Market, rules: Eligibility, known: Facts) -> Finding:
    kinds = [market.kind(symbol) for symbol in market.symbols]
    failed = np.array([kind in rules.excluded for kind in kinds])
    return Finding(failed, lambda i: f"its kind is {kinds[i].value.replace('_', ' ')}")


def _price(market: Market, rules: Eligibility, known: Facts) -> Finding:
    return Finding(~np.isfinite(known.price), lambda i: f"no price within {rules.stale_max_days} days")


def _cap(market: Market, rules: Eligibility, known: Facts) -> Finding:
    least = rules.mcap_min_usd

    def said(i: int) -> str:
        if not known.cap_usd[i] > 0:
            return "its supply is not known"
        return f"market cap {known.cap_usd[i]:,.0f} USD, wanted {least:,.0f}"

    return Finding(~((known.cap_usd > 0) & (known.cap_usd >= least) & (known.supply > 0)), said)


def _pegged(market: Market, rules: Eligibility, known: Facts) -> Finding:
    near = (known.volatility < PEG_VOLATILITY) & (np.abs(known.mean_px - 1) < PEG_DISTANCE)

    def said(i: int) -> str:
        return f"it is pegged: volatility {known.volatility[i]:.2%} a year around {known.mean_px[i]:.4f} USD"

    return Finding(near & rules.pegged_excluded, said)


def _custody(market: Market, rules: Eligibility, known: Facts) -> Finding:
    by = market.custodians or {}
    held = [by.get(symbol, ()) for symbol in market.symbols]
    failed = np.array([len(set(names)) < rules.custodians_min for names in held])
    return Finding(
        failed, lambda i: f"custodians: {', '.join(held[i]) or 'none'}; wanted {rules.custodians_min}"
    )


def _volume(market: Market, rules: Eligibility, known: Facts) -> Finding:
    values = known.mdvt_usd
    some = values[np.isfinite(values)]
    quantile = float(np.quantile(some, rules.mdvt_quantile)) if rules.mdvt_quantile and len(some) else 0.0
    least = max(rules.mdvt_min_usd, quantile)
    asked = least > 0 or rules.mdvt_quantile > 0

    def said(i: int) -> str:
        value = f"{values[i]:,.0f} USD" if np.isfinite(values[i]) else "not known"
        return f"median daily value traded {value}, wanted {least:,.0f}"

    return Finding(~(values >= least) & asked, said)


def _age(market: Market, rules: Eligibility, known: Facts) -> Finding:
    ages = known.age_days
    return Finding(
        ~(ages >= rules.age_min_days), lambda i: f"known for {ages[i]:.0f} days, wanted {rules.age_min_days}"
    )


RULES: tuple[tuple[str, Callable[[Market, Eligibility, Facts], Finding]], ...] = (
    ("blacklist", _blacklisted),
    ("category", _kind),
    ("price", _price),
    ("market cap", _cap),
    ("pegged", _pegged),
    ("custody", _custody),
    ("volume", _volume),
    ("age", _age),
)
"""In the order in which they are asked: the first that says no decides."""


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _median(values: Floats, *, days: int) -> Floats:
    """Return each column's median of known values; NaN where fewer than KNOWN_SHARE of the days are known."""
    count = np.isfinite(values).sum(axis=0)
    ordered = np.sort(values, axis=0)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1)
    columns = np.arange(values.shape[1])
    middle = (ordered[low, columns] + ordered[high, columns]) / 2
    return np.where(count >= KNOWN_SHARE * days, middle, np.nan)


def _deviation(moves: Floats) -> Floats:
    """Return the standard deviation of each column's known values; NaN where fewer than two are known."""
    known = np.isfinite(moves)
    count = known.sum(axis=0)
    centred = np.where(known, moves - _mean(moves), 0.0)
    return np.where(count > 1, np.sqrt((centred**2).sum(axis=0) / np.maximum(count - 1, 1)), np.nan)


def _ages(market: Market) -> Floats:
    """Return how many days ago each coin was first known to have a price; NaN for one that has none yet."""
    has = np.isfinite(market.close)
    known = has.any(axis=0)
    ages = np.where(known, len(market.days) - 1.0 - has.argmax(axis=0), np.nan)
    for i in np.flatnonzero(known).tolist():
        first = market.first_seen.get(market.symbols[i])
        if first is not None:
            ages[i] = max(ages[i], (market.day - first).days)
    return ages
