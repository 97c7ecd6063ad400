from typing import get_args

import msgspec
import pytest

from core import events as ev
from core.types import Outcome, Phase
from tests.core import desk
from tests.core.desk import CLOSE_MS, DAY, SETTINGS, SOL, D

EXAMPLES = [
    ev.Started(at_ms=1, version="1", settings=SETTINGS),
    ev.ClockSet(at_ms=1),
    ev.QuoteReceived(at_ms=1, quote=desk.quote(SOL)),
    desk.fills(desk.fill(SOL, D(1)), covered=(1, 2)),
    ev.FundingReceived(at_ms=1, payments=()),
    desk.answered(ev.Answer(cloid=desk.order().cloid, outcome=Outcome.UNKNOWN)),
    ev.AllowanceRead(at_ms=1, used=7, cap=10_000),
    ev.SnapshotReceived(at_ms=1, snapshot=desk.snapshot({SOL: D("-1.5")})),
    ev.InstrumentsReceived(at_ms=1, instruments=tuple(desk.INSTRUMENTS.values())),
    ev.StreamChanged(at_ms=1, up=False, reason="1006"),
    ev.CancelScheduled(at_ms=1, scheduled_ms=2, taken=None, reason="time-out"),
    ev.VenueNoticed(at_ms=1, notice="upgrade"),
    ev.PreflightDone(at_ms=1, session=DAY, universe=(SOL,), problems=("clock",)),
    ev.ProFormaReady(at_ms=1, session=DAY, phase=Phase.PROJECTED, proforma=desk.proforma({SOL: 0.1})),
    ev.ProFormaFailed(at_ms=1, session=DAY, phase=Phase.CORRECTION, reason="no data"),
    desk.tick(CLOSE_MS),
    ev.KillTripped(at_ms=1, reason="test", by="operator"),
    ev.KillReset(at_ms=1, reason="test"),
    ev.ConfigChanged(at_ms=1, settings=SETTINGS, changes={"seed": ("0", "1")}),
    ev.StopRequested(at_ms=1, reason="SIGTERM"),
    ev.ManualReconcile(at_ms=1),
    ev.PriceDisputed(at_ms=1, coin=SOL, venue_px=D("142.5"), index_px=D("150.01")),
    ev.PriceAgreed(at_ms=1, coin=SOL),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda e: type(e).__name__)
def test_every_event_comes_back_from_the_journal_as_it_went_in(event):
    assert msgspec.json.decode(msgspec.json.encode(event), type=ev.AnyEvent) == event


def test_there_is_an_example_of_every_event():
    assert {type(e) for e in EXAMPLES} == set(get_args(ev.AnyEvent))
