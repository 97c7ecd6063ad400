"""One review: who may be in, how many, who is, at what weight. A function of what is known that day and who was in.

Order of S0-70: blacklist, eligibility, number, members, weights. Each decision is a line with its rule and value (S0-5).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from strategies.crypto_index.counting import count_of
from strategies.crypto_index.eligibility import Facts, Verdict, facts, verdicts
from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import Eligibility, Methodology
from strategies.crypto_index.selection import chosen, ranked
from strategies.crypto_index.weighing import weighed


@dataclass(frozen=True, slots=True)
class Line:
    """What was decided, and which part decided it."""

    tag: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Members by falling market cap with their weights (sum 1), prices (USD) and supplies at the close of day.

    eligible holds everybody who may be a member, by falling market cap; verdicts what the rules said of each coin.
    """

    day: date
    weights: Mapping[str, float]
    prices_usd: Mapping[str, float]
    supplies: Mapping[str, float]
    eligible: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    lines: tuple[Line, ...]


class NothingEligible(ValueError):
    """No coin passes the rules: nothing is decided, and what holds goes on."""


def reviewed(market: Market, rules: Methodology, *, incumbents: Sequence[str] = ()) -> Decision:
    """Decide anew on members and weights, at the close of the market's last day.

    Raises NothingEligible, and ValueError where a rule needs what the market has not.
    """
    known = facts(market, rules.eligibility)
    said = _passed_in_row(market, rules.eligibility, verdicts(market, rules.eligibility, known), incumbents)
    caps = {v.symbol: float(known.cap_usd[market.place(v.symbol)]) for v in said if v.passed}
    if not caps:
        raise NothingEligible(f"no coin is eligible on {market.day}: {_most_frequent(said)}")
    k, counted = count_of(market, rules.count, ranked(caps))
    choice = chosen(caps, incumbents=incumbents, k=k, buffer=rules.buffer)
    lines = [Line("Eligibility", _told(v)) for v in said]
    asked, had = rules.eligibility.passed_in_row, len(_month_ends(market, rules.eligibility)) + 1
    if had < asked:
        lines.append(
            Line("Eligibility", f"the data go back to {had} of {asked} month ends: newcomers passed those")
        )
    lines += [Line("Count", text) for text in counted]
    lines += [Line("Buffer Rule", text) for text in choice.said]
    return _decided(market, rules, known, choice.members, (tuple(ranked(caps)), said, tuple(lines)))


def reweighted(market: Market, rules: Methodology, *, members: Sequence[str]) -> Decision:
    """Give members new weights, at the close of the market's last day; one on the blacklist or without a price goes."""
    known = facts(market, rules.eligibility)
    held = [s for s in members if s not in market.blacklist and _has_cap(known, market.place(s))]
    kept = ranked({s: float(known.cap_usd[market.place(s)]) for s in held})
    if not kept:
        raise NothingEligible(f"no member has a price on {market.day}")
    lines = tuple(
        Line("Eligibility", f"{s} goes: no price, or on the blacklist") for s in members if s not in kept
    )
    return _decided(market, rules, known, tuple(kept), (tuple(kept), (), lines))


def _has_cap(known: Facts, i: int) -> bool:
    return bool(known.cap_usd[i] > 0 and known.supply[i] > 0)


def _decided(
    market: Market,
    rules: Methodology,
    known: Facts,
    members: tuple[str, ...],
    so_far: tuple[tuple[str, ...], tuple[Verdict, ...], tuple[Line, ...]],
) -> Decision:
    caps = {symbol: float(known.cap_usd[market.place(symbol)]) for symbol in members}
    weights, said = weighed(market, rules.weights, caps)
    eligible, judged, lines = so_far
    return Decision(
        day=market.day,
        weights=weights,
        prices_usd={s: float(known.price[market.place(s)]) for s in weights},
        supplies={s: float(known.supply[market.place(s)]) for s in weights},
        eligible=eligible,
        verdicts=judged,
        lines=(*lines, *(Line("IndexManager", text) for text in said)),
    )


def _passed_in_row(
    market: Market, rules: Eligibility, now: tuple[Verdict, ...], incumbents: Sequence[str]
) -> tuple[Verdict, ...]:
    """Return the verdicts, with those of newcomers that did not pass the months before (BGCI's three passes)."""
    said = list(now)
    for day in _month_ends(market, rules):
        before = market.until(day)
        then = {v.symbol: v for v in verdicts(before, rules, facts(before, rules))}
        for i, verdict in enumerate(said):
            if not verdict.passed or verdict.symbol in incumbents:
                continue
            past = then.get(verdict.symbol)
            if past is None:
                said[i] = replace(verdict, rule="price", said=f"on {day}: it had no price yet")
            elif not past.passed:
                said[i] = replace(past, said=f"on {day}: {past.said}")
    return tuple(said)


def _month_ends(market: Market, rules: Eligibility) -> list[date]:
    """Return the month ends before the last day that a newcomer must have passed, newest first, as far as there are data."""
    found, day = [], market.day
    for _ in range(rules.passed_in_row - 1):
        day = day.replace(day=1) - timedelta(days=1)
        if np.datetime64(day) < market.days[0]:
            break
        found.append(day)
    return found


def _told(verdict: Verdict) -> str:
    return (
        f"{verdict.symbol} {'ACCEPTED' if verdict.passed else f'REJECTED by {verdict.rule}'}: {verdict.said}"
    )


def _most_frequent(said: Sequence[Verdict]) -> str:
    names = [verdict.rule for verdict in said]
    return ", ".join(f"{names.count(n)} by {n}" for n in sorted(set(names), key=lambda n: -names.count(n)))
