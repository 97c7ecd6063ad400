import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.plain_pipeline import plain_run
from core import rebalance
from strategies.idio_statarb import pipeline
from strategies.idio_statarb.panel import Panel, with_provisional_row
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.pipeline import Frames, prepare, run, targets_at

from .panels import random_panel

LOOSE = Parameters(min_volume_usd=1e5, kappa=1e-3, holding_days=50.0)
"""Nights that trade: enough names, little shrinkage, cheap."""
FLAT = pd.Series(dtype=float)


def wide_frames(frames: Frames) -> dict[str, np.ndarray]:
    """Every array over days that the pipeline produces."""
    parts = {"model": frames.model, "universe": frames.universe, "signals": frames.signals}
    found = {
        f"{part}.{f.name}": getattr(value, f.name).to_numpy()
        for part, value in parts.items()
        for f in dataclasses.fields(value)
    }
    return found | {"mu": frames.mu.to_numpy(), "funding": frames.funding.to_numpy()}


def assert_same_bits(frames: Frames, other: Frames, days: int) -> None:
    mine, theirs = wide_frames(frames), wide_frames(other)
    for name, array in mine.items():
        np.testing.assert_array_equal(array[:days], theirs[name][:days], err_msg=name)
    for name in ("fit", "unconstrained"):
        found, expected = (getattr(f.weighting, name).iloc[:days] for f in (frames, other))
        pd.testing.assert_frame_equal(found, expected, rtol=0, atol=0, check_freq=False)


def assert_same_book(a, b) -> None:
    assert a.symbols.equals(b.symbols)
    for field in dataclasses.fields(a.problem):
        np.testing.assert_array_equal(getattr(a.problem, field.name), getattr(b.problem, field.name))
    np.testing.assert_array_equal(a.solution.weights, b.solution.weights)
    assert a.table.equals(b.table)


@pytest.mark.parametrize("seed", [2, 3])
def test_it_is_what_plain_libraries_say(seed):
    """Modules A to D against statsmodels, pandas and scikit-learn, written apart (D3-1 to D3-10)."""
    panel, parameters = random_panel(seed), Parameters(min_volume_usd=0.0, equity_usd=3e6)
    peer = plain_run(panel, parameters)
    found = run(panel, panel.days[-1], parameters=parameters, previous=FLAT)
    # scikit-learn's positive ridge stops some 1e-8 short of the optimum at a tolerance of 1e-10 (E3-13)
    np.testing.assert_allclose(
        found.targets.fit[list(FACTORS)].to_numpy(), peer.factor_weights, rtol=0, atol=1e-7
    )
    for field in dataclasses.fields(peer.problem):
        mine, theirs = (getattr(p, field.name) for p in (found.targets.problem, peer.problem))
        limit = 1e-8 if field.name == "mu" else 1e-9
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=limit, err_msg=field.name)
    caps = found.targets.problem.cap
    assert len(caps) > 5
    assert caps.min() < parameters.weight_max == caps.max()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 158), st.sampled_from(["corrected", "literal"]))
def test_o3_1_nothing_at_a_day_depends_on_the_days_after_it(seed, days, rules):
    """O3-1, M3-1: every array of modules A to D, bit for bit, with gaps and entrants."""
    panel = random_panel(seed)
    parameters = dataclasses.replace(LOOSE, kappa=None, rules=rules)
    whole, cut = prepare(panel, parameters), prepare(panel.until(panel.days[days - 1]), parameters)
    assert_same_bits(cut, whole, days)
    previous = pd.Series({"A01": 0.02, "A05": -0.03})
    books = [targets_at(f, panel.days[days - 1], previous=previous, equity_usd=1e6) for f in (whole, cut)]
    assert_same_book(*books)


def without_column(panel: Panel, symbol: str) -> Panel:
    return Panel(**{f.name: getattr(panel, f.name).drop(columns=symbol) for f in dataclasses.fields(Panel)})


def test_a_name_listed_later_changes_no_bit_of_the_days_before():
    """O3-1: a data directory that ends earlier has fewer columns too."""
    panel = random_panel(3)
    panel.live.iloc[:130, 4] = False
    whole, cut = prepare(panel, LOOSE), prepare(without_column(panel, panel.symbols[4]), LOOSE)
    mine, theirs = wide_frames(cut), wide_frames(whole)
    for name, array in mine.items():
        np.testing.assert_array_equal(array[:130], np.delete(theirs[name][:130], 4, axis=1), err_msg=name)
    pd.testing.assert_frame_equal(
        cut.weighting.fit.iloc[:130], whole.weighting.fit.iloc[:130], rtol=0, atol=0
    )


def test_a_live_night_and_a_walk_through_history_are_the_same_numbers():
    panel = random_panel(2)
    frames, held = prepare(panel, LOOSE), FLAT
    traded = 0
    for asof in panel.days[100:120]:
        walked = targets_at(frames, asof, previous=held, equity_usd=LOOSE.equity_usd)
        assert_same_book(walked, run(panel, asof, parameters=LOOSE, previous=held).targets)
        traded += int((walked.weights.to_numpy() != walked.problem.previous).sum())
        held = walked.weights[walked.weights != 0]
    assert traded > 20


