"""How numbers and times of a night are written for people. None is a dash: what is not known is not zero."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

DASH = "–"
MINUS = "−"


def usd(x: float | None) -> str:
    return DASH if x is None else _minus(f"{x:,.0f}")


def cents(x: float | None) -> str:
    return DASH if x is None else _minus(f"{x:,.2f}")


def whole_usd(x: float | None) -> str:
    return DASH if x is None else _minus(f"{round(x):+,d}" if round(x) else "0")


def signed_usd(x: float | None) -> str:
    """Whole dollars with a sign; cents below ten dollars, where they matter."""
    if x is None:
        return DASH
    text = _minus(f"{x:+,.2f}" if abs(x) < 10 else f"{x:+,.0f}")
    return "0.00" if text[1:] == "0.00" else text


def bps(x: float | None) -> str:
    return DASH if x is None else _minus(f"{x:+.2f}")


def lots(x: float | None) -> str:
    return DASH if x is None else _minus(f"{x + 0.0:+,.0f}" if abs(x) >= 0.5 else "0")


def quantity(text: str | Decimal | None) -> str:
    """A quantity to its last digit that says something, thousands apart."""
    if text is None:
        return DASH
    written = f"{Decimal(text):,f}"
    return _minus(written.rstrip("0").rstrip(".") if "." in written else written)


def seconds(x: float | None) -> str:
    return DASH if x is None else f"{x:,.1f}"


def milliseconds(x: float | None) -> str:
    return DASH if x is None else f"{x:,.0f}"


def scientific(x: float | None) -> str:
    return DASH if x is None else _minus(f"{x:.1e}")


def clock(at: datetime | int | None) -> str:
    """Time of day in UTC, to the second."""
    if at is None:
        return DASH
    moment = datetime.fromtimestamp(at / 1000, tz=UTC) if isinstance(at, int) else at.astimezone(UTC)
    return moment.strftime("%H:%M:%S")


def abs_or_zero(x: float | None) -> float:
    return abs(x) if x is not None else 0.0


def _minus(text: str) -> str:
    return text.replace("-", MINUS)


_WRITERS = (usd, cents, whole_usd, signed_usd, bps, lots, quantity, seconds, milliseconds, scientific, clock)
FILTERS: dict[str, Callable[[Any], Any]] = {f.__name__: f for f in (*_WRITERS, abs_or_zero)}
