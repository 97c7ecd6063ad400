"""Which nonce each unproved order was signed with, so that it can be burnt. In memory only: a restart forgets it."""

from collections.abc import Iterable
from typing import NamedTuple

from adapters.ports import Signed
from core.types import ClientOrderId

KEPT_MS = 60_000
"""How long after its expiry a batch is remembered: by then its expiry is the proof."""


class Batch(NamedTuple):
    """The orders of one action, and its nonce."""

    nonce: int
    cloids: tuple[ClientOrderId, ...]
    expires_ms: int


class Sent:
    """Batches under way, by each of their orders, until the order is proved or has long expired."""

    def __init__(self) -> None:
        self._batches: dict[ClientOrderId, Batch] = {}

    def __len__(self) -> int:
        return len(self._batches)

    def remember(self, signed: Signed, *, now_ms: int) -> None:
        """Note a batch at the moment it is sent, and forget those that expired long ago."""
        batch = Batch(signed.nonce, signed.cloids, signed.expires_ms)
        alive = {c: b for c, b in self._batches.items() if b.expires_ms + KEPT_MS >= now_ms}
        self._batches = alive | dict.fromkeys(signed.cloids, batch)

    def forget(self, cloids: Iterable[ClientOrderId]) -> None:
        for cloid in cloids:
            self._batches.pop(cloid, None)

    def batches(self, cloids: Iterable[ClientOrderId]) -> tuple[Batch, ...]:
        """Return each batch that one of these orders was sent in, once."""
        found = (self._batches.get(cloid) for cloid in cloids)
        return tuple({batch.nonce: batch for batch in found if batch is not None}.values())
