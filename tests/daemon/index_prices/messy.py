"""Markets in which everything goes wrong at once, from a seed: ticks, lost streams, heartbeats, nonsense."""

import math
import random

from core.prices.types import Tick
from sim.price_files.stream import Alive, Down, Stream

T = 1_700_000_000_000
SOURCES = ("binance", "bitstamp", "coinbase", "kraken", "okx")
PAIRS = ("BTC/USD", "BTC/USDT", "USDT/USD", "BTC/USDC", "USDC/USDT")
LEVEL = {"BTC": 50_000.0, "USDT": 1.0, "USDC": 1.0}
NONSENSE = (math.nan, math.inf, 0.0, -1.0)


def messy(seed, seconds=60):
    draw = random.Random(seed)
    stream, level, pairs = Stream(), 1.0, [(s, p) for s in SOURCES for p in PAIRS if draw.random() < 0.5]
    spell = {}
    volumes = {pair: 10 ** draw.uniform(5, 9) for pair in pairs}
    for step in range(seconds * 2):
        now = T + step * draw.choice((500, 500, 510))
        level *= math.exp(draw.gauss(0, 0.001)) * (
            draw.choice((0.8, 1.07, 1.12)) if draw.random() < 0.02 else 1.0
        )
        for key in pairs:
            if draw.random() < 0.01:
                spell[key] = (now + draw.choice((12_000, 40_000)), draw.choice((0.0, level)))
            until_ms, stuck = spell.get(key, (0, 0.0))
            if draw.random() < 0.6 and (now > until_ms or stuck):
                at = stuck if now <= until_ms else level * math.exp(draw.gauss(0, 0.0005))
                stream.heard.append(_tick(draw, now, key, at, volumes))
        if draw.random() < 0.05:
            stream.heard.append(draw.choice((Alive, Down))(draw.choice(SOURCES), now))
    stream.heard.sort(key=lambda one: one.received_ms)
    return stream


def _tick(draw, now, key, level, volumes):
    base = key[1].partition("/")[0]
    price = LEVEL[base] * (level if base == "BTC" else 1 + (level % 0.001))
    odd = draw.random()
    if odd < 0.02:
        price *= draw.choice((1.03, 0.97, 1.013, 1000.0, 0.9))
    elif odd < 0.03:
        price = draw.choice(NONSENSE)
    half = price * abs(draw.gauss(0, 0.001)) if draw.random() < 0.7 else None
    volume = volumes[key] * (draw.choice((1000.0, 0.0, -1.0, math.nan)) if draw.random() < 0.01 else 1.0)
    late_ms = draw.choice((0, 20, 80, 300, -500, -5000, 90_000)) if draw.random() < 0.1 else 30
    return Tick(
        source=key[0],
        symbol=key[1],
        price=price,
        at_ms=now - late_ms,
        received_ms=now,
        volume_24h=volume if draw.random() < 0.9 else None,
        bid=None if half is None else price - half * (1 if draw.random() < 0.98 else -2),
        ask=None if half is None else price + half,
    )
