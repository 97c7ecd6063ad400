import json
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from core.state import Stage
from sim.checks.ending import BY_BETAS, NEED_NOT_HOLD, EndsAsItShould
from state.store import Store
from tests.sim.checks.recorded import at_end_with, night, ordering, seen


def of(world):
    return list(EndsAsItShould().at_end(world))


def report():
    world = night().world
    return json.loads(Store(world.directory).read_report(world.daemon.state.session.day))


def with_report(document, tmp_path):
    day = night().world.daemon.state.session.day
    Store(tmp_path).write_report(day, json.dumps(document).encode())
    return seen(directory=tmp_path)


def test_a_night_as_it_was_ended_well():
    assert of(night().world) == []
    assert night().world.checkers.figures["off_target"] == 0


@pytest.mark.parametrize("stage", [Stage.CLOSING, Stage.CORRECTED])
def test_a_session_that_is_not_done_is_found(stage):
    state = night().world.daemon.state
    early = replace(state, session=replace(state.session, stage=stage))
    assert of(at_end_with(early)) == [f"the session ended in stage {stage.value}"]


def test_a_delta_outside_its_band_is_found_unless_there_never_was_a_beta(tmp_path):
    document = report()
    for invariant in document["invariants"]:
        invariant["held"] = invariant["held"] and invariant["name"] != BY_BETAS
    world = with_report(document, tmp_path)
    assert BY_BETAS in of(world)[0]
    state = world.daemon.state
    blind = replace(state, hedge=replace(state.hedge, betas={}))
    assert of(seen(daemon=SimpleNamespace(state=blind), directory=tmp_path)) == []


def test_an_order_that_is_open_or_unknown_is_found():
    state = night().world.daemon.state
    unsettled = replace(state, orders=ordering("projected").state.orders)
    assert "is still" in of(at_end_with(unsettled))[0]


def test_an_order_that_rests_at_the_venue_is_found():
    venue = night().world.venue
    order = next(iter(venue._account(night().world.keys.address).orders.values()))
    account = SimpleNamespace(open_orders={1: order})
    resting = SimpleNamespace(_account=lambda _: account, positions=venue.positions)
    assert "rests at the venue" in of(seen(venue=resting))[0]


def test_a_missing_report_is_found(tmp_path):
    assert "has no report" in of(seen(directory=tmp_path))[0]


def test_a_coin_off_its_target_is_found_unless_the_report_says_why(tmp_path):
    document, state = report(), night().world.daemon.state
    coin = next(iter(state.session.correction.targets))
    targets = {**state.session.correction.targets, coin: state.session.correction.targets[coin] + 1000}
    session = replace(state.session, correction=replace(state.session.correction, targets=targets))
    world = with_report(document, tmp_path)
    world.daemon = SimpleNamespace(state=replace(state, session=session))
    for asset in document["assets"]:
        asset["reason"] = ""
    with_report(document, tmp_path)
    assert f"{coin} is 1000" in of(world)[0]
    for asset in document["assets"]:
        asset["reason"] = "no price"
    with_report(document, tmp_path)
    assert of(world) == []
    assert night().world.checkers.figures["off_target"] == 1
    night().world.checkers.figures["off_target"] = 0


@pytest.mark.parametrize("n", range(7))
def test_a_promise_of_the_report_that_is_broken_is_found(n, tmp_path):
    document = report()
    document["invariants"][n]["held"] = False
    excused = document["invariants"][n]["name"] in NEED_NOT_HOLD
    assert bool(of(with_report(document, tmp_path))) is not excused


def test_there_are_no_more_promises_than_are_tried():
    assert len(report()["invariants"]) == 7
