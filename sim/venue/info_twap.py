"""/info and frames about TWAP orders: their history, their state while they run, the fills of their slices."""

from typing import Any

from sim.venue.account import Account

Document = dict[str, Any]


def slice_fills(account: Account) -> list[Document]:
    """Return the account's TWAP slices, newest first, as {fill, twapId}; none while the venue takes no TWAP orders."""
    return []


def history(account: Account) -> list[Document]:
    """Return {time (s), state, status, twapId} of each change, newest first; none while there are no TWAP orders."""
    return []


def running(account: Account) -> list[list[Any]]:
    """Return [twapId, state] of the TWAP orders that run."""
    return []
