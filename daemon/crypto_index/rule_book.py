"""A methodology in sentences: what a committee would publish."""

from collections.abc import Iterator
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from daemon.crypto_index.methodology_file import as_data
from strategies.crypto_index.eligibility import PEG_DAYS, PEG_DISTANCE, PEG_VOLATILITY
from strategies.crypto_index.methodology import (
    CappedCap,
    Category,
    Crix,
    Eligibility,
    Every,
    Everyone,
    Fixed,
    HoldOut,
    LiteralAic,
    LiteralCappedCap,
    LiteralMinimumVariance,
    Methodology,
    MinimumVariance,
)
from strategies.crypto_index.weighing import MISSING_MAX

KINDS = {
    Category.STABLECOIN: "stablecoins",
    Category.WRAPPED: "wrapped and staked coins",
    Category.GOLD: "gold tokens",
    Category.MEME: "meme coins",
    Category.PRIVACY: "privacy coins",
    Category.EXCHANGE: "exchange tokens",
    Category.ABANDONED: "abandoned coins",
    Category.OTHER: "coins of no special kind",
}
PERIODS = {Every.MONTH: "month", Every.QUARTER: "quarter"}

Sections = list[tuple[str, list[str]]]


def sections(rules: Methodology) -> Sections:
    """Return the rule book: titles, each with its sentences."""
    wait = _days(rules.eligibility.stale_max_days + 1)
    return [
        ("What it is", [" ".join(rules.about.split()) or "Nothing is said about it."]),
        (
            "Base",
            [
                f"The level is {rules.base.level:,.2f} at the close of {rules.base.day}.",
                "A backtest begins with that level on a first day of its own.",
            ],
        ),
        ("Who may be a member", list(_eligibility(rules.eligibility))),
        ("How many", [_count(rules)]),
        ("Who stays", list(_buffer(rules))),
        ("Weights", [_weights(rules)]),
        ("When", list(_schedule(rules))),
        (
            "Between reviews",
            [
                "A coin on the blacklist leaves the same day at its last price; the others share its weight in proportion.",
                f"A member without a price stands at its last one for {wait}, then leaves at it.",
                "No review, removal or fork moves the level: one price vector stands on both sides of each.",
            ],
        ),
        (
            "Costs",
            [
                f"A backtest charges {rules.cost_bps:g} basis points of what is bought and of what is sold.",
            ],
        ),
    ]


def document(rules: Methodology) -> dict[str, Any]:
    """Return the methodology as JSON: its keys as in the file, and the sentences by title."""
    book = dict(sections(rules))
    return {"kind": "index methodology", **as_data(rules), "rule_book": book}


def view(rules: Methodology) -> Group:
    """Return the rule book as it is printed."""
    parts: list[Any] = [Text(rules.name.upper(), style="bold"), Text(rules.title)]
    for number, (title, sentences) in enumerate(sections(rules), start=1):
        parts.append(Text(f"\n{number}. {title}", style="bold"))
        parts += [Padding(Text(sentence), (0, 0, 0, 3)) for sentence in sentences]
    return Group(*parts)


def _days(count: int) -> str:
    return "one day" if count == 1 else f"{count} days"


def _eligibility(rules: Eligibility) -> Iterator[str]:
    yield "The first rule that says no decides, in this order; each verdict is kept with its value."
    yield "A coin on the blacklist is never a member."
    if rules.excluded:
        yield f"Excluded by kind: {', '.join(KINDS[kind] for kind in rules.excluded)}."
    yield f"Its last price is at most {_days(rules.stale_max_days)} old, and its supply is known."
    if rules.mcap_min_usd:
        yield f"Its market cap, the mean of {_days(rules.mean_days)}, is {rules.mcap_min_usd:,.0f} USD or more."
    else:
        yield f"Its market cap is the mean of {_days(rules.mean_days)}; no least one is asked for."
    if rules.pegged_excluded:
        yield (
            f"It is not pegged: over {PEG_DAYS} days its volatility is {PEG_VOLATILITY:.0%} a year or more, "
            f"or its mean price is {PEG_DISTANCE:.0%} or more away from one dollar."
        )
    if rules.custodians_min:
        yield f"At least {rules.custodians_min} custodians keep it, by the custody map."
    if rules.mdvt_min_usd:
        yield f"A median day of the last {_days(rules.mdvt_days)} traded {rules.mdvt_min_usd:,.0f} USD or more."
    if rules.mdvt_quantile:
        yield (
            f"A median day of the last {_days(rules.mdvt_days)} traded no less than the {rules.mdvt_quantile:.0%} "
            "quantile of all coins."
        )
    if rules.age_min_days:
        yield f"Its first price is {_days(rules.age_min_days)} old or older."
    if rules.within_rank:
        yield f"It is one of the largest {rules.within_rank} of those that pass all else."
    if rules.passed_in_row > 1:
        yield f"A newcomer has passed at {rules.passed_in_row} month ends in a row; an incumbent at the last one."


