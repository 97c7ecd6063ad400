"""Decides, event by event, which faults of a plan strike. Seeded, without IO: same plan, seed and events, same faults."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sim.venue import faults as of
from sim.venue.faults import EXCHANGE, INFO, WS, Moment, Planned, Strikes
from sim.venue.wire import JSON, Reply

HTML_PAGE = (
    b"<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
REASONS = {200: b"OK", 502: b"Bad Gateway", 503: b"Service Temporarily Unavailable", 504: b"Gateway Time-out"}
TOO_MANY = Reply(429, JSON, b"null")
CONTROL = ("pong", "subscriptionResponse", "error", "post")
"""Channels that are struck only by faults that name them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is reset; a hang resets it only after a while."""

    after_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of one request.

    It arrives arrive_ms late; instead is what answers it without its having been done; answer replaces the true
    one after it was done; share of the true one comes, leave_ms late. lag_ms is how far behind the node is that
    answers a read; an order younger than young_ms is unknown to orderStatus.
    """

    arrive_ms: float = 0.0
    leave_ms: float = 0.0
    instead: Reply | Cut | None = None
    answer: Reply | Cut | None = None
    share: float = 1.0
    lag_ms: int = 0
    young_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class FrameFate:
    """What becomes of one frame. wait_ms holds up its whole connection, hold_ms only its channel."""

    lost: bool = False
    closes: bool = False
    copies: int = 1
    share: float = 1.0
    wait_ms: float = 0.0
    hold_ms: float = 0.0


SMOOTH = Course()
UNTOUCHED = FrameFate()


def page(status: int) -> Reply:
    """Return what the edge in front of the venue answers with a status: 429 with null, else HTML."""
    if status == 429:
        return TOO_MANY
    reason = REASONS[status]
    return Reply(status, "text/html", HTML_PAGE % (status, reason, status, reason))


class Armed:
    """One fault with dice of its own, so that adding another to the plan changes nothing for this one."""

    def __init__(self, planned: Planned, number: int, *, seed: int, start_ms: int) -> None:
        self.fault, self.scope, self.number = planned.fault, planned.scope, number
        self.begins_ms = start_ms if self.scope.begins is None else moment_ms(self.scope.begins, start_ms)
        self.ends_ms = 2**62 if self.scope.ends is None else moment_ms(self.scope.ends, start_ms)
        self.struck = 0
        self._seen = 0
        self._lasts_ms: dict[Any, int] = {}
        self._dice = random.Random(f"fault {seed} {number} {self.fault.KIND}")
        self._next_ms = self.begins_ms + self._gap_ms()

    def concerns(self, kind: str) -> bool:
        if isinstance(self.fault, of.UnknownOrder):
            return kind == "orderStatus"
        return self.scope.type is None or self.scope.type == kind

    def inside(self, now_ms: int) -> bool:
        return self.begins_ms <= now_ms < self.ends_ms

    def strikes(self, now_ms: int) -> bool:
        """Say whether this event is struck. Every call is one event."""
        hit = self.inside(now_ms) and self._drawn(now_ms)
        self.struck += hit
        return hit

    def lasts(self, subject: Any, now_ms: int, seconds: float) -> bool:
        """The same for a fault that, once it has struck a subject, goes on for a while."""
        if now_ms < self._lasts_ms.get(subject, 0):
            self.struck += 1
            return True
        if not self.strikes(now_ms):
            return False
        self._lasts_ms[subject] = now_ms + round(1000 * seconds)
        return True

    def between(self, least_ms: float, spread_ms: float) -> float:
        return least_ms + spread_ms * self._dice.random() if spread_ms else least_ms

    def _drawn(self, now_ms: int) -> bool:
        scope = self.scope
        if scope.probability is not None:
            return self._dice.random() < scope.probability
        if scope.every_nth is not None:
            self._seen += 1
            return self._seen % scope.every_nth == 0
        if scope.every_s is None:
            return True
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + self._gap_ms()
        return True

    def _gap_ms(self) -> int:
        every_s = self.scope.every_s
        return 0 if every_s is None else round(1000 * every_s * (0.5 + self._dice.random()))


