"""Every moment at which one night can be killed, and whether its book ends where the uninterrupted one does."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from core.orders import ASK_AGAIN_MS, EXPIRY_SLACK_MS
from core.report import UNDECIDED
from core.trade import FINAL_LIFE_MS, LIFE_MIN_MS
from core.twap import AGAIN_MS
from core.types import HEDGE_COINS
from daemon import config_file
from sim.checkers import Failure
from sim.night import Night, Outcome
from sim.nights.service_manager import Unit

SAME_BOOK = "the same book"
COINS = 8
"""A night of few coins has the same stages, and fewer points. The signals need five names besides the hedges: with fewer
than seven coins nothing is traded, and a kill can cost nothing."""

PROOF_S = 4.0
"""From the start of a process to slices: the stream comes within a second, the read that proves its fills
core.reconcile.RETRY_MS later, its answer by the next tick."""
EXPIRED_S = (FINAL_LIFE_MS + EXPIRY_SLACK_MS + ASK_AGAIN_MS + AGAIN_MS) / 1000
"""From a kill between the record of a slice and its sending to a slice of the same coins: nobody knows by which nonce it
would have gone, so it is dead when it has expired; after the last slice what is missing is tried again each AGAIN_MS."""


def crash_points(base: Outcome, *, every: int = 1) -> Iterator[Night]:
    """Yield the night once for each point: each write of its first life, each step of a task or callback.

    A write has two points, before it begins and after it is done: what it wrote may be on the disk while nobody knows.
    every: take each of them so far from the one before; the points are numbered through, writes first.
    """
    writes, steps = range(base.first_writes), range(base.first_steps)
    points = [("kill_at_write", n) for n in writes] + [("kill_at_step", n) for n in steps]
    for name, number in points[::every]:
        yield replace(base.night, **{name: number})


def without_the_kill(night: Night) -> Night:
    return replace(night, kill_at_step=None, kill_at_write=None)


def exempt(base: Outcome, outcome: Outcome) -> frozenset[str]:
    """Return the coins whose place in the book is not held against the uninterrupted night's, with the hedges then.

    Those that are off their target for a reason which the uninterrupted night has too, or could not reach itself; and
    those with any reason when the kill came so late that no time was left for another slice.
    """
    ours, theirs = outcome.explained, base.explained
    off = [coin for coin in {**theirs, **ours} if not _is_same(base, outcome, coin)]
    excused = {
        coin
        for coin in off
        if _is_as_bad(base, outcome, coin) or (coin in ours and was_late(outcome, ours[coin]))
    }
    return frozenset({*excused, *HEDGE_COINS} if excused else ())


def was_late(outcome: Outcome, reason: str = "") -> bool:
    """Say whether a killed night had no time for another slice: to start again, to prove its fills, and to send it.

    A slice that came due while the daemon was away goes at once, so the time between two slices does not count. What was
    left to an order without an outcome waits for its proof (reason, as the report has it).
    """
    deadline_s = config_file.parse(outcome.night.config).trading.session.deadline_s
    ready_s = EXPIRED_S if reason.startswith(UNDECIDED) else Unit().restart_s + PROOF_S
    needed_s = ready_s + LIFE_MIN_MS / 1000
    return outcome.killed_s is not None and outcome.killed_s > deadline_s - needed_s


def _is_as_bad(base: Outcome, outcome: Outcome, coin: str) -> bool:
    """Say whether the uninterrupted night is off its target too, and the killed one for no other reason."""
    ours, theirs = outcome.explained.get(coin), base.explained.get(coin)
    return theirs is not None and (ours is None or _kind(ours) == _kind(theirs))


def _kind(reason: str) -> str:
    """Return a reason without its times and figures, in which no two nights agree."""
    return "".join(c for c in reason if not c.isdigit())


def _is_same(base: Outcome, outcome: Outcome, coin: str) -> bool:
    ours, theirs = (o.positions.get(coin, Decimal(0)) for o in (outcome, base))
    return abs(ours - theirs) <= base.slack.get(coin, 0)


def same_book(base: Outcome, outcome: Outcome) -> tuple[Failure, ...]:
    """Hold the book of an interrupted night against the uninterrupted one's, with the slack of sim.night.Outcome."""
    excused = exempt(base, outcome)
    wrong = [
        f"{coin} {outcome.positions.get(coin, Decimal(0))} instead of {base.positions.get(coin, Decimal(0))}"
        + (f" ({outcome.explained[coin]})" if coin in outcome.explained else "")
        for coin in sorted(base.positions.keys() | outcome.positions.keys())
        if coin not in excused and not _is_same(base, outcome, coin)
    ]
    if not wrong:
        return ()
    return (Failure(checker=SAME_BOOK, at_s=outcome.night.end_s, text="; ".join(wrong)),)
