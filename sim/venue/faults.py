"""What can go wrong between a client and the venue, as values (hyperliquid.md 7.6): one class per kind.

A fault strikes where its Scope says. Faults combine: delays add up, and of two that spoil one answer the first in the
plan wins.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

INFO, EXCHANGE, WS = "/info", "/exchange", "ws"
REQUESTS = (INFO, EXCHANGE)
EVERYWHERE = (INFO, EXCHANGE, WS)

PathName = Literal["/info", "/exchange", "ws"]
Side = Literal["before", "after"]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
Moment = datetime | float
"""A time of the venue's clock, or seconds after the venue's start."""


class Strikes(Enum):
    """What a fault looks at to decide whether it strikes."""

    REQUEST = "a request"
    CONNECTION = "a new connection"
    FRAME = "a frame to the client"
    WINDOW = "all the time between from and until"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where and when a fault strikes. Without probability, every_nth and every_s it strikes always."""

    path: Annotated[
        PathName | None, Meta(description="only there; without it wherever the kind can strike")
    ] = None
    type: Annotated[
        str | None,
        Meta(description="only this type of /info request, action of /exchange, or channel or method of ws"),
    ] = None
    begins: Annotated[Moment | None, Meta(description="not before this time")] = None
    ends: Annotated[Moment | None, Meta(description="not from this time on")] = None
    probability: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None, Meta(description="the share that is struck, at random")
    ] = None
    every_nth: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="strike each nth one")] = None
    every_s: Annotated[
        Annotated[float, Meta(gt=0, le=86_400)] | None,
        Meta(description="strike once in about so many seconds, at random between half and one and a half"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A request arrives later, or its answer; on ws, a frame and all that follow it on its connection."""

    KIND: ClassVar[str] = "delay"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    delay_ms: Annotated[Milliseconds, Meta(description="how much later")]
    spread_ms: Annotated[Milliseconds, Meta(description="up to so much more, at random")] = 0.0
    when: Annotated[Side, Meta(description="before the effect (the request) or after it (the answer)")] = (
        "before"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBeforeEffect:
    """The connection is reset and nothing was done. On ws: with a client's message, whose method type names."""

    KIND: ClassVar[str] = "drop_before_effect"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAfterEffect:
    """The connection is reset although it was done. On ws: with a client's message, whose method type names."""

    KIND: ClassVar[str] = "drop_after_effect"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpStatus:
    """429 with null, or the edge's HTML page with another status. On ws it answers the upgrade."""

    KIND: ClassVar[str] = "status"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    status: Annotated[Literal[429, 502, 503, 504], Meta(description="the status")]
    when: Annotated[Side, Meta(description="instead of the effect, or after it; 429 is always before")] = (
        "before"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Html:
    """The edge's HTML page with status 200."""

    KIND: ClassVar[str] = "html"
    PATHS: ClassVar[tuple[str, ...]] = REQUESTS
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    when: Annotated[Side, Meta(description="instead of the effect, or after it")] = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """The answer's JSON ends in the middle; on ws, a frame's."""

    KIND: ClassVar[str] = "truncated"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    share: Annotated[Annotated[float, Meta(ge=0, lt=1)], Meta(description="how much of it comes")] = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """No answer comes; after some seconds the connection is reset."""

    KIND: ClassVar[str] = "hang"
    PATHS: ClassVar[tuple[str, ...]] = REQUESTS
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    seconds: Annotated[Seconds, Meta(description="until the reset")] = 60.0
    when: Annotated[Side, Meta(description="nothing is done, or it is done")] = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowConnect:
    """A new connection takes longer to come about."""

    KIND: ClassVar[str] = "slow_connect"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.CONNECTION
    delay_ms: Annotated[Milliseconds, Meta(description="how much longer")]
    spread_ms: Annotated[Milliseconds, Meta(description="up to so much more, at random")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseConnections:
    """New connections are reset before anything is answered; those that stand go on."""

    KIND: ClassVar[str] = "refuse_connections"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.CONNECTION
    seconds: Annotated[Seconds, Meta(description="how long, from the first one that is struck")] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A frame comes twice."""

    KIND: ClassVar[str] = "duplicate"
    PATHS: ClassVar[tuple[str, ...]] = (WS,)
    STRIKES: ClassVar[Strikes] = Strikes.FRAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder:
    """A channel's frames are held up while other channels' go first; within a channel the order stays."""

    KIND: ClassVar[str] = "reorder"
    PATHS: ClassVar[tuple[str, ...]] = (WS,)
    STRIKES: ClassVar[Strikes] = Strikes.FRAME
    hold_ms: Annotated[Milliseconds, Meta(description="how long at most")] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A channel says nothing on one connection, which stays open and answers pings."""

    KIND: ClassVar[str] = "silent_channel"
    PATHS: ClassVar[tuple[str, ...]] = (WS,)
    STRIKES: ClassVar[Strikes] = Strikes.FRAME
    seconds: Annotated[Seconds, Meta(description="how long")] = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSocket:
    """The connection breaks without a close frame (1006); what was on its way is lost."""

    KIND: ClassVar[str] = "close"
    PATHS: ClassVar[tuple[str, ...]] = (WS,)
    STRIKES: ClassVar[Strikes] = Strikes.FRAME


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleReads:
    """Reads are answered, with 200, by a node that is behind: everything is as it was age_s ago, clocks included."""

    KIND: ClassVar[str] = "stale"
    PATHS: ClassVar[tuple[str, ...]] = (INFO,)
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    age_s: Annotated[Seconds, Meta(description="how far behind the node is")]
    seconds: Annotated[Seconds, Meta(description="how long, from the first one struck; 0: that one only")] = (
        0.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOrder:
    """orderStatus does not know an order that was placed just now."""

    KIND: ClassVar[str] = "unknown_order"
    PATHS: ClassVar[tuple[str, ...]] = (INFO,)
    STRIKES: ClassVar[Strikes] = Strikes.REQUEST
    young_ms: Annotated[Milliseconds, Meta(description="how old an order must be to be known")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOnly:
    """The window after an upgrade: only post-only orders are taken, and exchangeStatus has a notice."""

    KIND: ClassVar[str] = "post_only"
    PATHS: ClassVar[tuple[str, ...]] = (EXCHANGE,)
    STRIKES: ClassVar[Strikes] = Strikes.WINDOW


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetExhausted:
    """Every account's address budget is used up, once, at from (at the start without it)."""

    KIND: ClassVar[str] = "budget_exhausted"
    PATHS: ClassVar[tuple[str, ...]] = (EXCHANGE,)
    STRIKES: ClassVar[Strikes] = Strikes.WINDOW
    left: Annotated[Annotated[int, Meta(ge=0, le=10_000)], Meta(description="requests that are left")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew:
    """The venue's clock, and so all its stamps, is ahead; negative: behind."""

    KIND: ClassVar[str] = "clock_skew"
    PATHS: ClassVar[tuple[str, ...]] = EVERYWHERE
    STRIKES: ClassVar[Strikes] = Strikes.WINDOW
    skew_ms: Annotated[
        Annotated[int, Meta(ge=-3_600_000, le=3_600_000)], Meta(description="by how much; it never goes back")
    ]


AnyFault = (
    Delay
    | DropBeforeEffect
    | DropAfterEffect
    | HttpStatus
    | Html
    | Truncated
    | Hang
    | SlowConnect
    | RefuseConnections
    | Duplicate
    | Reorder
    | Silent
    | CloseSocket
    | StaleReads
    | UnknownOrder
    | PostOnly
    | BudgetExhausted
    | ClockSkew
)


@dataclass(frozen=True, slots=True)
class Planned:
    """One [[fault]] of a plan."""

    scope: Scope
    fault: AnyFault

    @property
    def paths(self) -> tuple[str, ...]:
        return self.fault.PATHS if self.scope.path is None else (self.scope.path,)
