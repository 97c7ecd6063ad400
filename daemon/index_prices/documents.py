"""A published value as JSON says it, with what its state allows (docs/index_price.md, States)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from core.prices.types import Input, Published, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a consumer may do: funding goes on, positions are marked, flagged as in doubt, liquidated, reduced, opened."""

    funding: bool
    marking: bool
    flagged: bool
    liquidations: bool
    reducing: bool
    new_risk: bool


ALLOWED: Mapping[State, Allowed] = {
    State.STARTING: Allowed(
        funding=False, marking=False, flagged=False, liquidations=False, reducing=False, new_risk=False
    ),
    State.OK: Allowed(
        funding=True, marking=True, flagged=False, liquidations=True, reducing=True, new_risk=True
    ),
    State.DEGRADED: Allowed(
        funding=True, marking=True, flagged=True, liquidations=False, reducing=True, new_risk=False
    ),
    State.HALTED: Allowed(
        funding=True, marking=True, flagged=True, liquidations=False, reducing=False, new_risk=False
    ),
}


def document(value: Published) -> dict[str, Any]:
    """Return one value as JSON prints it, numbers that JSON has not as null; docs/index_price.md explains each field."""
    return {
        "symbol": value.symbol,
        "timestamp": value.at_ms,
        "price": finite(value.price),
        "state": str(value.state),
        "cause": str(value.cause),
        "confidence": finite(value.confidence),
        "spread": finite(value.spread),
        "sequence": value.sequence,
        "token": value.token,
        "active_feeds": value.active_feeds,
        "age_s": None if value.age_ms is None else value.age_ms / 1000,
        "accepted": value.accepted,
        "candidate": finite(value.candidate),
        "median": finite(value.median),
        "methodology": value.methodology,
        "weights": weights(value),
        "excluded": excluded(value),
    }


def told(value: Published) -> dict[str, Any]:
    """Return what a consumer of the endpoint is told: the value, and what its state allows."""
    return document(value) | {"allowed": asdict(ALLOWED[value.state])}


def proof(value: Published) -> dict[str, Any]:
    """Return told with every input of the value, as the ledger has them."""
    return told(value) | {"inputs": [_input(one) for one in value.inputs]}


def weights(value: Published) -> dict[str, float | None]:
    return {one.source: finite(one.weight) for one in value.inputs if one.reason is None}


def excluded(value: Published) -> dict[str, str]:
    """Return reasons by source; a venue's second pair is named with its symbol."""
    found: dict[str, str] = {}
    taken = set(weights(value))
    for one in value.inputs:
        if one.reason is not None:
            name = f"{one.source} {one.symbol}" if one.source in taken else one.source
            taken.add(one.source)
            found[name] = str(one.reason)
    return found


def finite(number: float | None) -> float | None:
    return number if number is not None and isfinite(number) else None


def _input(one: Input) -> dict[str, Any]:
    said = {name: getattr(one, name) for name in one.__struct_fields__}
    return {name: finite(found) if isinstance(found, float) else found for name, found in said.items()}
