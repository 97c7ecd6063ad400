"""Between an index price and the engine: the venue's mids against index values, and what is told of it.

An index runs beside the engine, and tells values as it makes them; the engine hears of nothing but a dispute that begins or
ends (core.disputes). A value counts only while its state is OK: one with a doubt, or none, leaves what was found before.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any

from core.events import AnyEvent, PriceAgreed, PriceDisputed
from core.prices.agreement import Agreement
from core.prices.types import Published
from core.prices.types import State as IndexState
from core.sizing import to_decimal
from core.state import State
from core.types import Coin, Instrument
from daemon.alerts import Alerts
from daemon.settings import IndexPriceSettings

EVERY_S = 0.9
"""Values of one symbol that come sooner after each other are not looked at; they are made ten times a second."""
THOUSANDS = 1000
"""Units of a coin that the venue quotes by the thousand: kPEPE is a thousand PEPE."""

Take = Callable[[Sequence[Published]], None]


@dataclass(frozen=True, slots=True)
class Place:
    """What an index in the daemon's process is given: the state directory, where its values go, whom to tell how it is.

    level: what the crypto index that is kept from its values is worth, to be served with them; None where none is kept.
    """

    directory: Path
    take: Take
    told: Alerts
    level: Callable[[], Mapping[str, Any] | None] = lambda: None

    def failed(self, error: Exception) -> None:
        text = f"the index price beside the daemon does not run, so no price is compared: {error!r}"
        self.told.raised(code="index.down", level="error", text=text)

    def runs(self) -> None:
        self.told.ended("index.down")


RunIndex = Callable[[Place], Awaitable[None]]
"""Makes index values until it is cancelled. Raises what keeps it from that, after it was told."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a comparison sees of the daemon: the engine's state, its inbox, its clock, and a monotonic one (s)."""

    state: Callable[[], State]
    put: Callable[[AnyEvent], None]
    now_ms: Callable[[], int]
    elapsed_s: Callable[[], float]


class PriceCheck:
    """take() index values as they are made. Each coin that has an index is looked at about once a second."""

    def __init__(self, settings: IndexPriceSettings, desk: Desk) -> None:
        self._settings, self._desk = settings, desk
        self._agreements: dict[Coin, Agreement] = {}
        self._looked_s: dict[str, float] = {}

    def take(self, values: Sequence[Published]) -> None:
        now_s = self._desk.elapsed_s()
        for value in values:
            if now_s - self._looked_s.get(value.symbol, -EVERY_S) >= EVERY_S and self._look(value, now_s):
                self._looked_s[value.symbol] = now_s

    def _look(self, value: Published, now_s: float) -> bool:
        """Say whether there was something to compare."""
        state, index_px = self._desk.state(), usable_px(value)
        coin, units = coin_of(value.symbol, state.instruments)
        if coin is None or index_px is None or (venue_px := venue_mid(state, coin)) is None:
            return False
        index_px *= units
        agreement = self._agreements.get(coin)
        if agreement is None:
            limit, after_s = self._settings.dispute_bps / 10_000, self._settings.dispute_s
            agreement = self._agreements[coin] = Agreement(limit=limit, after_s=after_s)
        if agreement.looked(float(venue_px / index_px), now_s):
            at_ms = self._desk.now_ms()
            self._desk.put(
                PriceDisputed(at_ms=at_ms, coin=coin, venue_px=venue_px, index_px=index_px)
                if agreement.disputed
                else PriceAgreed(at_ms=at_ms, coin=coin)
            )
        return True


def usable_px(value: Published) -> Decimal | None:
    """Return the price of a value that nothing is wrong with, else None."""
    px = value.price
    if value.state is not IndexState.OK or px is None or not isfinite(px) or px <= 0:
        return None
    return to_decimal(px)


def coin_of(symbol: str, instruments: Mapping[Coin, Instrument]) -> tuple[Coin | None, int]:
    """Return the venue's coin of an index and how many of the index' units it is; None where the venue has none."""
    base = symbol.partition("/")[0]
    for coin, units in ((Coin(base), 1), (Coin(f"k{base}"), THOUSANDS)):
        if coin in instruments:
            return coin, units
    return None, 1


def venue_mid(state: State, coin: Coin) -> Decimal | None:
    """Return the venue's mid where it is of now and not crossed, else None.

    Unlike a price to trade on it may be a mid alone, which is what is heard of coins that are only held.
    """
    quote = state.quotes.get(coin)
    if quote is None or not 0 < quote.bid <= quote.ask:
        return None
    age_ms = state.at_ms - min(quote.received_ms, quote.at_ms)
    return quote.mid if age_ms <= 1000 * state.settings.risk.quote_age_max_s else None
