"""The accounting identities that hold on every clearinghouseState (hyperliquid.md 6.3), as one check."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

ZERO = Decimal(0)
MICRO = Decimal("0.000001")
RELATIVE = Decimal("0.00000001")
"""What ten printed decimals leave of a quotient."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")

Tiers = Sequence[tuple[Decimal, int]]
"""(lower bound of notional in USD, maximum leverage) from the lowest tier up."""


def margin_tiers(meta: Mapping[str, Any]) -> dict[str, Tiers]:
    """Return coin -> tiers from a meta body, for coins whose table is listed."""
    tables = {
        table_id: [(Decimal(tier["lowerBound"]), int(tier["maxLeverage"])) for tier in table["marginTiers"]]
        for table_id, table in meta["marginTables"]
    }
    listed = (coin for coin in meta["universe"] if coin["marginTableId"] in tables)
    return {coin["name"]: tables[coin["marginTableId"]] for coin in listed}


def broken_identities(document: Mapping[str, Any], tiers: Mapping[str, Tiers] | None = None) -> list[str]:
    """Return what does not hold in a clearinghouseState, each with both numbers; nothing if all is well.

    Without tiers every coin is taken to have one, as most have. Fields that old states lack are not asked for, and
    those of 2023 follow an older rule for return on equity and maintenance: they are known by lacking maxLeverage.
    """
    rows = [_Row.read(entry["position"], tiers or {}) for entry in document["assetPositions"]]
    return [
        *_words(document),
        *(
            f"{what}: {left} is not {right}"
            for what, left, right, slack in _checks(document, rows)
            if abs(left - right) > slack
        ),
        *_bounds(document, rows),
    ]


@dataclass(frozen=True, slots=True)
class _Row:
    """One position as printed; signed is its value with its sign, slack what its printed entry price leaves open."""

    coin: str
    size: Decimal
    value: Decimal
    margin: Decimal
    leverage: Decimal
    isolated_usd: Decimal | None
    tiers: Tiers | None
    entry: Decimal
    slack: Decimal
    printed: Mapping[str, Any]

    @classmethod
    def read(cls, position: Mapping[str, Any], tiers: Mapping[str, Tiers]) -> "_Row":
        leverage, coin = position["leverage"], position["coin"]
        most = position.get("maxLeverage")
        flat = None if most is None else [(ZERO, int(most))]
        size, entry = Decimal(position["szi"]), Decimal(position["entryPx"])
        return cls(
            coin=coin,
            size=size,
            value=Decimal(position["positionValue"]),
            margin=Decimal(position["marginUsed"]),
            leverage=Decimal(leverage["value"]),
            isolated_usd=Decimal(leverage["rawUsd"]) if leverage["type"] == "isolated" else None,
            tiers=flat if flat is None else tiers.get(coin, flat),
            entry=entry,
            slack=abs(size) * _last_place(entry) + MICRO,
            printed=position,
        )

    @property
    def side(self) -> int:
        return 1 if self.size > 0 else -1

    @property
    def signed(self) -> Decimal:
        return self.side * self.value

    @property
    def cross(self) -> bool:
        return self.isolated_usd is None


def _last_place(printed: Decimal) -> Decimal:
    exponent = printed.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)


Check = tuple[str, Decimal, Decimal, Decimal]
"""(what, as printed, as computed, how far apart they may be)"""


def _checks(document: Mapping[str, Any], rows: Sequence[_Row]) -> Iterator[Check]:
    yield from _sums(document, rows)
    for row in rows:
        yield from _position(row)
    available_usd = Decimal(document["crossMarginSummary"]["accountValue"])
    maintenance = document.get("crossMaintenanceMarginUsed")
    if maintenance is None:
        return
    held = sum((maintenance_usd(row) for row in rows if row.cross), ZERO)
    yield "crossMaintenanceMarginUsed", Decimal(maintenance), held, MICRO * (len(rows) + 1)
    for row in rows:
        if row.tiers is not None:
            free_usd = (
                available_usd - Decimal(maintenance) if row.cross else row.margin - maintenance_usd(row)
            )
            yield _liquidation(row, free_usd)


