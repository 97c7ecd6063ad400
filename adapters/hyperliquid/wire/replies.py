"""Replies of POST /exchange, turned into one answer for every member of the batch (hyperliquid.md 2.5).

The rule throughout: REJECTED and FILLED are proofs, and what is not a proof is UNKNOWN.
"""

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
    return tuple(Answer(cloid=name, outcome=outcome, reason=reason) for name in names)


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
    """A refused batch may come back with a single status; otherwise what doesn't match is unknown."""
    if len(statuses) == len(names):
        return tuple(to_answer(name, raw) for name, raw in zip(names, statuses, strict=True))
    if len(statuses) == 1 and (text := _error_of(statuses[0])) is not None:
        return all_with(names, Outcome.REJECTED, text)
    return all_with(names, Outcome.UNKNOWN, f"{len(names)} orders, but the reply is {shown(body)}")


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
        return Answer(cloid=name, outcome=Outcome.REJECTED, reason=status.error)
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
    if given is not None and given != name:
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
