"""Which pairs a venue is asked for: those that its market is large in, and what conversions need (E4-4)."""

from collections.abc import Collection, Mapping, Sequence

QUOTES: Mapping[str, str] = {
    "binance": "USDT",
    "coinbase": "USD",
    "kraken": "USD",
    "okx": "USDT",
    "bybit": "USDT",
    "bitstamp": "USD",
    "gemini": "USD",
    "bitfinex": "USD",
    "gate": "USDT",
    "kucoin": "USDT",
    "hyperliquid": "USDC",
}
"""A venue's own currency. One pair a base: a second one of the same venue has no voice of its own."""

CONVERSIONS: Mapping[str, tuple[str, ...]] = {
    "coinbase": ("USDT/USD",),
    "kraken": ("USDT/USD", "USDC/USD"),
    "bitstamp": ("USDT/USD", "USDC/USD"),
    "bitfinex": ("USDT/USD", "USDC/USD"),
    "binance": ("USDC/USDT",),
    "okx": ("USDC/USDT",),
    "bybit": ("USDC/USDT",),
}
"""Dollar pairs of USDT at four venues, of USDC at three; against each other where both are traded most."""


def pairs_of(
    source: str, symbols: Sequence[str], *, without: Collection[str] = (), converts: bool = True
) -> tuple[str, ...]:
    """Return the pairs to ask a venue for; without has what it lacks, as "gemini SOL/USD"."""
    quote = QUOTES[source]
    if quote != "USD" and not converts:
        return ()
    wanted = [f"{symbol.partition('/')[0]}/{quote}" for symbol in symbols]
    wanted += CONVERSIONS.get(source, ()) if converts else ()
    wanted = [pair for pair in wanted if len(set(pair.split("/"))) == 2]
    return tuple(pair for pair in dict.fromkeys(wanted) if f"{source} {pair}" not in without)
