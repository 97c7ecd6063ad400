"""What the worker process is asked: plain values, cheap to import on both sides."""

from decimal import Decimal

import msgspec

from core.types import Coin
from strategies.idio_statarb.parameters import Parameters


class UniverseRequest(msgspec.Struct, frozen=True, kw_only=True):
    """day is the last complete day; coins are those the venue lists now."""

    history_path: str
    day: str
    coins: tuple[Coin, ...]
    parameters: Parameters


class PipelineRequest(msgspec.Struct, frozen=True, kw_only=True):
    """closes are the live mids (projected) or the official closes (correction) of day, which is not in the history."""

    history_path: str
    day: str
    coins: tuple[Coin, ...]
    universe: tuple[Coin, ...]
    held_qty: dict[Coin, Decimal]
    equity_usd: Decimal
    closes: dict[Coin, Decimal]
    parameters: Parameters
