"""Three publishing instances as processes (S4-36, S4-37, O4-13): whatever is done to them, one publishes at a time."""

import signal
import sqlite3
from contextlib import ExitStack, closing

import pytest

from tests.processes.instances import HOLDERS, LEASE_S, Trio, check
from tests.processes.partition import OURS, MayNotPartition, Namespace
from tests.processes.small_disk import MayNotMount, SmallDisk
from tests.processes.zookeeper_server import NoZooKeeper, ZooKeeperServer

pytestmark = pytest.mark.xdist_group("waiting")

both = pytest.mark.parametrize("trio", ["local", "zookeeper"], indirect=True, scope="module")
local = pytest.mark.parametrize("trio", ["local"], indirect=True, scope="module")
zookeeper = pytest.mark.parametrize("trio", ["zookeeper"], indirect=True, scope="module")

PARTED = HOLDERS[0]
"""The instance that runs behind a cable of its own, where ZooKeeper is used."""


def on_a_lease_file(directory, stack):
    place = directory / "lease"
    try:
        disk = SmallDisk.mount(place)
        stack.callback(disk.unmount)
    except MayNotMount as error:
        disk = str(error)
    trio = Trio("local", place / "index.sqlite", directory)
    trio.disk = disk
    return trio


def on_zookeeper(directory, stack):
    try:
        cable = Namespace.make()
        stack.callback(cable.close)
    except MayNotPartition as error:
        cable = str(error)
    parts = isinstance(cable, Namespace)
    server = ZooKeeperServer.start(directory / "zookeeper", OURS if parts else "127.0.0.1")
    stack.callback(server.close)
    prefix = cable.inside() if parts else []
    trio = Trio(
        "zookeeper", server.hosts, directory, prefix=lambda holder: prefix if holder == PARTED else []
    )
    trio.server, trio.cable = server, cable
    return trio


@pytest.fixture(scope="module")
def trio(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        try:
            made = {"local": on_a_lease_file, "zookeeper": on_zookeeper}[request.param](directory, stack)
        except NoZooKeeper as error:
            pytest.skip(str(error))
        stack.callback(made.close)
        yield made


@pytest.fixture(autouse=True)
def nobody_published_wrongly(trio):
    yield
    check(trio.collector.said)


def led_by(trio, holder):
    """Return a value of an instance once it leads, made to by ending those that do."""
    leader = trio.leader()
    while leader.holder != holder:
        trio.end(leader.holder)
        follower = trio.follower(leader)
        trio.start(leader.holder)
        leader = follower
    return leader


@both
def test_a_leader_that_is_killed_is_followed(trio):
    leader = trio.leader()
    trio.kill(leader.holder)
    assert trio.follower(leader).holder != leader.holder
    trio.start(leader.holder)


@both
def test_a_leader_that_is_stopped_for_longer_than_its_lease_says_nothing_when_it_goes_on(trio):
    leader = trio.leader()
    trio.signal(leader.holder, signal.SIGSTOP)
    follower = trio.follower(leader)
    trio.signal(leader.holder, signal.SIGCONT)
    assert all(said.token >= follower.token for said in trio.collector.quiet(LEASE_S / 2))


@both
def test_a_leader_whose_event_loop_hangs_is_followed(trio):
    leader = trio.leader()
    trio.signal(leader.holder, signal.SIGUSR1)
    assert trio.follower(leader).holder != leader.holder


@both
def test_a_leader_that_ends_hands_over_before_its_lease_does(trio):
    gaps_s = []
    while not gaps_s or (min(gaps_s) > 0.9 * LEASE_S and len(gaps_s) < 3):
        leader = trio.leader()
        trio.end(leader.holder)
        follower = trio.follower(leader)
        trio.start(leader.holder)
        gaps_s.append(follower.at_s - max(s.at_s for s in trio.collector.said if s.token == leader.token))
    assert min(gaps_s) < 0.9 * LEASE_S


@both
@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
def test_clocks_that_jump_give_nobody_a_second_leader(trio, ahead_s):
    leader = trio.leader()
    followers = [holder for holder in HOLDERS if holder != leader.holder]
    trio.signal(leader.holder, signal.SIGSTOP)
    for jumps in range(1, 5):
        for holder in followers:
            trio.clock(holder, jumps * ahead_s)
        trio.collector.quiet(LEASE_S / 12)
    trio.signal(leader.holder, signal.SIGCONT)
    trio.leader()
    trio.clock(leader.holder, ahead_s)
    assert trio.leader().token >= leader.token
    for holder in HOLDERS:
        trio.clock(holder, 0.0)


@local
def test_nobody_publishes_while_somebody_else_holds_the_file(trio):
    trio.leader()
    with closing(sqlite3.connect(trio.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        trio.collector.quiet(1.5 * LEASE_S)
        assert trio.collector.quiet(LEASE_S / 2) == []
    trio.leader()


@local
def test_nobody_publishes_on_a_full_disk(trio):
    if not isinstance(trio.disk, SmallDisk):
        pytest.skip(trio.disk)
    trio.leader()
    trio.disk.fill(left_bytes=0)
    trio.collector.quiet(1.5 * LEASE_S)
    said = trio.collector.quiet(LEASE_S / 2)
    trio.disk.free()
    assert said == []
    trio.leader()


@zookeeper
def test_a_leader_that_is_cut_off_is_silent_before_another_leads(trio):
    if not isinstance(trio.cable, Namespace):
        pytest.skip(trio.cable)
    leader = led_by(trio, PARTED)
    trio.cable.part()
    follower = trio.follower(leader)
    later = trio.collector.quiet(LEASE_S / 2)
    trio.cable.join()
    assert PARTED not in {said.holder for said in later}
    assert all(said.token >= follower.token for said in trio.collector.quiet(LEASE_S))


@zookeeper
def test_nobody_publishes_while_the_server_is_stopped_and_one_does_when_it_goes_on(trio):
    trio.leader()
    with trio.server.stopped():
        trio.collector.quiet(1.5 * LEASE_S)
        assert trio.collector.quiet(LEASE_S / 2) == []
    trio.leader()
