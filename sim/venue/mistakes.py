"""Mistakes of our own: logged and kept, so that one of them ends only what it was made in."""

import logging
from collections import deque
from types import TracebackType

log = logging.getLogger(__name__)
KEPT = 1_000


class Mistakes:
    """made: the exceptions that were survived, the last thousand of them. A simulation that has any proves nothing."""

    def __init__(self) -> None:
        self.made: deque[Exception] = deque(maxlen=KEPT)

    def survived(self, what: str, of: object = "") -> "Survived":
        """Go on after whatever is raised within. What had been done by then stays done."""
        return Survived(self, what, of)

    def note(self, mistake: Exception) -> None:
        self.made.append(mistake)


class Survived:
    """Words are made of what and of only when something was raised: this stands around every duty of the clock."""

    __slots__ = ("_mistakes", "_of", "_what")

    def __init__(self, mistakes: Mistakes, what: str, of: object) -> None:
        self._mistakes, self._what, self._of = mistakes, what, of

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, raised: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(raised, Exception):
            return False
        log.error("%s was not carried out", f"{self._what} {self._of}".rstrip(), exc_info=raised)
        self._mistakes.note(raised)
        return True
