"""Nonces that only ever rise, in one process and from one process to the next (hyperliquid.md 2.3)."""

from contextlib import suppress

from adapters.ports import Clock, NonceStore, VenueError

BLOCK_MS = 60_000
AHEAD_MAX_MS = 12 * 3_600_000


class Nonces:
    """max(now, last + 1), in milliseconds, with the mark of what may have been used kept by a store.

    The mark is written a block at a time, so that a signature seldom waits for a disk; a restart begins above it.
    The venue takes nonces up to a day ahead of its clock and a block is a minute, so nothing is lost by that.
    """

    def __init__(self, clock: Clock, store: NonceStore, *, block_ms: int = BLOCK_MS) -> None:
        self._clock = clock
        self._store = store
        self._block_ms = block_ms
        self._last = self._reserved = store.load()
        self._refuse_a_mark_from_the_future()

    def next(self) -> int:
        """Return a nonce above all earlier ones. Raises VenueError when the mark cannot be kept: nothing is signed."""
        self._last = max(self._clock.now_ms(), self._last + 1)
        if self._last > self._reserved:
            self._reserve()
        return self._last

    def reserve_ahead(self) -> None:
        """Write the next mark early. Call it where nobody waits, for instance after a reply came.

        A mark that cannot be kept now must not cost the reply: the next signature that needs one says so.
        """
        if max(self._clock.now_ms(), self._last) + self._block_ms // 2 > self._reserved:
            with suppress(VenueError):
                self._reserve()

    def _reserve(self) -> None:
        mark = max(self._clock.now_ms(), self._last) + self._block_ms
        self._store.save(mark)
        self._reserved = mark

    def _refuse_a_mark_from_the_future(self) -> None:
        ahead_ms = self._last - self._clock.now_ms()
        if ahead_ms > AHEAD_MAX_MS:
            raise VenueError(
                f"the stored nonce mark {self._last} is {ahead_ms / 3_600_000:.1f} h ahead of the clock; the venue "
                "refuses nonces a day ahead. Set the clock right, or use the state directory of this clock's runs"
            )
