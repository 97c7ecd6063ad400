"""Order wires and actions by hand, where the SDK knows no way to write them."""

from sim.venue.order import Order
from tests.sim.venue.desk import ALICE
from tests.sim.venue.small_market import D

IDS = {"BTC": 0, "ETH": 1, "SOL": 2}


def wire(coin, qty, px, tif="Gtc", *, reduce=False, cloid=None):
    return _wire(coin, qty, px, {"limit": {"tif": tif}}, reduce=reduce, cloid=cloid)


def trigger(coin, qty, at, kind="sl", *, px=None, reduce=True, cloid=None):
    """A market trigger order; with px a limit one."""
    t = {"isMarket": px is None, "triggerPx": str(at), "tpsl": kind}
    return _wire(coin, qty, at if px is None else px, {"trigger": t}, reduce=reduce, cloid=cloid)


def _wire(coin, qty, px, kind, *, reduce, cloid):
    size = format(abs(D(qty)).normalize(), "f")
    document = {"a": IDS[coin], "b": D(qty) > 0 or str(qty) == "+0", "p": str(px), "s": size, "r": reduce}
    return document | {"t": kind} | ({} if cloid is None else {"c": cloid})


def action(*wires, grouping="na"):
    return {"type": "order", "orders": list(wires), "grouping": grouping}


def place(desk, *wires, grouping="na", **options):
    """Return the statuses of an order action."""
    reply = desk.post(action(*wires, grouping=grouping), **options)
    assert reply["status"] == "ok", reply
    return reply["response"]["data"]["statuses"]


def rest(desk, *wires, **options):
    """Place orders that rest, or wait, and return their order ids."""
    return [status["resting"]["oid"] for status in place(desk, *wires, **options)]


def hold_open(desk, count):
    """Let ALICE have so many open orders, far away, without the time it takes to place them."""
    account = desk.venue._account(ALICE)
    while len(account.open_orders) < count:
        oid = -1 - len(account.open_orders)
        account.open_orders[oid] = Order(
            oid, ALICE, 1, "ETH", True, D(3000), D(1), D(1), "Gtc", False, 0, waits=True
        )


def status(desk, oid, user=ALICE):
    found = desk.info("orderStatus", user=user, oid=oid)
    return found["order"]["status"] if found["status"] == "order" else found["status"]


def history(desk, oid, user=ALICE):
    """Return the statuses that an order went through, oldest first."""
    rows = reversed(desk.info("historicalOrders", user=user))
    return [row["status"] for row in rows if row["order"]["oid"] == oid]


def open_rows(desk, user=ALICE):
    return {row["oid"]: row for row in desk.info("frontendOpenOrders", user=user)}


def move(desk, coin, px, ms=3_000):
    """Move the market to px, mark and all, and wait until the venue has seen the new mark."""
    desk.market.mids[coin] = D(px)
    desk.wait(ms)
