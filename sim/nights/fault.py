"""A fault of a night as a value, and what a kind of fault is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from sim.venue.faults import Planned

if TYPE_CHECKING:
    from sim.nights.distortions import Distortion
    from sim.nights.scene import Scene
    from sim.world import World


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault of a night. at_s: when it begins, seconds from the close; for_s: how long it lasts.

    intensity, from 0 to 1, is how bad it is, which each kind reads in its own way; coin is the place of the coin it
    concerns in the venue's list, where it concerns one.
    """

    name: str
    at_s: float
    for_s: Annotated[float, Meta(ge=0)] = 0.0
    intensity: Annotated[float, Meta(ge=0, le=1)] = 0.5
    coin: Annotated[int, Meta(ge=0)] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind of fault comes about: as entries of the edge's plan, as a distortion of the market, or as something
    done to the world when it begins. intensity says how that of a fault is read; longest_s bounds what is drawn;
    chance is how much seldomer than others it is drawn. edition: kinds of a later one are drawn after all of those before,
    so that a seed keeps the faults that it had."""

    name: str
    family: str
    text: str
    intensity: str = "not read"
    planned: Callable[[Fault, float], Iterable[Planned]] | None = None
    distorts: "Callable[[Fault, Scene], Iterable[Distortion]] | None" = None
    strike: "Callable[[World, Fault], None] | None" = None
    longest_s: float = 30.0
    chance: float = 1.0
    edition: int = 1
