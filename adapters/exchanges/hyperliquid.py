"""Hyperliquid's spot market as a source: best prices and book for the middle, the context for volumes (hyperliquid.md 3).

BTC is there as the token UBTC, ETH as UETH, SOL as USOL, USDT as USDT0: claims on coins that are held by a bridge,
counted as the coins themselves. All are quoted in USDC. No channel has a sequence or a checksum.

A frame of a perpetual ("BTC") is read as the pair in USDC, for recordings only: those of before February 2025 have no
UBTC, and a perpetual's middle in USDC is within its basis (some bp) of spot. A live connection never asks for
perpetuals, so that none gets into an index; one that hears of the spot market does not take them.
"""

from collections.abc import Sequence

import msgspec

from adapters.exchanges.edge import BAD, amount, price, reader, stamp_ms, strange
from adapters.exchanges.pairs import Pairs, Said, When, ticked
from adapters.exchanges.ports import ALIVE, Door, Read, WordsOf, refusal

SPOT = {
    "BTC/USDC": "@142",
    "ETH/USDC": "@151",
    "SOL/USDC": "@156",
    "HYPE/USDC": "@107",
    "USDT/USDC": "@166",
    "PURR/USDC": "PURR/USDC",
}
"""What the venue calls our pairs (spotMeta); its numbers stay for ever. To ask for another closes the whole socket."""

CHANNELS = "bbo", "l2Book", "activeAssetCtx"
BOOK = "book"
"""Both channels of prices tell the same book, so that the older of two frames is late whichever brought it."""

_json = reader(object)


class Hyperliquid:
    """The words of one connection to Hyperliquid's spot market. Pairs that SPOT does not have are not asked for."""

    source = "hyperliquid"
    url = "wss://api.hyperliquid.xyz/ws"
    door: Door | None = None
    silence_s = 25.0
    ping_s: float | None = 10.0

    def __init__(self, pairs: Sequence[str]) -> None:
        self._asked = [SPOT[pair] for pair in pairs if pair in SPOT]
        self._pairs = Pairs(self.source)
        self._spot = {coin: pair for pair, coin in SPOT.items()}
        self._perpetuals = {pair.partition("/")[0]: pair for pair in SPOT}

    def hello(self) -> tuple[str, ...]:
        asked = [{"type": kind, "coin": coin} for coin in self._asked for kind in CHANNELS]
        frames = ({"method": "subscribe", "subscription": one} for one in asked)
        return tuple(msgspec.json.encode(frame).decode() for frame in frames)

    def ping(self, now_ms: int) -> str:
        return msgspec.json.encode({"method": "ping"}).decode()

    def read(self, frame: str | bytes, received_ms: int) -> Read:
        try:
            return self._read(_json(frame), received_ms) or strange(frame)
        except BAD:
            return strange(frame)

    def _read(self, message: object, received_ms: int) -> Read | None:
        match message:
            case {"channel": "pong" | "subscriptionResponse"}:
                return ALIVE
            case {"channel": "error", "data": why}:
                return ALIVE if f"{why}".startswith("Already subscribed") else refusal(f"{why}")
            case {"channel": str(channel), "data": {"coin": str(coin), **data}}:
                symbol = self._of(coin)
                return None if symbol is None else self._told(channel, symbol, data, received_ms=received_ms)
            case {"channel": "trades", "data": [{"coin": str(coin)}, *_]}:
                return None if self._of(coin) is None else ALIVE
        return None

    def _of(self, coin: str) -> str | None:
        spot = self._spot.get(coin)
        if spot is None:
            return self._perpetuals.get(coin)
        self._perpetuals.pop(spot.partition("/")[0], None)
        return spot

    def _told(self, channel: str, symbol: str, data: object, *, received_ms: int) -> Read | None:
        """Read what a channel says of one coin. A context has no stamp: its volumes go with the next prices."""
        match channel, data:
            case "bbo", {"time": at, "bbo": best}:
                return self._best(symbol, best, When(BOOK, stamp_ms(at), received_ms))
            case "l2Book", {"time": at, "levels": [list(bids), list(asks)]}:
                best = [bids[0] if bids else None, asks[0] if asks else None]
                return self._best(symbol, best, When(BOOK, stamp_ms(at), received_ms))
            case "activeAssetCtx" | "activeSpotAssetCtx", {"ctx": {"dayNtlVlm": turnover, **context}}:
                base = amount(context.get("dayBaseVlm"))
                self._pairs.note(symbol, volume=amount(turnover), volume_base=base)
                return ALIVE
        return None

    def _best(self, symbol: str, best: object, when: When) -> Read | None:
        """Take the best level of each side; None stands for an empty one."""
        match best:
            case [None, None]:
                said = Said(bid=None, ask=None)
            case [{"px": bid}, None]:
                said = Said(bid=price(bid), ask=None)
            case [None, {"px": ask}]:
                said = Said(bid=None, ask=price(ask))
            case [{"px": bid}, {"px": ask}]:
                said = Said(bid=price(bid), ask=price(ask))
            case _:
                return None
        return ticked([self._pairs.tell(symbol, when, **said)])


WORDS: WordsOf = Hyperliquid
