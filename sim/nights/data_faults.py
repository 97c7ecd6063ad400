"""What is wrong with the data that the daemon reads: closes, funding, listings, units."""

from collections.abc import Iterator

from sim.nights.distortions import (
    BadNumber,
    Distortion,
    Halted,
    Listing,
    MissingClose,
    MissingFunding,
    RevisedClose,
    UnitChange,
    Window,
)
from sim.nights.fault import Fault, Kind
from sim.nights.scene import Scene

EVERY_COIN_FROM = 0.8
"""From this intensity on a fault of the data concerns every coin."""
REVISED_MAX = 0.2
FUNDING_HOURS = (1, 6, 24)
"""Few, because a daemon's history of the days before is fetched once for each."""

BAD = (("c", "NaN"), ("mid", "NaN"), ("v", ""), ("c", "-1"), ("mark", "NaN"), ("mid", "0"))
"""Fields of a candle (one letter) and of a context, and what stands there."""


def _concerned(fault: Fault, scene: Scene) -> str | None:
    return None if fault.intensity >= EVERY_COIN_FROM else scene.coin(fault)


def _missing_close(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield MissingClose(Window(_concerned(fault, scene), scene.close_ms))


def _late_close(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield MissingClose(scene.after_close(fault, _concerned(fault, scene)))


def _revised_close(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    sign = 1 if fault.coin % 2 else -1
    fraction = sign * max(REVISED_MAX * fault.intensity, 0.001)
    yield RevisedClose(scene.after_close(fault, _concerned(fault, scene)), fraction)


def _missing_funding(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    hours = FUNDING_HOURS[_which(len(FUNDING_HOURS), fault.intensity)]
    yield MissingFunding(scene.hours_before(hours))


def _new_listing(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield Listing(scene.coins[-1], scene.at_ms(fault))


def _halted_coin(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield Halted(scene.window(fault, scene.coin(fault)))


def _bad_number(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    field, text = BAD[_which(len(BAD), fault.intensity)]
    coin = scene.coin(fault)
    window = scene.after_close(fault, coin) if len(field) == 1 else scene.window(fault, coin)
    yield BadNumber(window, field, text)


def _unit_change(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    coin = scene.thousands(fault)
    if coin is not None:
        times = 1000.0 if fault.intensity >= 0.5 else 0.001
        yield UnitChange(Window(coin, scene.at_ms(fault)), times)


def _which(choices: int, intensity: float) -> int:
    """Return the place of one of several choices, an equal share of the intensities for each."""
    return min(int(intensity * choices), choices - 1)


_HOW_MANY = f"one coin; from {EVERY_COIN_FROM} on every coin"

DATA = (
    Kind(
        name="missing-close",
        family="data",
        text="the day that closes has no candle, for the rest of the night",
        intensity=_HOW_MANY,
        distorts=_missing_close,
    ),
    Kind(
        name="late-close",
        family="data",
        text="the candle of the day that closes comes only for_s after the close",
        intensity=_HOW_MANY,
        distorts=_late_close,
        longest_s=60.0,
    ),
    Kind(
        name="revised-close",
        family="data",
        text="the day's candle shows another close for for_s, then the true one",
        intensity=f"by how much, up to {REVISED_MAX:.0%}, and of {_HOW_MANY}",
        distorts=_revised_close,
        longest_s=60.0,
    ),
    Kind(
        name="missing-funding",
        family="data",
        text="the last hours before the close, and its own, are not in the funding history",
        intensity="how many hours: " + ", ".join(map(str, FUNDING_HOURS)),
        distorts=_missing_funding,
    ),
    Kind(
        name="new-listing",
        family="data",
        text="the last coin is listed in the night and has no history",
        distorts=_new_listing,
    ),
    Kind(
        name="halted-coin",
        family="data",
        text="one coin has no book and no ticks, and is live all the same",
        distorts=_halted_coin,
    ),
    Kind(
        name="bad-number",
        family="data",
        text="a number of a coin's last candle or of its context is none, or cannot be one",
        intensity="which: " + ", ".join(f"{field} {text or 'empty'}" for field, text in BAD),
        distorts=_bad_number,
    ),
    Kind(
        name="unit-change",
        family="data",
        text="a coin that is quoted by the thousand (kPEPE) is quoted in other units from then on",
        intensity="a thousandth of its price; from 0.5 on a thousand times it",
        chance=0.15,
        distorts=_unit_change,
    ),
)