def provisional(panel: Panel, asof: pd.Timestamp, prices: dict[str, float]) -> Panel:
    before = panel.until(asof - pd.Timedelta(days=1))
    return with_provisional_row(before, day=asof, prices=prices, funding=dict(panel.funding.loc[asof]))


def test_the_projected_path_knows_nothing_of_the_close_or_the_volume_of_its_day():
    """M3-1, E3-23: only mids and settled funding enter; all rows before are those of the official run."""
    panel, row = random_panel(5), 140
    asof = panel.days[row]
    frozen = frozenset(prepare(panel, LOOSE).universe.active.iloc[row - 1].pipe(lambda s: s.index[s]))
    mids = {s: 1.01 * panel.close.at[asof, s] for s in panel.symbols if panel.live.at[asof, s]}
    altered = dataclasses.replace(panel, volume=panel.volume.copy(), close=panel.close.copy())
    altered.volume.iloc[row:] *= 100
    altered.close.iloc[row:] *= 3
    runs = [
        run(provisional(p, asof, mids), asof, parameters=LOOSE, previous=FLAT, universe=frozen)
        for p in (panel, altered)
    ]
    assert_same_book(runs[0].targets, runs[1].targets)
    assert_same_bits(runs[0].frames, prepare(panel, LOOSE), row)


def test_the_correction_is_the_same_whatever_was_projected():
    """E3-23: phase 2 is independent of phase 1; with close equal to projection the targets agree but for volume."""
    panel, row = random_panel(5), 140
    asof = panel.days[row]
    frozen = frozenset(s for s in panel.symbols if panel.live.at[asof, s])
    official = run(panel, asof, parameters=LOOSE, previous=FLAT, universe=frozen)
    closes = {s: panel.close.at[asof, s] for s in panel.symbols if panel.live.at[asof, s]}
    projected = run(provisional(panel, asof, closes), asof, parameters=LOOSE, previous=FLAT, universe=frozen)
    again = run(panel, asof, parameters=LOOSE, previous=FLAT, universe=frozen)
    assert_same_book(official.targets, again.targets)
    np.testing.assert_array_equal(official.targets.problem.mu, projected.targets.problem.mu)
    np.testing.assert_array_equal(official.targets.problem.covariance, projected.targets.problem.covariance)


def test_the_frozen_universe_is_what_may_trade():
    panel, asof = random_panel(5), random_panel(5).days[140]
    free = run(panel, asof, parameters=LOOSE, previous=FLAT)
    kept = frozenset(free.targets.symbols[:6])
    found = run(
        panel, asof, parameters=LOOSE, previous=pd.Series({free.targets.symbols[7]: 0.05}), universe=kept
    )
    assert set(found.targets.symbols) == kept | {free.targets.symbols[7]}
    out = found.targets.table.set_index("symbol").loc[free.targets.symbols[7]]
    assert (out["weight"], out["cap"], out["reason"]) == (0.0, 0.0, "forced out: not in frozen universe")


