"""What a night is measured by: steps of the engine, and how long and how much delta lay outside its band."""

from core import hedge
from sim.checkers import Step
from sim.world import World


class Meter:
    """Sits among the checkers of a night, never finds anything, and leaves its figures.

    A daemon that is dead has the delta it left.

    steps: of the engine, quotes left out; outside_s: seconds outside of the band; exposure_usd_s: the integral of what
    was beyond it, the larger of both deltas, USD seconds.
    """

    name = "meter"

    def __init__(self) -> None:
        self.steps = 0
        self.outside_s = 0.0
        self.exposure_usd_s = 0.0
        self._since_s = 0.0
        self._beyond_usd = 0.0

    def on_step(self, step: Step) -> tuple[str, ...]:
        self.steps += 1
        self._take_up(step.world.now_s)
        delta_usd = max(abs(usd) for usd in hedge.net_delta_usd(step.state))
        self._beyond_usd = max(delta_usd - hedge.band_usd(step.state), 0.0)
        return ()

    def at_end(self, world: World) -> tuple[str, ...]:
        self._take_up(world.now_s)
        assert world.checkers is not None
        world.checkers.figures |= {
            "engine_steps": self.steps,
            "outside_s": round(self.outside_s, 3),
            "exposure_usd_s": round(self.exposure_usd_s, 2),
        }
        return ()

    def _take_up(self, now_s: float) -> None:
        if self._beyond_usd > 0:
            self.outside_s += now_s - self._since_s
            self.exposure_usd_s += self._beyond_usd * (now_s - self._since_s)
        self._since_s = now_s
