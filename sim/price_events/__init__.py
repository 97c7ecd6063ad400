"""Scripted abnormal markets with a known true price (M4-3)."""

from collections.abc import Mapping

from sim.price_events.lies import LIES
from sim.price_events.moves import MOVES
from sim.price_events.scene import Event
from sim.price_events.silences import SILENCES
from sim.price_events.stablecoins import STABLECOINS

EVENTS: Mapping[str, Event] = {event.name: event for event in (*MOVES, *LIES, *SILENCES, *STABLECOINS)}
