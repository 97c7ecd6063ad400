"""ccxt and ccxt.pro on loopback: markets, fetches, watches, orders, positions (hyperliquid.md 5.2)."""

import asyncio
import decimal
from contextlib import asynccontextmanager

import ccxt
import ccxt.pro
import pytest

from tests.sim.venue.desk import ALICE, MASTER
from tests.sim.venue.serving import serving

BTC, ETH = "BTC/USDC:USDC", "ETH/USDC:USDC"


@pytest.fixture(scope="module", autouse=True)
def decimals_as_they_were():
    """ccxt turns the rounding of the whole thread's decimals; the tests after these want Python's own."""
    with decimal.localcontext():
        yield


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


def settings(server):
    return {
        "walletAddress": ALICE,
        "privateKey": MASTER.key.hex(),
        "urls": {"api": {"public": server.url, "private": server.url, "ws": {"public": server.ws}}},
        "options": {"sandboxMode": True},
        "enableRateLimit": False,
    }


@pytest.fixture(scope="module")
def client(server):
    found = ccxt.hyperliquid(settings(server))
    found.load_markets()
    return found


def test_the_markets_are_loaded_by_a_client_with_keys(client):
    """Such a client also approves a builder fee and sets a referrer before it answers."""
    market = client.market(ETH)
    assert market["swap"]
    assert market["precision"]["amount"] == 0.0001
    assert client.market(BTC)["limits"]["leverage"]["max"] == 40


def test_public_data_is_fetched(client):
    assert client.fetch_ticker(ETH)["last"] == pytest.approx(4_000, rel=0.01)
    assert set(client.fetch_tickers()) >= {BTC, ETH}
    book = client.fetch_order_book(ETH)
    assert book["bids"][0][0] < book["asks"][0][0]
    assert client.fetch_ohlcv(ETH, "1h", limit=5)[-1][4] == 4_000
    assert client.fetch_funding_rates([ETH])[ETH]["fundingRate"] is not None
    assert client.fetch_funding_rate_history(ETH, client.milliseconds() - 4 * 3_600_000)
    assert client.fetch_open_interests()[ETH]["openInterestAmount"] > 0
    assert client.fetch_status()["status"] == "ok"


def test_an_order_is_created_fetched_edited_and_cancelled(client):
    made = client.create_order(ETH, "limit", "buy", 1, 3_900)
    assert client.fetch_order(made["id"], ETH)["status"] == "open"
    assert made["id"] in [o["id"] for o in client.fetch_open_orders(ETH)]
    edited = client.edit_order(made["id"], ETH, "limit", "buy", 2, 3_890, {"timeInForce": "Alo"})
    assert edited["id"] != made["id"]
    assert client.fetch_order(made["id"], ETH)["status"] == "canceled"
    client.cancel_order(edited["id"], ETH)
    assert client.fetch_order(edited["id"], ETH)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(edited["id"], ETH)
    assert made["id"] in [o["id"] for o in client.fetch_canceled_orders(ETH)]


def test_an_order_is_found_by_its_client_id(client):
    cloid = f"0x{client.milliseconds():032x}"
    made = client.create_order(ETH, "limit", "buy", 1, 3_900, {"clientOrderId": cloid})
    [shown] = [o for o in client.fetch_open_orders(ETH) if o["id"] == made["id"]]
    assert shown["clientOrderId"] == cloid
    client.cancel_order(made["id"], ETH, {"clientOrderId": cloid})


def test_a_position_is_opened_shown_and_closed(client):
    bought = client.create_order(BTC, "market", "buy", 0.05, 100_000)
    assert bought["filled"] == 0.05
    [held] = client.fetch_positions([BTC])
    assert (held["side"], held["contracts"], held["marginMode"]) == ("long", 0.05, "cross")
    assert client.fetch_balance()["USDC"]["total"] > 900_000
    [trade, *_] = client.fetch_my_trades(BTC, client.milliseconds() - 3_600_000)
    assert trade["amount"] == 0.05
    client.create_order(BTC, "market", "sell", 0.05, 100_000, {"reduceOnly": True})
    assert client.fetch_positions([BTC]) == []


