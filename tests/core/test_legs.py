"""Each leg of a night trades while it is on; what rests of it outside of that is cancelled."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.intents import CancelOrders
from core.orders import register
from core.state import Stage
from core.types import Answer, Outcome, Purpose, Tif
from tests.core.desk import CLOSE_MS, SOL, after, answered, of, order, tick
from tests.core.test_rebalance import closing

LEGS = {Purpose.PROJECTED: Stage.PROJECTED, Purpose.CORRECTION: Stage.CORRECTED}


@given(
    st.sampled_from([(leg, stage) for leg, on in LEGS.items() for stage in Stage if stage is not on]),
    st.integers(0, 4_000),
)
def test_what_rests_of_a_leg_that_is_not_on_is_cancelled_at_once_and_again_as_often_as_it_still_rests(
    leg_and_stage, late_ms
):
    """A start may have slept through the freeze; and no turn of the clock may keep an order alive."""
    leg, stage = leg_and_stage
    alo = order(SOL, purpose=leg, tif=Tif.ALO)
    rests = Answer(cloid=alo.cloid, outcome=Outcome.RESTING, oid=1)
    cancel = [CancelOrders(orders=((SOL, alo.cloid),))]
    state = register(closing({}, at_ms=CLOSE_MS + 440_000 + late_ms), (alo,))
    state = replace(state, session=replace(state.session, stage=stage))
    for _ in range(2):
        state, intents = after(state, answered(rests, at_ms=state.at_ms))
        assert of(intents, CancelOrders) == cancel
        state, intents = after(state, tick(state.at_ms + 1_000))
        assert of(intents, CancelOrders) == []
