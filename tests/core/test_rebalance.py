"""The stages of a night, played whole: what happens when something of it is late, missing, broken or stopped."""

import itertools
from dataclasses import replace as replaced

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import rebalance
from core.events import KillReset, KillTripped, ProFormaFailed, ProFormaReady, StopRequested
from core.intents import RunPipeline, RunPreflight, WriteReport
from core.report import final_targets
from core.state import Opening, Session, Stage
from core.types import Phase, Purpose, TradingState
from tests.core.desk import (
    BTC,
    CLOSE_MS,
    DAY,
    DOGE,
    INSTRUMENTS,
    PRICES,
    SETTINGS,
    SOL,
    XRP,
    D,
    after,
    desk,
    fill,
    fills,
    of,
    proforma,
    sent,
    snapshot,
    tick,
)
from tests.core.nights import FLIPPED, LONG_SHORT, moving, night

FULL = [
    "waiting",
    "preflight",
    "projecting",
    "projected",
    "frozen",
    "correcting",
    "corrected",
    "closing",
    "done",
]
ELEVEN = replaced(SETTINGS, session=replaced(SETTINGS.session, projected_duration_s=660))
"""A projected schedule that ends with the freeze."""


def ended_on_target(played):
    targets = final_targets(played.state.session)
    assert targets
    for coin, target in targets.items():
        assert played.position(coin) == target, coin
    assert played.venue.positions == played.state.book.positions
    return True


def reported(played):
    assert len(played.reports) == 1
    assert played.state.session.stage is Stage.DONE
    return played.reports[0]


def phase(played, name):
    return reported(played)["phases"][name]


# --- an ordinary night ---------------------------------------------------------------------------------


def test_an_ordinary_night_goes_through_its_stages_once_and_ends_on_its_targets():
    played = night(LONG_SHORT, FLIPPED, prices=moving).play(-930, 520)
    assert played.stages == FULL
    assert ended_on_target(played)
    assert all(i["held"] for i in reported(played)["invariants"])


def test_nothing_is_traded_outside_of_its_phase():
    played = night(LONG_SHORT, FLIPPED).play(-930, 520)
    for o in played.orders:
        s = (o.created_ms - CLOSE_MS) / 1000
        if o.purpose is Purpose.PROJECTED:
            assert -600 <= s < 60
        if o.purpose is Purpose.CORRECTION:
            assert 120 <= s < 420


def test_o3_13_where_closes_are_as_projected_the_correction_sends_nothing():
    played = night(settings=ELEVEN).play(-930, 520)
    assert not sent_for(played, Purpose.CORRECTION)
    assert phase(played, "correction")["targets"] == phase(played, "projected")["targets"]
    assert ended_on_target(played)


def sent_for(played, purpose):
    return [o for o in played.orders if o.purpose is purpose]


def test_o3_13_of_a_schedule_cut_by_the_freeze_the_correction_sends_the_rest_and_not_a_lot_more():
    """By default the schedule ends at 00:05 and the freeze is at 00:01 (E3-21): a quarter is left for the correction."""
    played = night().play(-930, 520)
    for coin, target in final_targets(played.state.session).items():
        trades = played.traded(coin, Purpose.PROJECTED, Purpose.CORRECTION)
        assert sum(map(abs, trades)) == abs(target), "as much as in one phase, all on one side"
    assert ended_on_target(played)


@pytest.mark.parametrize("seed", range(6))
def test_o3_13_a_signal_that_flips_ends_on_the_corrected_target_to_the_lot(seed):
    played = night(LONG_SHORT, FLIPPED, seed=seed, prices=moving).play(-930, 520)
    assert ended_on_target(played)
    assert played.position(SOL) < 0 < sum(played.traded(SOL, Purpose.PROJECTED))
    assert max(f.at_ms for f in played.venue.fills if f.coin == SOL) < CLOSE_MS + 420_000


def test_both_phases_are_given_the_same_book_equity_and_universe():
    """The correction must not depend on what the projection did (E3-23)."""
    asked = []
    played = night(held={SOL: D(50), BTC: D("-0.1")}, prices=moving)
    pipeline = played.pipeline
    played.pipeline = lambda intent: (asked.append(intent), pipeline(intent))
    played.play(-930, 520)
    first, second = asked
    assert (first.held_qty, first.equity_usd, first.universe) == (
        second.held_qty,
        second.equity_usd,
        second.universe,
    )
    assert first.held_qty == {SOL: 50}
    assert set(first.prices) >= set(LONG_SHORT)
    assert second.prices == {}


