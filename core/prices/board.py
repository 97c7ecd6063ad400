"""The indices of many symbols under one methodology: what converts quotes first, then all others by it."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from core.index_price import IndexPrice
from core.prices.methodology import Methodology
from core.prices.types import Published, Rate, Reason, Tick

RATES = ("USDT", "USDC")
"""Quotes that are converted by an index of ours, in the order they are made: the second also by way of the first."""

INDEX_CURRENCY = "USD"

CONVERTIBLE = (INDEX_CURRENCY, *RATES)


def symbol_of(base: str) -> str:
    return f"{base}/{INDEX_CURRENCY}"


def rate_methodology(methodology: Methodology) -> Methodology:
    """Return the rules of an index that converts: the same, with its own minimum of feeds (E4-4)."""
    breaker = replace(methodology.breaker, feeds_min=methodology.rate_feeds_min)
    return replace(methodology, breaker=breaker)


class PriceBoard:
    """One IndexPrice for each base that is heard. Values depend on the ticks and the times given, and nothing else."""

    def __init__(
        self,
        methodology: Methodology,
        *,
        symbols: Iterable[str] | None = None,
        expected: Iterable[tuple[str, str]] = (),
    ) -> None:
        """symbols are those to publish, None for all that are heard; rates are made besides where they are heard.

        expected are pairs (source, symbol) that are told missing until they are heard.
        """
        self.methodology = methodology
        self._wanted = None if symbols is None else {symbol.partition("/")[0] for symbol in symbols}
        self._expected = list(expected)
        self._indices: dict[str, IndexPrice] = {}
        self._others: dict[str, IndexPrice] = {}
        for base in sorted({pair.partition("/")[0] for _, pair in self._expected} | (self._wanted or set())):
            if self._takes(base):
                self._index(base)

    @property
    def symbols(self) -> list[str]:
        """The indices there are, by name: those of before the first tick, and those that were heard of since."""
        return [index.symbol for _, index in sorted(self._indices.items())]

    def index(self, symbol: str) -> IndexPrice | None:
        """Return the index of a symbol, None where nothing was heard of it."""
        return self._indices.get(symbol.partition("/")[0])

    @property
    def bases(self) -> Collection[str]:
        """What an index is made of besides rates, by name."""
        return self._others.keys()

    def tick(self, tick: Tick) -> Reason | None:
        """Take a tick; return why not, where it is not taken. Never raises for what a venue said."""
        base, quote = tick.base, tick.quote
        if not (base and quote and self._takes(base)):
            return Reason.UNKNOWN_SYMBOL
        if base not in self._indices and quote not in CONVERTIBLE:
            # nothing makes dollars of it: alone it would be an index that never has a price
            return Reason.UNKNOWN_SYMBOL
        return self._index(base).tick(tick)

    def heartbeat(self, source: str, at_ms: int) -> None:
        """A source's stream lives, though none of its prices changed."""
        for index in self._indices.values():
            index.heartbeat(source, at_ms)

    def disconnected(self, source: str) -> None:
        """A source's stream is down."""
        for index in self._indices.values():
            index.disconnected(source)

    def evaluate(
        self, now_ms: int, *, token: int = 0, bases: Collection[str] | None = None
    ) -> list[Published]:
        """Return the values at now_ms (ms): rates first, then the others by name, where bases are given these alone."""
        values: list[Published] = []
        rates: dict[str, Rate] = {}
        for quote in RATES:
            if quote in self._indices:
                value = self._indices[quote].evaluate(now_ms, rates, token=token)
                values.append(value)
                if value.price is not None:
                    rates[quote] = _rate(quote, value, value.price)
        wanted = self._others if bases is None else sorted(bases)
        return values + [
            self._others[base].evaluate(now_ms, rates, token=token) for base in wanted if base in self._others
        ]

    def due(self, value: Published, last: Published | None) -> bool:
        """Say whether a value is to be published after the last published one of its symbol (E4-15)."""
        if last is None or (value.state, value.cause) != (last.state, last.cause):
            return True
        if value.at_ms - last.at_ms >= 1000 * self.methodology.publish_s:
            return True
        if value.price is None or last.price is None:
            return value.price is not last.price
        return abs(value.price / last.price - 1) > self.methodology.publish_bps / 1e4

    def _takes(self, base: str) -> bool:
        return base != INDEX_CURRENCY and (self._wanted is None or base in self._wanted or base in RATES)

    def _index(self, base: str) -> IndexPrice:
        index = self._indices.get(base)
        if index is None:
            rules = rate_methodology(self.methodology) if base in RATES else self.methodology
            expected = [(source, pair) for source, pair in self._expected if pair.partition("/")[0] == base]
            index = self._indices[base] = IndexPrice(symbol_of(base), rules, expected=expected)
            self._others = {b: self._indices[b] for b in sorted(self._indices) if b not in RATES}
        return index


def _rate(quote: str, value: Published, price: float) -> Rate:
    at_ms = value.at_ms if value.good_ms is None else value.good_ms
    return Rate(quote=quote, price=price, at_ms=at_ms, feeds=value.active_feeds, state=value.state)
