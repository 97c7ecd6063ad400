"""POST /info: one read, paid from the budget, retried, its HTTP-level refusals told apart (hyperliquid.md 1.1)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from adapters.hyperliquid.budget import TOO_MANY, Budget, Priority, info_weight, rows_weight
from adapters.hyperliquid.wire.gate import BAD, Fault, shown
from adapters.ports import Clock, HttpReply, HttpTransport, Rejected, Unknown, VenueError
from adapters.retry import ReadPolicy, read_again

T = TypeVar("T")

TIMEOUT_S = 10.0

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Info:
    """Reads of one venue. Shared by gateway and reference so that they share the budget."""

    http: HttpTransport
    clock: Clock
    budget: Budget
    policy: ReadPolicy = field(default_factory=ReadPolicy)
    timeout_s: float = TIMEOUT_S

    async def ask(self, kind: str, read: Callable[[bytes], T], *, priority: Priority, **arguments: Any) -> T:
        """Return what read makes of the reply to {"type": kind, **arguments}.

        Raises Rejected when the venue refuses the question (asking again will not help), Unknown when
        no readable answer came after all attempts.
        """
        body = _encoder.encode({"type": kind, **arguments})

        async def once() -> T:
            await self.budget.wait(info_weight(kind), priority)
            reply = await self.http.post("/info", body, timeout_s=self.timeout_s)
            if reply.status == TOO_MANY:
                self.budget.empty()
            return _read(read, reply, body)

        return await read_again(self.clock, self.policy, once)

    def charge_rows(self, kind: str, rows: int) -> None:
        """Pay for the rows that came."""
        self.budget.spend(rows_weight(kind, rows))


def _read(read: Callable[[bytes], T], reply: HttpReply, body: bytes) -> T:
    _refuse_bad_status(reply, body)
    try:
        return read(reply.body)
    except BAD as error:
        raise Unknown(
            f"/info {shown(body)}: the reply could not be read ({error}); received {shown(reply.body)}"
        ) from None


def _refuse_bad_status(reply: HttpReply, body: bytes) -> None:
    """500 with null is how the venue says that it doesn't know a coin: not worth a second try."""
    question, answer = shown(body), shown(reply.body)
    if reply.status == 200:
        if reply.body.strip() == b"null":
            raise Rejected(f"/info {question}: the venue does not know what was asked for (null)")
        return
    if reply.status == 500 and reply.body.strip() == b"null":
        raise Rejected(
            f"/info {question}: the venue knows no such coin (500 null). Names are case-sensitive (kPEPE) "
            "and must stand in meta"
        )
    if reply.status in (400, 404, 405, 415, 422):
        raise Rejected(f"/info {question}: refused with {reply.status}: {answer}")
    raise Unknown(f"/info {question}: status {reply.status}: {answer}")


def refuse_faults(what: str, faults: tuple[Fault, ...]) -> None:
    """Raise when something in a reply that must be complete could not be read."""
    if faults:
        raise VenueError(
            f"{what} is incomplete, {len(faults)} rows could not be read; the first: {faults[0]}"
        )