@given(a=st.dictionaries(st.sampled_from([SOL, DOGE, XRP]), st.floats(-0.1, 0.1)))
@settings(max_examples=10, deadline=None)
def test_whatever_was_projected_the_corrected_targets_are_the_same(a):
    only = night(None, FLIPPED).play(-930, 520)
    both = night(a or None, FLIPPED).play(-930, 520)
    corrected = both.state.session.correction.targets
    assert {c: corrected[c] for c in FLIPPED} == {
        c: only.state.session.correction.targets[c] for c in FLIPPED
    }


def test_the_next_night_begins_at_the_next_preflight():
    played = night().play(-930, 520)
    first = played.state
    later, _ = after(first, tick(CLOSE_MS + 86_400_000 - 901_000))
    assert later.session.day == DAY
    later, _ = after(later, tick(CLOSE_MS + 86_400_000 - 900_000))
    assert later.session.day == "2025-06-02"
    assert later.session.stage is Stage.PREFLIGHT
    assert later.session.legs == {}


# --- started late --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start_s", [-600, -599, -300, -31, -2, -1, 0, 1, 30, 59, 60, 61, 119, 120, 121, 240, 300]
)
def test_a_night_that_is_begun_under_way_still_ends_on_its_target(start_s):
    played = night(LONG_SHORT, FLIPPED).play(start_s, 520)
    assert ended_on_target(played)
    held = phase(played, "projected")
    assert held["stage"] == "traded" or held["reason"]
    assert all(i["held"] for i in reported(played)["invariants"])


@given(start_s=st.integers(-600, 419), kill_s=st.none() | st.integers(1, 1_000))
@settings(max_examples=25, deadline=None)
def test_a_start_at_any_second_and_a_kill_at_any_other_end_in_one_report_with_all_its_reasons(
    start_s, kill_s
):
    played = night(LONG_SHORT, FLIPPED, seed=start_s + 600)
    if kill_s is not None:
        at_ms = CLOSE_MS + 1000 * (start_s + kill_s)
        played.at(at_ms, lambda: played.deliver(KillTripped(at_ms=at_ms, reason="test", by="operator")))
    report = reported(played.play(start_s, 560))
    assert len(report["invariants"]) == 7
    for asset in report["assets"]:
        assert abs(asset["residual_lots"]) <= 1 or asset["reason"]
    for part in report["phases"].values():
        assert part["stage"] == "traded" or part["reason"]


@pytest.mark.parametrize("start_s", [360, 400, 410, 415, 418, 419])
def test_a_night_that_is_begun_too_late_to_finish_says_so_for_every_coin(start_s):
    played = night(LONG_SHORT, FLIPPED).play(start_s, 520)
    report = reported(played)
    for asset in report["assets"]:
        assert abs(asset["residual_lots"]) <= 1 or asset["reason"]
    for part in report["phases"].values():
        assert part["stage"] == "traded" or part["reason"]


@pytest.mark.parametrize("start_s", [420, 421, 600, 3_600])
def test_a_start_after_the_deadline_waits_for_the_next_night(start_s):
    played = night().play(start_s, start_s + 60)
    assert played.stages == ["waiting"]
    assert played.state.session.close_ms == CLOSE_MS + 86_400_000
    assert not played.orders
    assert not played.reports


def test_a_session_that_was_slept_through_is_reported_as_missed():
    played = night().play(-930, -700)
    played.crash(down_ms=2 * 3_600_000)
    played.play(7_000, 7_030)
    assert "not ready in time" in phase(played, "projected")["reason"] or phase(played, "projected")["reason"]
    assert not sent_for(played, Purpose.CORRECTION)


# --- late, missing, broken -----------------------------------------------------------------------------


@pytest.mark.parametrize("delay_s", [30, 60, 120, 200])
def test_a_late_close_shortens_the_correction_and_nothing_else(delay_s):
    played = night(LONG_SHORT, FLIPPED, delay_s={Phase.CORRECTION: delay_s}).play(-930, 520)
    assert ended_on_target(played)
    assert played.state.session.correction.started_ms - CLOSE_MS == pytest.approx(
        120_000 + 1000 * delay_s, abs=1_500
    )


