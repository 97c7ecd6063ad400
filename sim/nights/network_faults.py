"""What goes wrong between the daemon and the venue."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from sim.nights.distortions import Distortion, FrozenPrice
from sim.nights.fault import Fault, Kind
from sim.nights.scene import Scene
from sim.venue import faults as of
from sim.venue.faults import PathName, Planned, Scope, Side

if TYPE_CHECKING:
    from sim.world import World

WS: PathName = "ws"
EXCHANGE: PathName = "/exchange"
REQUESTS: tuple[PathName, ...] = ("/info", EXCHANGE)
SIDES: tuple[Side, ...] = ("before", "after")
LEAST, MOST = 0.02, 0.52
"""The share of frames or requests that is struck at intensity 0 and 1."""
SHARE = f"the share struck, {LEAST:.0%} to {MOST:.0%}"
LATE_MS = 8_000.0
HELD_MS = 3_000.0
NEW_TOO_FROM = 0.5
MUTED = ("bbo", "allMids", "userFills", "orderUpdates", "userFundings", "clearinghouseState")


def share(fault: Fault) -> float:
    return LEAST + (MOST - LEAST) * fault.intensity


def scope(fault: Fault, from_s: float, path: PathName | None = None) -> Scope:
    """Return the scope of a fault that strikes a share of what passes while it lasts."""
    return Scope(path=path, begins=from_s, ends=from_s + fault.for_s, probability=share(fault))


def throughout(fault: Fault, from_s: float, path: PathName | None = None) -> Scope:
    """Return the scope of a fault that strikes everything while it lasts."""
    return Scope(path=path, begins=from_s, ends=from_s + fault.for_s)


def _lost(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(scope(fault, from_s, WS), of.Silent(seconds=0.0))


def _late(fault: Fault, from_s: float) -> Iterator[Planned]:
    spread_ms = 200.0 + LATE_MS * fault.intensity
    yield Planned(scope(fault, from_s, WS), of.Delay(delay_ms=100.0, spread_ms=spread_ms))
    for path in REQUESTS:
        for when in SIDES:
            delay = of.Delay(delay_ms=100.0, spread_ms=spread_ms, when=when)
            yield Planned(scope(fault, from_s, path), delay)


def _duplicated(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(scope(fault, from_s), of.Duplicate())


def _reordered(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(scope(fault, from_s), of.Reorder(hold_ms=100.0 + HELD_MS * fault.intensity))


def _truncated(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(scope(fault, from_s), of.Truncated(share=0.9 * (1 - fault.intensity)))


def _broken(fault: Fault, from_s: float) -> Iterator[Planned]:
    chance = 0.002 + 0.1 * fault.intensity
    yield Planned(
        Scope(begins=from_s, ends=from_s + fault.for_s, probability=chance, path=WS), of.CloseSocket()
    )


def _reset_before_effect(fault: Fault, from_s: float) -> Iterator[Planned]:
    for path in REQUESTS:
        yield Planned(scope(fault, from_s, path), of.DropBeforeEffect())


def _reset_after_effect(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(scope(fault, from_s, EXCHANGE), of.DropAfterEffect())


def _mute(fault: Fault, from_s: float, *, channel: str) -> Iterator[Planned]:
    if fault.intensity >= NEW_TOO_FROM:
        window = Scope(type=channel, begins=from_s, ends=from_s + fault.for_s)
        yield Planned(window, of.Silent(seconds=0.0))


def _mute_standing(world: "World", fault: Fault, *, channel: str) -> None:
    if fault.intensity < NEW_TOO_FROM:
        world.network.mute(channel, fault.for_s)


def _no_names(fault: Fault, from_s: float) -> Iterator[Planned]:
    yield Planned(throughout(fault, from_s), of.RefuseConnections())


def _cut_standing(world: "World", fault: Fault) -> None:
    if fault.intensity >= 0.5:
        world.network.cut()


def _both_down(world: "World", fault: Fault) -> None:
    world.network.go_down(fault.for_s)


def _half_open(world: "World", fault: Fault) -> None:
    world.network.half_open()


def _frozen(fault: Fault, scene: Scene) -> Iterator[Distortion]:
    yield FrozenPrice(scene.window(fault, None if fault.intensity >= 0.5 else scene.coin(fault)))


def _planned(
    name: str, text: str, planned: Callable[[Fault, float], Iterator[Planned]], *, intensity: str = SHARE
) -> Kind:
    return Kind(name=name, family="network", text=text, intensity=intensity, planned=planned)


def _muting(channel: str) -> Kind:
    """Return the kind that mutes one channel."""
    kebab = "".join(f"-{c.lower()}" if c.isupper() else c for c in channel)
    return Kind(
        name=f"mute-{kebab}",
        family="network",
        text=f"{channel} says nothing; its connection stays open and answers pings",
        intensity=f"connections that stand when it begins; from {NEW_TOO_FROM} on new ones too",
        planned=partial(_mute, channel=channel),
        strike=partial(_mute_standing, channel=channel),
    )


NETWORK = (
    _planned("lost-frames", "frames are lost", _lost),
    _planned(
        "late", "frames, requests and replies arrive late", _late, intensity=f"{SHARE}, up to 8.3 s late"
    ),
    _planned("duplicated-frames", "frames come twice", _duplicated),
    _planned(
        "reordered-frames",
        "frames of a channel come after later ones of other channels",
        _reordered,
        intensity=f"{SHARE}, held up to 3.1 s",
    ),
    _planned(
        "truncated",
        "frames and replies end in their middle",
        _truncated,
        intensity=f"{SHARE}; the more, the less of each comes",
    ),
    _planned(
        "broken-sockets", "websockets break between two frames", _broken, intensity="0.2% to 10% of frames"
    ),
    _planned(
        "reset-before-effect",
        "connections are reset, and nothing was done of a request",
        _reset_before_effect,
    ),
    _planned(
        "reset-after-effect",
        "connections are reset after an action was done, before its reply",
        _reset_after_effect,
    ),
    *(_muting(channel) for channel in MUTED),
    Kind(
        name="frozen-price",
        family="network",
        text="prices and books stay as they are while ticks go on",
        intensity="one coin; from 0.5 on every coin",
        distorts=_frozen,
    ),
    Kind(
        name="dns-gone",
        family="network",
        text="no new connection comes about, for minutes",
        intensity="from 0.5 on those that stand break when it begins",
        planned=_no_names,
        strike=_cut_standing,
        longest_s=180.0,
    ),
    Kind(
        name="both-down",
        family="network",
        text="nothing gets through, either way, without a word",
        strike=_both_down,
    ),
    Kind(
        name="half-open",
        family="network",
        text="every websocket that stands falls silent for ever; the venue knows nothing of it",
        strike=_half_open,
    ),
)
