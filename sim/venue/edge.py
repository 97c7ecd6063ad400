"""What stands between the network and the venue: limits by IP address, and the faults of a plan. No IO; time is given.

A server, or the transports in memory, ask it what becomes of each request and frame, and do the waiting.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
from msgspec import Raw, Struct

from sim.venue.blocks import Ticket
from sim.venue.fault_plan import SMOOTH, TOO_MANY, Course, Cut, FaultPlan
from sim.venue.holding import Holding
from sim.venue.laggard import Call, Laggard
from sim.venue.limits import UNLIMITED, IpLimits, Limits
from sim.venue.venue import Venue
from sim.venue.weights import INFO, Asked, asked
from sim.venue.wire import JSON, Close, Reply, encode

ABNORMAL = Close(1006)
POST_FRAME = '{"channel":"post"'


@dataclass(frozen=True, slots=True)
class Request:
    """A POST as it came in; ip is the client's address."""

    ip: str
    path: str
    content_type: str | None
    body: bytes

    def asked(self) -> Asked:
        return asked(self.path, self.body)


class Edge:
    """Speaks for a venue: everything that is said to the venue goes through here."""

    def __init__(self, venue: Venue, *, limits: Limits = UNLIMITED, plan: FaultPlan | None = None) -> None:
        self.plan = plan or FaultPlan()
        self.limits = IpLimits(limits)
        self.venue = venue
        self._now_ms = self._at_ms = 0
        self._laggards = {lag_ms: Laggard(venue, lag_ms) for lag_ms in self.plan.lags_ms}
        self._addresses: dict[int, str] = {}
        self._posts: dict[tuple[int, int], Asked] = {}
        self._holding = Holding(self.plan)
        self._own_frames: list[tuple[int, str | Close]] = []

    # --- requests --------------------------------------------------------------------------------------

    def course(self, request: Request, *, fresh: bool, now_ms: int) -> Course:
        """Return what becomes of a request, drawn once, when it is sent; fresh: on a new connection."""
        if not self.plan.armed:
            return SMOOTH
        return self.plan.on_request(request.path, request.asked().kind, now_ms, fresh=fresh)

    def arrive(self, request: Request, course: Course, *, now_ms: int) -> Reply | Cut | Ticket:
        """Take a request at the time when it arrives: an action's reply is known at its ticket's due_ms (caller's clock)."""
        if course.instead is not None:
            return course.instead
        if not self.limits.request(request.ip, request.asked(), now_ms=now_ms):
            return TOO_MANY
        given = self._serve(request, course, now_ms)
        return given if isinstance(given, Reply) else replace(given, due_ms=given.due_ms - self._skew_ms)

    def leave(self, request: Request, course: Course, reply: Reply, *, now_ms: int) -> Reply | Cut:
        """Return what comes back over the network of the venue's reply."""
        if course.instead is not None:
            return course.instead
        what = request.asked()
        if reply.status == 200:
            self.limits.rows(request.ip, what, reply.body, now_ms=now_ms)
        if course.young_ms and what.kind == "orderStatus":
            reply = _unknown_while_young(reply, self._at(now_ms) - course.young_ms)
        if course.share < 1:
            reply = Reply(reply.status, reply.content_type, reply.body[: int(len(reply.body) * course.share)])
        return course.answer or reply

    def take_replies(self) -> list[tuple[int, Reply]]:
        """Return the replies to tickets known since the last call, as (ticket's number, reply)."""
        return self.venue.take_replies()

    @property
    def _skew_ms(self) -> int:
        return self._at_ms - self._now_ms

    def _serve(self, request: Request, course: Course, now_ms: int) -> Reply | Ticket:
        at_ms = self._at(now_ms)
        if request.path == INFO:
            if course.lag_ms:
                laggard = self._laggards[course.lag_ms]
                return laggard.read(request.content_type, request.body, now_ms=at_ms)
            return self.venue.http(request.path, request.content_type, request.body, now_ms=at_ms)
        given: Reply | Ticket = self._tell(
            at_ms, lambda venue: venue.submit(request.path, request.content_type, request.body, now_ms=at_ms)
        )
        return given

    # --- websockets ------------------------------------------------------------------------------------

    def upgrade(self, *, now_ms: int) -> Course:
        """Return what becomes of a new websocket before it is connected."""
        return self.plan.on_upgrade(now_ms) if self.plan.armed else SMOOTH

    def connect(self, ip: str, *, now_ms: int) -> int | None:
        """Open a connection and return its number, or None: the address has too many (429)."""
        if not self.limits.connect(ip, now_ms):
            return None
        at_ms = self._at(now_ms)
        number: int = self._tell(at_ms, lambda venue: venue.connect(now_ms=at_ms))
        self._addresses[number] = ip
        return number

    def receive(self, number: int, text: str, *, now_ms: int) -> None:
        """Take a client's frame, unless its address says or asks too much."""
        ip = self._addresses.get(number)
        if ip is None:
            return
        if not self.limits.message(ip, now_ms):
            most = self.limits.limits.messages_per_min
            self._error(number, f"Cannot send more than {most} messages per minute.")
            return
        said = _said(text)
        course = self.plan.on_message(said.method, now_ms) if self.plan.armed else SMOOTH
        at_ms = self._at(now_ms)
        if course.instead is None and (said.method != "post" or self._may_post(number, ip, said, now_ms)):
            self._heard(said.method, at_ms, lambda venue: venue.receive(number, text, now_ms=at_ms))
        if course.instead or course.answer:
            self._break(number)

    def disconnect(self, number: int) -> None:
        ip = self._addresses.pop(number, None)
        if ip is not None:
            self.limits.disconnect(ip)
            self._holding.forget(number)
            self._posts = {key: what for key, what in self._posts.items() if key[0] != number}
            self._tell(self._at_ms, lambda venue: venue.disconnect(number))

    def take_frames(self) -> list[tuple[int, str | Close]]:
        """Return what there is to send since the last call, as (connection, frame), in order."""
        frames = self.venue.take_frames()
        if self._own_frames:
            frames, self._own_frames = [*frames, *self._own_frames], []
        if self._posts:
            self._charge_posts(frames)
        if not self.plan.has_frames:
            return self._without_closed(frames)
        for number, frame in frames:
            self._hold(number, frame)
        return self._without_closed(self._holding.take(self._now_ms))

    def _hold(self, number: int, frame: str | Close) -> None:
        until_ms = self._holding.put(number, frame, self._now_ms)
        ip = self._addresses.get(number)
        if ip is not None and isinstance(frame, str) and frame.startswith(POST_FRAME):
            self.limits.post_held(ip, until_ms)

    def _without_closed(self, frames: list[tuple[int, str | Close]]) -> list[tuple[int, str | Close]]:
        """Close what is closed for us too, so that its address may connect again."""
        closed = [number for number, frame in frames if isinstance(frame, Close)]
        for number in closed:
            self.disconnect(number)
        return frames

    def _may_post(self, number: int, ip: str, said: "_Said", now_ms: int) -> bool:
        if said.request is None:
            return True
        if not self.limits.post(ip, now_ms):
            self._error(number, f"too many pending post requests id={said.id}")
            return False
        what = said.request.asked()
        if not self.limits.request(ip, what, now_ms=now_ms):
            response = {"type": "error", "payload": "429 Too Many Requests"}
            self._own(number, "post", {"id": said.id, "response": response})
            return False
        if what.has_rows:
            self._posts[number, said.id] = what
        return True

    def _charge_posts(self, frames: list[tuple[int, str | Close]]) -> None:
        for number, frame in frames:
            if not isinstance(frame, str) or not frame.startswith(POST_FRAME):
                continue
            answered = _post_frame.decode(frame).data
            what, ip = self._posts.pop((number, answered.id), None), self._addresses.get(number)
            if what is not None and ip is not None:
                self.limits.rows(ip, what, answered.rows(), now_ms=self._now_ms)

    def _break(self, number: int) -> None:
        self._holding.forget(number)
        self._own_frames.append((number, ABNORMAL))

    def _error(self, number: int, text: str) -> None:
        self._own(number, "error", text)

    def _own(self, number: int, channel: str, data: Any) -> None:
        self._own_frames.append((number, encode({"channel": channel, "data": data}).decode()))

    # --- set from outside ------------------------------------------------------------------------------

    def order(self, call: Call, *, now_ms: int) -> None:
        """Have something done to the venue that no client asks for, and to every node that is behind it."""
        self._tell(self._at(now_ms), call)

    # --- time ------------------------------------------------------------------------------------------

    def next_ms(self) -> int:
        """Return when advance() has something to do next, in the clock of the caller."""
        skew_ms = self.plan.skew_ms(self._now_ms) if self.plan.armed else 0
        return min(self.venue.next_ms() - skew_ms, self._holding.next_ms)

    def advance(self, now_ms: int) -> None:
        at_ms = self._at(now_ms)
        self.venue.advance(at_ms)
        for laggard in self._laggards.values():
            laggard.advance(at_ms)

    def _at(self, now_ms: int) -> int:
        """Return the venue's own time, and let begin what the plan has for it."""
        self._now_ms = self._at_ms = now_ms
        if not self.plan.armed:
            return now_ms
        self._at_ms = at_ms = now_ms + self.plan.skew_ms(now_ms)
        until_ms = self.plan.post_only_until_ms(now_ms)
        if until_ms != self.venue.post_only_until_ms:
            self._tell(at_ms, partial(Venue.only_post_only, until_ms=until_ms))
        for left in self.plan.take_exhausted(now_ms):
            self._tell(at_ms, partial(Venue.leave_requests, left=left))
        return at_ms

    def _heard(self, method: str, at_ms: int, call: Call) -> None:
        """Let the venue hear a frame. A node that is behind is only read: nobody sees what it would stream."""
        if method in ("subscribe", "unsubscribe"):
            call(self.venue)
        else:
            self._tell(at_ms, call)

    def _tell(self, at_ms: int, call: Call) -> Any:
        """Say something to the venue, and to every node that is behind it: it must have done as much before as the venue.

        The venue may stand later than at_ms: its clock was ahead, or it was read since.
        """
        self.venue.advance(at_ms)
        for laggard in self._laggards.values():
            laggard.told(self.venue.now_ms, call)
        return call(self.venue)


