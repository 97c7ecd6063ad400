"""The venue over a distorted market: it answers, its frames can be read and its accounts add up, whatever prices do."""

import json
import random
from decimal import Decimal

import pytest

from sim.nights.distortions import (
    BadNumber,
    CandleUnit,
    CrossedBook,
    Delisting,
    EmptyBook,
    FrozenPrice,
    Gap,
    Halted,
    Listing,
    MissingClose,
    MissingFunding,
    RevisedClose,
    Side,
    ThinBook,
    UnitChange,
    WideSpread,
    Window,
)
from sim.nights.market import Terms, WorldMarket
from sim.venue.identities import broken_identities, margin_tiers
from sim.venue.order import to_grid
from tests.sim.venue.desk import AGENT, ALICE, BOB, OTHER, Desk
from tests.sim.venue.orders import status as order_status

CLOSE_MS = 1_735_689_600_000
MINUTE_MS = 60_000
START_MS, FROM_MS, TO_MS = CLOSE_MS - 90_000, CLOSE_MS - 40_000, CLOSE_MS + 30_000
END_MS = TO_MS + 20_000
COINS = 6
K = "kPEPE"
ALL, ONE = Window(None, FROM_MS, TO_MS), Window("SOL", FROM_MS, TO_MS)

WRONG = {
    "nothing": (),
    "gap up": (Gap(ALL, 0.3),),
    "gap down": (Gap(ALL, -0.3),),
    "frozen": (FrozenPrice(ALL),),
    "halted": (Halted(ALL),),
    "halted for good": (Halted(Window("SOL", FROM_MS)),),
    "larger unit": (UnitChange(Window(K, FROM_MS, TO_MS)),),
    "smaller unit": (UnitChange(Window(K, FROM_MS, TO_MS), 0.001),),
    "empty": (EmptyBook(ALL),),
    "no bids": (EmptyBook(ALL, Side.BIDS),),
    "no asks": (EmptyBook(ALL, Side.ASKS),),
    "crossed": (CrossedBook(ALL, 50.0),),
    "locked": (CrossedBook(ALL, 0.0),),
    "thin": (ThinBook(ALL, 0.001),),
    "wide": (WideSpread(ALL, 500.0),),
    "candle's unit": (CandleUnit(Window(K, FROM_MS, TO_MS)),),
    "missing close": (MissingClose(ALL),),
    "revised close": (RevisedClose(ALL, -0.1),),
    "missing funding": (MissingFunding(Window(None, CLOSE_MS, CLOSE_MS + MINUTE_MS)),),
    "bad close": (BadNumber(ALL, "c", "NaN"),),
    "bad context": (BadNumber(ALL, "mark", "NaN"), BadNumber(ALL, "day_notional_usd", "-1")),
    "bad mid": (BadNumber(ONE, "mid", "NaN"),),
    "delisted": (Delisting("SOL", CLOSE_MS - 10_000),),
    "listed": (Listing("SOL", CLOSE_MS - 10_000),),
    "all at once": (
        Gap(ALL, -0.2),
        ThinBook(ALL, 0.05),
        CrossedBook(Window("BTC", FROM_MS, TO_MS)),
        EmptyBook(Window("ETH", FROM_MS, TO_MS)),
        Halted(Window("XRP", FROM_MS, CLOSE_MS)),
        UnitChange(Window(K, FROM_MS, TO_MS)),
        Delisting("SOL", CLOSE_MS - 10_000),
    ),
}


def opened(name, *, usdc=1_000_000):
    market = WorldMarket.drawn(
        5,
        coins=COINS + 2,
        close_ms=CLOSE_MS,
        distortions=WRONG[name],
        terms=Terms(history_seed=1, history_days=40),
    )
    return Desk(market, usdc=usdc, at_ms=START_MS)


def trade(desk, rng):
    """Send one random order of either account: mostly IOC, some that rest, priced around the last price."""
    asset = rng.choice(desk.market.assets)
    base = desk.market.mark(asset.asset_id, desk.now_ms)
    tif = rng.choice(["Ioc", "Ioc", "Ioc", "Gtc", "Alo"])
    buy = rng.random() < 0.5
    px = to_grid(asset, base * Decimal(str(1 + rng.choice([-0.3, -0.02, 0.0, 0.02, 0.3]))), up=not buy)
    lots = max(int(rng.choice([15, 1_000, 40_000]) / float(px) * 10**asset.size_decimals), 1)
    size = Decimal(lots).scaleb(-asset.size_decimals) * (1 if buy else -1)
    account = rng.choice([AGENT, OTHER])
    return desk.order(asset.name, size, px, tif, signer=account, reduce=rng.random() < 0.1)


def listen(desk):
    connection = desk.connect()
    for kind in ("allMids", "fastAssetCtxs", "assetCtxs"):
        desk.subscribe(connection, type=kind)
    for asset in desk.market.assets:
        for kind in ("bbo", "trades", "l2Book", "activeAssetCtx"):
            desk.subscribe(connection, type=kind, coin=asset.name)
        desk.subscribe(connection, type="candle", coin=asset.name, interval="1d")
    for user in (ALICE, BOB):
        for kind in ("userFills", "clearinghouseState", "orderUpdates", "userFundings", "webData2"):
            desk.subscribe(connection, type=kind, user=user)
    return connection


