from dataclasses import replace as with_fields

from msgspec.structs import replace

from core.events import OrdersAnswered, SnapshotReceived
from core.types import Coin, OpenOrder, Side, TradingState
from sim.checks.strangers import StrangersAreNoticed
from tests.sim.checks.recorded import found, ordering, steps, with_state

SOMEBODYS = OpenOrder(coin=Coin("BTC"), oid=1, cloid=None, side=Side.BUY, remaining_qty="1", limit_px="1")


def strangers(_):
    return StrangersAreNoticed()


def of(step):
    return list(StrangersAreNoticed().on_step(step))


def test_a_night_as_it_was_has_nothing_wrong():
    assert found(strangers) == []


def test_an_answer_about_somebody_elses_order_must_stop_new_risk():
    step = ordering("hedge")
    told = with_fields(step, event=OrdersAnswered(at_ms=1, answers=(), strangers=(SOMEBODYS,)))
    assert "somebody else" in of(told)[0]
    assert of(with_state(told, trading=TradingState.REDUCING)) == []


def test_an_order_in_a_snapshot_counts_once_it_is_adopted_and_ours_does_not():
    step = next(
        s
        for s in steps()
        if isinstance(s.event, SnapshotReceived) and s.state.account.snapshot is s.event.snapshot
    )
    ours = replace(SOMEBODYS, cloid=ordering("hedge").orders[0].cloid)

    def with_order(order):
        snapshot = replace(step.event.snapshot, open_orders=(order,))
        told = with_fields(step, event=replace(step.event, snapshot=snapshot))
        return with_state(told, account=replace(step.state.account, snapshot=snapshot))

    assert "somebody else" in of(with_order(SOMEBODYS))[0]
    assert of(with_order(ours)) == []
    not_adopted = with_fields(with_order(SOMEBODYS), state=step.state)
    assert of(not_adopted) == []
