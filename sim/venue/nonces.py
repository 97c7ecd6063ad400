"""The hundred highest nonces of a signer, and the window they must fall into (hyperliquid.md 2.3)."""

from bisect import bisect_left

KEPT = 100
BEHIND_MS = 2 * 86_400_000
AHEAD_MS = 86_400_000


class NonceSet:
    """Belongs to a signer (agent or master), not to an account."""

    def __init__(self) -> None:
        self._highest: list[int] = []

    def refusal(self, nonce: int, now_ms: int) -> str | None:
        """Return the venue's text if the nonce is not acceptable now; None if it is."""
        floor = now_ms - BEHIND_MS
        if len(self._highest) == KEPT:
            floor = max(floor, self._highest[0])
        if self._seen(nonce):
            return f"Invalid nonce: duplicate nonce {nonce}"
        if nonce <= floor:
            return f"Invalid nonce: nonce too low {nonce} < {floor}"
        if nonce >= now_ms + AHEAD_MS:
            return f"Invalid nonce: nonce too high {nonce} > {now_ms + AHEAD_MS}"
        return None

    def use(self, nonce: int) -> None:
        self._highest.insert(bisect_left(self._highest, nonce), nonce)
        if len(self._highest) > KEPT:
            del self._highest[0]

    def _seen(self, nonce: int) -> bool:
        i = bisect_left(self._highest, nonce)
        return i < len(self._highest) and self._highest[i] == nonce