def moment_ms(moment: Moment, start_ms: int) -> int:
    """Return a moment of a plan in milliseconds since 1970."""
    if isinstance(moment, datetime):
        return round(moment.timestamp() * 1000)
    return start_ms + round(1000 * moment)


class FaultPlan:
    """A plan at work. on_... is asked once for every event, in the order of the events."""

    def __init__(self, planned: Iterable[Planned] = (), *, seed: int = 0, start_ms: int = 0) -> None:
        listed = tuple(planned)
        self.armed = tuple(Armed(p, i, seed=seed, start_ms=start_ms) for i, p in enumerate(listed, 1))
        self._requests = {path: self._on(listed, path, Strikes.REQUEST) for path in (INFO, EXCHANGE)}
        self._connections = {
            path: self._on(listed, path, Strikes.CONNECTION) for path in (INFO, EXCHANGE, WS)
        }
        on_ws = self._on(listed, WS, Strikes.REQUEST)
        self._upgrades = [a for a in on_ws if isinstance(a.fault, of.HttpStatus)]
        self._messages = [a for a in on_ws if isinstance(a.fault, of.DropBeforeEffect | of.DropAfterEffect)]
        mine = {*self._upgrades, *self._messages}
        self._frames = [*(a for a in on_ws if a not in mine), *self._on(listed, WS, Strikes.FRAME)]
        self._frames.sort(key=lambda a: a.number)

    def _on(self, planned: tuple[Planned, ...], path: str, strikes: Strikes) -> list[Armed]:
        return [
            armed
            for armed, one in zip(self.armed, planned, strict=True)
            if path in one.paths and one.fault.STRIKES is strikes
        ]

    @property
    def lags_ms(self) -> frozenset[int]:
        """How far behind the nodes are that stale reads need."""
        return frozenset(_lag_ms(a.fault) for a in self.armed if isinstance(a.fault, of.StaleReads))

    def document(self) -> list[dict[str, Any]]:
        """Return how often each fault has struck."""
        return [{"number": a.number, "kind": a.fault.KIND, "struck": a.struck} for a in self.armed]

    # --- requests ----------------------------------------------------------------------------------------

    def on_request(self, path: str, kind: str, now_ms: int, *, fresh: bool = False) -> Course:
        """Return what becomes of a POST, whose kind is its info or action type; fresh: on a new connection."""
        course = self._connected(path, now_ms) if fresh else SMOOTH
        for armed in self._requests.get(path, ()):
            if armed.concerns(kind):
                course = _altered(course, armed, now_ms)
        return course

    def on_upgrade(self, now_ms: int) -> Course:
        """Return what becomes of a new websocket."""
        course = self._connected(WS, now_ms)
        for armed in self._upgrades:
            course = _altered(course, armed, now_ms)
        return course

    def on_message(self, method: str, now_ms: int) -> Course:
        """Return what becomes of a client's message on a websocket: taken, lost with its connection, or both."""
        course = SMOOTH
        for armed in self._messages:
            if armed.concerns(method):
                course = _altered(course, armed, now_ms)
        return course

    def _connected(self, path: str, now_ms: int) -> Course:
        course = SMOOTH
        for armed in self._connections.get(path, ()):
            course = _connecting(course, armed, now_ms)
        return course

    # --- frames ------------------------------------------------------------------------------------------

    @property
    def has_frames(self) -> bool:
        return bool(self._frames)

    def on_frame(self, connection: int, channel: str, now_ms: int) -> FrameFate:
        """Return what becomes of a frame to a client."""
        fate = UNTOUCHED
        for armed in self._frames:
            if armed.scope.type == channel or (armed.scope.type is None and channel not in CONTROL):
                fate = _fated(fate, armed, (connection, channel), now_ms)
        return fate

    # --- the venue itself --------------------------------------------------------------------------------

    def skew_ms(self, now_ms: int) -> int:
        return sum(
            a.fault.skew_ms for a in self.armed if isinstance(a.fault, of.ClockSkew) and a.inside(now_ms)
        )

    def post_only_until_ms(self, now_ms: int) -> int:
        """Return when the post-only window that is open now closes; 0 when none is open."""
        return max((a.ends_ms for a in self._held(of.PostOnly) if a.inside(now_ms)), default=0)

    def take_exhausted(self, now_ms: int) -> Iterator[int]:
        """Yield what is left of the address budgets, for each exhaustion whose time has come; once each."""
        for armed in self._held(of.BudgetExhausted):
            assert isinstance(armed.fault, of.BudgetExhausted)
            if armed.begins_ms <= now_ms and not armed.struck:
                armed.struck = 1
                yield armed.fault.left

    def _held(self, kind: type) -> Iterator[Armed]:
        return (armed for armed in self.armed if isinstance(armed.fault, kind))


