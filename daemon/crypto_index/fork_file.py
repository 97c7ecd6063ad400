"""Who inherits at a fork, told from a TOML file with what is known of both chains (E0-23)."""

import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from daemon.options import BadUse
from strategies.crypto_index.forks import Chain, Inheritance, inheritance, literal_parent


class _Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    since: date
    ticker_exchanges: frozenset[str] = frozenset()
    market_cap_usd: Decimal | None = None


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    forked_on: date
    core_exchanges: frozenset[str]
    chains: dict[str, _Chain]


def decided(path: Path, parent: str, child: str) -> dict[str, Any]:
    """Return what the fork rule says of two chains, as a document. Raises BadUse, also where the child inherits."""
    facts = _read(path)
    if sorted(facts.chains) != sorted((parent, child)):
        raise BadUse(
            f"{path}: its chains are {', '.join(sorted(facts.chains))}, must be {parent} and {child}"
        )
    chains = [_chain(name, facts.chains[name]) for name in (parent, child)]
    try:
        found = inheritance(*chains, core_exchanges=facts.core_exchanges, forked_on=facts.forked_on)
    except ValueError as error:
        raise BadUse(f"{path}: {error}") from error
    if found.parent.name != parent:
        raise BadUse(
            f"{found.parent.name} inherits, not {parent}: it {found.because}. An index goes on under the ticker it holds: "
            f"remove {parent}, and {found.parent.name} enters by a review"
        )
    return _document(found, literal_parent(*chains, core_exchanges=facts.core_exchanges))


def _document(found: Inheritance, literal: Chain) -> dict[str, Any]:
    return {
        "parent": found.parent.name,
        "child": found.child.name,
        "because": str(found.because),
        "brief_says": literal.name,
        "volume_exempt_until": str(found.volume_exempt_until),
    }


def _chain(name: str, one: _Chain) -> Chain:
    return Chain(
        name=name,
        ticker_exchanges=one.ticker_exchanges,
        market_cap_usd=one.market_cap_usd,
        since=one.since,
    )


def _read(path: Path) -> _Facts:
    try:
        table = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
        return msgspec.convert(table, _Facts)
    except OSError as error:
        raise BadUse(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise BadUse(f"{path}: not what is known of a fork: {error}") from error
