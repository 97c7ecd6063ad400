"""The market itself moves, for all or for some of its venues."""

from sim.price_events.scene import HEAVIEST, VENUES, Event
from sim.price_events.telling import by, ramp, silent, times

CRASH = ramp(0.8, 2.0)

MOVES = (
    Event(name="crash_real", about="real crash: all fall 20 % within 2 s", path=CRASH),
    Event(
        name="crash_staggered",
        about="real crash of 20 %, one venue a second follows",
        path=CRASH,
        lag_s={source: float(place) for place, source in enumerate(VENUES)},
    ),
    Event(name="rally_real", about="real rally: all rise 12 % within 3 s", path=ramp(1.12, 3.0)),
    Event(
        name="outage_then_gap",
        about="nobody is heard for 60 s, in which the price falls 8 %",
        seconds=100,
        path=ramp(0.92, 60.0),
        tell=silent(VENUES, since_s=0, until_s=60),
    ),
    Event(
        name="flash_crash_one",
        about="flash crash of 15 % for 10 s at the heaviest venue",
        tell=by([HEAVIEST], times(0.85), until_s=10),
        liars=frozenset({HEAVIEST}),
    ),
    Event(
        name="flash_crash_two",
        about="flash crash of 12 % for 10 s at two heavy venues",
        tell=by(["binance", "okx"], times(0.88), until_s=10),
        liars=frozenset({"binance", "okx"}),
    ),
)
