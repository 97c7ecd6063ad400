"""What the venue says of the time, and whether it is behind what it has said before: docs/decisions/0010-whose-time.md."""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.ports import Reference
from daemon.account_modes import CLOCK_SKEW_MAX_MS


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of the venue's. is_behind: the venue has stamped something later before, its clock or a node is behind."""

    venue_ms: int
    is_behind: bool


class VenueTime:
    """What the venue says of the time. stamped_ms: the newest time that it has stamped anything with, None: nothing."""

    def __init__(self, reference: Reference, stamped_ms: Callable[[], int | None]) -> None:
        self._reference, self._stamped_ms = reference, stamped_ms
        self._said_ms = self._newest_ms = 0

    @property
    def newest_ms(self) -> int:
        """The venue's time is this or later, unless its clock went back."""
        return max(self._newest_ms, self._stamped_ms() or 0)

    async def ask(self) -> Said:
        """Ask the venue; what one answer says and the next one does not reach counts as never said. Raises VenueError."""
        known_ms = self.newest_ms
        said_ms = await self._reference.venue_time_ms()
        self._newest_ms = max(self._newest_ms, min(self._said_ms, said_ms))
        self._said_ms = said_ms
        return Said(said_ms, is_behind=said_ms < known_ms - CLOCK_SKEW_MAX_MS)
