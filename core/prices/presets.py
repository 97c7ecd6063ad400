"""The named methodologies: the brief's, ours, and those of exchanges as their pages state them (S4(c), E4-*).

What a page does not say is left at the plainest reading: no rule. None of them raises for bad input.
"""

from collections.abc import Mapping

from core.prices.methodology import (
    Average,
    Breach,
    Breaker,
    Clock,
    Few,
    Health,
    Methodology,
    Outliers,
    Price,
    Weighing,
    Weights,
)

MINUTE_S = 60.0


def _heard(stale_s: float, *, by: Clock = Clock.RECEIPT) -> Health:
    """Rules of an exchange that knows staleness only."""
    return Health(stale_s=stale_s, stale_by=by, frozen_ticks=0, spread_max=0, volume_jump=0)


def _believed(
    beyond: float = 0.0, *, clamp: float = 0.0, clamp_of: tuple[tuple[str, float], ...] = ()
) -> Outliers:
    """Left out beyond, drawn to clamp; back at once."""
    return Outliers(
        beyond=beyond,
        back_within=1.0,
        dwell_s=0,
        review_count=0,
        split_share=0,
        clamp=clamp,
        clamp_of=clamp_of,
    )


_AVERAGE_OF_ANY = Breaker(few=Few.AVERAGE, limits=(), breach=Breach.ACCEPT)

BRIEF = Methodology(
    name="brief",
    price=Price.LAST,
    converts=False,
    health=_heard(10.0, by=Clock.EXCHANGE),
    outliers=_believed(0.025),
    weighing=Weighing(by=Weights.VOLUME, cap=1.0, alpha_per_s=0.05, average=Average.MEAN),
    breaker=Breaker(few=Few.HOLD, limits=((1.0, 0.05),), breach=Breach.HOLD),
)
"""S4-12 to S4-32, word for word: staleness by the venue's stamp, a breaker without a way back."""

DERIBIT = Methodology(
    name="deribit",
    health=_heard(3 * MINUTE_S),
    outliers=_believed(clamp=0.005),
    weighing=Weighing(by=Weights.EQUAL, cap=1.0, average=Average.MEAN),
    breaker=_AVERAGE_OF_ANY,
    publish_s=4.0,
)

OKX = Methodology(
    name="okx",
    health=_heard(10.0),
    outliers=_believed(clamp=0.02),
    weighing=Weighing(by=Weights.EQUAL, cap=1.0, average=Average.MEAN),
    breaker=_AVERAGE_OF_ANY,
)

BINANCE = Methodology(
    name="binance",
    health=_heard(5 * MINUTE_S),
    outliers=_believed(clamp=0.03, clamp_of=(("BTC", 0.01), ("ETH", 0.01))),
    weighing=Weighing(by=Weights.VOLUME, cap=1.0, average=Average.MEAN),
    breaker=_AVERAGE_OF_ANY,
)

BITMEX = Methodology(
    name="bitmex",
    price=Price.LAST,
    health=_heard(15 * MINUTE_S),
    outliers=Outliers(
        beyond=0.25, back_within=0.08, dwell_s=15 * MINUTE_S, review_count=0, split_share=0, clamp=0
    ),
    weighing=Weighing(by=Weights.SLOW_VOLUME, memory_days=90, cap=1.0, average=Average.MEAN),
    breaker=_AVERAGE_OF_ANY,
    publish_s=5.0,
)
"""Last trades, weights of a quarter, out beyond 25 %, back after 15 minutes within 2 % (O4-8)."""

BYBIT = Methodology(
    name="bybit",
    health=_heard(15 * MINUTE_S),
    outliers=_believed(0.03),
    weighing=Weighing(by=Weights.VOLUME, cap=1.0, average=Average.MEAN),
    breaker=Breaker(few=Few.LAST_INDEX, single_within=0.10, limits=(), breach=Breach.ACCEPT),
)
"""3 % is its threshold for BTC; two feeds and one feed as E4-9 has them."""

HYPERLIQUID = Methodology(
    name="hyperliquid",
    health=_heard(MINUTE_S),
    outliers=_believed(),
    weighing=Weighing(
        by=Weights.FIXED,
        cap=1.0,
        fixed=(("binance", 3.0), ("okx", 2.0), ("bybit", 2.0)),
        unlisted=1.0,
        average=Average.MEDIAN,
    ),
    breaker=_AVERAGE_OF_ANY,
    publish_s=3.0,
)
"""One validator's weighted median (O4-10)."""

PYTH = Methodology(
    name="pyth",
    health=_heard(10.0),
    outliers=_believed(),
    weighing=Weighing(by=Weights.EQUAL, cap=1.0, average=Average.THREE_VOTES),
    breaker=Breaker(few=Few.HOLD, limits=(), breach=Breach.ACCEPT),
)
"""Three votes a publisher, 25 slots of 0.4 s, a minimum of publishers (O4-6)."""

NIGHTDESK = Methodology()

PRESETS: Mapping[str, Methodology] = {
    preset.name: preset
    for preset in (NIGHTDESK, BRIEF, DERIBIT, OKX, BINANCE, BITMEX, BYBIT, HYPERLIQUID, PYTH)
}