def _sums(document: Mapping[str, Any], rows: Sequence[_Row]) -> Iterator[Check]:
    whole, cross = document["marginSummary"], document["crossMarginSummary"]
    value, raw = Decimal(whole["accountValue"]), Decimal(whole["totalRawUsd"])
    crossed = [row for row in rows if row.cross]
    isolated = sum((row.margin for row in rows if not row.cross), ZERO)
    for name, summary, counted in (("marginSummary", whole, rows), ("crossMarginSummary", cross, crossed)):
        signed = sum((row.signed for row in counted), ZERO)
        yield f"{name}.totalNtlPos", Decimal(summary["totalNtlPos"]), _total(counted, "value"), ZERO
        yield f"{name}.totalMarginUsed", Decimal(summary["totalMarginUsed"]), _total(counted, "margin"), ZERO
        yield (
            f"{name}.accountValue",
            Decimal(summary["accountValue"]),
            Decimal(summary["totalRawUsd"]) + signed,
            ZERO,
        )
    yield (
        "crossMarginSummary.accountValue beside isolated",
        Decimal(cross["accountValue"]),
        value - isolated,
        ZERO,
    )
    raws = sum((row.isolated_usd for row in rows if row.isolated_usd is not None), ZERO)
    yield "crossMarginSummary.totalRawUsd", Decimal(cross["totalRawUsd"]), raw - raws, ZERO


def _total(rows: Sequence[_Row], what: str) -> Decimal:
    return sum((getattr(row, what) for row in rows), ZERO)


def _position(row: _Row) -> Iterator[Check]:
    if row.isolated_usd is None:
        yield f"{row.coin} marginUsed", row.margin, row.value / row.leverage, MICRO
    else:
        yield f"{row.coin} marginUsed", row.margin, row.isolated_usd + row.signed, ZERO
    pnl, paid = Decimal(row.printed["unrealizedPnl"]), abs(row.size) * row.entry
    yield f"{row.coin} unrealizedPnl", pnl, row.signed - row.size * row.entry, row.slack
    if row.tiers is not None and paid > row.slack:
        back = pnl * row.leverage / paid
        slack = abs(back) * row.slack / (paid - row.slack) + MICRO
        yield f"{row.coin} returnOnEquity", Decimal(row.printed["returnOnEquity"]), back, slack


def maintenance_usd(row: _Row) -> Decimal:
    """Return the maintenance margin of a position: each tier's half initial rate on the part above its bound."""
    held, below = ZERO, ZERO
    for bound, leverage in row.tiers or ():
        rate = 1 / Decimal(2 * leverage)
        held += max(ZERO, row.value - bound) * (rate - below)
        below = rate
    return held


def _liquidation(row: _Row, free_usd: Decimal) -> Check:
    leverage = next(most for bound, most in reversed(row.tiers or ()) if row.value >= bound)
    rate = 1 / Decimal(2 * leverage)
    px = (row.value - row.side * free_usd / (1 - rate * row.side)) / abs(row.size)
    printed = row.printed["liquidationPx"]
    slack = abs(px) * RELATIVE + 2 * MICRO / abs(row.size) + RELATIVE
    return f"{row.coin} liquidationPx", ZERO if printed is None else Decimal(printed), max(ZERO, px), slack


def _bounds(document: Mapping[str, Any], rows: Sequence[_Row]) -> Iterator[str]:
    cross = document["crossMarginSummary"]
    free_usd = max(ZERO, Decimal(cross["accountValue"]) - Decimal(cross["totalMarginUsed"]))
    withdrawable = Decimal(document["withdrawable"])
    if not ZERO <= withdrawable <= free_usd:
        yield f"withdrawable: {withdrawable} is not between 0 and {free_usd}"
    coins = [row.coin for row in rows]
    if len(coins) != len(set(coins)):
        yield f"assetPositions: a coin stands twice in {coins}"
    for row in rows:
        if row.size == 0 or row.value < 0 or row.entry < 0:
            yield f"{row.coin}: size {row.size}, value {row.value}, entry {row.entry}"
        if row.tiers is not None and row.leverage > row.tiers[0][1]:
            yield f"{row.coin}: leverage {row.leverage} beyond {row.tiers[0][1]}"


def _words(document: Any, where: str = "") -> Iterator[str]:
    """Yield the decimal strings that are not printed as the venue prints them: no exponent, always a fraction."""
    if isinstance(document, str):
        if _NUMBER.fullmatch(document) is None or document == "-0.0":
            yield f"{where}: {document!r} is not how a number is printed"
    elif isinstance(document, list):
        for n, value in enumerate(document):
            yield from _words(value, f"{where}[{n}]")
    elif isinstance(document, Mapping):
        for key, value in document.items():
            if key not in ("type", "coin"):
                yield from _words(value, f"{where}.{key}")
