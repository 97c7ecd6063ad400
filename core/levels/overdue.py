"""What must happen to an index before anything else does: who has no price leaves, and what was announced takes effect."""

from core.index_level import due
from core.levels.types import Event, IndexState, RemovalCause, Remove, Withdraw
from core.levels.vector import DAY_MS, Prices, coverage


def overdue(state: IndexState, heard: Prices, *, at_ms: int, by: str) -> Event | None:
    """Return the next event that is due at these prices, None where none is: to be asked until then.

    Raises IndexRefused where no member has a price that stands.
    """
    if (gone := priceless(state, heard, at_ms=at_ms, by=by)) is not None:
        return gone
    event = due(state, at_ms=at_ms)
    if event is None:
        return None
    held = {member.symbol for member in state.members}
    wanted = [target.symbol for target in event.targets]
    unknown = tuple(s for s in wanted if s not in held and not _stands(state, heard, s, at_ms))
    if len(unknown) == len(wanted):
        return Withdraw(reason="nothing announced has a price", by=by)
    return _without(unknown, state, by) if unknown else event


def priceless(state: IndexState, heard: Prices, *, at_ms: int, by: str) -> Remove | None:
    """Return the removal of members whose last price is too old, None where all have one (E0-4). Raises as overdue."""
    gone = coverage(state, heard, at_ms=at_ms).excluded
    return _without(gone, state, by) if gone else None


def _stands(state: IndexState, heard: Prices, symbol: str, at_ms: int) -> bool:
    price = heard.get(symbol)
    return price is not None and at_ms - price.at_ms <= state.stale_ms


def _without(symbols: tuple[str, ...], state: IndexState, by: str) -> Remove:
    said = f"no price within {state.stale_ms / DAY_MS:g} days"
    return Remove(symbols=symbols, cause=RemovalCause.NO_PRICE, reason=said, by=by)
