"""Small indices to do things to."""

from decimal import Decimal as D

from core.index_level import applied
from core.levels.types import Launch, Price, Target

T0, DAY = 1_700_000_000_000, 86_400_000


def prices(at_ms=T0, **usd):
    return {symbol: Price(symbol, D(str(price)), at_ms) for symbol, price in usd.items()}


def targets(**supply_and_weight):
    return tuple(Target(s, D(str(q)), D(str(w))) for s, (q, w) in supply_and_weight.items())


def launch(told, *, base="1000", stale_ms=DAY):
    return Launch(name="test", methodology="ab" * 32, base_level=D(base), stale_ms=stale_ms, targets=told)


def oracle():
    """O0-4: the index of its first line."""
    wanted = targets(A=(10, ".5"), B=(15, ".3"), C=(30, ".2"))
    return applied(None, launch(wanted), prices(A=100, B=50, C=20), at_ms=T0)
