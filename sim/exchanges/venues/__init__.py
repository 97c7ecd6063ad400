"""How each of the eleven venues talks, by its name."""

from collections.abc import Mapping

from sim.exchanges.speech import Speech
from sim.exchanges.venues import (
    binance,
    bitfinex,
    bitstamp,
    bybit,
    coinbase,
    gate,
    gemini,
    hyperliquid,
    kraken,
    kucoin,
    okx,
)

SPEECHES: Mapping[str, Speech] = {
    "binance": binance.SPEECH,
    "coinbase": coinbase.SPEECH,
    "kraken": kraken.SPEECH,
    "okx": okx.SPEECH,
    "bybit": bybit.SPEECH,
    "bitstamp": bitstamp.SPEECH,
    "gemini": gemini.SPEECH,
    "bitfinex": bitfinex.SPEECH,
    "gate": gate.SPEECH,
    "kucoin": kucoin.SPEECH,
    "hyperliquid": hyperliquid.SPEECH,
}
