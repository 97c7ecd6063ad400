import json
from datetime import UTC, datetime
from pathlib import Path

from sim.night import Night
from sim.nights.fault import Fault
from sim.nights.market import WorldMarket
from sim.venue.wire import JSON
from sim.world import World

CLOSE_MS = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
BEHIND = Fault(name="stale-state", at_s=-100.0, for_s=20.0, intensity=0.2)


def test_a_node_that_is_behind_knows_positions_held_before_the_night_by_the_same_ids():
    """A fill under two ids is two fills, and would be booked twice."""
    night = Night(seed=3, coins=6, faults=(BEHIND,), held_usd={2: 9_000.0, 4: -7_000.0})
    market = WorldMarket.drawn(night.seed, coins=night.coins, close_ms=CLOSE_MS, distortions=())
    world = World(night, None, market=market, close_ms=CLOSE_MS, directory=Path("nowhere"))
    body = json.dumps({"type": "userFills", "user": world.keys.address}).encode()
    then_ms = world.start_ms + 1_000
    now = world.venue.http("/info", JSON, body, now_ms=then_ms).body
    (behind,) = world.network.edge._laggards.values()
    assert behind.read(JSON, body, now_ms=then_ms).body == now
    assert len(json.loads(now)) >= 2
