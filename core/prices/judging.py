"""Which feeds count: heard, convertible, one for each venue, moving with the others, near their median."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

from core.prices.feeds import Feed
from core.prices.methodology import Clock, Health, Methodology, Outliers
from core.prices.types import Rate, Reason, State
from core.robust import median

PARITY = frozenset({"USD", "USDT", "USDC"})
"""Quotes that a methodology without conversion takes for dollars."""

ORDER = ("USD", "USDT", "USDC")
"""Of a venue's healthy pairs the first of these counts; so one venue is one voice (E4-7)."""

UNIT_BEYOND = 9.0
"""A ratio to the median beyond this, near a power of ten, is a change of unit."""

SPLIT_FEEDS_MIN = 4
"""Two camps need two feeds each; two lone feeds are a matter of the last index (E4-9)."""

SILENT_MS = 2_000
SILENT_TICKS = 3.0
"""A camp of which nobody spoke for so long, nor for so many of its usual intervals, is not one against a larger one."""


@dataclass(slots=True)
class Row:
    """One feed in one evaluation."""

    feed: Feed
    reason: Reason | None = None
    rate: float | None = None
    usd: float = 0.0
    used: float = 0.0
    weight: float = 0.0
    half: float = 0.0
    """Half of the spread, in the index currency; 0 without a book."""


def rows_of(
    feeds: Sequence[Feed], rates: Mapping[str, Rate], methodology: Methodology, now_ms: int
) -> list[Row]:
    """Return a row for each feed: heard and in the index currency, or the reason why not."""
    rows = [Row(feed, silence(feed, methodology.health, now_ms)) for feed in feeds]
    for row in rows:
        _convert(row, rates, methodology)
    _one_each(rows)
    return rows


def silence(feed: Feed, health: Health, now_ms: int) -> Reason | None:
    """Say why a feed is not heard."""
    if feed.tick is None:
        return feed.flaw or Reason.NO_TICK
    if not feed.connected:
        return Reason.DISCONNECTED
    if feed.flaw is not None:
        return feed.flaw
    stamp_ms = feed.heard_ms if health.stale_by is Clock.RECEIPT else feed.tick.at_ms
    if now_ms - stamp_ms > 1000 * health.stale_s:
        return Reason.STALE
    return Reason.VOLUME if feed.volume_odd_ms is not None and health.volume_jump else None


def _convert(row: Row, rates: Mapping[str, Rate], methodology: Methodology) -> None:
    tick, quote = row.feed.tick, row.feed.quote
    if tick is None:
        return
    if quote == "USD" or (not methodology.converts and quote in PARITY):
        row.rate = 1.0
    elif methodology.converts and quote in rates and rates[quote].state in (State.OK, State.DEGRADED):
        row.rate = rates[quote].price
    else:
        row.reason = row.reason or Reason.NO_CONVERSION
        return
    row.usd = row.feed.price * row.rate
    if tick.bid is not None and tick.ask is not None:
        row.half = (tick.ask - tick.bid) / 2 * row.rate


def _one_each(rows: Sequence[Row]) -> None:
    """Leave one healthy pair of each source: the others would let a venue vote twice."""
    sound = [row.feed.source for row in rows if row.reason is None]
    if len(set(sound)) == len(sound):
        return
    first: dict[str, Row] = {}
    for row in rows:
        if row.reason is None:
            held = first.get(row.feed.source)
            if held is None or _rank(row) < _rank(held):
                first[row.feed.source] = row
    for row in rows:
        if row.reason is None and first[row.feed.source] is not row:
            row.reason = Reason.SECONDARY


def _rank(row: Row) -> tuple[int, str]:
    quote = row.feed.quote
    return (ORDER.index(quote) if quote in ORDER else len(ORDER), row.feed.symbol)


def leave_frozen(rows: Sequence[Row], health: Health, now_ms: int) -> list[Row]:
    """Leave out a feed that stands still while the others went away from where they were (E4-6); return what stays."""
    sound = [row for row in rows if row.reason is None]
    if not health.frozen_ticks or len(sound) < 2:
        return sound
    middle, moved_min = median([row.usd for row in sound]), health.frozen_bps / 1e4
    for row in sound:
        feed = row.feed
        if feed.median_then is None:
            feed.median_then = middle
        if now_ms - feed.changed_ms <= health.frozen_ticks * feed.interval_ms:
            continue
        if abs(middle / feed.median_then - 1) > moved_min:
            row.reason = Reason.FROZEN
    return [row for row in sound if row.reason is None]


