"""What `nightdesk run` was asked to do, checked before anything starts."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


class BadUse(Exception):
    """A command was used in a way it does not allow; exit code 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """speed is None for as fast as the machine allows, on the virtual loop."""

    dry_run: bool
    venue_url: str | None
    data: Path | None
    start_ms: int | None
    until_ms: int | None
    speed: float | None
    seed: int
    state_dir: Path | None
    config: Path | None
    json: bool


def parse_instant(text: str, *, option: str) -> int:
    """Return an ISO date or time as milliseconds since 1970; without a zone it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadUse(f"{option} {text}: not an ISO time such as 2025-07-21T23:40:00Z") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return int(at.timestamp() * 1000)


def parse_speed(text: str) -> float | None:
    """Return the acceleration, None for "max"."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and 0 < speed <= 1000):
        raise BadUse(f"--speed {text}: give a number above 0 and at most 1000, or max")
    return speed


def checked(options: RunOptions) -> RunOptions:
    """Return the options, or raise BadUse where two of them do not go together."""
    if not options.dry_run:
        given = {
            "--venue": options.venue_url,
            "--data": options.data,
            "--start": options.start_ms,
            "--speed": "max" if options.speed is None else options.speed if options.speed != 1.0 else None,
            "--seed": options.seed or None,
        }
        if wrong := [name for name, value in given.items() if value is not None]:
            raise BadUse(f"{' and '.join(wrong)}: only together with --dry-run")
    if options.venue_url is not None:
        if options.data is not None or options.start_ms is not None:
            raise BadUse("--venue runs on that venue's data and clock: leave out --data and --start")
        if not options.venue_url.startswith(("http://", "https://")):
            raise BadUse(
                f"--venue {options.venue_url!r}: must be http://HOST:PORT, as nightdesk venue prints it"
            )
    if options.data is not None and not options.data.is_dir():
        raise BadUse(f"--data {options.data}: no such directory")
    if options.config is not None and not options.config.is_file():
        raise BadUse(f"--config {options.config}: no such file")
    return options