def _lag_ms(fault: of.AnyFault) -> int:
    assert isinstance(fault, of.StaleReads)
    return round(1000 * fault.age_s)


def _connecting(course: Course, armed: Armed, now_ms: int) -> Course:
    match armed.fault:
        case of.SlowConnect(delay_ms=least_ms, spread_ms=spread_ms) if armed.strikes(now_ms):
            return replace(course, arrive_ms=course.arrive_ms + armed.between(least_ms, spread_ms))
        case of.RefuseConnections(seconds=seconds) if armed.lasts(None, now_ms, seconds):
            return replace(course, instead=course.instead or Cut())
    return course


def _altered(course: Course, armed: Armed, now_ms: int) -> Course:
    """Return the course with what one fault adds to it, if it strikes."""
    fault = armed.fault
    if isinstance(fault, of.StaleReads):
        if not armed.lasts(None, now_ms, fault.seconds):
            return course
        return replace(course, lag_ms=max(course.lag_ms, _lag_ms(fault)))
    if not armed.strikes(now_ms):
        return course
    match fault:
        case of.Delay(delay_ms=least_ms, spread_ms=spread_ms, when=when):
            late_ms = armed.between(least_ms, spread_ms)
            if when == "before":
                return replace(course, arrive_ms=course.arrive_ms + late_ms)
            return replace(course, leave_ms=course.leave_ms + late_ms)
        case of.DropBeforeEffect():
            return _answered(course, Cut(), "before")
        case of.DropAfterEffect():
            return _answered(course, Cut(), "after")
        case of.HttpStatus(status=status, when=when):
            return _answered(course, page(status), when)
        case of.Html(when=when):
            return _answered(course, page(200), when)
        case of.Hang(seconds=seconds, when=when):
            return _answered(course, Cut(1000 * seconds), when)
        case of.Truncated(share=share):
            return replace(course, share=min(course.share, share))
        case of.UnknownOrder(young_ms=young_ms):
            return replace(course, young_ms=max(course.young_ms, young_ms))
    raise AssertionError(f"{fault.KIND} does not strike requests")


def _answered(course: Course, by: Reply | Cut, when: of.Side) -> Course:
    if when == "before":
        return replace(course, instead=course.instead or by)
    return replace(course, answer=course.answer or by)


def _fated(fate: FrameFate, armed: Armed, subject: tuple[int, str], now_ms: int) -> FrameFate:
    """Return the fate with what one fault adds to it, if it strikes."""
    fault = armed.fault
    if isinstance(fault, of.Silent):
        return replace(fate, lost=True) if armed.lasts(subject, now_ms, fault.seconds) else fate
    if not armed.strikes(now_ms):
        return fate
    match fault:
        case of.Duplicate():
            return replace(fate, copies=fate.copies + 1)
        case of.Reorder(hold_ms=hold_ms):
            return replace(fate, hold_ms=fate.hold_ms + armed.between(0.0, hold_ms))
        case of.Delay(delay_ms=least_ms, spread_ms=spread_ms):
            return replace(fate, wait_ms=fate.wait_ms + armed.between(least_ms, spread_ms))
        case of.Truncated(share=share):
            return replace(fate, share=min(fate.share, share))
        case of.CloseSocket():
            return replace(fate, closes=True)
    raise AssertionError(f"{fault.KIND} does not strike frames")