def middle_of(sound: Sequence[Row], last: float | None) -> float:
    """Return what feeds are judged by: their median; for two, the median of them and the last index (E4-9)."""
    prices = [row.usd for row in sound]
    return median([*prices, last]) if len(prices) == 2 and last is not None else median(prices)


def leave_outliers(sound: Sequence[Row], middle: float, methodology: Methodology, now_ms: int) -> None:
    """Leave out what is too far from the median, until it was near again for long enough (E4-10)."""
    rules = methodology.outliers
    if not rules.beyond or _all_near(sound, middle, rules.beyond):
        return
    for row in sound:
        row.reason = _standing(row, middle, rules, now_ms)
    staying = [row for row in sound if row.reason is None]
    if len(staying) < methodology.breaker.feeds_min:
        for row in sound:
            # dwelling is against one feed that flaps: when most moved, those that moved first come back at once
            if row.reason is Reason.DWELL:
                row.reason, row.feed.out, row.feed.back_ms = None, False, None


def _all_near(sound: Sequence[Row], middle: float, beyond: float) -> bool:
    """Say whether no feed is out or goes out: what is true of the lowest and the highest is true of those between."""
    prices = [row.usd for row in sound if not row.feed.out]
    if len(prices) < len(sound):
        return False
    return 1 - min(prices) / middle <= beyond and max(prices) / middle - 1 <= beyond


def _standing(row: Row, middle: float, rules: Outliers, now_ms: int) -> Reason | None:
    feed, ratio = row.feed, row.usd / middle
    away = abs(ratio - 1)
    if away > rules.beyond:
        if not feed.out:
            _count_out(feed, rules, now_ms)
        feed.out, feed.back_ms = True, None
        return Reason.UNIT if _is_unit(ratio) else Reason.OUTLIER
    if not feed.out:
        return None
    if away > rules.beyond * rules.back_within:
        feed.back_ms = None
        return Reason.OUTLIER
    return _dwelling(feed, rules, now_ms)


def _count_out(feed: Feed, rules: Outliers, now_ms: int) -> None:
    """Note that a feed goes out; one that did so too often has to behave for as long as was counted (E4-10)."""
    feed.outs_ms.append(now_ms)
    while now_ms - feed.outs_ms[0] > 1000 * rules.review_s:
        feed.outs_ms.popleft()
    if rules.review_count and len(feed.outs_ms) >= rules.review_count:
        feed.reviewed = True


def _dwelling(feed: Feed, rules: Outliers, now_ms: int) -> Reason | None:
    if feed.back_ms is None:
        feed.back_ms = now_ms
    back_s = (now_ms - feed.back_ms) / 1000
    if feed.reviewed and back_s <= rules.review_s:
        return Reason.REVIEW
    if rules.dwell_s and back_s <= rules.dwell_s:
        return Reason.DWELL
    feed.out, feed.back_ms, feed.reviewed = False, None, False
    return None


def _is_unit(ratio: float) -> bool:
    power = log10(ratio)
    return abs(power) > log10(UNIT_BEYOND) and abs(power - round(power)) < 0.02


def is_split(sound: Sequence[Row], rules: Outliers, now_ms: int) -> bool:
    """Say whether the feeds stand in two camps, neither of which is a minority (E4-8), and both of which still speak."""
    if not rules.split_share or len(sound) < SPLIT_FEEDS_MIN:
        return False
    prices = [row.usd for row in sound]
    if max(prices) / min(prices) - 1 <= rules.beyond:
        return False
    ranked = sorted(sound, key=lambda row: row.usd)
    below = max(range(1, len(ranked)), key=lambda i: ranked[i].usd / ranked[i - 1].usd)
    if ranked[below].usd / ranked[below - 1].usd - 1 <= rules.beyond:
        return False
    fewer, most = sorted((ranked[:below], ranked[below:]), key=len)
    if len(fewer) < rules.split_share * len(ranked):
        return False
    return len(most) == len(fewer) or any(_speaks(row.feed, now_ms) for row in fewer)


def _speaks(feed: Feed, now_ms: int) -> bool:
    """Say whether a feed was heard as lately as it usually is: one that died has not seen what the others see."""
    return now_ms - feed.heard_ms <= max(SILENT_MS, SILENT_TICKS * feed.interval_ms)
