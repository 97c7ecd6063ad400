"""Which of several publishers' values a consumer takes, and how values are numbered so that no two share a number (E4-16).

A token rises with every new leadership, for ever; a sequence rises with every value. The sequences of one token are a
line of their own, above those of every token before it: a new leader need not know what the one before it published.
"""

from enum import StrEnum

LINE = 1_000_000_000
"""Sequences of one token. A sequence stays an exact integer in JSON (2**53) up to token 9,007,198."""


class Refusal(StrEnum):
    """Why a consumer does not take a value."""

    LOWER_TOKEN = "lower_token"
    NOT_ABOVE = "sequence_not_above_last"


class Fence:
    """A consumer's memory: the highest token it took, and the last sequence of that token.

    It starts above token and sequence: what was kept of an earlier life, or nothing. A publisher that was stopped between
    its last look at the clock and its sending can only be caught here.
    """

    def __init__(self, *, token: int = -1, sequence: int = -1) -> None:
        self.token, self.sequence = token, sequence

    def take(self, token: int, sequence: int) -> Refusal | None:
        """Return why a value is refused, None where it is taken; values come one by one, in order of arrival."""
        if token < self.token:
            return Refusal.LOWER_TOKEN
        if token == self.token and sequence <= self.sequence:
            return Refusal.NOT_ABOVE
        self.token, self.sequence = token, sequence
        return None


class Line:
    """The sequences of one token, each given out once."""

    def __init__(self, token: int) -> None:
        self.token = token
        self._given = 0

    @property
    def left(self) -> int:
        return LINE - 1 - self._given

    def next(self) -> int:
        """Return the next sequence. Raises OverflowError at the line's end: the next one belongs to another token."""
        if not self.left:
            raise OverflowError(f"token {self.token} has given out all its sequences")
        self._given += 1
        return self.token * LINE + self._given