def test_a_bracket_waits_for_its_triggers(client):
    stops = {"stopLoss": {"triggerPrice": 3_600}, "takeProfit": {"triggerPrice": 4_400}}
    client.create_order(ETH, "market", "buy", 1, 4_000, stops)
    waiting = client.fetch_open_orders(ETH)
    assert sorted(o["triggerPrice"] for o in waiting) == [3_600, 4_400]
    client.create_order(ETH, "market", "sell", 1, 4_000, {"reduceOnly": True})
    for order in client.fetch_open_orders(ETH):
        client.cancel_order(order["id"], ETH)


def test_leverage_and_margin_mode_are_set(client):
    assert client.set_leverage(9, ETH, {"marginMode": "cross"})["status"] == "ok"
    assert client.set_margin_mode("isolated", ETH, {"leverage": 4})["status"] == "ok"
    client.create_order(ETH, "market", "buy", 1, 4_000)
    assert client.add_margin(ETH, 50)["code"] == "ok"
    [held] = client.fetch_positions([ETH])
    assert held["marginMode"] == "isolated"
    client.create_order(ETH, "market", "sell", 1, 4_000, {"reduceOnly": True})
    assert client.set_margin_mode("cross", ETH, {"leverage": 9})["status"] == "ok"


def test_the_venues_refusals_are_ccxts_errors(client):
    with pytest.raises(ccxt.InvalidOrder, match="minimum value"):
        client.create_order(ETH, "limit", "buy", 0.001, 3_900)
    with pytest.raises(ccxt.OrderNotFound):
        client.fetch_order("123456789", ETH)
    with pytest.raises(ccxt.BaseError, match="Post only order would have immediately matched"):
        client.create_order(ETH, "limit", "buy", 1, 4_100, {"postOnly": True})


# --- ccxt.pro ------------------------------------------------------------------------------------------


@asynccontextmanager
async def watching(server):
    client = ccxt.pro.hyperliquid(settings(server))
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


def test_the_public_streams_are_watched(server):
    async def main():
        async with watching(server) as client:
            book, ticker, trades, candles = await asyncio.wait_for(
                asyncio.gather(
                    client.watch_order_book(ETH),
                    client.watch_ticker(ETH),
                    client.watch_trades(ETH),
                    client.watch_ohlcv(ETH, "1m"),
                ),
                15,
            )
            assert book["bids"][0][0] < 4_000 < book["asks"][0][0]
            assert ticker["symbol"] == ETH
            assert trades[0]["price"] == pytest.approx(4_000, rel=0.01)
            assert candles[0][4] == 4_000

    asyncio.run(main())


async def watched(watch, wanted):
    """Return the first row that watch shows and wanted takes; what was there before it is passed over."""
    while True:
        for row in await watch():
            if wanted(row):
                return row


def test_orders_and_fills_are_watched_and_made_over_the_socket(server):
    async def main():
        async with watching(server) as client:
            fill = asyncio.ensure_future(watched(client.watch_my_trades, lambda t: t["amount"] == 0.5))
            order = asyncio.ensure_future(watched(client.watch_orders, lambda o: o["amount"] == 0.5))
            await asyncio.sleep(0.3)
            made = await asyncio.wait_for(client.create_order_ws(ETH, "market", "buy", 0.5, 4_000), 10)
            assert made["filled"] == 0.5
            assert (await asyncio.wait_for(order, 10))["symbol"] == ETH
            assert (await asyncio.wait_for(fill, 10))["side"] == "buy"
            resting = await client.create_order_ws(ETH, "limit", "buy", 1, 3_900)
            await asyncio.wait_for(client.cancel_order_ws(resting["id"], ETH), 10)
            assert (await client.fetch_order(resting["id"], ETH))["status"] == "canceled"
            await client.create_order(ETH, "market", "sell", 0.5, 4_000, {"reduceOnly": True})

    asyncio.run(main())
