"""What a bitcoin is worth, second by second, from a seed; and what venues may say without being wrong."""

import math
from collections import deque
from random import Random

STEP_S = 0.25
SHORT_BPS = 1.0
"""Standard deviation of a step: 2 bp a second."""

BASIS_BPS = 3.0
WORTH_USD = 50_000.0
LATE_S = 1.5
"""A value may be as old as this and still be right, as in docs/index_price.md, Abnormal markets."""

CRASH_S = 2.0


class Market:
    """The honest price. step() each STEP_S; crash() lets it fall, or rise, by a fraction within two seconds."""

    def __init__(self, random: Random) -> None:
        self.usd = WORTH_USD
        self._random = random
        self._told: deque[float] = deque([WORTH_USD], maxlen=1 + math.ceil(LATE_S / STEP_S))
        self._falling: list[float] = []

    def step(self) -> None:
        move = self._random.gauss(0, SHORT_BPS / 1e4) - 1e-4 * math.log(self.usd / WORTH_USD)
        if self._falling:
            move += self._falling.pop()
        self.usd *= math.exp(move)
        self._told.append(self.usd)

    def crash(self, by: float) -> None:
        steps = round(CRASH_S / STEP_S)
        self._falling = [math.log1p(by) / steps] * steps

    def error_bps(self, price: float) -> float:
        """Return how far a price is from all that was right within LATE_S, beyond what honest venues differ by."""
        low, high = min(self._told), max(self._told)
        off = max(price / high - 1, low / price - 1, 0.0)
        return max(1e4 * off - BASIS_BPS, 0.0)
