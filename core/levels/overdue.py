"""What must happen to an index before anything else does: who has no price leaves, and what was announced takes effect."""

from core.index_level import due
from core.levels.types import Event, IndexState, RemovalCause, Remove, Withdraw
from core.levels.vector import Prices, coverage

DAY_MS = 86_400_000


def overdue(state: IndexState, heard: Prices, *, at_ms: int, by: str) -> Event | None:
    """Return the next event that is due at these prices, None where none is: to be asked until then.

    Raises IndexRefused where no member has a price that stands.
    """
    if gone := coverage(state, heard, at_ms=at_ms).excluded:
        return _without(gone, state, by)
    event = due(state, at_ms=at_ms)
    if event is None:
        return None
    held = {member.symbol for member in state.members}
    wanted = [target.symbol for target in event.targets]
    unknown = tuple(s for s in wanted if s not in held and not _stands(state, heard, s, at_ms))
    if len(unknown) == len(wanted):
        return Withdraw(reason="nothing announced has a price", by=by)
    return _without(unknown, state, by) if unknown else event


def _stands(state: IndexState, heard: Prices, symbol: str, at_ms: int) -> bool:
    price = heard.get(symbol)
    return price is not None and at_ms - price.at_ms <= state.stale_ms


def _without(symbols: tuple[str, ...], state: IndexState, by: str) -> Remove:
    said = f"no price within {state.stale_ms / DAY_MS:g} days"
    return Remove(symbols=symbols, cause=RemovalCause.NO_PRICE, reason=said, by=by)
