"""The members that actions are made of, and the root of their union (hyperliquid.md 2.2)."""

from typing import Annotated

from msgspec import Meta, Struct

Address = Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]
AddressOrNone = Annotated[str, Meta(pattern=r"^(0x[0-9a-fA-F]{40})?\Z")]
BareAddress = Annotated[str, Meta(pattern=r"^(0x)?[0-9a-fA-F]{40}\Z")]
Number = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?\Z")]
Cloid = Annotated[str, Meta(pattern=r"^(0x)?[0-9a-fA-F]{32}\Z")]
Count = Annotated[int, Meta(ge=0)]
Millionths = Annotated[int, Meta(ge=0, le=2**62)]
Wei = Annotated[int, Meta(ge=0, le=2**62)]
SignedMillionths = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Millis = Annotated[int, Meta(ge=0, le=2**62)]


class Action(Struct, frozen=True, omit_defaults=True, tag_field="type", rename="camel"):
    """The root of the tagged union; holds no behaviour."""