def test_a_dropout_is_forced_out_and_its_exit_is_paid_for():
    """S3-8, E3-16, D3-7: the held name stopped trading, so its history is gone as well."""
    panel = random_panel(3)
    gone = panel.symbols[14 // 3]
    asof = panel.days[-1]
    assert not panel.live.at[asof, gone]
    found = run(panel, asof, parameters=LOOSE, previous=pd.Series({gone: 0.04})).targets
    row = found.table.set_index("symbol").loc[gone]
    assert (row["weight"], row["cap"]) == (0.0, 0.0)
    assert row["cost"] > 0
    assert row["reason"] == "forced out: not live"
    assert found.mu[gone] == 0


def test_a_name_whose_close_is_in_other_units_is_no_hedge_of_the_book():
    """A thousandth of the equity in betas of thousands stood for the hedges of all others, and was then not bought."""
    panel = random_panel(3)
    close = panel.close.copy()
    close.loc[panel.days[-1], "A09"] *= 1000
    parameters = dataclasses.replace(LOOSE, physical_gross_max=LOOSE.gross_max)
    wild = dataclasses.replace(panel, close=close)
    found = run(wild, panel.days[-1], parameters=parameters, previous=pd.Series({"A09": 0.001})).targets
    row = found.table.set_index("symbol").loc["A09"]
    assert (row["weight"], row["reason"]) == (0.0, "forced out: betas that no coin has")
    assert np.abs(found.solution.weights).sum() > 0.1


def test_the_betas_that_no_coin_has_are_those_that_the_engine_does_not_take():
    assert pipeline.BETA_MAX == rebalance.BETA_MAX


def test_an_entrant_starts_from_nothing():
    """S3-9."""
    panel = random_panel(3)
    found = run(panel, panel.days[-1], parameters=LOOSE, previous=FLAT).targets
    assert (found.problem.previous == 0).all()
    assert len(found.symbols) > 5


def test_a_held_name_without_a_signal_has_no_expected_return_but_may_be_kept():
    """D3-7."""
    panel = random_panel(3)
    funding = panel.funding.copy()
    funding.loc[panel.days[-1], "A09"] = np.nan
    panel = dataclasses.replace(panel, funding=funding)
    found = run(panel, panel.days[-1], parameters=LOOSE, previous=pd.Series({"A09": 0.001}))
    row = found.targets.table.set_index("symbol").loc["A09"]
    assert found.targets.mu["A09"] == 0
    assert row["cap"] > 0
    assert row["reason"].startswith("no signal")
    assert "A09" not in run(panel, panel.days[-1], parameters=LOOSE, previous=FLAT).targets.symbols


def test_expected_return_is_in_daily_return_and_literally_in_volatilities():
    """E3-14."""
    panel = random_panel(6)
    for rules in ("corrected", "literal"):
        frames = prepare(panel, dataclasses.replace(LOOSE, rules=rules))
        weights = frames.weighting.fit.iloc[-1][list(FACTORS)].to_numpy(dtype=float)
        alpha = frames.signals.matrix[-1] @ weights
        scale = frames.model.idio_vol.iloc[-1] if rules == "corrected" else 1.0
        np.testing.assert_allclose(frames.mu.iloc[-1], alpha * scale, atol=1e-15)
        assert frames.mu.iloc[-1].notna().sum() > 5


def test_one_coins_return_unit_changes_nothing_in_risk_weighted_terms():
    """E3-14: double one coin's returns, idio and market alike, and its weight times its volatility stays."""
    panel, name = random_panel(8), "A09"
    asof, free = panel.days[-1], dataclasses.replace(LOOSE, weight_max=1.0, adv_share_max=1.0, gross_max=20.0)
    free = dataclasses.replace(
        free, physical_gross_max=20.0, fee_bps=0, half_spread_bps=0, impact_y=0, hedge_cost_bps=0
    )
    growth = 1 + 0.5 * panel.close[name].pct_change().fillna(0)
    halved = panel.close.copy()
    halved[name] = 100 * growth.cumprod()
    typical = {
        f: halved if f in ("open", "high", "low", "close") else getattr(panel, f) for f in Panel.__slots__
    }
    typical["funding"] = panel.funding.copy()
    frames = prepare(panel, free)
    beta = frames.model.beta_btc[name], frames.model.beta_eth[name]
    hedge = beta[0] * panel.funding["BTC"] + beta[1] * panel.funding["ETH"]
    typical["funding"][name] = 0.5 * hedge + 0.5 * (panel.funding[name] - hedge)
    typical["volume"] = panel.volume * panel.close / halved
    before = targets_at(frames, asof, previous=FLAT, equity_usd=1e6)
    after = run(Panel(**typical), asof, parameters=free, previous=FLAT)
    vols = [f.model.idio_vol.loc[asof, before.symbols] for f in (frames, after.frames)]
    assert vols[1][name] == pytest.approx(0.5 * vols[0][name], rel=1e-9)
    risk = [b.weights * v for b, v in zip((before, after.targets), vols, strict=True)]
    assert abs(risk[0][name]) > 1e-4
    np.testing.assert_allclose(risk[1], risk[0], atol=1e-7)


def test_days_without_any_worth_are_counted():
    """E3-13."""
    frames = prepare(random_panel(9), LOOSE)
    zero = (frames.weighting.fit[list(FACTORS)] == 0).all(axis=1)
    for row in (90, 120, 159):
        expected = 0
        while expected <= row and zero.iloc[row - expected]:
            expected += 1
        found = targets_at(frames, frames.days[row], previous=FLAT, equity_usd=1e6)
        assert found.zero_weight_days == expected


@pytest.mark.parametrize(
    ("previous", "said"),
    [({"NOPE": 0.1}, "NOPE"), ({"BTC": 0.1}, "hedges follow"), ({"A01": float("nan")}, "not finite")],
)
def test_a_previous_book_that_cannot_be_is_refused(previous, said):
    panel = random_panel(3)
    with pytest.raises(ValueError, match=said):
        run(panel, panel.days[-1], parameters=LOOSE, previous=pd.Series(previous))


def test_a_day_outside_the_panel_is_refused():
    panel = random_panel(3)
    with pytest.raises(ValueError, match="it has 2024-01-01 to"):
        run(panel, pd.Timestamp("2020-01-01"), parameters=LOOSE, previous=FLAT)


def test_a_panel_without_a_hedge_asset_is_refused():
    with pytest.raises(ValueError, match="no ETH"):
        prepare(without_column(random_panel(3), "ETH"), LOOSE)


def test_an_early_day_has_no_weights_and_no_book():
    panel = random_panel(3)
    found = run(panel, panel.days[20], parameters=LOOSE, previous=FLAT).targets
    assert len(found.symbols) == 0
    assert np.isnan(found.fit["ridge_alpha"])