def test_a_result_after_the_deadline_changes_nothing():
    played = night(LONG_SHORT, FLIPPED, delay_s={Phase.CORRECTION: 299.8}).play(-930, 520)
    assert not sent_for(played, Purpose.CORRECTION)
    assert phase(played, "correction")["stage"] == "held"
    assert "in time" in phase(played, "correction")["reason"]


def test_a_coin_without_its_close_keeps_the_projected_target():
    played = night(LONG_SHORT, FLIPPED, missing=(SOL,)).play(-930, 520)
    session = played.state.session
    assert session.correction.targets[SOL] == session.projected.targets[SOL]
    assert session.correction.targets[DOGE] > 0 > session.projected.targets[DOGE]
    assert "official close missing" in session.held[SOL]
    assert ended_on_target(played)


def test_a_coin_without_close_and_projection_keeps_its_position():
    played = night(None, FLIPPED, missing=(SOL,), held={SOL: D(77)}).play(-930, 520)
    assert played.position(SOL) == 77
    assert "position kept" in played.state.session.held[SOL]


@pytest.mark.parametrize("which", [Phase.PROJECTED, Phase.CORRECTION])
def test_where_a_pipeline_fails_that_phase_is_held_with_its_reason(which):
    weights = {Phase.PROJECTED: (None, FLIPPED), Phase.CORRECTION: (LONG_SHORT, None)}[which]
    played = night(*weights).play(-930, 520)
    purpose = Purpose.PROJECTED if which is Phase.PROJECTED else Purpose.CORRECTION
    assert not sent_for(played, purpose)
    assert phase(played, which.value) | {"stage": "held", "reason": "no solution"} == phase(
        played, which.value
    )
    assert len(played.reports) == 1


def test_where_both_pipelines_fail_the_old_book_is_held():
    played = night(None, None, held={SOL: D(100), DOGE: D(-9_000)}).play(-930, 520)
    assert {c: played.position(c) for c in (SOL, DOGE)} == {SOL: 100, DOGE: -9_000}
    report = reported(played)
    assert all(a["reason"] for a in report["assets"])


def test_a_pipeline_that_failed_is_tried_again_after_a_while_and_not_at_once():
    played = night(LONG_SHORT, None)
    asked = []
    pipeline = played.pipeline
    played.pipeline = lambda intent: (asked.append(played.now_ms), pipeline(intent))
    played.at(CLOSE_MS + 200_000, lambda: setattr(played.plan, "correction", FLIPPED))
    played.play(-930, 520)
    assert ended_on_target(played)
    retries = asked[1:]
    assert len(retries) > 2
    assert min(b - a for a, b in itertools.pairwise(retries)) >= rebalance.ATTEMPT_AGAIN_MS


def test_preflight_problems_hold_the_night_and_are_named():
    played = night(problems=("the clock is 3 s off",), held={SOL: D(10)}).play(-930, 520)
    assert not sent_for(played, Purpose.PROJECTED)
    assert (
        phase(played, "projected")["reason"]
        == phase(played, "correction")["reason"]
        == "the clock is 3 s off"
    )
    assert reported(played)["problems"] == ["the clock is 3 s off"]


def test_preflight_problems_that_go_away_let_the_night_begin():
    played = night(problems=("the clock is 3 s off",))
    played.at(CLOSE_MS - 400_000, lambda: setattr(played.plan, "problems", ()))
    played.play(-930, 520)
    assert ended_on_target(played)


def test_an_account_without_equity_trades_nothing_and_says_so():
    played = night(held={SOL: D(10)})
    played.venue.cash_usd = D(-1_500)
    played.play(-930, 520)
    assert not played.orders
    assert "no equity" in phase(played, "projected")["reason"]


def test_a_close_far_from_the_live_price_holds_its_coin():
    def jumped(coin, now_ms):
        return PRICES[coin] * 2 if coin == SOL and now_ms > CLOSE_MS + 60_000 else PRICES[coin]

    played = night({SOL: 0.05, DOGE: 0.05}, {SOL: 0.05, DOGE: 0.05}, prices=jumped).play(-930, 520)
    assert "from the live mid" in played.state.session.held[SOL]
    assert not [o for o in sent_for(played, Purpose.CORRECTION) if o.coin == SOL]


# --- targets -------------------------------------------------------------------------------------------


def correcting(positions=None):
    state = desk(positions)
    opening = Opening(snapshot=state.account.snapshot, ledger=state.book.ledger)
    return replace(
        state, session=Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.CORRECTING, opening=opening)
    )


