"""A market made by hand: constant prices that a test may move, ladders of one-dollar steps."""

from decimal import Decimal

from sim.venue.assets import VenueAsset
from sim.venue.book import Ladder, Level
from sim.venue.candles import CANDLES_MAX, INTERVAL_MS, CandleRow
from sim.venue.funding import FundingRow
from sim.venue.market import Context

START_MS = 1_753_400_000_000 // 3_600_000 * 3_600_000
HOUR_MS = 3_600_000
D = Decimal
FIVE = D(5)


def asset(asset_id, name, size_decimals, leverage, table=None):
    return VenueAsset(
        asset_id=asset_id,
        name=name,
        size_decimals=size_decimals,
        leverage_max=leverage,
        margin_table_id=leverage if table is None else table,
        delisted_from_ms=None,
        listed_from_ms=0,
    )


class SmallMarket:
    """mids, marks and rates may be set by name; every side has depth levels of size, a tick apart."""

    def __init__(self, assets=None, *, mids=None, size=FIVE, tick_ms=1000, depth=20):
        self.assets = assets or (asset(0, "BTC", 5, 40, 56), asset(1, "ETH", 4, 25), asset(2, "SOL", 2, 20))
        self.first_ms, self.last_ms = 0, 2**60
        self.mids = mids or {"BTC": D(100_000), "ETH": D(4_000), "SOL": D(200)}
        self.marks, self.rates = {}, {}
        self.size, self.tick_ms, self.depth = size, tick_ms, depth
        self.ladders_made = 0

    def name(self, asset_id):
        return self.assets[asset_id].name

    def live(self, asset_id, at_ms):
        ended = self.assets[asset_id].delisted_from_ms
        return ended is None or at_ms < ended

    def step(self, asset_id):
        return D(1).scaleb(self.mids[self.name(asset_id)].adjusted() - 4)

    def best(self, asset_id, at_ms):
        ladder = self.ladder(asset_id, at_ms)
        return (ladder.bids[0], ladder.asks[0]) if ladder.bids and ladder.asks else None

    def ladder(self, asset_id, at_ms):
        self.ladders_made += 1
        if not self.live(asset_id, at_ms):
            return Ladder(at_ms, (), ())
        mid, step = self.mids[self.name(asset_id)], self.step(asset_id)
        sides = (
            tuple(Level(mid + s * k * step, self.size, 2) for k in range(1, self.depth + 1)) for s in (-1, 1)
        )
        return Ladder(at_ms, *sides)

    def next_tick_ms(self, asset_id, at_ms):
        return (at_ms // self.tick_ms + 1) * self.tick_ms

    def mid(self, asset_id, at_ms):
        return self.mids[self.name(asset_id)]

    def mark(self, asset_id, at_ms):
        return self.marks.get(self.name(asset_id), self.mids[self.name(asset_id)])

    oracle = mark

    def context(self, asset_id, at_ms):
        mid = self.mid(asset_id, at_ms)
        if not self.live(asset_id, at_ms):
            return Context(mid, mid, None, D(0), None, D(0), mid, D(0), D(0), None)
        impact = (mid - self.step(asset_id), mid + self.step(asset_id))
        return Context(mid, mid, mid, D("0.0000125"), D(0), D(1000), mid, D(1000) * mid, D(1000), impact)

    def candles(self, asset_id, interval, *, start_ms, end_ms, now_ms):
        step = INTERVAL_MS[interval]
        px, start_ms = str(self.mid(asset_id, now_ms)), max(start_ms, now_ms - CANDLES_MAX * step)
        return [
            CandleRow(
                t=t, T=t + step - 1, s=self.name(asset_id), i=interval, o=px, c=px, h=px, l=px, v="1.0", n=1
            )
            for t in range(start_ms // step * step, min(end_ms, now_ms) + 1, step)
        ]

    def funding_history(self, asset_id, *, start_ms, end_ms, now_ms):
        hours = range(-(-start_ms // HOUR_MS) * HOUR_MS, min(end_ms, now_ms) + 1, HOUR_MS)
        name, rate = self.name(asset_id), str(self.funding_rate(asset_id, 0))
        return [FundingRow(coin=name, fundingRate=rate, premium="0.0", time=t + 7) for t in hours][:500]

    def funding_rate(self, asset_id, hour_ms):
        return self.rates.get(self.name(asset_id), D("0.0000125"))
