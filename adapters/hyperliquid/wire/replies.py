"""Replies of POST /exchange, turned into one answer for every member of the batch (hyperliquid.md 2.5).

The rule throughout: REJECTED and FILLED are proofs, and what is not a proof is UNKNOWN. So are the words waitingForFill
and waitingForTrigger: only children of trigger groups have them, and we send none.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from adapters.hyperliquid.wire.gate import BAD, Id, Unreadable, positive, shown
from core.types import Answer, ClientOrderId, Outcome

EDGE_REFUSALS = (
    "Failed to deserialize the JSON body",
    "Failed to parse the request body",
    "Expected request with",
)
"""Beginnings of the texts with which the edge refuses a request it could not read (hyperliquid.md 1.1)."""

DUPLICATE_NONCE = "duplicate nonce"
NONCE_TOO_LOW = "nonce too low"
THROTTLED = "Too many cumulative requests sent"
DEFAULT = "default"
"""Type of the reply to an action that has no members."""


class Resting(msgspec.Struct):
    oid: Id
    cloid: str | None = None


class Filled(msgspec.Struct):
    totalSz: Decimal
    avgPx: Decimal
    oid: Id
    cloid: str | None = None


class MemberStatus(msgspec.Struct):
    """One member's status; exactly one of the three is set."""

    resting: Resting | None = None
    filled: Filled | None = None
    error: str | None = None


class Statuses(msgspec.Struct):
    statuses: list[msgspec.Raw]


