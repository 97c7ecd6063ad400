"""The night itself is sound: the venue makes no mistake, its sums hold, and the daemon fails only where it must."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.checkers import Step
from sim.venue.identities import broken_identities, margin_tiers

if TYPE_CHECKING:
    from sim.world import World

NEVER = "intent.failed"
_DISK = frozenset({"disk-full", "disk-read-only", "journal-locked"})
EXPLAINED_BY = {
    "JournalLost": _DISK,
    "DiskRefuses": _DISK,
    "CorruptFile": frozenset({"json-corrupt"}),
    "ConfigError": frozenset({"sighup-bad"}),
}
"""Errors that end the daemon, and the kinds of faults that may be the cause."""


class VenueIsSound:
    """Its identities hold, and it never answered that it had made a mistake."""

    name = "venue"

    def on_step(self, step: Step) -> Iterator[str]:
        return iter(())

    def at_end(self, world: "World") -> Iterator[str]:
        for mistake in world.venue.mistakes:
            yield f"the venue made a mistake: {mistake!r}"
        tiers = margin_tiers(_asked(world, type="meta"))
        yield from broken_identities(_asked(world, type="clearinghouseState", user=world.keys.address), tiers)


class ErrorsAreExplained:
    """What ends the daemon is a fault's doing, and never a mistake of its own."""

    name = "errors"

    def on_step(self, step: Step) -> Iterator[str]:
        return iter(())

    def at_end(self, world: "World") -> Iterator[str]:
        kinds = {fault.name for fault in world.night.faults}
        for error in world.lives.errors:
            if kinds.isdisjoint(EXPLAINED_BY.get(type(error).__name__, ())):
                yield f"the daemon ended with {error!r}"
        for daemon in world.lives.daemons:
            if NEVER in daemon.alerts:
                yield "something the engine wanted was not done: intent.failed"


def _asked(world: "World", **request: str) -> dict[str, object]:
    """Return the venue's answer at the world's last instant."""
    now_ms = world.clock.now_ms()
    body = json.dumps(request).encode()
    reply = world.venue.http("/info", "application/json", body, now_ms=now_ms)
    document: dict[str, object] = json.loads(reply.body)
    return document
