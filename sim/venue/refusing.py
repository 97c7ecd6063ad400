"""Orders that the venue is told to refuse for no reason of their own, in the words it has for such orders."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

UNREASONED = (
    ("Insufficient margin to place order. asset={}", "perpMarginRejected"),
    ("Order must have minimum value of $10. asset={}", "minTradeNtlRejected"),
    ("Too many open orders. asset={}", "tooManyOpenOrdersRejected"),
    ("Order has too large a notional value. asset={}", "perpMaxPositionRejected"),
    ("Reduce only order would increase position. asset={}", "reduceOnlyRejected"),
    ("Order price cannot be more than 95% away from the reference price", "oracleRejected"),
    (
        "Order would increase open interest while open interest is capped. asset={}",
        "positionIncreaseAtOpenInterestCapRejected",
    ),
    ("Post only order would have immediately matched, bbo was none@none. asset={}", "badAloPxRejected"),
)
"""Words for one member of a batch, {} its asset's id, and the status they are recorded under (hyperliquid.md 2.6)."""

UNMATCHED = (("Order could not immediately match against any resting orders. asset={}", "iocCancelRejected"),)
UNREAD = (("Price must be divisible by tick size. asset={}", ""),)
"""Words that answer a whole batch with one member, found before any of its orders is placed."""


@dataclass(slots=True)
class Refusing:
    """A share of orders, or of whole batches, is refused until a time (UTC ms), each in words drawn anew.

    said counts the words: who checks refusals must be able to tell these from those that have a reason.
    """

    texts: tuple[tuple[str, str], ...]
    share: float
    until_ms: int
    dice: Random
    said: Counter[str] = field(default_factory=Counter)

    def refusal(self, asset_id: int, now_ms: int) -> tuple[str, str] | None:
        """Return the venue's words and the status for an order that is refused now."""
        if now_ms >= self.until_ms or self.dice.random() >= self.share:
            return None
        text, status = self.dice.choice(self.texts)
        words = text.format(asset_id)
        self.said[words] += 1
        return words, status


def first_refusal(refusing: list[Refusing], asset_id: int, now_ms: int) -> tuple[str, str] | None:
    """Return what the first of several that refuses has to say."""
    said = (one.refusal(asset_id, now_ms) for one in refusing)
    return next((words for words in said if words is not None), None)