def check_accounts(desk):
    tiers = margin_tiers(desk.info("meta"))
    for user in (ALICE, BOB):
        assert broken_identities(desk.state(user), tiers) == []
        held = desk.venue.positions(user)
        fills = desk.venue.fills(user)
        for coin in {fill.coin for fill in fills}:
            traded = sum(fill.size if fill.buy else -fill.size for fill in fills if fill.coin == coin)
            assert held.get(coin, 0) == traded


def ask_everything(desk):
    for kind in ("meta", "metaAndAssetCtxs", "allMids", "predictedFundings"):
        desk.info(kind)
    for asset in desk.market.assets:
        desk.info("l2Book", coin=asset.name)
        desk.info("l2Book", coin=asset.name, nSigFigs=2)
        asked = {"coin": asset.name, "interval": "1d", "startTime": CLOSE_MS - 3 * 86_400_000}
        desk.info("candleSnapshot", req=asked)
        desk.info("fundingHistory", coin=asset.name, startTime=CLOSE_MS - 3 * 3_600_000)


@pytest.mark.parametrize("name", WRONG)
def test_accounts_add_up_while_orders_trade_through_a_distortion(name):
    desk, rng = opened(name), random.Random(name)
    connection = listen(desk)
    filled = 0
    while desk.now_ms < END_MS:
        filled += "filled" in trade(desk, rng)
        desk.wait(rng.choice([50, 400, 1_700]))
        if rng.random() < 0.25:
            check_accounts(desk)
        if rng.random() < 0.05:
            ask_everything(desk)
    check_accounts(desk)
    frames = desk.frames(connection)
    assert filled > 5
    assert {f["channel"] for f in frames} > {"bbo", "trades", "l2Book", "allMids", "userFills"}
    assert "NaN.0" not in json.dumps(frames)


@pytest.mark.parametrize("name", ["gap up", "gap down", "larger unit", "smaller unit", "empty", "halted"])
def test_accounts_add_up_while_they_are_liquidated(name):
    desk, rng = opened(name, usdc=3_000), random.Random(name)
    while desk.now_ms < END_MS:
        trade(desk, rng)
        desk.wait(1_000)
    check_accounts(desk)


@pytest.mark.parametrize(
    ("name", "buy_fills", "sell_fills"),
    [("empty", False, False), ("halted", False, False), ("no bids", True, False), ("no asks", False, True)],
)
def test_an_order_finds_what_its_side_of_the_book_has(name, buy_fills, sell_fills):
    desk = opened(name)
    desk.wait(FROM_MS + 5_000 - desk.now_ms)
    for sign, fills in ((1, buy_fills), (-1, sell_fills)):
        px = to_grid(desk.market.assets[2], desk.market.mark(2, desk.now_ms) * (1 + sign * D5), up=False)
        reply = desk.order("SOL", sign, px)
        assert ("filled" in reply) is fills
        if not fills:
            assert "could not immediately match" in reply["error"]


D5 = Decimal("0.05")


def test_the_side_that_is_there_is_shown():
    desk = opened("no bids")
    connection = desk.connect()
    desk.wait(FROM_MS + 5_000 - desk.now_ms)
    desk.subscribe(connection, type="bbo", coin="SOL")
    bid, ask = desk.frames(connection)[-1]["data"]["bbo"]
    assert bid is None
    assert Decimal(ask["px"]) == desk.market.ladder(2, desk.now_ms).asks[0].px


def test_a_resting_order_fills_when_the_market_gaps_through_it():
    desk = opened("gap down")
    px = to_grid(desk.market.assets[2], desk.market.mark(2, desk.now_ms) * Decimal("0.9"), up=False)
    oid = desk.order("SOL", 3, px, "Gtc")["resting"]["oid"]
    desk.wait(FROM_MS + 2_000 - desk.now_ms)
    assert order_status(desk, oid) == "filled"
    check_accounts(desk)


def test_a_halted_coins_ticks_come_back_when_its_halt_ends():
    desk = opened("halted")
    connection = desk.connect()
    desk.subscribe(connection, type="allMids")
    desk.subscribe(connection, type="bbo", coin="SOL")
    desk.wait(TO_MS + 5_000 - desk.now_ms)
    shown = [(f["data"]["time"], f["data"]["bbo"]) for f in desk.frames(connection) if f["channel"] == "bbo"]
    inside = [both for at_ms, both in shown if FROM_MS <= at_ms < TO_MS]
    assert inside == [[None, None]]
    assert [at_ms for at_ms, both in shown if at_ms >= TO_MS and None not in both]


def test_a_listed_coin_trades_from_its_listing_on():
    desk = opened("listed")
    new = len(desk.market.assets) - 1
    px = to_grid(desk.market.assets[new], desk.market.mark(new, desk.now_ms) * Decimal("1.05"), up=False)
    assert "delisted" in desk.order("SOL", 1, px)["error"]
    before, contexts = desk.info("metaAndAssetCtxs")
    desk.wait(CLOSE_MS - desk.now_ms)
    assert "filled" in desk.order("SOL", 1, px)
    after, more = desk.info("metaAndAssetCtxs")
    assert [coin["name"] for coin in after["universe"]] == [*(c["name"] for c in before["universe"]), "SOL"]
    assert (len(contexts), len(more)) == (new, new + 1)
