import json
from decimal import Decimal

import pytest

from core.report import EXPLAINED_BPS_MAX, final_targets, iso, session_report
from core.state import Stage
from core.types import Phase
from tests.core.desk import BTC, CLOSE_MS, DOGE, ETH, PRICES, SOL, D, after, fill, fills
from tests.core.night_venue import ROUGH
from tests.core.nights import FLIPPED, LONG_SHORT, moving, night, still

CENT = 0.01


@pytest.fixture(scope="module", params=range(8))
def played(request):
    """Nights with fees, funding and hedges; half of them rough, half with a book held before."""
    seed = request.param
    held = {SOL: D(300), DOGE: D(-40_000), BTC: D("-0.3"), ETH: D("1.5")} if seed % 2 else None
    faults = {"faults": ROUGH} if seed >= 4 else {}
    return night(LONG_SHORT, FLIPPED, seed=seed, prices=moving, held=held, **faults).play(-930, 540)


def test_there_is_one_report_and_it_is_json(played):
    assert len(played.reports) == 1
    assert json.loads(json.dumps(played.reports[0], allow_nan=False))


def test_the_split_of_equity_adds_up_to_the_cent(played):
    equity = played.reports[0]["equity"]
    parts = sum(equity[k] for k in ("price", "hedge", "funding", "fees", "residual"))
    assert equity["after"] - equity["before"] == pytest.approx(parts, abs=CENT)
    assert abs(equity["residual"]) < CENT
    assert equity["explained"]


def test_each_part_of_the_split_is_what_the_venue_charged(played):
    equity, opened_ms = played.reports[0]["equity"], played.state.session.opening.snapshot.at_ms
    fees = sum(f.fee_usd for f in played.venue.fills if f.at_ms > opened_ms)
    assert equity["fees"] == pytest.approx(-float(fees), abs=CENT)
    assert equity["funding"] == pytest.approx(float(sum(p.usd for p in played.venue.fundings)), abs=CENT)


def test_counts_fees_and_notional_are_those_of_the_venues_ledger(played):
    begun_ms, report = CLOSE_MS - 900_000, played.reports[0]
    fills = [f for f in played.venue.fills if f.at_ms >= begun_ms]
    assert report["fills"]["count"] == len(fills)
    assert report["fills"]["notional_usd"] == pytest.approx(float(sum(f.qty * f.px for f in fills)))
    assert report["fills"]["fees_usd"] == pytest.approx(float(sum(f.fee_usd for f in fills)))
    assert report["orders"]["count"] == len([o for o in played.orders if o.created_ms >= begun_ms])
    legs = report["orders"]["by_leg"].values()
    assert sum(leg["fills"] for leg in legs) == len(fills)


def test_no_residual_above_a_lot_is_without_its_reason(played):
    assets = played.reports[0]["assets"]
    assert {a["coin"] for a in assets} == {*LONG_SHORT, BTC, ETH}
    for asset in assets:
        assert asset["reason"] or abs(asset["residual_lots"]) <= 1
        if asset["coin"] not in (BTC, ETH):
            assert Decimal(asset["position"]) == played.position(asset["coin"])


def test_every_invariant_is_listed_and_a_quiet_night_holds_them(played):
    invariants = played.reports[0]["invariants"]
    assert len({i["name"] for i in invariants}) == 7
    assert [i["name"] for i in invariants if not i["held"]] == []


def test_the_contract_of_the_report_is_complete(played):
    report = played.reports[0]
    for part in Phase:
        assert {"start", "end", "stage", "targets", "previous", "solver_status"} <= report["phases"][
            part
        ].keys()
    assert {"count", "notional_usd", "fees_usd", "slippage_bps"} <= report["fills"].keys()
    assert {
        "count",
        "notional_usd",
        "worst_delta_usd",
        "outside_band_s",
        "fill_to_hedge_median_ms",
        "fill_to_hedge_p99_ms",
    } <= report["hedge"].keys()
    assert all(i.keys() == {"name", "held", "detail"} for i in report["invariants"])


def test_slices_are_those_of_the_plan(played):
    slices = {name: part["slices"] for name, part in played.reports[0]["phases"].items()}
    assert slices["correction"] <= 10
    assert 20 <= slices["projected"] <= 30


def test_money_is_as_of_the_closing_snapshot_though_hedging_goes_on():
    """The report is written after the session ended: a hedge in between must not move its numbers."""
    played = night(LONG_SHORT, FLIPPED, prices=moving).play(-930, 540)
    state = played.state
    assert state.session.stage is Stage.DONE
    late = fill(BTC, D("0.5"), tid=99_999, fee_usd=D(20), at_ms=state.at_ms + 1)
    later, _ = after(state, fills(late, at_ms=state.at_ms + 1))
    assert session_report(later)["equity"] == session_report(state)["equity"]


def test_money_that_nobody_can_explain_is_named():
    played = night(prices=still)
    played.at(CLOSE_MS, lambda: setattr(played.venue, "cash_usd", played.venue.cash_usd - 500))
    report = played.play(-930, 540).reports[0]
    assert report["equity"]["residual"] == pytest.approx(-500, abs=CENT)
    assert report["equity"]["residual_bps"] > EXPLAINED_BPS_MAX
    broken = [i["name"] for i in report["invariants"] if not i["held"]]
    assert broken == ["equity is explained to 1 bp"]


def test_a_start_after_the_funding_hour_does_not_count_its_payment_twice():
    """The opening equity already holds it."""
    played = night(LONG_SHORT, FLIPPED, held={SOL: D(1_000)})
    played.venue.pay_funding(CLOSE_MS)
    report = played.play(30, 540).reports[0]
    assert played.venue.fundings
    assert report["equity"]["funding"] == 0
    assert abs(report["equity"]["residual"]) < CENT


def test_what_is_too_small_to_trade_is_carried_with_its_reason():
    played = night({SOL: 0.05}, {SOL: 0.05}, held={SOL: D("333.30")})
    report = played.play(-930, 540).reports[0]
    asset = next(a for a in report["assets"] if a["coin"] == SOL)
    assert 0 < asset["residual_usd"] < 10.5
    assert "under the minimum order value" in asset["reason"]
    assert played.position(SOL) == D("333.30")


def test_a_coin_without_prices_at_the_end_says_so():
    played = night({SOL: 0.05, DOGE: 0.05}, {SOL: -0.05, DOGE: 0.05})
    quotes = played.quotes
    played.quotes = lambda coins: quotes([c for c in coins if c != SOL or played.now_ms < CLOSE_MS + 130_000])
    report = played.play(-930, 540).reports[0]
    asset = next(a for a in report["assets"] if a["coin"] == SOL)
    assert asset["reason"] == "no fresh price since 00:02:00: not traded"
    assert asset["residual_usd"] < 0


def test_the_final_targets_are_the_corrected_and_else_the_projected():
    both = night(LONG_SHORT, FLIPPED).play(-930, 540).state.session
    assert final_targets(both) == both.correction.targets
    only = night(LONG_SHORT, None).play(-930, 540).state.session
    assert final_targets(only) == only.projected.targets != {}
    assert only.projected.targets[DOGE] == pytest.approx(-0.06 * 1_000_000 / float(PRICES[DOGE]), abs=1)


def test_instants_are_iso_to_the_millisecond():
    assert iso(CLOSE_MS) == "2025-06-02T00:00:00.000+00:00"
    assert iso(None) is None
