"""Whatever two accounts do and wherever the market goes: every order ends once, and the books agree."""

import random
from collections import Counter, defaultdict

from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, Desk
from tests.sim.venue.orders import action, trigger, wire
from tests.sim.venue.small_market import D

LIVE = ("open", "triggered")
MIDS = (3940, 3985, 4000, 4015, 4060)
NIGHTS, STEPS = 40, 60


def plain(chance):
    qty, px = chance.choice([1, -1, 3, -3, 7, -7]), chance.choice(["3990", "3999.9", "4000.1", "4010"])
    tif = chance.choice(["Gtc", "Gtc", "Ioc", "Alo", "FrontendMarket"])
    return wire("ETH", qty, px, tif, reduce=chance.random() < 0.3)


def stop(chance, side, kind):
    """A trigger order on the side of 4000 where it can wait; side is its own."""
    above = (kind == "sl") == (side > 0)
    at = 4000 + chance.choice([5, 50]) * (1 if above else -1)
    px = chance.choice([None, 4000])
    return trigger("ETH", side * chance.choice([1, 3, 7]), at, kind, px=px, reduce=chance.random() < 0.8)


def document(chance, side):
    both = stop(chance, side, "tp"), stop(chance, side, "sl")
    twap = {"a": 1, "b": side > 0, "s": "6", "r": chance.random() < 0.3, "m": 5, "t": chance.random() < 0.5}
    return chance.choice(
        [
            action(plain(chance)),
            action(plain(chance), *both),
            action(plain(chance), *both, grouping="normalTpsl"),
            action(wire("ETH", -3 * side, 4000 - 5 * side), *both, grouping="normalTpsl"),
            action(wire("ETH", -3 * side, 4000 - 50 * side, "Ioc"), *both, grouping="normalTpsl"),
            action(*both, grouping="positionTpsl"),
            {"type": "twapOrder", "twap": twap},
        ]
    )


def play(desk, chance):
    signer = chance.choice([AGENT, OTHER])
    account = desk.venue._account(ALICE if signer is AGENT else BOB)
    oids = [*account.open_orders, *list(account.orders)[-2:]]
    side = chance.choice([1, -1])
    match chance.choice(["post"] * 5 + ["cancel", "modify", "modify", "move", "move", "wait"]):
        case "post":
            desk.post(document(chance, side), signer=signer)
        case "cancel" if oids:
            desk.cancel(1, chance.choice(oids), signer=signer)
        case "modify" if oids:
            order = chance.choice([plain(chance), stop(chance, side, chance.choice(["tp", "sl"]))])
            change = {"type": "modify", "oid": chance.choice(oids), "order": order}
            desk.post(change | chance.choice([{}, {"a": True}]), signer=signer)
        case "move":
            desk.market.mids["ETH"] = D(chance.choice(MIDS))
            desk.wait(1_000)
        case _:
            desk.wait(chance.choice([70, 3_000, 30_000]))


def test_orders_end_once_and_positions_are_the_sum_of_fills():
    seen = Counter()
    for seed in range(NIGHTS):
        desk, chance = Desk(), random.Random(seed)
        for _ in range(STEPS):
            play(desk, chance)
            for user in (ALICE, BOB):
                check_orders(desk, user)
                check_position(desk, user)
        seen.update(row["status"] for row in desk.info("historicalOrders", user=ALICE))
    assert seen.keys() >= {
        "open",
        "triggered",
        "filled",
        "canceled",
        "reduceOnlyCanceled",
        "siblingFilledCanceled",
        "selfTradeCanceled",
        "badTriggerPxRejected",
    }, "these nights are about all of them"


def check_orders(desk, user):
    lives = defaultdict(list)
    for row in reversed(desk.info("historicalOrders", user=user)):
        lives[row["order"]["oid"]].append(row["status"])
    for oid, statuses in lives.items():
        assert all(status in LIVE for status in statuses[:-1]), (oid, statuses)
    shown = {row["oid"]: row for row in desk.info("frontendOpenOrders", user=user)}
    assert {oid for oid, statuses in lives.items() if statuses[-1] in LIVE} == set(shown)
    assert all(D(row["sz"]) > 0 for row in shown.values() if not row["isPositionTpsl"])


def check_position(desk, user):
    held = desk.venue.positions(user).get("ETH", D(0))
    assert held == sum((fill.signed_size for fill in desk.venue.fills(user)), D(0))
    rows = desk.info("frontendOpenOrders", user=user)
    resting = [row for row in rows if row["reduceOnly"] and row["orderType"] == "Limit"]
    assert sum((D(row["sz"]) for row in resting), D(0)) <= abs(held)
    for order in desk.venue._account(user).open_orders.values():
        if order.reduce_only and order.waits:
            assert held * order.sign < 0, "a stop with nothing to reduce has ended"
