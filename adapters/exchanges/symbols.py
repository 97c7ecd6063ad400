"""Names of pairs: ours are BASE/QUOTE in upper case; each venue spells them in its own way."""

import re
from collections.abc import Sequence
from functools import lru_cache

ASSET = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
LONGEST = 25
"""Letters of a name that is divided: two assets and a mark."""

OURS = {"XBT": "BTC", "XDG": "DOGE"}
"""Kraken's old words for two coins."""

QUOTES = ("FDUSD", "USDT", "USDC", "USD", "EUR", "GBP", "BTC", "ETH", "BNB", "JPY", "TRY")
"""Quotes that a joined name may end in, longer ones before those that they end in. TUSD and BUSD are left out: they
would take the last letter of DOT, BNB and USDT against the dollar."""


def divided(name: object, mark: str) -> str | None:
    """Return our name of "BTC-USD" or "XBT/USD"; None when there are not two assets in it (a future, a swap)."""
    return _divided(name, mark) if isinstance(name, str) and len(name) <= LONGEST else None


@lru_cache(maxsize=4096)
def _divided(name: str, mark: str) -> str | None:
    assets = name.upper().split(mark)
    if len(assets) != 2 or not all(ASSET.fullmatch(asset) for asset in assets):
        return None
    base, quote = (OURS.get(asset, asset) for asset in assets)
    return f"{base}/{quote}"


class Joined:
    """Names without a mark between the assets ("BTCUSDT"): those of the pairs asked for are known, others are cut at
    the quote they end in."""

    def __init__(self, pairs: Sequence[str]) -> None:
        self._known = {pair.replace("/", ""): pair for pair in pairs}

    def __call__(self, name: object) -> str | None:
        if not isinstance(name, str):
            return None
        joined = name.upper()
        return self._known.get(joined) or _cut(joined)


def _cut(joined: str) -> str | None:
    if not ASSET.fullmatch(joined[:-3]):
        return None
    for quote in QUOTES:
        if joined.endswith(quote) and len(joined) > len(quote):
            return f"{joined.removesuffix(quote)}/{quote}"
    return None
