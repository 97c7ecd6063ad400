"""What a request costs its IP address (hyperliquid.md 4.1), read from its bytes before anybody acts on it."""

from dataclasses import dataclass

import msgspec
from msgspec import Raw, Struct

INFO, EXCHANGE = "/info", "/exchange"
CHEAP = 2
ROLE = 60
OTHER = 20
MEMBERS_PER_WEIGHT = 40
INFO_WEIGHTS = {
    "l2Book": CHEAP,
    "allMids": CHEAP,
    "clearinghouseState": CHEAP,
    "orderStatus": CHEAP,
    "spotClearinghouseState": CHEAP,
    "exchangeStatus": CHEAP,
    "userRole": ROLE,
}
ROWS_PER_WEIGHT = {
    "recentTrades": 20,
    "historicalOrders": 20,
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "userNonFundingLedgerUpdates": 20,
    "userTwapSliceFills": 20,
    "candleSnapshot": 60,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as far as its costs go: kind is the info or action type, "" where none can be read."""

    path: str
    kind: str
    members: int = 0

    @property
    def weight(self) -> int:
        """Weight that is taken before the answer is known."""
        if self.path == EXCHANGE:
            return 1 + self.members // MEMBERS_PER_WEIGHT
        return INFO_WEIGHTS.get(self.kind, OTHER)

    @property
    def has_rows(self) -> bool:
        return self.path == INFO and self.kind in ROWS_PER_WEIGHT

    def rows_weight(self, document: bytes) -> int:
        """Weight of the rows in an answer's JSON, taken on top; 0 for kinds that are not counted by rows."""
        if not self.has_rows or document[:1] != b"[":
            return 0
        return len(_rows.decode(document)) // ROWS_PER_WEIGHT[self.kind]


class _Info(Struct, frozen=True):
    type: str = ""


class _Action(Struct, frozen=True):
    type: str = ""
    orders: list[Raw] = []
    cancels: list[Raw] = []
    modifies: list[Raw] = []


class _Envelope(Struct, frozen=True):
    action: _Action


_info = msgspec.json.Decoder(_Info)
_envelope = msgspec.json.Decoder(_Envelope)
_rows = msgspec.json.Decoder(list[Raw])


def asked(path: str, body: bytes | Raw) -> Asked:
    """Read what a POST to path asks for. What cannot be read costs what an unknown kind does."""
    try:
        if path != EXCHANGE:
            return Asked(path, _info.decode(body).type)
        action = _envelope.decode(body).action
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Asked(path, "")
    return Asked(path, action.type, len(action.orders) + len(action.cancels) + len(action.modifies))
