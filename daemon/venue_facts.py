"""What a simulated venue says of itself beside the protocol: its clock, its speed, a throw-away account's key."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from adapters.hyperliquid.budget import CAPACITY_PER_MIN
from daemon.clock import monotonic_s
from daemon.options import BadUse

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """now_ms is the venue's clock at read_at_s of our monotonic clock; ip_weight_per_min None: it limits nobody."""

    now_ms: float
    speed: float
    read_at_s: float
    ip_weight_per_min: float | None
    key: str | None


def venue_facts(url: str) -> VenueFacts:
    """Ask the venue. Raises BadUse when nothing answers there, or something else than our venue."""
    before_s = monotonic_s()
    clock = _get(f"{url}/nightdesk/clock")
    after_s = monotonic_s()
    try:
        now_ms, speed = float(clock["now_ms"]), float(clock["speed"])
        weight = float(clock.get("ip_weight_per_min", CAPACITY_PER_MIN)) or None
    except (KeyError, TypeError, ValueError):
        raise BadUse(f"--venue {url}: answers, but not as a nightdesk venue does") from None
    key = _get(f"{url}/nightdesk/account").get("key")
    return VenueFacts(now_ms, speed, (before_s + after_s) / 2, weight, key)


def _get(url: str) -> dict[str, str]:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply:
            document: dict[str, str] = json.load(reply)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise BadUse(
            f"{url}: no nightdesk venue answers there ({error}). Start one: nightdesk venue --help"
        ) from None
    return document
