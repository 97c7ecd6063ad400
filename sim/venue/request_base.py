"""What requests to /info and subscriptions are made of."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

User = Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]
Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w", "1M"]
SigFigs = Literal[2, 3, 4, 5]
Mantissa = Literal[1, 2, 5]
Millis = Annotated[int, Meta(ge=0, le=2**62)]


class Request(Struct, frozen=True, tag_field="type", rename="camel"):
    """The root of the tagged union; holds no behaviour."""


class OfUser(Request, frozen=True):
    user: User
