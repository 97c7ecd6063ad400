"""What each feed last said, and whether it could be taken."""

from math import exp, isnan
from typing import Any

Record = dict[str, Any]

DAY_MS, HOUR_MS = 86_400_000, 3_600_000
LEAST, MOST = 1e-18, 1e18
"""Bounds of a price."""
VOLUME_MOST = 1e30
NAMES = frozenset({"source", "symbol"})


def new_book(rules: Record) -> Record:
    """Return the memory of one index before its first value; rules are a methodology as data."""
    return {
        "rules": rules,
        "feeds": {},
        "price": None,
        "good": None,
        "trail": [],
        "waits": None,
        "agrees": None,
        "unconfirmed": False,
        "confidence": None,
        "sequence": 0,
        "by_hand": False,
    }


def expect(book: Record, source: str, pair: str) -> None:
    """Let a pair be missing until it is heard."""
    book["feeds"].setdefault((source, pair), _silent_feed())


def hear(book: Record, said: Record) -> None:
    """Take one thing that was heard: {"tick": ...}, {"alive": source, "at_ms": ...} or {"down": source}."""
    if "tick" in said:
        tick = {name: value if name in NAMES else _real(value) for name, value in said["tick"].items()}
        _hear_tick(book, tick)
        return
    for (source, _), feed in book["feeds"].items():
        if source == said.get("down"):
            feed["up"] = False
        elif source == said.get("alive") and feed["up"] and feed["tick"]:
            feed["heard"] = max(feed["heard"], said["at_ms"])


def _real(value: Any) -> Any:
    """Return the number behind the words that a ledger has for numbers that JSON has not."""
    return float(value) if value in ("nan", "inf", "-inf") else value


def _hear_tick(book: Record, tick: Record) -> None:
    if not tick["symbol"].split("/", 1)[-1] or "/" not in tick["symbol"]:
        return
    health = book["rules"]["health"]
    feed = book["feeds"].setdefault((tick["source"], tick["symbol"]), _silent_feed())
    wrong = _wrong_with(tick, health)
    if wrong:
        feed["flaw"] = wrong
        return
    last, now = feed["tick"], tick["received_ms"]
    if last and (tick["at_ms"] < last["at_ms"] or tick == last):
        return
    book_known = book["rules"]["price"] == "mid" and None not in (tick.get("bid"), tick.get("ask"))
    price = 0.5 * (tick["bid"] + tick["ask"]) if book_known else tick["price"]
    if last is None or price != feed["price"]:
        if last:
            feed["usual"] = 0.8 * feed["usual"] + 0.2 * (now - feed["changed"])
        feed["changed"], feed["stood"] = now, None
    feed.update(tick=tick, price=price, flaw=None, up=True, heard=max(feed["heard"], now))
    if tick.get("volume_24h") is not None:
        _hear_volume(feed, tick["volume_24h"], now, book["rules"])


def _silent_feed() -> Record:
    return {
        "tick": None,
        "price": None,
        "heard": 0,
        "flaw": None,
        "up": True,
        "changed": 0,
        "usual": 1000.0,
        "stood": None,
        "told": None,
        "volume": None,
        "volume_at": 0,
        "odd": None,
        "out": False,
        "back": None,
        "outs": [],
        "reviewed": False,
    }


def _wrong_with(tick: Record, health: Record) -> str | None:
    bid, ask, late_ms = tick.get("bid"), tick.get("ask"), tick["received_ms"] - tick["at_ms"]
    if not LEAST <= tick["price"] <= MOST:
        return "bad_price"
    if bid is not None and ask is not None:
        if min(bid, ask) < LEAST or max(bid, ask) > MOST or isnan(bid) or isnan(ask):
            return "bad_price"
        if ask < bid:
            return "crossed"
        if health["spread_max"] and ask - bid > ask * health["spread_max"]:
            return "wide"
    if -late_ms > 1000 * health["future_s"]:
        return "future"
    return "past" if late_ms > 1000 * health["past_s"] else None


def _hear_volume(feed: Record, told: float, now: int, rules: Record) -> None:
    factor, slow = rules["health"]["volume_jump"], feed["volume"]
    if not 0 <= told <= VOLUME_MOST:
        feed["odd"] = feed["odd"] or now
        return
    if slow and factor and (told < slow / factor or told > slow * factor):
        feed["odd"] = feed["odd"] or now
        if now - feed["odd"] < HOUR_MS:
            return
        slow = told
    feed["told"] = told
    kept = exp(-max(now - feed["volume_at"], 0) / (DAY_MS * rules["weighing"]["memory_days"]))
    feed["volume"] = kept * slow + (1 - kept) * told if slow else told
    feed["volume_at"], feed["odd"] = now, None
