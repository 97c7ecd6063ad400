"""Trades as everybody sees them: those of the accounts, and between them a seeded trickle of others' trades."""

import random
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sim.venue.clearing import NO_HASH
from sim.venue.state import Printed, VenueState
from sim.venue.wire import number

RECENT = 10
LOOK_BACK_MS = 20_000
SHARES = tuple(Decimal(n) / 100 for n in (1, 2, 5, 10, 20))
OTHERS = ("0x" + 40 * "a", "0x" + 40 * "b")


def trade_document(trade: Printed) -> dict[str, Any]:
    return {
        "coin": trade.coin,
        "side": "B" if trade.buy else "A",
        "px": number(trade.px),
        "sz": number(trade.size),
        "time": trade.at_ms,
        "hash": trade.hash,
        "tid": trade.tid,
        "users": list(trade.users),
    }


class Tape:
    def __init__(self, state: VenueState) -> None:
        self._state = state
        self._own: dict[int, deque[Printed]] = {}

    def add(self, trade: Printed) -> None:
        self._own.setdefault(trade.asset_id, deque(maxlen=RECENT)).append(trade)

    def others(self, asset_id: int, tick_ms: int) -> Printed | None:
        """Return the trade that strangers made at this tick: a small one at the touch, on a random side."""
        ladder = self._state.prices.ladder(asset_id, tick_ms)
        chance = random.Random(f"{self._state.seed} {asset_id} {tick_ms}")
        buy = chance.random() < 0.5
        levels = ladder.asks if buy else ladder.bids
        asset = self._state.prices.assets[asset_id]
        if not levels:
            return None
        size = (levels[0].size * chance.choice(SHARES)).quantize(Decimal(1).scaleb(-asset.size_decimals))
        if size == 0:
            return None
        tid = 10**13 + chance.randrange(8 * 10**13)
        return Printed(asset_id, asset.name, buy, levels[0].px, size, tick_ms, tid, NO_HASH, OTHERS)

    def recent(self, asset_id: int) -> list[Printed]:
        """Return the last trades, newest first."""
        seen = [*self._own.get(asset_id, ()), *self._others_lately(asset_id)]
        return sorted(seen, key=lambda trade: (trade.at_ms, trade.tid), reverse=True)[:RECENT]

    def _others_lately(self, asset_id: int) -> Iterator[Printed]:
        prices, now_ms = self._state.prices, self._state.now_ms
        tick_ms = max(now_ms - LOOK_BACK_MS, prices.first_ms)
        while (tick_ms := prices.next_tick_ms(asset_id, tick_ms)) <= now_ms:
            trade = self.others(asset_id, tick_ms)
            if trade is not None:
                yield trade