class Response(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class Reply(msgspec.Struct):
    status: str
    response: msgspec.Raw = msgspec.Raw(b"null")


_reply = msgspec.json.Decoder(Reply)
_response = msgspec.json.Decoder(Response)
_statuses = msgspec.json.Decoder(Statuses)
_member = msgspec.json.Decoder(MemberStatus, strict=False)
_text = msgspec.json.Decoder(str)

Names = Sequence[ClientOrderId]


def all_with(names: Names, outcome: Outcome, reason: str) -> tuple[Answer, ...]:
    """Return the same answer for every member."""
    throttled = THROTTLED in reason
    return tuple(Answer(cloid=n, outcome=outcome, reason=reason, throttled=throttled) for n in names)


def refusal(body: bytes) -> str | None:
    """Return the venue's text when it refused the whole action; None when it took it.

    Raises one of gate.BAD when the reply is neither.
    """
    reply = _reply.decode(body)
    if reply.status == "ok":
        _response.decode(reply.response)
        return None
    if reply.status != "err":
        raise Unreadable(f"status is {reply.status!r}, allowed are 'ok' and 'err'")
    return _text.decode(reply.response)


def proves_nothing(text: str) -> bool:
    """A nonce already used says that an action of ours with it was taken: perhaps this very one."""
    return DUPLICATE_NONCE in text


def is_edge_refusal(status: int, body: bytes) -> bool:
    """Say whether an HTTP error is proof that the action never reached the venue's core."""
    return status in (400, 415, 422) and body.decode("utf-8", "replace").lstrip('" ').startswith(
        EDGE_REFUSALS
    )


def read_order_reply(body: bytes, names: Names) -> tuple[Answer, ...]:
    """Return one answer for each order of a batch, in its order."""
    try:
        text = refusal(body)
        if text is not None:
            return all_with(names, Outcome.UNKNOWN if proves_nothing(text) else Outcome.REJECTED, text)
        statuses = _members(body)
    except BAD as error:
        return all_with(
            names, Outcome.UNKNOWN, f"the reply could not be read: {error}; received {shown(body)}"
        )
    return _match(names, statuses, body)


def read_noop_reply(body: bytes, names: Names) -> tuple[Answer, ...]:
    """Return what the reply to a noop proves about the orders that were signed with the same nonce.

    Taken: the nonce was free until now, so they never landed and never can. Duplicate: one of the two actions, or an
    earlier noop, was taken. Too low: the lowest nonce that the venue takes only rises, so they cannot land any more.
    """
    try:
        text = refusal(body)
        taken = text is None and _response.decode(_reply.decode(body).response).type == DEFAULT
    except BAD as error:
        text, taken = f"the reply could not be read: {error}; received {shown(body)}", False
    if taken:
        return all_with(names, Outcome.BURNED, "a noop used up its nonce")
    if text is None:
        return all_with(names, Outcome.UNKNOWN, f"the noop was answered with {shown(body)}")
    gone = DUPLICATE_NONCE in text or NONCE_TOO_LOW in text
    return all_with(names, Outcome.SPENT if gone else Outcome.UNKNOWN, text)


def read_cancel_reply(body: bytes, names: Names) -> tuple[Answer, ...]:
    """Return one answer for each cancel: CANCELLED on success, else UNKNOWN with the venue's words.

    A refused cancel says nothing sure about the order: it may have been filled, cancelled, or still rest.
    filled_qty is 0 in both because the venue does not give it here.
    """
    try:
        text = refusal(body)
        if text is not None:
            return all_with(names, Outcome.UNKNOWN, text)
        statuses = _members(body)
    except BAD as error:
        return all_with(
            names, Outcome.UNKNOWN, f"the reply could not be read: {error}; received {shown(body)}"
        )
    if len(statuses) != len(names):
        return all_with(names, Outcome.UNKNOWN, f"{len(names)} cancels, but the reply is {shown(body)}")
    return tuple(_cancelled(name, raw) for name, raw in zip(names, statuses, strict=True))


def _members(body: bytes) -> list[msgspec.Raw]:
    return _statuses.decode(_response.decode(_reply.decode(body).response).data).statuses


def _match(names: Names, statuses: list[msgspec.Raw], body: bytes) -> tuple[Answer, ...]:
    """Match by place where there are as many statuses as orders and no name contradicts it, else by name alone.

    A refused batch may come back with a single error for all of it.
    """
    given = [_name_of(raw) for raw in statuses]
    same = len(statuses) == len(names)
    if same and all(was in (None, name) for name, was in zip(names, given, strict=True)):
        return tuple(to_answer(name, raw) for name, raw in zip(names, statuses, strict=True))
    if len(statuses) == 1 and (text := _error_of(statuses[0])) is not None:
        return all_with(names, Outcome.REJECTED, text)
    times = Counter(given)
    named = {name: raw for name, raw in zip(given, statuses, strict=True) if times[name] == 1}
    lost = f"no status is surely its own among {len(names)} orders: the reply is {shown(body)}"
    return tuple(to_answer(n, named[n]) if n in named else _unknown(n, lost) for n in names)


def _name_of(raw: msgspec.Raw) -> str | None:
    """Return the client order id that a status carries, if it carries one that can be read."""
    try:
        status = _member.decode(raw)
    except BAD:
        return None
    told = status.resting or status.filled
    return None if told is None or told.cloid is None else told.cloid.lower()


def _error_of(raw: msgspec.Raw) -> str | None:
    try:
        return _member.decode(raw).error
    except BAD:
        return None


def to_answer(name: ClientOrderId, raw: msgspec.Raw) -> Answer:
    """Return the answer for one status. An Ioc that filled in part is FILLED with that part."""
    try:
        return _read_member(name, _member.decode(raw))
    except BAD as error:
        return _unknown(name, f"{error}; received {shown(bytes(raw))}")


def _read_member(name: ClientOrderId, status: MemberStatus) -> Answer:
    if status.error is not None:
        [answer] = all_with((name,), Outcome.REJECTED, status.error)
        return answer
    if status.filled is not None:
        _refuse_another(name, status.filled.cloid)
        qty, px = positive(status.filled.totalSz), positive(status.filled.avgPx)
        return Answer(
            cloid=name, outcome=Outcome.FILLED, filled_qty=qty, average_px=px, oid=status.filled.oid
        )
    if status.resting is not None:
        _refuse_another(name, status.resting.cloid)
        return Answer(cloid=name, outcome=Outcome.RESTING, oid=status.resting.oid)
    raise Unreadable("it is none of resting, filled, error")


def _refuse_another(name: ClientOrderId, given: str | None) -> None:
    if given is not None and given.lower() != name:
        raise Unreadable(f"it is about {given}, not {name}")


def _cancelled(name: ClientOrderId, raw: msgspec.Raw) -> Answer:
    text = _error_of(raw)
    if text is not None:
        return _unknown(name, text)
    if bytes(raw) == b'"success"':
        return Answer(cloid=name, outcome=Outcome.CANCELLED)
    return _unknown(name, f"the cancel was answered with {shown(bytes(raw))}")


def _unknown(name: ClientOrderId, reason: str) -> Answer:
    return Answer(cloid=name, outcome=Outcome.UNKNOWN, reason=reason)