def targets_of(made, positions=None):
    ready = ProFormaReady(at_ms=CLOSE_MS, session=DAY, phase=Phase.CORRECTION, proforma=made)
    state, _ = rebalance.on_proforma(correcting(positions), ready)
    return state.session.correction.targets, state.session.held


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_holds_its_coin_and_no_other(weight):
    targets, held = targets_of(proforma({SOL: weight, DOGE: 0.01}), {SOL: D(5)})
    assert targets == {SOL: 5, DOGE: 50_000}
    assert "not a number" in held[SOL]


def test_a_weight_without_a_price_holds_its_coin():
    targets, held = targets_of(proforma({SOL: 0.1, DOGE: 0.01}, {DOGE: D("0.2")}), {SOL: D(5)})
    assert targets == {SOL: 5, DOGE: 50_000}
    assert "no price" in held[SOL]


def test_a_held_coin_that_the_pipeline_does_not_know_is_kept_for_its_reason_where_it_has_one():
    for reasons, why in (({}, "knows nothing"), ({SOL: "in other units"}, "in other units: position kept")):
        targets, held = targets_of(proforma({DOGE: 0.01}, reasons=reasons), {SOL: D(5)})
        assert targets[SOL] == 5
        assert why in held[SOL]


def test_a_delisted_coin_is_kept():
    state = correcting({SOL: D(5)})
    state = replace(state, instruments={**INSTRUMENTS, SOL: replace(INSTRUMENTS[SOL], delisted=True)})
    ready = ProFormaReady(at_ms=CLOSE_MS, session=DAY, phase=Phase.CORRECTION, proforma=proforma({SOL: 0.0}))
    state, _ = rebalance.on_proforma(state, ready)
    assert state.session.correction.targets[SOL] == 5


def test_the_hedge_assets_never_have_a_target():
    """Two hands on one position: the rebalancer would sell what the hedger buys (E3-25)."""
    targets, _ = targets_of(proforma({BTC: 0.2, SOL: 0.1}), {BTC: D(1)})
    assert set(targets) == {SOL}


@pytest.mark.parametrize("stage", [s for s in Stage if s is not Stage.CORRECTING])
def test_a_result_that_nobody_waits_for_changes_nothing(stage):
    state = correcting({SOL: D(5)})
    state = replace(state, session=replace(state.session, stage=stage))
    ready = ProFormaReady(at_ms=CLOSE_MS, session=DAY, phase=Phase.CORRECTION, proforma=proforma({SOL: 0.1}))
    failed = ProFormaFailed(at_ms=CLOSE_MS, session=DAY, phase=Phase.CORRECTION, reason="late")
    assert rebalance.on_proforma(state, ready) == (state, ())
    assert rebalance.on_proforma_failed(state, failed) == (state, ())
    other = replace(ready, session="2025-05-31")
    waiting = correcting()
    assert rebalance.on_proforma(waiting, other) == (waiting, ())


# --- stopped -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kill_s", [-920, -700, -598, -300, 30, 61, 121, 300, 421])
def test_after_a_kill_in_any_stage_nothing_is_sent_and_the_report_is_written(kill_s):
    played = night(LONG_SHORT, FLIPPED)
    kill = KillTripped(at_ms=CLOSE_MS + 1000 * kill_s, reason="test", by="operator")
    played.at(CLOSE_MS + 1000 * kill_s, lambda: played.deliver(kill))
    played.play(-930, 560)
    assert all(o.created_ms <= kill.at_ms for o in played.orders)
    report = reported(played)
    assert report["trading"] == "HALTED"
    assert [i["held"] for i in report["invariants"] if i["name"] == "trading is not halted"] == [False]
    for asset in report["assets"]:
        assert abs(asset["residual_lots"]) <= 1 or asset["reason"]


@pytest.mark.parametrize(("kill_s", "reset_s"), [(-580, -400), (-100, 150), (130, 180), (-800, -620)])
def test_after_a_reset_the_night_goes_on_to_its_target(kill_s, reset_s):
    played = night(LONG_SHORT, FLIPPED)
    at = {s: CLOSE_MS + 1000 * s for s in (kill_s, reset_s)}
    kill = KillTripped(at_ms=at[kill_s], reason="test", by="operator")
    played.at(at[kill_s], lambda: played.deliver(kill))
    played.at(at[reset_s], lambda: played.deliver(KillReset(at_ms=at[reset_s], reason="checked")))
    played.play(-930, 560)
    assert ended_on_target(played)
    assert len(played.reports) == 1


