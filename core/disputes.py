"""Prices of the venue that an index of other venues contradicts: no new risk is taken at them (docs/decisions/0016).

The shell compares (core.prices.agreement) and tells when a dispute begins and ends. What reduces a position goes on, and
so does the hedge: an exposure that is left open is a risk as well, and of no chosen size.
"""

from msgspec.structs import replace

from core.events import PriceAgreed, PriceDisputed
from core.intents import AnyIntent, RaiseAlert
from core.notices import noted
from core.orders import open_records
from core.state import State
from core.types import HEDGE_COINS, Coin, Purpose
from core.venue_mode import cancelled

ALERT = "price.disputed"
"""The code of an alert begins with it, and ends with the coin."""


def alert_code(coin: Coin) -> str:
    return f"{ALERT}.{coin}"


def on_disputed(state: State, event: PriceDisputed) -> tuple[State, tuple[AnyIntent, ...]]:
    """Take no new risk in the coin, in none at all where it is one that hedges; what rests of slices is cancelled."""
    if event.coin in state.disputed:
        return state, ()
    state = replace(state, disputed={**state.disputed, event.coin: _words(event)})
    everything = event.coin in HEDGE_COINS
    which = "" if everything else f"{event.coin} "
    text = f"{state.disputed[event.coin]}: no {which}position is opened until they agree; closing and hedging go on"
    slices = open_records(state, Purpose.PROJECTED, Purpose.CORRECTION)
    state, cancels = cancelled(state, [r for r in slices if everything or r.order.coin == event.coin])
    alert = RaiseAlert(level="error", code=alert_code(event.coin), text=text)
    return noted(state, text), (*cancels, alert)


def on_agreed(state: State, event: PriceAgreed) -> tuple[State, tuple[AnyIntent, ...]]:
    """Go on. The shell ends the alert, as it does all whose cause it sees to be over."""
    if event.coin not in state.disputed:
        return state, ()
    left = {coin: why for coin, why in state.disputed.items() if coin != event.coin}
    return noted(replace(state, disputed=left), f"the {event.coin} price agrees with its index again"), ()


def why_no_new_risk(state: State, coin: Coin) -> str:
    """Return which dispute keeps a coin from being opened, its own or that of a coin that would hedge it; "" for none."""
    for doubted in (coin, *HEDGE_COINS):
        if doubted in state.disputed:
            return state.disputed[doubted]
    return ""


def _words(event: PriceDisputed) -> str:
    off = event.venue_px / event.index_px - 1
    return f"the venue's {event.coin} price {event.venue_px:.8g} is {off:+.1%} off the index price {event.index_px:.8g}"
