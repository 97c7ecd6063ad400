"""One value of one index: who counts, and what they make together."""

from math import log10

import numpy as np

from research.index_again.heard import Record
from research.index_again.published import decided
from research.index_again.weights import averaged, confidence, volume, weigh

PREFERRED = {"USD": 0, "USDT": 1, "USDC": 2}
DISBELIEVED = frozenset({"outlier", "dwell", "review"})
AT_ODDS = frozenset({"move_awaits_confirmation", "unconfirmed_move_published", "split_market"})


def value_of(book: Record, now: int, rates: Record) -> Record:
    """Return what the index publishes at now (ms); rates are {quote: (price, state)}."""
    rules = book["rules"]
    rows = [_row(key, feed, rates, rules, now) for key, feed in sorted(book["feeds"].items())]
    _one_voice_each(rows)
    _leave_frozen([row for row in rows if not row["reason"]], rules["health"], now)
    sound = [row for row in rows if not row["reason"]]
    middle, candidate, active = None, None, []
    if sound:
        prices = [row["usd"] for row in sound]
        with_last = len(prices) == 2 and book["price"] is not None
        middle = float(np.median([*prices, book["price"]] if with_last else prices))
        _leave_outliers(sound, middle, rules, now)
        active = [row for row in sound if not row["reason"]]
    if active:
        weigh(active, rules["weighing"], now)
        candidate = averaged(active, middle, rules)
    state, cause, price, accepted = decided(book, sound, active, candidate, now)
    if active and price is not None:
        book["confidence"] = _doubt(rows, price, candidate, cause)
    book["sequence"] += 1
    usd = [row["usd"] for row in active]
    return {
        "at_ms": now,
        "sequence": book["sequence"],
        "state": state,
        "cause": cause,
        "price": price,
        "candidate": candidate,
        "median": middle,
        "confidence": None if price is None else book["confidence"],
        "spread": max(usd) / min(usd) - 1 if usd else None,
        "good_ms": book["good"],
        "active_feeds": len(active),
        "accepted": accepted,
        "methodology": rules["name"],
        "inputs": [_told(row, rules) for row in rows],
    }


def _row(key: tuple[str, str], feed: Record, rates: Record, rules: Record, now: int) -> Record:
    reason, rate = _unheard(feed, rules["health"], now), None
    if feed["tick"]:
        rate = _rate(key[1].split("/", 1)[1], rates, converts=rules["converts"])
        reason = reason or (None if rate is not None else "no_conversion")
    usd = None if rate is None else rate * feed["price"]
    return {"key": key, "feed": feed, "reason": reason, "rate": rate, "usd": usd, "used": None, "weight": 0.0}


def _unheard(feed: Record, health: Record, now: int) -> str | None:
    if feed["tick"] is None:
        return feed["flaw"] or "no_tick"
    stamp = feed["heard"] if health["stale_by"] == "receipt" else feed["tick"]["at_ms"]
    answers = {
        "disconnected": not feed["up"],
        feed["flaw"]: feed["flaw"] is not None,
        "stale": now > stamp + 1000 * health["stale_s"],
        "volume": feed["odd"] is not None and health["volume_jump"] > 0,
    }
    return next((reason for reason, holds in answers.items() if holds), None)


def _rate(quote: str, rates: Record, *, converts: bool) -> float | None:
    if quote == "USD" or (quote in PREFERRED and not converts):
        return 1.0
    price, state = rates.get(quote, (None, None))
    return price if converts and state in ("OK", "DEGRADED") else None


def _one_voice_each(rows: list[Record]) -> None:
    by_preference = sorted(rows, key=lambda r: (PREFERRED.get(r["key"][1].split("/", 1)[1], 3), r["key"][1]))
    spoken = set()
    for row in by_preference:
        if not row["reason"] and row["key"][0] in spoken:
            row["reason"] = "secondary"
        elif not row["reason"]:
            spoken.add(row["key"][0])


def _leave_frozen(sound: list[Record], health: Record, now: int) -> None:
    if len(sound) < 2 or not health["frozen_ticks"]:
        return
    middle = float(np.median([row["usd"] for row in sound]))
    for row in sound:
        feed = row["feed"]
        feed["stood"] = middle if feed["stood"] is None else feed["stood"]
        stands = now - feed["changed"] > feed["usual"] * health["frozen_ticks"]
        if stands and 1e4 * abs(middle / feed["stood"] - 1) > health["frozen_bps"]:
            row["reason"] = "frozen"


def _leave_outliers(sound: list[Record], middle: float, rules: Record, now: int) -> None:
    limits = rules["outliers"]
    if not limits["beyond"]:
        return
    for row in sound:
        row["reason"] = _outlying(row["feed"], row["usd"] / middle, limits, now)
    if sum(not row["reason"] for row in sound) < rules["breaker"]["feeds_min"]:
        for row in (row for row in sound if row["reason"] == "dwell"):
            row["reason"] = None
            row["feed"].update(out=False, back=None)


def _outlying(feed: Record, ratio: float, limits: Record, now: int) -> str | None:
    distance = abs(ratio - 1)
    if distance > limits["beyond"]:
        if not feed["out"]:
            feed["outs"] = [at for at in (*feed["outs"], now) if now - at <= 1000 * limits["review_s"]]
            feed["reviewed"] = feed["reviewed"] or 0 < limits["review_count"] <= len(feed["outs"])
        feed.update(out=True, back=None)
        tens = log10(ratio)
        return "unit" if not 1 / 9 <= ratio <= 9 and abs(tens - round(tens)) < 0.02 else "outlier"
    if not feed["out"]:
        return None
    if distance > limits["beyond"] * limits["back_within"]:
        feed["back"] = None
        return "outlier"
    feed["back"] = now if feed["back"] is None else feed["back"]
    behaved_ms = now - feed["back"]
    if feed["reviewed"] and behaved_ms <= 1000 * limits["review_s"]:
        return "review"
    if limits["dwell_s"] and behaved_ms <= 1000 * limits["dwell_s"]:
        return "dwell"
    feed.update(out=False, back=None, reviewed=False)
    return None


def _doubt(rows: list[Record], price: float, candidate: float | None, cause: str) -> float | None:
    """Return the confidence; while price and feeds are at odds, of those that are not believed too. A lone 0 is none."""
    at_odds = cause in AT_ODDS and candidate is not None
    counted = {None, *DISBELIEVED} if at_odds else {None}
    votes = confidence([row for row in rows if row["reason"] in counted], price)
    if at_odds and candidate is not None:
        return max(votes, abs(candidate - price))
    lone = sum(row["reason"] is None for row in rows) == 1
    return None if lone and votes == 0 else votes


def _told(row: Record, rules: Record) -> Record:
    feed, tick = row["feed"], row["feed"]["tick"] or {}
    return {
        "source": row["key"][0],
        "symbol": row["key"][1],
        "price": feed["price"],
        "at_ms": tick.get("at_ms"),
        "received_ms": feed["heard"] if tick else None,
        "volume": volume(row, rules["weighing"]),
        "rate": row["rate"],
        "usd": row["usd"],
        "used": None if row["reason"] else row["used"],
        "weight": 0.0 if row["reason"] else row["weight"],
        "reason": row["reason"],
        "bid": tick.get("bid"),
        "ask": tick.get("ask"),
    }
