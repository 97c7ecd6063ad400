import asyncio
from configparser import RawConfigParser
from pathlib import Path

import pytest

from sim.nights.life import Life
from sim.nights.loop import WorldLoop
from sim.nights.service_manager import SIGNALLED, WELL, Pulse, ServiceManager, Unit


def unit_file():
    parser = RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(Path("systemd/nightdesk.service"))
    return parser


def test_the_numbers_are_those_of_the_unit_file():
    service, unit = unit_file()["Service"], unit_file()["Unit"]
    assert service["Restart"] == "on-failure"
    assert Unit() == Unit(
        restart_s=float(service["RestartSec"]),
        prevents=frozenset(map(int, service["RestartPreventExitStatus"].split())),
        start_limit=int(unit["StartLimitBurst"]),
        start_limit_s=float(unit["StartLimitIntervalSec"]),
        watchdog_s=float(service["WatchdogSec"]),
        start_timeout_s=float(service["TimeoutStartSec"]),
        stop_timeout_s=float(service["TimeoutStopSec"]),
    )


@pytest.mark.parametrize("status", [1, 3, 5, 8, SIGNALLED])
def test_a_failure_is_started_again(status):
    manager = ServiceManager()
    manager.started(0.0)
    assert manager.next_start_s(status, 1.0) == Unit().restart_s


@pytest.mark.parametrize("status", [WELL, 2, 4, 6])
def test_what_left_well_or_cannot_start_waits_for_a_person(status):
    manager = ServiceManager()
    manager.started(0.0)
    assert manager.next_start_s(status, 1.0) is None
    assert not manager.gave_up


def test_the_fifth_failure_within_ten_minutes_is_the_last_until_a_person_resets_it():
    manager = ServiceManager()
    starts = 0
    now_s = 0.0
    while not manager.gave_up:
        manager.started(now_s)
        starts += 1
        now_s += 3.0 + (manager.next_start_s(1, now_s + 3.0) or 0.0)
    assert starts == Unit().start_limit
    manager.reset_failed()
    assert manager.next_start_s(1, now_s) == Unit().restart_s


def test_failures_further_apart_than_the_limit_looks_are_started_for_ever():
    manager = ServiceManager()
    for number in range(50):
        manager.started(number * 150.0)
        assert manager.next_start_s(1, number * 150.0 + 140.0) is not None


@pytest.fixture
def night():
    from random import Random

    loop = WorldLoop(Random(0))
    life, manager = Life(1), ServiceManager()
    manager.started(0.0)
    stops = []
    pulse = Pulse(loop, manager, life, lambda: stops.append(loop.time()))
    yield loop, life, manager, pulse, stops
    loop.close()


def test_a_daemon_that_is_never_ready_is_asked_to_leave_and_that_is_a_failure(night):
    loop, life, manager, _, stops = night
    loop.run_until_complete(asyncio.sleep(100))
    assert stops == [Unit().start_timeout_s]
    assert not life.dead
    assert manager.next_start_s(WELL, 100.0) == Unit().restart_s


def test_a_watchdog_that_is_not_fed_kills(night):
    loop, life, _manager, pulse, stops = night
    pulse.ready()
    for at_s in (10, 35, 60):
        loop.call_at(at_s, pulse.alive, "")
    loop.run_until_complete(asyncio.sleep(89))
    assert not life.dead
    loop.run_until_complete(asyncio.sleep(2))
    assert life.dead
    assert not stops


def test_a_daemon_that_leaves_is_not_watched_any_more(night):
    loop, life, _manager, pulse, stops = night
    pulse.ready()
    pulse.stopping()
    loop.run_until_complete(asyncio.sleep(100))
    assert not life.dead
    assert not stops
