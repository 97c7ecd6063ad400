"""Stablecoins leave their peg under venues that quote in them."""

from sim.price_events.scene import VENUES, Event
from sim.price_events.telling import ramp

FALLS = {"USDT": ramp(0.93, 20.0), "USDC": ramp(0.88, 20.0)}
IN_USDT = dict.fromkeys(("binance", "okx", "bybit"), "USDT")
IN_USDC = dict.fromkeys(("binance", "coinbase", "bybit"), "USDC")

STABLECOINS = (
    Event(
        name="usdt_depeg",
        about="USDT falls 7 %, three venues quote in it, three tell its price",
        quotes=IN_USDT,
        worth={"USDT": FALLS["USDT"]},
        converters=(("kraken", "USDT/USD"), ("coinbase", "USDT/USD"), ("bitstamp", "USDT/USD")),
    ),
    Event(
        name="usdt_depeg_unpriced",
        about="USDT falls 7 %, three venues quote in it, nobody tells its price",
        quotes=IN_USDT,
        worth={"USDT": FALLS["USDT"]},
    ),
    Event(
        name="usdt_only_unpriced",
        about="USDT falls 7 %, all venues quote in it, nobody tells its price: no dollar price can be known",
        quotes=dict.fromkeys(VENUES, "USDT"),
        worth={"USDT": FALLS["USDT"]},
    ),
    Event(
        name="usdc_depeg",
        about="USDC falls 12 %, three venues quote in it, its price is known through USDT",
        quotes=IN_USDC,
        worth={"USDC": FALLS["USDC"], "USDT": ramp(1.005, 20.0)},
        converters=(
            ("binance", "USDC/USDT"),
            ("okx", "USDC/USDT"),
            ("kraken", "USDT/USD"),
            ("bitstamp", "USDT/USD"),
        ),
    ),
)
