"""The schedule as a function of target, confirmed position and time left; never a list that can be lost.

Each slice is computed from what is missing now, so a crash, a missed slice or a reject is absorbed by the
next one. No slice exceeds a multiple of the even size, so catching up never bursts.
"""

import math
from decimal import Decimal

from core.chance import uniform
from core.config import TwapSettings
from core.sizing import ceil_lots, floor_lots, nearest_lots, to_decimal
from core.types import Coin, Instrument, Value

AGAIN_MS = 5_000
"""After the last slice what is missing is tried again this often until the window ends: each try may fill in part."""


class Schedule(Value, frozen=True, kw_only=True):
    """A window cut into slices. name seeds the jitter, so that a restart draws the same."""

    name: str
    seed: int
    start_ms: int
    end_ms: int

    def count(self, settings: TwapSettings) -> int:
        return max(1, math.floor((self.end_ms - self.start_ms) / (1000 * settings.slice_s)))

    def step_ms(self, settings: TwapSettings) -> float:
        return max(self.end_ms - self.start_ms, 1) / self.count(settings)

    def slice_ms(self, k: int, settings: TwapSettings) -> int:
        """Return when slice k is due: the jitter only delays. Beyond the last slice come its repetitions."""
        last = min(k, self.count(settings) - 1)
        shift = settings.time_jitter * uniform(self.seed, self.name, "time", last)
        return self.start_ms + int(self.step_ms(settings) * (last + shift)) + AGAIN_MS * (k - last)

    def due(self, now_ms: int, settings: TwapSettings) -> int:
        """Return the newest slice that is due at now_ms, -1 when none is."""
        last = self.count(settings) - 1
        k = min(math.floor((now_ms - self.start_ms) / self.step_ms(settings)), last)
        due_ms = self.slice_ms(k, settings)
        if k == last and due_ms <= now_ms:
            return last + (now_ms - due_ms) // AGAIN_MS
        return max(k if due_ms <= now_ms else k - 1, -1)


class Gap(Value, frozen=True, kw_only=True):
    """What is missing on one coin, and what bounds one slice of it. planned_qty is what the window began with."""

    coin: Coin
    missing_qty: Decimal
    planned_qty: Decimal
    position_qty: Decimal
    px: Decimal
    adv_usd: float


def child_qty(
    gap: Gap, instrument: Instrument, *, schedule: Schedule, k: int, settings: TwapSettings
) -> Decimal:
    """Return the signed quantity of slice k: zero when nothing is due or what is missing cannot be traded."""
    count = schedule.count(settings)
    left = max(count - k, 1)
    size = abs(gap.missing_qty)
    minimum = ceil_lots(to_decimal(settings.min_order_usd) / gap.px, instrument)
    wobble = settings.size_jitter * (2 * uniform(schedule.seed, schedule.name, gap.coin, k) - 1)
    even = size / left * (to_decimal(1 + wobble) if left > 1 else 1)
    child = min(nearest_lots(even, instrument), _most(gap, count, settings))
    child = floor_lots(min(max(child, minimum), size), instrument)
    if 0 < size - child < minimum:
        child = floor_lots(size, instrument)
    if child < minimum and not _closes(gap, child):
        return Decimal(0)
    return child.copy_sign(gap.missing_qty)


def _most(gap: Gap, count: int, settings: TwapSettings) -> Decimal:
    """Return the largest slice that neither bursts nor takes too much of the coin's trading."""
    even = max(abs(gap.planned_qty), abs(gap.missing_qty)) / count
    burst = even * to_decimal(settings.catch_up_max)
    share_usd = settings.participation_max * gap.adv_usd * settings.slice_s / 86_400
    return min(burst, to_decimal(share_usd) / gap.px)


def _closes(gap: Gap, child: Decimal) -> bool:
    """Say whether the child ends the position: the one order the venue takes below its minimum."""
    return child > 0 and gap.position_qty == -child.copy_sign(gap.missing_qty)
