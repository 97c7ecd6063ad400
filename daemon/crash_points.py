"""Every moment at which one night can be killed, and whether its book ends where the uninterrupted one does."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from core.types import HEDGE_COINS
from sim.checkers import Failure
from sim.night import Night, Outcome

SAME_BOOK = "the same book"
COINS = 6
"""A night of few coins has the same stages, and fewer points."""


def crash_points(base: Outcome, *, every: int = 1) -> Iterator[Night]:
    """Yield the night once for each point: each write of its first life, each step of a task or callback.

    every: take each of them so far from the one before; the points are numbered through, writes first.
    """
    writes, steps = range(base.first_writes), range(base.first_steps)
    points = [("kill_at_write", n) for n in writes] + [("kill_at_step", n) for n in steps]
    for name, number in points[::every]:
        yield replace(base.night, **{name: number})


def without_the_kill(night: Night) -> Night:
    return replace(night, kill_at_step=None, kill_at_write=None)


def same_book(base: Outcome, outcome: Outcome) -> tuple[Failure, ...]:
    """Hold the book of an interrupted night against the uninterrupted one's, with the slack of sim.night.Outcome.

    A kill in the last seconds of a window leaves no time: what the report of either night says is off, and why, may be,
    and the hedges with it.
    """
    explained = {*base.explained, *outcome.explained}
    if explained:
        explained |= set(HEDGE_COINS)
    off = {
        coin: (outcome.positions.get(coin, Decimal(0)), base.positions.get(coin, Decimal(0)))
        for coin in sorted(base.positions.keys() | outcome.positions.keys())
    }
    wrong = [
        f"{coin} {ours} instead of {theirs}"
        for coin, (ours, theirs) in off.items()
        if coin not in explained and abs(ours - theirs) > base.slack.get(coin, 0)
    ]
    if not wrong:
        return ()
    return (Failure(checker=SAME_BOOK, at_s=outcome.night.end_s, text="; ".join(wrong)),)
