from typing import get_args

import msgspec
import pytest

from core import intents as it
from core.types import Phase
from tests.core.desk import BTC, DAY, PRICES, SOL, D, order

EXAMPLES = [
    it.SubmitOrders(orders=(order(),)),
    it.CancelOrders(orders=((SOL, order().cloid),)),
    it.CancelEverything(),
    it.QueryOrders(cloids=(order().cloid,)),
    it.BurnNonce(cloids=(order().cloid,)),
    it.FetchFills(from_ms=1),
    it.FetchFunding(from_ms=1),
    it.FetchSnapshot(),
    it.ScheduleCancel(cancel_ms=5),
    it.ScheduleCancel(cancel_ms=None),
    it.RunPreflight(session=DAY, held=(SOL,)),
    it.RunPipeline(
        session=DAY,
        phase=Phase.PROJECTED,
        universe=(SOL,),
        held_qty={SOL: D("-0.01")},
        equity_usd=D(1),
        prices={BTC: PRICES[BTC]},
        give_up_ms=1,
    ),
    it.TripKill(reason="test"),
    it.RaiseAlert(level="error", code="test", text="test"),
    it.WriteReport(session=DAY),
]


@pytest.mark.parametrize("intent", EXAMPLES, ids=lambda i: type(i).__name__)
def test_every_intent_comes_back_from_the_journal_as_it_went_in(intent):
    assert msgspec.json.decode(msgspec.json.encode(intent), type=it.AnyIntent) == intent


def test_there_is_an_example_of_every_intent():
    assert {type(i) for i in EXAMPLES} == set(get_args(it.AnyIntent))
