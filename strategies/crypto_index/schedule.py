"""When a close is, and which days are reviewed."""

from datetime import date, timedelta

from strategies.crypto_index.methodology import Every

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)


def close_ms(day: date) -> int:
    """Return when a day closes: the next midnight UTC."""
    return ((day - EPOCH).days + 1) * DAY_MS


def is_last_of(every: Every, day: date) -> bool:
    """Say whether a day is the last of its month, or quarter."""
    following = day + timedelta(days=1)
    return following.day == 1 and (every is Every.MONTH or following.month % 3 == 1)
