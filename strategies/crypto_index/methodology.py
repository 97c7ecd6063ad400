"""An index's rule book as data: who may be in it, how many, at what weight, and when that changes (S0-24 to S0-56, M0-4).

A file in `methodologies/` holds one; nothing in the code asks which index it is.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt


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


NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

Days = Annotated[int, Ge(20), Le(3650), Doc("days of returns that are looked at")]
Cap = Annotated[float, Gt(0), Le(1), Doc("largest weight")]
Floor = Annotated[float, Ge(0), Le(1), Doc("smallest weight")]
Start = Annotated[int, Ge(1), Le(1000), Doc("smallest number that is tried")]
Step = Annotated[int, Ge(1), Le(100), Doc("how many more each next one has")]
Most = Annotated[int, Ge(1), Le(1000), Doc("largest number that is tried")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where a level begins (E0-3)."""

    day: Annotated[date, Doc("day whose close has the base level, where an index is launched by it")]
    level: Annotated[float, Gt(0), Le(1e12), Doc("level at the start")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When something is decided anew, and from when it holds."""

    weights: Annotated[Every, Doc("how often weights are renewed")] = Every.MONTH
    members: Annotated[Every, Doc("how often members are chosen anew, with their weights")] = Every.QUARTER
    announced_days: Annotated[int, Ge(0), Le(27), Doc("days from the decision to its effect")] = 0

    def __post_init__(self) -> None:
        if self.weights is Every.QUARTER and self.members is Every.MONTH:
            raise ValueError(
                "new members have new weights: weights cannot be renewed less often than members"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """What an asset must be. Zero asks nothing (S0-24 to S0-31, E0-14 to E0-17)."""

    excluded: Annotated[tuple[Category, ...], Doc("kinds that are never a member")] = (
        Category.STABLECOIN,
        Category.WRAPPED,
    )
    pegged_excluded: Annotated[bool, Doc("what behaves like a stablecoin is one, whatever it is called")] = (
        True
    )
    mcap_min_usd: Annotated[float, Ge(0), Le(1e15), Doc("least market cap, mean of mean_days")] = 0.0
    mean_days: Annotated[int, Ge(1), Le(365), Doc("days of which the market cap is the mean")] = 30
    mdvt_min_usd: Annotated[float, Ge(0), Le(1e15), Doc("least median daily value traded")] = 0.0
    mdvt_days: Annotated[int, Ge(1), Le(365), Doc("days of that median")] = 90
    mdvt_quantile: Annotated[float, Ge(0), Lt(1), Doc("the same as a quantile of all coins")] = 0.0
    age_min_days: Annotated[int, Ge(0), Le(3650), Doc("days since the first price")] = 0
    custodians_min: Annotated[int, Ge(0), Le(100), Doc("custodians, by the custody map")] = 0
    passed_in_row: Annotated[
        int, Ge(1), Le(24), Doc("month ends in a row that a newcomer must have passed")
    ] = 1
    stale_max_days: Annotated[int, Ge(0), Le(30), Doc("how old the last price may be")] = 3
    within_rank: Annotated[
        int, Ge(0), Le(1000), Doc("only the largest so many of those that pass all else")
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """The largest so many."""

    k: Annotated[int, Ge(1), Le(1000), Doc("number of members")]
    rule: Literal["fixed"] = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyone:
    """All who are eligible."""

    rule: Literal["everyone"] = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crix:
    """Trimborn and Haerdle: as many as explain the total market, by an information criterion (E0-5)."""

    start: Start = 5
    step: Step = 5
    most: Most = 50
    days: Days = 90
    rule: Literal["crix"] = "crix"

    def __post_init__(self) -> None:
        _check_range(self.start, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """The fewest whose tracking error on days not fitted is within one standard error of the best."""

    start: Start = 5
    step: Step = 5
    most: Most = 50
    days: Days = 90
    rule: Literal["hold_out"] = "hold_out"

    def __post_init__(self) -> None:
        _check_range(self.start, self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralAic:
    """The brief's rule, which always picks everybody (S0-34 to S0-40, E0-5). For comparison."""

    days: Days = 90
    rule: Literal["literal_aic"] = "literal_aic"


Count = Fixed | Everyone | Crix | HoldOut | LiteralAic


@dataclass(frozen=True, slots=True, kw_only=True)
class CappedCap:
    """Market cap, with no weight above cap or below floor, in order (E0-19)."""

    cap: Cap = 1.0
    floor: Floor = 0.0
    rule: Literal["capped_cap"] = "capped_cap"

    def __post_init__(self) -> None:
        _check_limits(self.floor, self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumVariance:
    """The least variance within the bounds, on a shrunk covariance of so many days (E0-18)."""

    cap: Cap = 0.35
    floor: Floor = 0.01
    days: Days = 90
    rule: Literal["minimum_variance"] = "minimum_variance"

    def __post_init__(self) -> None:
        _check_limits(self.floor, self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralCappedCap:
    """The brief's loop of caps and floors (S0-52 to S0-55). For comparison."""

    cap: Cap = 0.35
    floor: Floor = 0.01
    rule: Literal["literal_capped_cap"] = "literal_capped_cap"

    def __post_init__(self) -> None:
        _check_limits(self.floor, self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralMinimumVariance:
    """The brief's clipped minimum variance (S0-46 to S0-50). For comparison."""

    cap: Cap = 0.35
    floor: Floor = 0.01
    days: Days = 90
    rule: Literal["literal_minimum_variance"] = "literal_minimum_variance"

    def __post_init__(self) -> None:
        _check_limits(self.floor, self.cap)


Weights = CappedCap | MinimumVariance | LiteralCappedCap | LiteralMinimumVariance


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """What keeps an incumbent in. Zero: no rule by rank (S0-56, E0-21)."""

    size_ratio: Annotated[
        float, Ge(1), Le(100), Doc("it stays until a challenger is more than so many times as large")
    ] = 1.0
    rank_keep: Annotated[int, Ge(0), Le(1000), Doc("... and while it is within this rank")] = 0
    rank_enter: Annotated[int, Ge(0), Le(1000), Doc("a challenger within this rank comes in at once")] = 0

    def __post_init__(self) -> None:
        if self.rank_keep and self.rank_enter > self.rank_keep:
            raise ValueError(
                f"rank_enter {self.rank_enter} is beyond rank_keep {self.rank_keep}: who comes in would go at once"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Methodology:
    """A rule book."""

    name: Annotated[str, Doc("what the index is called in files; the file's own name where it is left out")]
    title: Annotated[str, Doc("one line")] = ""
    about: Annotated[str, Doc("what it follows, and how far")] = ""
    base: Base
    schedule: Schedule = field(default_factory=Schedule)
    eligibility: Eligibility = field(default_factory=Eligibility)
    count: Count
    weights: Weights
    buffer: Buffer = field(default_factory=Buffer)
    cost_bps: Annotated[
        float, Ge(0), Le(1000), Doc("cost of trading, basis points of what is bought and of what is sold")
    ] = 10.0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name {self.name!r} must be small letters, digits and dashes, 40 at most")


def _check_limits(floor: float, cap: float) -> None:
    if not floor <= cap:
        raise ValueError(f"floor {floor:g} is above cap {cap:g}")


def _check_range(start: int, most: int) -> None:
    if not start <= most:
        raise ValueError(f"start {start} is above most {most}")
