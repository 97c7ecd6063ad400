"""How an index price is made, as data: every rule that a preset or a configuration file may choose."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le


class Price(StrEnum):
    """Which of a feed's numbers counts."""

    LAST = "last"
    MID = "mid"


class Average(StrEnum):
    """How the prices that are left become one."""

    MEAN = "mean"
    MEDIAN = "median"
    THREE_VOTES = "three_votes"


class Weights(StrEnum):
    """Where weights come from."""

    VOLUME = "volume"
    SLOW_VOLUME = "slow_volume"
    EQUAL = "equal"
    FIXED = "fixed"


class Clock(StrEnum):
    """Which stamp staleness is judged by."""

    EXCHANGE = "exchange"
    RECEIPT = "receipt"


class Few(StrEnum):
    """What is published below the minimum of feeds."""

    HOLD = "hold"
    LAST_INDEX = "last_index"
    AVERAGE = "average"


class Breach(StrEnum):
    """What happens to a move beyond the limits."""

    ACCEPT = "accept"
    HOLD = "hold"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """When a feed is heard at all."""

    stale_s: Annotated[float, Gt(0), Doc("a feed without news for so long is left out (S4-13)")] = 10.0
    stale_by: Annotated[Clock, Doc("stamp that staleness is judged by (E4-6)")] = Clock.RECEIPT
    future_s: Annotated[float, Ge(0), Doc("a stamp further ahead than this is refused (E4-5)")] = 1.0
    past_s: Annotated[float, Gt(0), Doc("a stamp further behind its receipt than this is refused")] = 60.0
    frozen_ticks: Annotated[
        float, Ge(0), Doc("frozen: unchanged for so many of its usual intervals; 0: never (E4-6)")
    ] = 20.0
    frozen_bps: Annotated[float, Gt(0), Doc("... while the others' median moved by this much")] = 20.0
    spread_max: Annotated[float, Ge(0), Doc("a wider book says nothing, fraction; 0: any does")] = 0.01
    volume_jump: Annotated[
        float, Ge(0), Doc("a volume that changes by this factor at once is not believed; 0: any is")
    ] = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """When a feed that is heard is not believed."""

    beyond: Annotated[float, Ge(0), Doc("left out at this distance from the median, fraction; 0: never")] = (
        0.025
    )
    back_within: Annotated[
        float, Ge(0), Doc("comes back below this distance, fraction of beyond (E4-10)")
    ] = 0.5
    dwell_s: Annotated[float, Ge(0), Doc("... when it stayed there for so long")] = 30.0
    review_count: Annotated[int, Ge(0), Doc("so many times out in review_s need a person; 0: never")] = 4
    review_s: Annotated[float, Gt(0), Doc("... within this")] = 1800.0
    split_share: Annotated[
        float, Ge(0), Le(0.5), Doc("two camps of this share of feeds each split the market; 0: never (E4-8)")
    ] = 0.4
    clamp: Annotated[
        float, Ge(0), Doc("what is left is drawn to within this of the median; 0: not (E4-7)")
    ] = 0.005

    clamp_of: Annotated[tuple[tuple[str, float], ...], Doc("bases with a clamp of their own")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """How much a feed counts."""

    by: Annotated[Weights, Doc("source of the weights")] = Weights.EQUAL
    memory_days: Annotated[float, Gt(0), Doc("memory of slow volumes (E4-13)")] = 7.0
    cap: Annotated[float, Gt(0), Le(1), Doc("largest weight of a venue (E4-7); 1: none")] = 0.4
    alpha_per_s: Annotated[float, Ge(0), Doc("decay of weights with age (S4-18)")] = 0.0
    fixed: Annotated[
        tuple[tuple[str, float], ...], Doc("venues and their weights, where they are fixed")
    ] = ()
    unlisted: Annotated[float, Ge(0), Doc("weight of a venue without a fixed one")] = 1.0
    average: Annotated[Average, Doc("how prices become one")] = Average.THREE_VOTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What a move or a lack of feeds does to publication."""

    feeds_min: Annotated[int, Ge(1), Doc("fewer healthy feeds are DEGRADED (S4-26)")] = 3
    few: Annotated[Few, Doc("what is published then (E4-9)")] = Few.LAST_INDEX
    single_within: Annotated[float, Gt(0), Doc("a lone feed counts within this of the last index")] = 0.02
    limits: Annotated[
        tuple[tuple[float, float], ...], Doc("pairs of seconds and the largest move within them, fraction")
    ] = ((1.0, 0.05), (10.0, 0.10), (60.0, 0.15))
    breach: Annotated[Breach, Doc("what a larger move needs (E4-11)")] = Breach.CONFIRM
    agree_within: Annotated[float, Gt(0), Doc("feeds agree up to this spread, fraction")] = 0.01
    confirm_s: Annotated[float, Ge(0), Doc("... for so long")] = 1.5
    hold_s: Annotated[float, Gt(0), Doc("longest hold of an unconfirmed move; then it is DEGRADED")] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Methodology:
    """One index price's rules. name is written into every value."""

    name: str = "nightdesk"
    price: Annotated[Price, Doc("which of a feed's numbers counts (E4-6)")] = Price.MID
    converts: Annotated[bool, Doc("stablecoin quotes are converted by an index of ours (E4-4)")] = True
    rate_feeds_min: Annotated[int, Ge(1), Doc("feeds that a conversion needs")] = 2
    health: Health = field(default_factory=Health)
    outliers: Outliers = field(default_factory=Outliers)
    weighing: Weighing = field(default_factory=Weighing)
    breaker: Breaker = field(default_factory=Breaker)
    publish_s: Annotated[float, Gt(0), Doc("published at least this often (E4-15)")] = 1.0
    publish_bps: Annotated[float, Gt(0), Doc("... and on a change beyond this")] = 1.0