def test_after_a_stop_was_asked_for_no_slice_is_sent():
    played = night()
    stop = StopRequested(at_ms=CLOSE_MS - 300_000, reason="SIGTERM")
    played.at(stop.at_ms, lambda: played.deliver(stop))
    played.play(-930, -100)
    assert not [o for o in played.orders if o.created_ms > stop.at_ms and o.purpose is Purpose.PROJECTED]


# --- what is asked for ---------------------------------------------------------------------------------


def test_a_computation_is_asked_for_once_and_again_after_a_restart():
    state = replace(correcting(), at_ms=CLOSE_MS + 130_000)
    state, first = rebalance.advance(state)
    state, again = rebalance.advance(state)
    _, restarted = rebalance.advance(rebalance.on_restart(state))
    assert len(of(first, RunPipeline)) == len(of(restarted, RunPipeline)) == 1
    assert not of(again, RunPipeline)


def test_preflight_is_asked_for_again_while_it_names_problems():
    played = night(problems=("no margin",))
    asked = []
    played.preflight, preflight = lambda: (asked.append(played.now_ms), preflight())[1], played.preflight
    played.play(-930, -700)
    assert len(asked) >= 5
    assert min(b - a for a, b in itertools.pairwise(asked)) >= rebalance.PREFLIGHT_AGAIN_MS
    assert of(after(desk(), tick(CLOSE_MS - 890_000))[1], RunPreflight)
    assert sent([]) == []


def test_the_opening_waits_until_snapshot_and_ledger_are_of_one_moment():
    """A fill inside the snapshot but not in the ledger would count twice in the night's profit."""
    state = replace(
        desk({SOL: D(5)}),
        session=Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.PREFLIGHT, stage_ms=CLOSE_MS),
    )
    ahead = replace(
        state, account=replace(state.account, snapshot=snapshot({SOL: D(6)}, at_ms=CLOSE_MS + 500))
    )
    waiting, _ = rebalance.advance(ahead)
    assert waiting.session.opening is None
    opened, _ = after(waiting, fills(fill(SOL, D(1), at_ms=CLOSE_MS + 400, start_position=D(5))))
    assert opened.session.opening is not None
    assert opened.session.opening.ledger.cash_usd == {SOL: -150}


def closing(positions, **changes):
    """Return a closing session whose books agree, with nothing on its way."""
    state = desk(positions, at_ms=CLOSE_MS + 440_000)
    session = Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.CLOSING, stage_ms=CLOSE_MS + 420_000)
    proved = replace(state.book, covered_to_ms=state.at_ms, funding_to_ms=state.at_ms)
    return replace(state, session=session, book=proved, **changes)


def test_a_closing_session_waits_for_the_hedge_unless_nobody_may_send_one():
    exposed = {SOL: D(100)}
    active, _ = rebalance.advance(closing(exposed))
    halted, wanted = rebalance.advance(closing(exposed, trading=TradingState.HALTED, halt_reason="test"))
    assert active.session.stage is Stage.CLOSING
    assert halted.session.stage is Stage.DONE
    assert of(wanted, WriteReport) == [WriteReport(session=DAY)]


def test_a_closing_session_does_not_wait_for_a_hedge_that_no_beta_can_size():
    """Of a night without a pipeline: a foreign order fills, nothing may be hedged, and it waited out its ninety seconds."""
    state = closing({SOL: D(100)})
    blind, wanted = rebalance.advance(replace(state, hedge=replace(state.hedge, betas={})))
    assert blind.session.stage is Stage.DONE
    assert of(wanted, WriteReport)


@pytest.mark.parametrize("start_s", [0, 1, 59])
def test_once_the_day_has_closed_its_close_is_no_longer_projected(start_s):
    assert "projecting" not in night().play(start_s, 200).stages
    assert "projecting" in night().play(-5, 200).stages


def test_the_opening_waits_until_fills_are_proved():
    state = replace(
        desk(), session=Session(day=DAY, close_ms=CLOSE_MS, stage=Stage.PREFLIGHT, stage_ms=CLOSE_MS)
    )
    unproved = replace(state, book=replace(state.book, covered_to_ms=CLOSE_MS - 60_000))
    waiting, _ = rebalance.advance(unproved)
    assert waiting.session.opening is None
    opened, _ = rebalance.advance(state)
    assert opened.session.opening is not None
