"""Worlds' markets for tests, and what a price must look like."""

from sim.nights.market import TERMS, Terms, WorldMarket
from sim.venue.assets import PRICE_DECIMALS_MAX
from sim.venue.bars import MINUTE_MS

CLOSE_MS = 1_735_689_600_000
FROM_MS, TO_MS = CLOSE_MS - 4 * MINUTE_MS, CLOSE_MS + 3 * MINUTE_MS
COINS = 12
TICK_MS = TERMS.tick_ms
SHORT = Terms(history_seed=3, history_days=40)
SOL, K = "SOL", "kPEPE"


def made(*distortions, seed=1, coins=COINS, terms=SHORT):
    return WorldMarket.drawn(seed, coins=coins, close_ms=CLOSE_MS, distortions=distortions, terms=terms)


def place(market, coin):
    return next(a.asset_id for a in market.assets if a.name == coin)


def figures(px):
    return len(format(px.normalize(), "f").replace(".", "").strip("0"))


def on_grid(asset, px):
    px = px.normalize()
    decimals = max(-px.as_tuple().exponent, 0)
    return (figures(px) <= 5 or decimals == 0) and decimals <= PRICE_DECIMALS_MAX - asset.size_decimals
