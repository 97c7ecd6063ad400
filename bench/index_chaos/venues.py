"""Scripted venues without sockets: their frames are those of sim.exchanges, at any price, on the world's loop."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from adapters.mock_websocket import MockWebsocket
from adapters.ports import Clock, VenueError
from bench.index_chaos.market import BASIS_BPS, Market
from bench.index_chaos.schedule import Fault, Kind
from core.prices.types import Tick
from sim.exchanges.faults import GARBAGE
from sim.exchanges.script import Say
from sim.exchanges.speech import Moment, Speech
from sim.exchanges.venues import SPEECHES
from sim.nights.life import OUTSIDE

PAIRS: Mapping[str, tuple[str, ...]] = {
    "coinbase": ("BTC/USD", "USDT/USD"),
    "kraken": ("BTC/USD", "USDT/USD"),
    "bitstamp": ("BTC/USD", "USDT/USD"),
    "gemini": ("BTC/USD",),
    "bitfinex": ("BTC/USD",),
    "binance": ("BTC/USDT",),
    "okx": ("BTC/USDT",),
}
"""Seven venues: five in dollars, two in USDT, which three of the five convert."""

EVERY_S = 1.0
GARBLED = 0.3
"""Of a venue's frames, while it garbles."""

LATENCY_S = 0.02, 0.08
REFUSING = frozenset({Kind.DIES, Kind.LIMITS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked(Moment):
    """A moment of a market that goes up and down: it knows the price before, which a book has to take back."""

    before: float = 0.0
    half: float = 0.5

    def after(self, rounds: int) -> Moment:
        assert rounds == -1, "only the round before is known"
        return Walked(
            pair=self.pair, price=self.before, at_ms=self.at_ms, number=self.number - 1, half=self.half
        )

    @property
    def bid(self) -> float:
        return round(self.price - self.half, 4)

    @property
    def ask(self) -> float:
        return round(self.price + self.half, 4)


class Way:
    """An instance's cable: while it is cut frames wait, and nothing else comes through. is_gone: nobody is there."""

    def __init__(self) -> None:
        self.is_cut = False
        self.is_gone = False
        self._waiting: list[tuple[MockWebsocket, str | bytes]] = []

    def deliver(self, socket: MockWebsocket, frame: str | bytes) -> None:
        if self.is_cut:
            self._waiting.append((socket, frame))
        else:
            socket.deliver(frame)

    def join(self) -> None:
        self.is_cut, waiting, self._waiting = False, self._waiting, []
        for socket, frame in waiting:
            socket.deliver(frame)


@dataclass(slots=True, eq=False)
class Caller:
    """One connection: what the client said, and the round and the prices it was told last."""

    way: Way
    socket: MockWebsocket
    heard: list[str] = field(default_factory=list)
    number: int = 0
    before: dict[str, float] = field(default_factory=dict)

    def has_heard(self, text: str) -> bool:
        return not text or any(text in frame for frame in self.heard)


class Venue:
    """One venue. begin and end are told what is wrong with it."""

    def __init__(self, name: str, market: Market, clock: Clock, random: Random) -> None:
        self.name = name
        self._speech: Speech = SPEECHES[name]
        self._market, self._clock, self._random = market, clock, random
        self._basis = 1 + random.uniform(-BASIS_BPS, BASIS_BPS) / 1e4
        self._callers: list[Caller] = []
        self._wrong: dict[Kind, Fault] = {}
        self._frozen = 0.0

    def begin(self, fault: Fault) -> None:
        self._frozen = self.price
        self._wrong[fault.kind] = fault
        for caller in self._callers:
            if fault.kind in REFUSING:
                caller.socket.drop()
            elif fault.kind is Kind.MUTE:
                caller.socket.fall_silent()

    def end(self, fault: Fault) -> None:
        self._wrong.pop(fault.kind, None)

    @property
    def price(self) -> float:
        """What a bitcoin costs here, as it says."""
        if Kind.FREEZES in self._wrong:
            return self._frozen
        lie = self._wrong.get(Kind.LIES)
        return self._market.usd * self._basis * (1 if lie is None else 1 + lie.size)

    async def run(self) -> None:
        """Tell every caller the market each second."""
        await asyncio.sleep(self._random.uniform(0, EVERY_S))
        while True:
            self._callers = [
                one for one in self._callers if one.socket.closed is None and not one.way.is_gone
            ]
            for caller in self._callers:
                if caller.has_heard(self._speech.awaits):
                    self._tell(caller)
            await asyncio.sleep(EVERY_S)

    async def connect(self, way: Way) -> MockWebsocket:
        """Answer a call. Raises ConnectionError where the venue refuses it; never returns where nobody answers."""
        await asyncio.sleep(self._random.uniform(*LATENCY_S))
        self._answers(way)
        if way.is_cut or Kind.MUTE in self._wrong:
            await asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def said(text: str) -> None:
            if not way.is_cut:
                loop.call_later(self._random.uniform(*LATENCY_S), self._hear, caller, text, context=OUTSIDE)

        caller = Caller(way, MockWebsocket(on_send=said))
        self._callers.append(caller)
        for text in self._speech.greeting:
            way.deliver(caller.socket, text)
        return caller.socket

    async def asked(self, way: Way, symbols: Sequence[str], now_ms: int) -> tuple[Tick, ...]:
        """Answer a request for prices. Raises VenueError."""
        await asyncio.sleep(self._random.uniform(*LATENCY_S))
        if way.is_cut or Kind.MUTE in self._wrong:
            await asyncio.sleep(5.0)
            raise VenueError("no reply within 5 s")
        self._answers(way)
        moments = [self._moment(pair, 0.0, 0) for pair in symbols]
        return tuple(
            Tick(
                source=self.name,
                symbol=m.pair,
                price=m.price,
                at_ms=m.at_ms,
                received_ms=now_ms,
                bid=m.bid,
                ask=m.ask,
            )
            for m in moments
        )

    def _answers(self, way: Way) -> None:
        if Kind.DIES in self._wrong and not way.is_cut:
            raise ConnectionRefusedError("connection refused")
        if Kind.LIMITS in self._wrong and not way.is_cut:
            raise ConnectionError("HTTP 429")

    def _hear(self, caller: Caller, text: str) -> None:
        caller.heard.append(text)
        for pair in PAIRS[self.name]:
            for reply in self._speech.replies(self._moment(pair, 0.0, 0)):
                if reply.when in text:
                    for answer in reply.texts:
                        caller.way.deliver(caller.socket, answer)

    def _tell(self, caller: Caller) -> None:
        for pair in PAIRS[self.name]:
            now = self._moment(pair, caller.before.get(pair, 0.0), caller.number)
            caller.before[pair] = now.price
            for say in self._speech.says(now):
                if caller.has_heard(say.wanted):
                    caller.way.deliver(caller.socket, self._worded(say))
        caller.number += 1

    def _worded(self, say: Say) -> str | bytes:
        if Kind.GARBLES in self._wrong and self._random.random() < GARBLED:
            return GARBAGE
        if Kind.RENAMES in self._wrong and isinstance(say.text, str):
            return say.text.replace("ticker", "prices").replace("book", "depth").replace("trade", "deal")
        return say.text

    def _moment(self, pair: str, before: float, number: int) -> Walked:
        coin = pair.startswith("BTC/")
        price, half = (round(self.price, 1), 0.5) if coin else (1.0, 0.0)
        return Walked(
            pair=pair, price=price, at_ms=self._clock.now_ms(), number=number, before=before, half=half
        )
