"""What a window settles at, made again: all its values first, then the seconds."""

from typing import Any

import numpy as np

from research.index_again.heard import Record

DAY_MS = 86_400_000
FAR = 0.1
BELIEVED_OR_HEARD = (None, "outlier", "unit", "dwell", "review")


class Windows:
    """The windows of all symbols under a header's settlement rules."""

    def __init__(self, rules: Record) -> None:
        self._rules = rules
        self._length = rules["window_s"] * 1000
        self._open: dict[str, tuple[int, list[Record]]] = {}

    def take(self, symbol: str, value: Record, *, led: bool, token: int) -> Record | None:
        """Take a value as it is made again; return the settlement of the window that it closes."""
        now, made = value["at_ms"], None
        end, kept = self._open.get(symbol, (self._end(now), []))
        kept.append(value | {"led": led, "seen": max(now, kept[-1]["seen"]) if kept else now})
        if now >= end:
            made = self._settlement(symbol, end, kept, token)
            end, kept = self._end(now), kept[-1:]
        elif len(kept) > 1 and kept[1]["seen"] < end - self._length:
            del kept[0]
        self._open[symbol] = end, kept
        return made

    def _end(self, now: int) -> Any:
        today = now - now % DAY_MS
        return min(
            end
            for day in (today, today + DAY_MS)
            for end in (day + 60_000 * minute for minute in self._rules["at_min"])
            if end > now
        )

    def _settlement(self, symbol: str, end: int, kept: list[Record], token: int) -> Record:
        start, closing = end - self._length, kept[-1]
        grid = np.arange(start, end, 1000)
        newest = np.searchsorted([one["seen"] for one in kept[:-1]], grid, side="right") - 1
        stood = [
            (int(at), kept[at_index]) for at, at_index in zip(grid, newest, strict=True) if at_index >= 0
        ]
        stood = [(at, v) for at, v in stood if at - v["at_ms"] <= 1000 * self._rules["stands_s"]]
        priced = [(at, v) for at, v in stood if v["state"] in ("OK", "DEGRADED") and v["price"] is not None]
        states = [v["state"] for _, v in stood]
        covered = len(priced) / grid.size
        enough = covered > 0 and covered >= self._rules["coverage_min"]
        medians = self._medians(start, priced)
        known = [one for one in medians if one is not None]
        return {
            "symbol": symbol,
            "start_ms": start,
            "end_ms": end,
            "at_ms": closing["at_ms"],
            "token": token,
            "methodology": closing["methodology"],
            "twap": float(np.mean([v["price"] for _, v in priced])) if enough else None,
            "partitioned_median": float(np.mean(known)) if enough and known else None,
            "unsettled": None if enough else "coverage_below_minimum" if covered else "no_price",
            "coverage": covered,
            "coverage_min": self._rules["coverage_min"],
            "seconds": {
                "expected": self._rules["window_s"],
                **{name.lower(): states.count(name) for name in ("OK", "DEGRADED", "HALTED", "STARTING")},
                "missing": int(grid.size) - len(stood),
                "standby": sum(not v["led"] for _, v in stood),
            },
            "values": sum(start <= v["at_ms"] < end for v in kept),
            "medians": medians,
            "erroneous": _erroneous(priced),
        }

    def _medians(self, start: int, priced: list[tuple[int, Record]]) -> list[float | None]:
        parts = self._rules["partitions"]
        quotes = [
            ((at - start) * parts // self._length, one["usd"], one["weight"])
            for at, value in priced
            for one in value["inputs"]
            if one["usd"] and not one["reason"] and one["weight"] > 0
        ]
        table = np.array(quotes, dtype=float).reshape(-1, 3)
        return [_weighted_median(table[table[:, 0] == part]) for part in range(parts)]


def _weighted_median(rows: Any) -> float | None:
    if not len(rows):
        return None
    rising = rows[np.argsort(rows[:, 1], kind="stable")]
    reached = np.cumsum(rising[:, 2]) >= rising[:, 2].sum() / 2 * (1 - 1e-12)
    return float(rising[int(np.argmax(reached)), 1])


def _erroneous(priced: list[tuple[int, Record]]) -> list[str]:
    said: dict[str, list[float]] = {}
    for _, value in priced:
        for one in value["inputs"]:
            if one["usd"] and one["reason"] in BELIEVED_OR_HEARD:
                said.setdefault(one["source"], []).append(one["usd"])
    middles = {source: float(np.median(prices)) for source, prices in said.items()}
    far = []
    for source in sorted(middles):
        others = [middle for name, middle in middles.items() if name != source]
        if len(others) > 1 and abs(middles[source] / float(np.median(others)) - 1) > FAR:
            far.append(source)
    return far
