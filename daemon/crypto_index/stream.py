"""What the index hears: index values as they are made, each symbol's newest good one, and what each midnight settles at."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from math import isfinite

from core.levels.types import Price
from core.prices.settling import Settled, SettlementRules, Settling
from core.prices.types import Published, State

DAY_MS = 86_400_000
QUOTE = "USD"
NIGHTS = 2
"""Midnights of which settlements are kept."""


class Stream:
    """take values in their order. Symbols here are tickers: BTC of BTC/USD; other quotes are not listened to."""

    def __init__(self, rules: SettlementRules, method: str) -> None:
        self.prices: dict[str, Price] = {}
        self._settling = Settling(rules)
        self._stands_ms = round(1000 * rules.stands_s)
        self._method = method
        self._settled: dict[int, dict[str, Settled]] = {}

    def take(self, values: Sequence[Published]) -> None:
        for value in values:
            base, _, quote = value.symbol.partition("/")
            if quote != QUOTE:
                continue
            if value.state is State.OK and (usd := _usd(value.price)) is not None:
                self.prices[base] = Price(base, usd, value.at_ms)
            settled = self._settling.take(value, led=True)
            if settled is not None and settled.end_ms % DAY_MS == 0:
                self._keep(base, settled)

    def heard(self, now_ms: int) -> Mapping[str, Price]:
        """Return the newest good price of each symbol; none is later than now."""
        return {symbol: price for symbol, price in self.prices.items() if price.at_ms <= now_ms}

    def forget(self, symbol: str) -> None:
        """Forget the newest price of a coin whose unit is another one from now on."""
        self.prices.pop(symbol, None)

    def fresh(self, now_ms: int) -> frozenset[str]:
        """Return the symbols whose newest good price is of now: no older than a value stands without another one."""
        return frozenset(
            s for s, price in self.prices.items() if 0 <= now_ms - price.at_ms <= self._stands_ms
        )

    def settlements(self, midnight_ms: int) -> dict[str, Price | None]:
        """Return what windows that ended at a midnight settled at, None where one did not settle."""
        found = self._settled.get(midnight_ms, {})
        price = partial(_price, midnight_ms, self._method)
        return {symbol: price(symbol, settled) for symbol, settled in found.items()}

    def _keep(self, symbol: str, settled: Settled) -> None:
        self._settled.setdefault(settled.end_ms, {})[symbol] = settled
        for old in sorted(self._settled)[:-NIGHTS]:
            del self._settled[old]


def _price(at_ms: int, method: str, symbol: str, settled: Settled) -> Price | None:
    usd = _usd(settled.twap if method == "twap" else settled.partitioned_median)
    return None if usd is None else Price(symbol, usd, at_ms)


def _usd(price: float | None) -> Decimal | None:
    if price is None or not isfinite(price) or price <= 0:
        return None
    return Decimal(repr(float(price)))