# --- what is read here of what passes by -------------------------------------------------------------------


class _PostRequest(Struct, frozen=True):
    type: str = ""
    payload: Raw = Raw(b"null")

    def asked(self) -> Asked:
        if self.type != "action":
            return asked(INFO, self.payload)
        return asked("/exchange", self.payload)


class _Said(Struct, frozen=True):
    method: str = ""
    id: int = 0
    request: _PostRequest | None = None


class _Payload(Struct, frozen=True):
    data: Raw = Raw(b"null")


class _Response(Struct, frozen=True):
    payload: Raw = Raw(b"null")


class _Answered(Struct, frozen=True):
    id: int
    response: _Response

    def rows(self) -> bytes:
        payload = self.response.payload
        return bytes(_payload.decode(payload).data) if bytes(payload)[:1] == b"{" else b""


class _PostFrame(Struct, frozen=True):
    data: _Answered


_message = msgspec.json.Decoder(_Said)
_payload = msgspec.json.Decoder(_Payload)
_post_frame = msgspec.json.Decoder(_PostFrame)


def _said(text: str) -> _Said:
    """Read what the limits need of a client's frame; what cannot be read is the venue's to refuse."""
    try:
        return _message.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return _Said()


class _Order(Struct, frozen=True):
    timestamp: int = 0


class _Row(Struct, frozen=True):
    order: _Order


class _OrderStatus(Struct, frozen=True):
    status: str
    order: _Row | None = None


def _unknown_while_young(reply: Reply, placed_before_ms: float) -> Reply:
    """Return an answer of orderStatus, without an order that was placed after this time."""
    if reply.status != 200:
        return reply
    row = msgspec.json.decode(reply.body, type=_OrderStatus).order
    if row is None or row.order.timestamp <= placed_before_ms:
        return reply
    return Reply(200, JSON, encode({"status": "unknownOid"}))
