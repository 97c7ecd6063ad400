"""Our fills are the venue's fills, one by one."""

from collections.abc import Iterator

from core.events import AnyEvent
from core.intents import AnyIntent
from core.state import State
from sim.world import World


class FillsAreTheVenues:
    """At the end the book holds what the venue's own ledger holds."""

    name = "fills are the venue's"

    def on_step(
        self, world: World, state: State, event: AnyEvent, intents: tuple[AnyIntent, ...]
    ) -> tuple[str, ...]:
        return ()

    def at_end(self, world: World) -> Iterator[str]:
        theirs, ours = world.venue.positions(world.keys.address), world.daemon.state.book.positions
        if theirs != ours:
            yield f"positions are {ours}, the venue's {theirs}"
