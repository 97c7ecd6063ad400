"""The eleven venues: whose words are spoken, and how they are asked by request.

A venue's words are in the file of its name beside this one: what that calls WORDS, or else its only class that can
greet, ping and read. Files are imported when their venue is first wanted.
"""

import random
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import cast

from adapters.backoff import Backoff
from adapters.exchanges.connector import Connector, Line
from adapters.exchanges.dialing import Network
from adapters.exchanges.fallback import Terms
from adapters.exchanges.ports import Sink, WordsOf
from adapters.exchanges.rest import Asking, CcxtRest, Desk

SPOKEN = ("hello", "ping", "read")
"""What a class must have to be words."""

KRAKEN_OLD = {
    "BTC": "XXBT",
    "ETH": "XETH",
    "XRP": "XXRP",
    "LTC": "XLTC",
    "ETC": "XETC",
    "XLM": "XXLM",
    "XMR": "XXMR",
}
KRAKEN_MONEY = {"USD": "ZUSD", "EUR": "ZEUR", "GBP": "ZGBP", "JPY": "ZJPY", "CAD": "ZCAD"}
KRAKEN_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
BITFINEX_NAMES = {"USDT": "UST", "USDC": "UDC", "TUSD": "TSD"}
BITFINEX_LONG = 3
"""An asset with more letters than these is set off by a colon."""


def joined(pair: str) -> str:
    return pair.replace("/", "")


def joined_lower(pair: str) -> str:
    return joined(pair).lower()


def dashed(pair: str) -> str:
    return pair.replace("/", "-")


def lined(pair: str) -> str:
    return pair.replace("/", "_")


def of_kraken(pair: str) -> str:
    """Return Kraken's name: two old assets keep the letters for coin and money (XXBTZUSD), others do not (SOLUSD)."""
    base, _, quote = pair.partition("/")
    old = base in KRAKEN_OLD and quote in KRAKEN_MONEY
    if old or pair == "USDT/USD":
        return KRAKEN_OLD.get(base, base) + KRAKEN_MONEY[quote]
    return KRAKEN_NAMES.get(base, base) + KRAKEN_NAMES.get(quote, quote)


def of_bitfinex(pair: str) -> str:
    base, quote = (BITFINEX_NAMES.get(asset, asset) for asset in pair.split("/"))
    return f"t{base}{':' if max(len(base), len(quote)) > BITFINEX_LONG else ''}{quote}"


def of_hyperliquid(pair: str) -> str:
    """Return the number of a spot pair, which its words know. Raises KeyError for one they do not."""
    return cast(str, import_module("adapters.exchanges.hyperliquid").SPOT[pair])


VENUES: Mapping[str, Desk] = {
    "binance": Desk("binance", joined, Asking.AT_ONCE),
    "coinbase": Desk("coinbase", dashed, Asking.AT_ONCE),
    "kraken": Desk("kraken", of_kraken, Asking.AT_ONCE),
    "okx": Desk("okx", dashed),
    "bybit": Desk("bybit", joined),
    "bitstamp": Desk("bitstamp", joined_lower),
    "gemini": Desk("gemini", joined_lower),
    "bitfinex": Desk("bitfinex", of_bitfinex, Asking.AT_ONCE),
    "gate": Desk("gate", lined),
    "kucoin": Desk("kucoin", dashed),
    "hyperliquid": Desk("hyperliquid", of_hyperliquid, Asking.BOOK),
}
"""By name, which is the source of their ticks."""


def words_of(name: str) -> WordsOf:
    """Return what makes a venue's words. Raises ValueError for a name nobody knows."""
    if name not in VENUES:
        raise ValueError(f"unknown venue {name!r}; known are {', '.join(VENUES)}")
    return words_in(import_module(f"adapters.exchanges.{name}"))


def words_in(module: ModuleType) -> WordsOf:
    """Return what makes the words of a venue's file. Raises ValueError when that is not plain."""
    if hasattr(module, "WORDS"):
        return cast(WordsOf, module.WORDS)
    own = [found for found in vars(module).values() if getattr(found, "__module__", "") == module.__name__]
    speaking = [found for found in own if isinstance(found, type) and all(hasattr(found, w) for w in SPOKEN)]
    if len(speaking) != 1:
        raise ValueError(
            f"{module.__name__} has {len(speaking)} classes of words; it must name one of them WORDS"
        )
    return cast(WordsOf, speaking[0])


def connector(
    name: str, symbols: Sequence[str], sink: Sink, *, network: Network, terms: Terms | None = None
) -> Connector:
    """Return a connector to a venue for pairs such as "BTC/USD". Raises ValueError for a name nobody knows."""
    line = Line(name, tuple(symbols), words_of(name), CcxtRest(name, VENUES[name], network))
    terms = terms or Terms()
    backoff = Backoff(random.Random(), first_s=terms.again_s)
    return Connector(line, sink, network=network, backoff=backoff, terms=terms)
