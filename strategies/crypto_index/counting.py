"""How many members: the rule that the methodology names, on the coins by rank (S0-32 to S0-42, E0-5 to E0-8)."""

from collections.abc import Sequence

from strategies.crypto_index.market import Market
from strategies.crypto_index.methodology import Count, Everyone, Fixed


def count_of(market: Market, rule: Count, order: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Return the number of members of the eligible, who come by falling market cap, and how it was found."""
    match rule:
        case Fixed():
            return min(rule.k, len(order)), (f"{min(rule.k, len(order))} members: the largest {rule.k}",)
        case Everyone():
            return len(order), (f"{len(order)} members: everybody who is eligible",)
        case _:
            raise NotImplementedError
