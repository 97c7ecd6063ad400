"""What is wrong with the process that computes, for now."""

from dataclasses import dataclass
from enum import Enum


class Trouble(Enum):
    NONE = "none"
    DIES = "dies"
    HANGS = "hangs"
    INFEASIBLE = "infeasible"
    """The solver finds no weights within the limits."""
    NAN = "nan"
    """The solver's answer is not a number."""


@dataclass(slots=True)
class Worker:
    """Shared by all lives of a night. A worker that hangs is given up by whoever asked; the others wait for their turn."""

    trouble: Trouble = Trouble.NONE
    struck: int = 0

    def begin(self, trouble: Trouble) -> None:
        self.trouble = trouble

    def end(self, trouble: Trouble) -> None:
        if self.trouble is trouble:
            self.trouble = Trouble.NONE
