"""What goes wrong with the daemon's process, its clock, its worker, and what people ask of it."""

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from sim.nights.config_texts import broken, changed
from sim.nights.fault import Fault, Kind
from sim.nights.worker import Trouble

if TYPE_CHECKING:
    from sim.world import World

LATE_S = 20.0
STEPS, WRITES = 400, 40
"""How many steps or writes ahead a kill is set, at the highest intensity: some seconds of a busy night."""
STEP_MS, LEAP_MS = 5_000, 3_600_000


def _kill(world: "World", fault: Fault) -> None:
    world.kill(restart_after_s=fault.for_s)


def _kill_at_step(world: "World", fault: Fault) -> None:
    if (life := world.lives.current) is not None:
        life.kill_at_step = life.steps + round(STEPS * fault.intensity)


def _kill_at_write(world: "World", fault: Fault) -> None:
    if (life := world.lives.current) is not None:
        life.kill_at_write = life.writes + round(WRITES * fault.intensity)


def _terminate(world: "World", fault: Fault) -> None:
    world.terminate(restart_after_s=fault.for_s)


def _stall(world: "World", fault: Fault) -> None:
    world.stall(fault.for_s)


def _late_timers(world: "World", fault: Fault) -> None:
    world.stall(min(LATE_S, world.night.quiet_s - world.now_s))


def _good_hangup(world: "World", fault: Fault) -> None:
    world.good_config = world.config = changed(world.good_config, _random(world, fault))
    world.hangup()


def _bad_hangup(world: "World", fault: Fault) -> None:
    """The file stays broken until it is mended: a start in the meantime fails."""
    world.config = broken(world.good_config, _random(world, fault))
    world.hangup()
    world.at(fault.at_s + fault.for_s, world.mend_config)


def _operator_kill(world: "World", fault: Fault) -> None:
    world.operator.kill("a person does not like what he sees")
    world.at(fault.at_s + fault.for_s, world.operator.reset, "it was nothing")


def _skew(most_ms: int, world: "World", fault: Fault) -> None:
    """intensity: from most_ms behind, over right, to most_ms ahead. At its end NTP steps the clock back."""
    by_ms = round(most_ms * (2 * fault.intensity - 1))
    world.step_clock(by_ms)
    world.at(fault.at_s + fault.for_s, world.step_clock, -by_ms)


def _worker(trouble: Trouble, world: "World", fault: Fault) -> None:
    world.worker.begin(trouble)
    world.at(fault.at_s + fault.for_s, world.worker.end, trouble)


def _random(world: "World", fault: Fault) -> Random:
    return Random(f"{fault.name} {world.night.seed} {fault.at_s} {fault.intensity}")


_KILLED = (
    Kind(name="kill", family="process", text="SIGKILL, and a start some time later", strike=_kill),
    Kind(
        name="kill-at-step",
        family="process",
        text="SIGKILL before one of the next steps of any task; systemd starts it again",
        strike=_kill_at_step,
    ),
    Kind(
        name="kill-at-write",
        family="process",
        text="SIGKILL before, in or after one of the next writes; systemd starts it again",
        strike=_kill_at_write,
    ),
    Kind(name="sigterm", family="process", text="SIGTERM, and a start some time later", strike=_terminate),
)

_HELD_UP = (
    Kind(
        name="stall",
        family="process",
        text="nothing of the daemon runs: SIGSTOP, a swapping machine; systemd's watchdog ends it after 30 s",
        strike=_stall,
        longest_s=60.0,
    ),
    Kind(
        name="late-timers",
        family="process",
        text="the loop is held up for 20 s, and all timers that came due are late",
        strike=_late_timers,
    ),
    Kind(
        name="clock-step",
        family="process",
        text="the daemon's clock is up to 5 s wrong, either way, until NTP steps it back",
        strike=partial(_skew, STEP_MS),
    ),
    Kind(
        name="clock-leap",
        family="process",
        text="the daemon's clock is up to an hour wrong, either way, until NTP steps it back",
        strike=partial(_skew, LEAP_MS),
    ),
)

_ASKED = (
    Kind(
        name="sighup-good",
        family="process",
        text="SIGHUP with keys changed that may change now, at the session's end, or after a restart",
        strike=_good_hangup,
    ),
    Kind(
        name="sighup-bad",
        family="process",
        text="SIGHUP with a file that is not TOML, out of range, or has an unknown key",
        strike=_bad_hangup,
    ),
    Kind(
        name="operator-kill",
        family="process",
        text="a person trips the kill switch, and takes it back with a reason",
        strike=_operator_kill,
    ),
)

_WORKER = (
    Kind(
        name="worker-dies",
        family="process",
        text="the worker process dies in whatever it computes",
        strike=partial(_worker, Trouble.DIES),
    ),
    Kind(
        name="worker-hangs",
        family="process",
        text="the worker process gives no result until it is given up",
        strike=partial(_worker, Trouble.HANGS),
    ),
    Kind(
        name="worker-infeasible",
        family="process",
        text="the solver finds no weights within the limits",
        strike=partial(_worker, Trouble.INFEASIBLE),
    ),
    Kind(
        name="worker-nan",
        family="process",
        text="the solver's answer is not a number",
        strike=partial(_worker, Trouble.NAN),
    ),
)

PROCESS = (*_KILLED, *_HELD_UP, *_ASKED, *_WORKER)
