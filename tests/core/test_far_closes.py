"""An official close that is nowhere near the live price: nothing that was computed with it may be traded on."""

import pytest
from msgspec.structs import replace

from core import rebalance
from core.events import ProFormaReady
from core.intents import RaiseAlert
from core.state import Opening, Session, Stage
from core.types import Phase
from tests.core.desk import BTC, CLOSE_MS, DAY, DOGE, ETH, PRICES, SOL, D, desk, proforma

WEIGHTS = {SOL: 0.05, DOGE: 0.05}


def taken(closes, sol_betas=(2.487, 0.577)):
    """The state after the correction's pro forma came with these closes and betas, and the alerts it raised."""
    state = desk({SOL: D(5)})
    opening = Opening(snapshot=state.account.snapshot, ledger=state.book.ledger)
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.CORRECTING, opening=opening)
    made = proforma(WEIGHTS, {**PRICES, **closes}, betas={SOL: sol_betas, DOGE: (1.1, 0.2)})
    ready = ProFormaReady(at_ms=CLOSE_MS, session=DAY, phase=Phase.CORRECTION, proforma=made)
    before = replace(state, session=session)
    after, intents = rebalance.on_proforma(before, ready)
    return before, after, [i for i in intents if isinstance(i, RaiseAlert)]


def test_a_coin_whose_close_came_in_other_units_keeps_the_betas_it_had():
    before, after, _ = taken({SOL: PRICES[SOL] * 1000})
    assert SOL in after.session.held
    assert after.hedge.betas[SOL] == before.hedge.betas[SOL]
    assert after.hedge.betas[DOGE] == (1.1, 0.2)


@pytest.mark.parametrize("coin", [BTC, ETH])
@pytest.mark.parametrize("times", [D("0.001"), D("0.6"), D("1.4"), D(1000)])
def test_a_far_close_of_what_every_beta_is_measured_with_holds_the_whole_phase(coin, times):
    before, after, alerts = taken({coin: PRICES[coin] * times})
    assert after.session.stage is Stage.CORRECTING
    assert after.hedge.betas == before.hedge.betas
    assert after.session.correction.targets == {}
    assert coin in after.session.correction.reason
    assert [alert.code for alert in alerts] == ["pipeline.correction"]


def test_a_close_within_the_limit_is_taken_with_its_betas():
    _, after, alerts = taken({SOL: PRICES[SOL] * D("1.2"), BTC: PRICES[BTC] * D("0.8")})
    assert after.session.stage is Stage.CORRECTED
    assert after.hedge.betas[SOL] == (2.487, 0.577)
    assert alerts == []


@pytest.mark.parametrize("betas", [(2487.0, 577.0), (0.5, -40.0), (float("inf"), 0.0)])
def test_betas_that_no_coin_has_are_not_hedged_by_though_the_close_is_the_live_price(betas):
    before, after, _ = taken({}, betas)
    assert "in other units" in after.session.held[SOL]
    assert after.session.correction.targets[SOL] == before.book.positions[SOL]
    assert after.hedge.betas == {**before.hedge.betas, DOGE: (1.1, 0.2)}
