"""Sessions and phases: what time of the night it is. Decides what is due; alarms only wake it up."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from core.config import SessionSettings
from core.types import SessionDay, Value

DAY_MS = 86_400_000


class Timetable(Value, frozen=True, kw_only=True):
    """The instants of one session, in milliseconds since 1970 (UTC)."""

    day: SessionDay
    close_ms: int
    preflight_ms: int
    projected_ms: int
    freeze_ms: int
    correction_ms: int
    deadline_ms: int
    projected_end_ms: int


@lru_cache(maxsize=4)
def timetable(close_ms: int, settings: SessionSettings) -> Timetable:
    projected_ms = close_ms + 1000 * settings.projected_s
    return Timetable(
        day=session_day(close_ms),
        close_ms=close_ms,
        preflight_ms=close_ms + 1000 * settings.preflight_s,
        projected_ms=projected_ms,
        freeze_ms=close_ms + 1000 * settings.freeze_s,
        correction_ms=close_ms + 1000 * settings.correction_s,
        deadline_ms=close_ms + 1000 * settings.deadline_s,
        projected_end_ms=projected_ms + 1000 * settings.projected_duration_s,
    )


@lru_cache(maxsize=4)
def session_day(close_ms: int) -> SessionDay:
    """Return the candle day that ends at close_ms (D3-4)."""
    closed = datetime.fromtimestamp(close_ms / 1000, tz=UTC) - timedelta(days=1)
    return SessionDay(closed.date().isoformat())


def current_close_ms(now_ms: int, settings: SessionSettings) -> int:
    """Return the close of the session that now belongs to: the running one, else the next."""
    last_midnight = now_ms - now_ms % DAY_MS
    running = now_ms < last_midnight + 1000 * settings.deadline_s
    return last_midnight if running else last_midnight + DAY_MS


def next_phase(now_ms: int, settings: SessionSettings) -> tuple[str, int]:
    """Return the name and instant of the next thing on the timetable."""
    close_ms = current_close_ms(now_ms, settings)
    for close in (close_ms, close_ms + DAY_MS):
        t = timetable(close, settings)
        due = (
            ("preflight", t.preflight_ms),
            ("projected", t.projected_ms),
            ("freeze", t.freeze_ms),
            ("correction", t.correction_ms),
            ("deadline", t.deadline_ms),
        )
        for name, at_ms in due:
            if at_ms > now_ms:
                return name, at_ms
    raise AssertionError("the next day's preflight lies ahead of any instant")
