"""Bitfinex's names of pairs: tBTCUSD, tDOGE:USD, and other words for some currencies."""

from collections.abc import Sequence

from adapters.exchanges.symbols import divided

THEIRS = {"USDT": "UST", "USDC": "UDC", "EURT": "EUT"}
OURS = {theirs: ours for ours, theirs in THEIRS.items()}

SHORT = 3
"""Letters of a currency; where one has more, a colon stands between them."""


def symbol_of(pair: str) -> str:
    """Return the venue's name of BASE/QUOTE."""
    base, _, quote = pair.partition("/")
    base, quote = THEIRS.get(base, base), THEIRS.get(quote, quote)
    return f"t{base}:{quote}" if max(len(base), len(quote)) > SHORT else f"t{base}{quote}"


class Names:
    """Our names for the venue's: those of the pairs asked for are known, others are cut where theirs are joined."""

    def __init__(self, pairs: Sequence[str]) -> None:
        self._known = {symbol_of(pair): pair for pair in pairs}

    def __call__(self, name: str) -> str | None:
        return self._known.get(name) or _cut(name)


def _cut(name: str) -> str | None:
    """Return our name of one that is not asked for; None for what is no pair, such as a funding currency (fUSD)."""
    joined = name.removeprefix("t")
    if joined == name or (":" not in joined and len(joined) != 2 * SHORT):
        return None
    pair = divided(joined if ":" in joined else f"{joined[:SHORT]}:{joined[SHORT:]}", ":")
    return pair and "/".join(OURS.get(one, one) for one in pair.split("/"))
