"""Whether the opening of the book was kept: one that the disk never took is made anew by the next life."""

from core.events import FillsReceived
from sim.checkers import Step


class Opening:
    """One for each checker that holds something against the book as it was opened.

    The opening asks the venue for the fills since, and nothing is asked before its record is on the disk: the answer
    proves that it was kept. What was kept and is forgotten nevertheless is the daemon's fault.
    """

    def __init__(self) -> None:
        self._kept = False

    def is_to_come(self, step: Step) -> bool:
        """Say whether a life begins without a book, and none was kept before it. To be asked at every step."""
        if isinstance(step.event, FillsReceived) and step.event.covered_to_ms is not None:
            self._kept = True
        return step.begins and step.state.book.opened_ms is None and not self._kept
