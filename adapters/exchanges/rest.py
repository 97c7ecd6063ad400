"""Prices by request through ccxt: the only file that imports it.

ccxt's own loading of markets is left out: it fetches and reads megabytes in one go, just when a venue is in trouble.
The few pairs wanted are made known to it instead, so that a price is one small request.
"""

import asyncio
import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any, cast

import structlog

from adapters.exchanges.blame import blamed
from adapters.exchanges.dialing import Network
from adapters.ports import VenueError
from core.prices.types import Tick

log = structlog.get_logger(__name__)

TIMEOUT_S = 5.0


class Asking(Enum):
    """AT_ONCE: several named pairs in one small answer. EACH: a pair at a time, where the answer for several is a list
    of thousands. BOOK: the book of each, whose middle is the price, where a ticker is put together from lists by place.
    """

    AT_ONCE = "at once"
    EACH = "each"
    BOOK = "book"


@dataclass(frozen=True, slots=True)
class Desk:
    """How ccxt reaches a venue's prices; id_of is the venue's name of a pair in requests."""

    ccxt_id: str
    id_of: Callable[[str], str]
    asking: Asking = Asking.EACH


class CcxtRest:
    """One venue's ticks by request. Requests keep the venue's rate limit, as ccxt knows it."""

    def __init__(self, source: str, desk: Desk, network: Network, *, timeout_s: float = TIMEOUT_S) -> None:
        self._source, self._desk, self._network, self._timeout_s = source, desk, network, timeout_s
        self._exchange: Any = None

    async def ticks(self, symbols: Sequence[str]) -> tuple[Tick, ...]:
        """Return the ticks of those pairs that were answered. Raises VenueError when none was.

        A pair whose answer has no stamp has that of its receipt.
        """
        with blamed(f"{self._source} by request"), decimal.localcontext():
            exchange = await self._ready(symbols)
            told = await self._told(exchange, symbols)
            now_ms = self._network.clock.now_ms()
            found = [tick_of(told[s], self._source, s, received_ms=now_ms) for s in symbols if s in told]
        ticks = tuple(tick for tick in found if tick is not None)
        if not ticks:
            raise VenueError(f"{self._source} by request: no price in the answer for {', '.join(symbols)}")
        return ticks

    async def close(self) -> None:
        """Close the way to the venue. The next request opens it again."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()

    async def _told(self, exchange: Any, symbols: Sequence[str]) -> dict[str, Any]:
        """Ask for all, one by one where the venue refuses several: it may know all of them but one."""
        if self._desk.asking is not Asking.AT_ONCE:
            return await self._one_by_one(exchange, symbols)
        try:
            return cast(dict[str, Any], await exchange.fetch_tickers(list(symbols)))
        except import_module("ccxt.base.errors").ExchangeError:
            if len(symbols) == 1:
                raise
            return await self._one_by_one(exchange, symbols)

    async def _one_by_one(self, exchange: Any, symbols: Sequence[str]) -> dict[str, Any]:
        """Ask for each pair. Raises VenueError when the last failed and none was answered: one bad pair spoils no other."""
        told: dict[str, Any] = {}
        for symbol in symbols:
            try:
                with blamed(f"{self._source} {symbol} by request"):
                    told[symbol] = await self._one(exchange, symbol)
            except VenueError as error:
                if symbol == symbols[-1] and not told:
                    raise
                log.warning("no price by request", venue=self._source, symbol=symbol, error=str(error))
        return told

    async def _one(self, exchange: Any, symbol: str) -> Any:
        if self._desk.asking is Asking.EACH:
            return await exchange.fetch_ticker(symbol)
        if self._desk.asking is Asking.AT_ONCE:
            return (await exchange.fetch_tickers([symbol]))[symbol]
        book = await exchange.fetch_order_book(symbol)
        best = {
            side: levels[0][0] for side, levels in (("bid", book["bids"]), ("ask", book["asks"])) if levels
        }
        return {**best, "timestamp": book["timestamp"]}

    async def _ready(self, symbols: Sequence[str]) -> Any:
        """Return the ccxt exchange that knows these pairs. Its import takes a second, so a thread of its own does it."""
        if self._exchange is None:
            loop = asyncio.get_running_loop()
            self._exchange = await loop.run_in_executor(None, self._made)
        if not set(symbols) <= set(self._exchange.markets or ()):
            known = {*symbols, *(self._exchange.markets or ())}
            self._exchange.set_markets([market_of(symbol, self._desk) for symbol in sorted(known)])
        return self._exchange

    def _made(self) -> Any:
        with decimal.localcontext():
            kind = getattr(import_module(f"ccxt.async_support.{self._desk.ccxt_id}"), self._desk.ccxt_id)
            exchange = kind({"enableRateLimit": True, "timeout": round(1000 * self._timeout_s)})
        exchange.timeout_on_exit = 0
        exchange.urls["api"] = placed(exchange.urls["api"], self._network.place)
        return exchange


def market_of(symbol: str, desk: Desk) -> dict[str, Any]:
    """Return a spot market in ccxt's words, with what a request for its price takes."""
    base, _, quote = symbol.partition("/")
    others = dict.fromkeys(("margin", "swap", "future", "option", "contract"), False)
    names = {"id": desk.id_of(symbol), "symbol": symbol, "base": base, "quote": quote}
    return {**names, "baseId": base, "quoteId": quote, "type": "spot", "spot": True, "active": True, **others}


def placed(urls: Any, place: Callable[[str], str]) -> Any:
    """Return a tree of URLs with each of them placed."""
    if isinstance(urls, Mapping):
        return {name: placed(url, place) for name, url in urls.items()}
    return place(urls) if isinstance(urls, str) else urls


def tick_of(told: Mapping[str, Any], source: str, symbol: str, *, received_ms: int) -> Tick | None:
    """Return a tick of ccxt's ticker, None where it has no price. A turnover that is not told is estimated at the price."""
    bid, ask, last = told.get("bid"), told.get("ask"), told.get("last")
    if last is None and bid is not None and ask is not None:
        last = (bid + ask) / 2
    if last is None:
        return None
    base, volume = told.get("baseVolume"), told.get("quoteVolume")
    if volume is None and base is not None:
        volume = base * last
    return Tick(
        source=source,
        symbol=symbol,
        price=float(last),
        at_ms=int(told.get("timestamp") or received_ms),
        received_ms=received_ms,
        volume_24h=_float(volume),
        volume_24h_base=_float(base),
        bid=_float(bid),
        ask=_float(ask),
    )


def _float(number: Any) -> float | None:
    return None if number is None else float(number)
