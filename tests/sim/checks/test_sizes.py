from msgspec.structs import replace

from core.events import ProFormaReady
from core.types import Phase
from sim.checks.sizes import TargetsAreTheWeights
from tests.sim.checks.recorded import found, steps, with_state


def sizes(_):
    return TargetsAreTheWeights()


def projected():
    return next(s for s in steps() if isinstance(s.event, ProFormaReady) and s.event.phase is Phase.PROJECTED)


def moved(step, lots, *, held=False):
    """The step with the first target so many lots away."""
    session = step.state.session
    coin = next(iter(session.projected.targets))
    target = session.projected.targets[coin] + lots * step.state.instruments[coin].lot
    record = replace(session.projected, targets={**session.projected.targets, coin: target})
    reasons = {coin: "no close"} if held else session.held
    return with_state(step, session=replace(session, projected=record, held=reasons))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(sizes) == []


def test_a_target_a_lot_away_from_its_weight_is_found_either_way():
    for lots in (-1, 1):
        assert "its weight makes" in next(TargetsAreTheWeights().on_step(moved(projected(), lots)))


def test_what_is_held_for_a_reason_needs_no_weight():
    assert list(TargetsAreTheWeights().on_step(moved(projected(), 1, held=True))) == []
