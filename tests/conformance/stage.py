"""A venue in which the user of a recording has traded, so that its answers have something in them."""

from sim.venue.venue import Venue
from tests.sim.venue.desk import AGENT, Desk, order_action
from tests.sim.venue.small_market import START_MS, D, SmallMarket, asset

USER = "0x31ca8395cf837de08b24da3f660e77761dfb974b"
HOUR_MS = 3_600_000
COINS = {"BTC": 100_000, "ETH": 4_000, "SOL": 200, "HYPE": 45, "DYDX": 2, "kPEPE": "0.012"}


def market():
    assets = [asset(n, name, 0 if name == "kPEPE" else 2, 20) for n, name in enumerate(COINS)]
    gone = asset(len(COINS), "GONE", 1, 3)
    mids = {name: D(px) for name, px in COINS.items()} | {"GONE": D(1)}
    return SmallMarket((*assets, _delisted(gone)), mids=mids, tick_ms=60_000)


def _delisted(coin):
    fields = {name: getattr(coin, name) for name in coin.__slots__}
    return type(coin)(**fields | {"delisted_from_ms": 1})


class Stage(Desk):
    """user's orders are signed by its agent; at_ms is when it began to trade."""

    def __init__(self, user=USER, at_ms=START_MS + 1_000):
        self.market = market()
        self.user, self.now_ms, self.nonce = user.lower(), at_ms, at_ms
        self.venue = Venue(
            self.market,
            accounts={user: D(1_000_000)},
            agents={AGENT.address: user},
            start_ms=at_ms,
            seed=1,
        )

    def trade(self):
        """Open, close and turn positions, leave orders, have some refused, and pay funding."""
        self.taken = self.order("ETH", D("0.5"), 4_400, "FrontendMarket")["filled"]["oid"]
        self.order("ETH", D("-0.5"), 3_600, "FrontendMarket")
        self.order("BTC", D("0.1"), 110_000)
        self.order("SOL", D("-3"), 190)
        self.order("ETH", D("12"), 4_400, cloid="0x" + "ab" * 16)
        self.order("ETH", D(1), 3_500, "Gtc", cloid="0x" + "cd" * 16)
        self.order("SOL", D(1), 150, "Gtc", reduce=True)
        self.cancelled = self.order("DYDX", 20, D("1.5"), "Alo")["resting"]["oid"]
        self.cancel(4, self.cancelled)
        self.order("HYPE", 1, 30)
        self.bracket()
        self.wait(2 * HOUR_MS)
        return self

    def bracket(self):
        """An order with take profit and stop loss."""
        action = order_action(self.market, ("HYPE", 2, 40, "Gtc", False, None))
        [parent] = action["orders"]
        for kind, px in (("tp", "60"), ("sl", "30")):
            trigger = {"isMarket": True, "triggerPx": px, "tpsl": kind}
            child = parent | {"b": False, "p": px, "r": True, "t": {"trigger": trigger}}
            action["orders"].append(child)
        self.post(action | {"grouping": "normalTpsl"})