def _count(rules: Methodology) -> str:
    match rules.count:
        case Fixed(k=k):
            return f"The largest {k} by market cap, or all where fewer are eligible; ties go by symbol."
        case Everyone():
            return "Everybody who is eligible."
        case Crix(start=start, step=step, most=most, days=days):
            return (
                f"{start}, {start + step}, {start + 2 * step} and so on up to {most}: the first number whose log returns "
                f"differ from those of all priced coins in a way that the next {step} coins do not explain, by AIC with a "
                f"kernel density, over {days} days."
            )
        case HoldOut(start=start, step=step, most=most, days=days):
            return (
                f"{start}, {start + step}, {start + 2 * step} and so on up to {most}: the fewest whose tracking error "
                "against all priced coins, on days that nothing was fitted to, is within one standard error of the best, "
                f"over {days} days."
            )
        case LiteralAic(days=days):
            return (
                f"By the brief's AIC against the mean return of the eligible coins themselves, over {days} days. It takes "
                "everybody that its grid reaches, as the difference to oneself is nothing."
            )


def _weights(rules: Methodology) -> str:
    match rules.weights:
        case CappedCap(cap=cap, floor=floor):
            limits = _limits(floor, cap)
            return f"By market cap{limits}." + (
                " All that touch no limit keep their proportions." if limits else ""
            )
        case MinimumVariance(cap=cap, floor=floor, days=days):
            return (
                f"Least variance{_limits(floor, cap)}, on a Ledoit-Wolf covariance of {days} days of log returns. "
                f"Who lacks more than {MISSING_MAX:.0%} of these days has no weight."
            )
        case LiteralCappedCap(cap=cap, floor=floor):
            return f"By market cap, through the brief's loop{_limits(floor, cap)}; it may end with a limit broken."
        case LiteralMinimumVariance(cap=cap, floor=floor, days=days):
            return (
                f"The brief's heuristic: unconstrained minimum variance of {days} days of returns, negative weights set to "
                f"1 %, and its loop of limits{_limits(floor, cap)}. By market cap where the covariance is singular."
            )


def _limits(floor: float, cap: float) -> str:
    said = [
        text
        for text, holds in ((f"none above {cap:.4g}", cap < 1), (f"none below {floor:.4g}", floor > 0))
        if holds
    ]
    return f", {' and '.join(said)}" if said else ""


def _buffer(rules: Methodology) -> Iterator[str]:
    buffer = rules.buffer
    if buffer.size_ratio > 1:
        yield (
            f"An incumbent that is still eligible stays until a challenger is more than {buffer.size_ratio:g} times as "
            "large; the smallest incumbent and the largest challenger are compared first."
        )
    if buffer.rank_keep:
        yield f"An incumbent goes when it falls below rank {buffer.rank_keep}."
    if buffer.rank_enter:
        yield f"A challenger within rank {buffer.rank_enter} comes in at once."
    if buffer.size_ratio <= 1 and not buffer.rank_keep and not buffer.rank_enter:
        yield "No buffer: the larger is in."


def _schedule(rules: Methodology) -> Iterator[str]:
    schedule = rules.schedule
    period = PERIODS[schedule.members]
    yield f"Members are chosen, with their weights, at the close of the last day of each {period} (00:00 UTC)."
    if schedule.weights is not schedule.members:
        yield f"Weights are renewed at the close of the last day of each {PERIODS[schedule.weights]}."
    wait = schedule.announced_days
    yield (
        f"What was decided holds from the close {_days(wait)} later."
        if wait
        else "It holds from that close on."
    )
