"""The account as the venue sees it: positions, open orders, role and limits."""

from decimal import Decimal

import msgspec

from adapters.hyperliquid.wire.gate import (
    BAD,
    Fault,
    Id,
    Milliseconds,
    Unreadable,
    cloid,
    fault,
    finite,
    not_negative,
    positive,
    read_rows,
    side,
)
from adapters.hyperliquid.wire.status import LIVE
from core.types import AccountSnapshot, Coin, OpenOrder, VenuePosition


class Margin(msgspec.Struct):
    accountValue: Decimal


class CumFunding(msgspec.Struct):
    sinceOpen: Decimal = Decimal(0)


class Position(msgspec.Struct):
    coin: str
    szi: Decimal
    entryPx: Decimal
    positionValue: Decimal
    cumFunding: CumFunding = msgspec.field(default_factory=CumFunding)


class AssetPosition(msgspec.Struct):
    position: Position


class ClearinghouseState(msgspec.Struct):
    """Equity and positions; time is the venue's stamp in ms."""

    marginSummary: Margin
    assetPositions: msgspec.Raw
    time: Milliseconds


class OpenOrderRow(msgspec.Struct):
    coin: str
    side: str
    limitPx: Decimal
    sz: Decimal
    oid: Id
    cloid: str | None = None


class UpdateRow(msgspec.Struct):
    """A row of orderUpdates."""

    order: OpenOrderRow
    status: str


class Role(msgspec.Struct):
    """userRole: missing, user, vault, subAccount, or agent with the master it acts for."""

    role: str
    data: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def master(self) -> str | None:
        """For whom an agent acts, or whose sub-account it is; in lower case."""
        word = self.data.get({"agent": "user", "subAccount": "master"}.get(self.role, ""))
        return word.lower() if word else None


class AgentRow(msgspec.Struct):
    """A named API wallet of a master; validUntil in ms."""

    name: str
    address: str
    validUntil: Milliseconds


class Dex(msgspec.Struct):
    name: str


class RateLimit(msgspec.Struct):
    cumVlm: Decimal
    nRequestsUsed: int
    nRequestsCap: int


_state = msgspec.json.Decoder(ClearinghouseState, strict=False)
_positions = msgspec.json.Decoder(list[AssetPosition])
_position = msgspec.json.Decoder(AssetPosition)
_orders = msgspec.json.Decoder(list[OpenOrderRow], strict=False)
_order = msgspec.json.Decoder(OpenOrderRow, strict=False)
_updates = msgspec.json.Decoder(list[UpdateRow], strict=False)
_update = msgspec.json.Decoder(UpdateRow, strict=False)
_role = msgspec.json.Decoder(Role)
_limit = msgspec.json.Decoder(RateLimit)
_word = msgspec.json.Decoder(str)
_agents = msgspec.json.Decoder(list[AgentRow], strict=False)
_agent = msgspec.json.Decoder(AgentRow, strict=False)
_dexes = msgspec.json.Decoder(list[Dex | None])


def to_position(row: AssetPosition) -> VenuePosition:
    """Return a position. The mark is positionValue / |szi|: the venue gives it nowhere else in this reply.

    Funding changes its sign: the venue counts what the position paid, we count what we received.
    """
    held = row.position
    qty = finite(held.szi)
    if not qty:
        raise Unreadable("a position of size 0")
    return VenuePosition(
        coin=Coin(held.coin),
        qty=qty,
        entry_px=positive(held.entryPx),
        mark_px=positive(held.positionValue) / abs(qty),
        funding_since_open_usd=-finite(held.cumFunding.sinceOpen),
    )


def read_account(payload: bytes) -> tuple[AccountSnapshot | None, tuple[Fault, ...]]:
    """Return positions and equity of a clearinghouseState reply, without open orders.

    None when the equity or the time cannot be read. A position that cannot be read is a fault:
    whoever takes the snapshot as the truth must refuse it then, for the coin would look flat.
    """
    try:
        state = _state.decode(payload)
        equity = finite(state.marginSummary.accountValue)
        held, faults = read_rows(
            "position", state.assetPositions, batch=_positions, one=_position, convert=to_position
        )
    except BAD as error:
        return None, (fault("clearinghouseState", error, payload),)
    positions = {p.coin: p for p in held}
    return AccountSnapshot(at_ms=state.time, equity_usd=equity, positions=positions), faults


def _to_open_order(row: OpenOrderRow) -> OpenOrder:
    return OpenOrder(
        coin=Coin(row.coin),
        oid=row.oid,
        cloid=cloid(row.cloid),
        side=side(row.side),
        remaining_qty=not_negative(row.sz),
        limit_px=not_negative(row.limitPx),
    )


def read_open_orders(payload: bytes) -> tuple[tuple[OpenOrder, ...], tuple[Fault, ...]]:
    """Return the rows of a frontendOpenOrders reply; those of triggers' children are not rows of it."""
    items, faults = read_rows("open order", payload, batch=_orders, one=_order, convert=_to_open_order)
    return tuple(items), faults


def read_strangers(payload: msgspec.Raw) -> tuple[OpenOrder, ...]:
    """Return the live orders of an orderUpdates frame that carry no client order id: each of ours has one.

    Rows that cannot be read are left to read_order_updates to complain of. Raises one of gate.BAD.
    """
    rows, _ = read_rows("orderUpdates", payload, batch=_updates, one=_update, convert=_stranger)
    return tuple(order for order in rows if order is not None)


def _stranger(row: UpdateRow) -> OpenOrder | None:
    order = _to_open_order(row.order)
    return order if order.cloid is None and row.status in LIVE else None


def read_role(payload: bytes) -> Role:
    """Return the role of an address. Raises one of gate.BAD."""
    return _role.decode(payload)


def read_rate_limit(payload: bytes) -> RateLimit:
    """Return the address's action budget and traded volume in USD. Raises one of gate.BAD."""
    limit = _limit.decode(payload)
    not_negative(limit.cumVlm)
    return limit


def read_agents(payload: bytes) -> tuple[AgentRow, ...]:
    """Return the named agents of an extraAgents reply; one that cannot be read is left out. Raises one of gate.BAD."""
    rows, _ = read_rows("agent", payload, batch=_agents, one=_agent, convert=lambda row: row)
    return tuple(rows)


def read_builder_dexes(payload: bytes) -> tuple[str, ...]:
    """Return the names of the builders' dexes of a perpDexs reply, without the main one. Raises one of gate.BAD."""
    return tuple(dex.name for dex in _dexes.decode(payload) if dex is not None and dex.name)


def read_abstraction(payload: bytes) -> str:
    """Return the account mode: default, disabled, unifiedAccount, portfolioMargin, or a word yet unknown.

    Raises one of gate.BAD.
    """
    return _word.decode(payload)
