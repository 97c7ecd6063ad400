"""The trading settings: limits and times that decisions are made with.

Units are last in the name. The constraint beside each type is what the config file is checked against,
and the text is what docs/configuration.md prints.
"""

from dataclasses import dataclass, field
from typing import Annotated

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """The night's timetable, seconds from the close at 00:00 UTC (negative is before it)."""

    preflight_s: Annotated[int, Ge(-7200), Lt(0), Doc("preflight and universe freeze (23:45)")] = -900
    projected_s: Annotated[int, Ge(-7200), Lt(0), Doc("projected phase starts on live mids (23:50)")] = -600
    freeze_s: Annotated[int, Ge(0), Le(600), Doc("no new projected slices, open ones cancelled (00:01)")] = 60
    correction_s: Annotated[
        int, Ge(0), Le(900), Doc("official closes are fetched: the close plus the grace (00:02)")
    ] = 120
    deadline_s: Annotated[int, Gt(0), Le(3600), Doc("nothing trades towards a target after this (00:07)")] = (
        420
    )
    projected_duration_s: Annotated[
        int, Gt(0), Le(3600), Doc("length of the projected TWAP (15 minutes)")
    ] = 900
    close_wait_s: Annotated[int, Ge(0), Le(600), Doc("how long the correction waits for late closes")] = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TwapSettings:
    """How the gap to a target is cut into slices."""

    slice_s: Annotated[float, Ge(5), Le(300), Doc("time between slices; the venue's own TWAP uses 30 s")] = (
        30.0
    )
    time_jitter: Annotated[float, Ge(0), Lt(0.5), Doc("slice time jitter, fraction of slice_s")] = 0.2
    size_jitter: Annotated[float, Ge(0), Lt(0.9), Doc("slice size jitter, fraction of the even size")] = 0.3
    catch_up_max: Annotated[float, Ge(1), Le(10), Doc("largest slice, as multiple of the even size")] = 3.0
    participation_max: Annotated[
        float,
        Gt(0),
        Le(20),
        Doc("largest slice, as multiple of the coin's average traded value over slice_s"),
    ] = 5.0
    slippage_bps: Annotated[float, Gt(0), Le(1000), Doc("limit price of a slice, distance from the mid")] = (
        100.0
    )
    slippage_final_bps: Annotated[
        float, Gt(0), Le(1000), Doc("the same in the last minute of the correction: convergence before cost")
    ] = 300.0
    order_expiry_s: Annotated[float, Ge(2), Le(60), Doc("expiresAfter of every order, from its creation")] = (
        10.0
    )
    min_order_usd: Annotated[
        float,
        Ge(10),
        Le(1000),
        Doc("the venue's minimum order value plus a margin; less is carried to the ledger"),
    ] = 10.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeSettings:
    """When and how net BTC and ETH delta of confirmed positions is neutralised."""

    band_equity: Annotated[
        float, Gt(0), Le(0.1), Doc("band of each factor's net delta, fraction of equity")
    ] = 0.0025
    band_min_orders: Annotated[float, Ge(1), Le(100), Doc("band floor, as multiple of min_order_usd")] = 3.0
    slippage_bps: Annotated[
        float, Gt(0), Le(1000), Doc("limit price of a hedge order, distance from the mid")
    ] = 50.0
    min_interval_s: Annotated[float, Ge(0), Le(60), Doc("shortest time between two hedge orders")] = 0.2
    turnover_max_per_min: Annotated[
        float,
        Gt(0),
        Le(10),
        Doc("what hedges may open a minute, fraction of equity; closing a position is not limited"),
    ] = 1.0
    failures_max: Annotated[
        int, Ge(1), Le(100), Doc("hedge orders refused or unfilled in a row before trading halts")
    ] = 10
    beta_btc_unknown: Annotated[
        float, Ge(-5), Le(5), Doc("BTC beta of a held coin that never had one; ETH beta is 0")
    ] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSettings:
    """Limits before every order, and what halts trading."""

    gross_max: Annotated[
        float, Gt(0), Le(20), Doc("gross position notional incl. hedges, multiple of equity")
    ] = 3.0
    position_max: Annotated[
        float, Gt(0), Le(5), Doc("one coin's notional, fraction of equity; BTC and ETH excepted")
    ] = 0.25
    order_max_usd: Annotated[float, Gt(0), Doc("largest single order")] = 500_000.0
    orders_per_min_max: Annotated[int, Gt(0), Le(100_000), Doc("orders a minute")] = 3_000
    loss_max: Annotated[
        float, Gt(0), Le(1), Doc("equity lost since the session's opening that halts trading, fraction")
    ] = 0.10
    quote_age_max_s: Annotated[float, Gt(0), Le(120), Doc("oldest price that may be traded on")] = 15.0
    price_gap_max: Annotated[
        float,
        Gt(0),
        Le(1),
        Doc("largest distance of an official close from the live mid before a coin is held, fraction"),
    ] = 0.30


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSettings:
    """Everything core decides with. seed feeds the jitter of slices; all else is deterministic."""

    seed: Annotated[int, Ge(0), Doc("seed of the slices' size and time jitter")] = 0
    flatten_on_kill: Annotated[bool, Doc("close all positions when the kill switch trips")] = False
    session: SessionSettings = field(default_factory=SessionSettings)
    twap: TwapSettings = field(default_factory=TwapSettings)
    hedge: HedgeSettings = field(default_factory=HedgeSettings)
    risk: RiskSettings = field(default_factory=RiskSettings)
