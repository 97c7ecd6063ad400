"""Who signs now, and who signed before: an order is proved dead with the key that it was signed with."""

from bisect import bisect_right

from adapters.hyperliquid.signing import Signer


class Signers:
    """Signers in the order in which they took over, each from a nonce on. Nonces rise across them: they share one counter.

    The venue keeps used nonces by signer. A noop of the new key would leave the old key's nonce free, and be taken for
    proof that an order is dead which can still land.
    """

    def __init__(self, first: Signer) -> None:
        self._from = [0]
        self._signers = [first]

    @property
    def current(self) -> Signer:
        return self._signers[-1]

    def of(self, nonce: int) -> Signer:
        """Return who signs, or has signed, the action with this nonce."""
        return self._signers[bisect_right(self._from, nonce) - 1]

    def replace(self, signer: Signer, *, from_nonce: int) -> None:
        """Let another sign from this nonce on. Raises ValueError unless it is above all that were taken over at."""
        if from_nonce <= self._from[-1]:
            raise ValueError(
                f"nonce {from_nonce} is not above {self._from[-1]}, where the last signer took over"
            )
        self._from.append(from_nonce)
        self._signers.append(signer)
