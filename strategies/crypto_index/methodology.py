"""An index's rule book as data: who may be in it, how many, at what weight, and when that changes (S0-24 to S0-56, M0-4).

A file in `methodologies/` holds one; nothing in the code asks which index it is.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal


class Category(StrEnum):
    """What kind of asset a coin is, by its record. Pegged is told by behaviour (E0-15)."""

    STABLECOIN = "stablecoin"
    WRAPPED = "wrapped_or_staked"
    GOLD = "gold_token"
    MEME = "meme"
    PRIVACY = "privacy"
    EXCHANGE = "exchange_token"
    ABANDONED = "abandoned"
    OTHER = "other"


class Every(StrEnum):
    """How often something is decided anew: at the close of the last day of the period."""

    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where a level begins (E0-3)."""

    day: date
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Weights are renewed each `weights`, members each `members`; both are announced, and hold from so many days later."""

    weights: Every = Every.MONTH
    members: Every = Every.QUARTER
    announced_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """What an asset must be. Zero asks nothing (S0-24 to S0-31, E0-14 to E0-17).

    mcap_min_usd: market cap, mean of mean_days. mdvt_min_usd: median daily value traded over mdvt_days, mdvt_quantile the
    same as a quantile of all coins. age_min_days: days since the first price. custodians_min: by the custody map.
    passed_in_row: months in a row that must be passed to come in. stale_max_days: how old the last price may be.
    within_rank: only the largest so many of those that pass the other rules.
    """

    excluded: tuple[Category, ...] = (Category.STABLECOIN, Category.WRAPPED)
    pegged_excluded: bool = True
    mcap_min_usd: float = 0.0
    mean_days: int = 30
    mdvt_min_usd: float = 0.0
    mdvt_days: int = 90
    mdvt_quantile: float = 0.0
    age_min_days: int = 0
    custodians_min: int = 0
    passed_in_row: int = 1
    stale_max_days: int = 3
    within_rank: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """The largest so many."""

    k: int
    rule: Literal["fixed"] = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyone:
    """All who are eligible."""

    rule: Literal["everyone"] = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crix:
    """Trimborn and Haerdle: as many as explain the total market, by an information criterion (E0-5)."""

    start: int = 5
    step: int = 5
    most: int = 50
    days: int = 90
    rule: Literal["crix"] = "crix"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """The fewest whose tracking error on days not fitted is within one standard error of the best."""

    start: int = 5
    step: int = 5
    most: int = 50
    days: int = 90
    rule: Literal["hold_out"] = "hold_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralAic:
    """The brief's rule, which always picks everybody (S0-34 to S0-40, E0-5). For comparison."""

    most: int = 55
    days: int = 90
    rule: Literal["literal_aic"] = "literal_aic"


Count = Fixed | Everyone | Crix | HoldOut | LiteralAic


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedCap:
    """Market cap, with no weight above cap or below floor, in order (E0-19)."""

    cap: float = 1.0
    floor: float = 0.0
    rule: Literal["capped_cap"] = "capped_cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumVariance:
    """The least variance within the bounds, on a shrunk covariance of so many days (E0-18)."""

    cap: float = 0.35
    floor: float = 0.01
    days: int = 90
    rule: Literal["minimum_variance"] = "minimum_variance"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralCappedCap:
    """The brief's loop of caps and floors (S0-52 to S0-55). For comparison."""

    cap: float = 0.35
    floor: float = 0.01
    rule: Literal["literal_capped_cap"] = "literal_capped_cap"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralMinimumVariance:
    """The brief's clipped minimum variance (S0-46 to S0-50). For comparison."""

    cap: float = 0.35
    floor: float = 0.01
    days: int = 90
    rule: Literal["literal_minimum_variance"] = "literal_minimum_variance"


Weights = CappedCap | MinimumVariance | LiteralCappedCap | LiteralMinimumVariance


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """An incumbent stays until a challenger is `size_ratio` times as large (S0-56, E0-21), or it falls below rank_keep;
    a challenger within rank_enter comes in at once. Zero: no rule by rank.
    """

    size_ratio: float = 1.0
    rank_keep: int = 0
    rank_enter: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Methodology:
    """A rule book. name is a file's name without its end; about says in a few sentences what it follows, and how far."""

    name: str
    title: str
    about: str
    base: Base
    schedule: Schedule
    eligibility: Eligibility
    count: Count
    weights: Weights
    buffer: Buffer
    cost_bps: float = 10.0
