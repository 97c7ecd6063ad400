"""What is published of a candidate: it, the last good price, or nothing yet."""

from itertools import pairwise

import numpy as np

from research.index_again.heard import Record

Decision = tuple[str, str, float | None, bool]


def _held(book: Record, cause: str) -> Decision:
    return ("STARTING" if book["price"] is None else "HALTED"), cause, book["price"], False


def decided(
    book: Record, sound: list[Record], active: list[Record], candidate: float | None, now: int
) -> Decision:
    if candidate is None:
        return _held(book, "no_feeds")
    if _in_two_camps(sound, book["rules"]["outliers"], now):
        return _held(book, "split_market")
    decision, fresh = _by_the_rules(book, sound, active, candidate, now)
    if book["by_hand"]:
        return _held(book, "manual_hold")
    if fresh is not None:
        _remember(book, fresh, now)
    return decision


def _by_the_rules(
    book: Record, sound: list[Record], active: list[Record], candidate: float, now: int
) -> tuple[Decision, float | None]:
    """Return the decision, and the price that is the last good one after it where that is a new one."""
    rules = book["rules"]["breaker"]
    state, cause, voters = "OK", "", sound
    if len(active) < rules["feeds_min"]:
        answer = _by_few([row["usd"] for row in active], candidate, book, rules)
        if isinstance(answer, tuple):
            return answer, None
        candidate, voters = answer, active
        if rules["few"] != "average":
            state, cause = "DEGRADED", "below_minimum_feeds"
    moved = _moved(book, [row["usd"] for row in voters], candidate, rules, now)
    if isinstance(moved, tuple):
        return moved, None
    if moved == "unconfirmed":
        return ("DEGRADED", "unconfirmed_move_published", candidate, False), candidate
    return (state, cause, candidate, moved == "accepted"), candidate


def _remember(book: Record, price: float, now: int) -> None:
    book["price"], book["good"] = price, now
    if not book["trail"] or now >= book["trail"][-1][0] + 100:
        book["trail"].append((now, price))


def _in_two_camps(sound: list[Record], limits: Record, now: int) -> bool:
    if len(sound) < 4 or not limits["split_share"]:
        return False
    ranked = sorted(sound, key=lambda row: float(row["usd"]))
    steps = [high["usd"] / low["usd"] for low, high in pairwise(ranked)]
    lower = 1 + int(np.argmax(steps))
    small = min(lower, len(ranked) - lower)
    if max(steps) - 1 <= limits["beyond"] or small < limits["split_share"] * len(ranked):
        return False
    if 2 * small == len(ranked):
        return True
    camp = ranked[:lower] if lower == small else ranked[lower:]
    silent_ms = [now - row["feed"]["heard"] for row in camp]
    patience_ms = [max(2000, 3 * row["feed"]["usual"]) for row in camp]
    return any(silent <= patience for silent, patience in zip(silent_ms, patience_ms, strict=True))


def _by_few(usd: list[float], candidate: float, book: Record, rules: Record) -> Decision | float:
    last: float | None = book["price"]
    if rules["few"] == "average":
        return candidate
    if last is None:
        paired = rules["few"] == "last_index" and len(usd) > 1
        agreed = paired and max(usd) / min(usd) - 1 <= rules["agree_within"]
        return candidate if agreed else _held(book, "below_minimum_feeds")
    if rules["few"] == "hold":
        return "DEGRADED", "below_minimum_feeds", last, False
    if len(usd) > 2:
        return candidate
    if len(usd) == 2:
        return sorted([*usd, last])[1]
    return usd[0] if abs(usd[0] / last - 1) <= rules["single_within"] else _held(book, "below_minimum_feeds")


def _moved(book: Record, usd: list[float], price: float, rules: Record, now: int) -> Decision | str:
    """Say that a price may go out ("", "accepted", "unconfirmed"), or what is published in its place."""
    too_far = _too_far(book, price, rules, now)
    if not (too_far or book["unconfirmed"]):
        book.update(waits=None, agrees=None)
        return ""
    if rules["breach"] == "hold":
        return _held(book, "move_awaits_confirmation")
    book["waits"] = now if book["waits"] is None else book["waits"]
    near = sum(2 * abs(one / price - 1) <= rules["agree_within"] for one in usd)
    if near < rules["feeds_min"] or 2 * near <= len(usd):
        book["agrees"] = None
    elif not book["agrees"]:
        book["agrees"] = now
    if book["agrees"] is not None and now - book["agrees"] >= 1000 * rules["confirm_s"]:
        book.update(waits=None, agrees=None, unconfirmed=False, trail=[])
        return "accepted"
    if now - book["waits"] > 1000 * rules["hold_s"]:
        book.update(unconfirmed=True, trail=[])
        return "unconfirmed"
    return _held(book, "move_awaits_confirmation")


def _too_far(book: Record, price: float, rules: Record, now: int) -> bool:
    limits = rules["limits"]
    if book["price"] is None or rules["breach"] == "accept" or not limits:
        return False
    longest_ms = 1000 * max(seconds for seconds, _ in limits)
    book["trail"] = [(at, old) for at, old in book["trail"] if now - at <= longest_ms]
    if rules["breach"] == "hold":
        return any(abs(price / book["price"] - 1) > most for _, most in limits)
    if not book["trail"]:
        return bool(abs(price / book["price"] - 1) > max(most for _, most in limits))
    for seconds, most in limits:
        within = [old for at, old in book["trail"] if at >= now - 1000 * seconds]
        if abs(price / (within[0] if within else book["trail"][-1][1]) - 1) > most:
            return True
    return False
