"""The backtest's books against plain arithmetic, its causality, and its report."""

import json
import os
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from research.backtest import backtest, backtest_document, report, verdict
from research.backtest_metrics import correlation
from research.backtest_variants import with_equal_weights
from research.backtest_walk import FLOWS, SIGNAL_FLOWS, Journey, market, trading_cost, walk
from strategies.idio_statarb.panel import Panel
from strategies.idio_statarb.parameters import FACTORS, Parameters
from strategies.idio_statarb.pipeline import prepare, targets_at

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
REAL = SHARED / "data/hyperliquid_perp"

DAYS, NAMES = 220, 10
PARAMETERS = Parameters(kappa=1e-4, min_volume_usd=1e5, gamma=5.0)
FIRST = pd.Timestamp("2024-01-01")


def made_up(*, reversion=-0.35, days=DAYS, seed=0, gone=None):
    """Coins with known betas whose residuals revert from day to day; gone names one that stops trading."""
    rng = np.random.default_rng(seed)
    symbols = ["BTC", "ETH", *(f"C{i:02d}" for i in range(NAMES))]
    index = pd.date_range(FIRST, periods=days, freq="D", unit="ms", name="date")
    factors = rng.standard_normal((days, 2)) @ np.array([[0.03, 0.024], [0, 0.02]])
    shocks = 0.03 * rng.standard_normal((days, NAMES))
    residual = shocks.copy()
    residual[1:] += reversion * shocks[:-1]
    betas = np.vstack((np.linspace(0.6, 1.4, NAMES), np.linspace(0.4, 0.1, NAMES)))
    returns = np.hstack((factors, factors @ betas + residual))
    close = pd.DataFrame(100 * np.cumprod(1 + returns, axis=0), index, pd.Index(symbols, name="symbol"))
    live = close.notna()
    if gone is not None:
        live.loc[gone[1] :, gone[0]] = False
        close.loc[gone[1] :, gone[0]] = close.loc[: gone[1], gone[0]].iloc[-2]
    volume = close * 0 + 1e6
    funding = pd.DataFrame(1e-4 * rng.standard_normal(close.shape), index, close.columns)
    return Panel(
        open=close,
        high=close,
        low=close,
        close=close,
        volume=volume,
        live=live,
        funding=funding,
        funding_n=live * 24.0,
    )


def span(first=80, last=DAYS - 1):
    return FIRST + pd.Timedelta(days=first), FIRST + pd.Timedelta(days=last)


def walked(panel, *, parameters=PARAMETERS, between=None, projected=False):
    frames = prepare(panel, parameters)
    journey = Journey(
        frames=frames,
        market=market(panel, frames),
        span=between or span(),
        equity_usd=1e6,
        projected=frames if projected else None,
    )
    return walk(journey, lambda: None)


@pytest.fixture(scope="module")
def panel():
    return made_up()


@pytest.fixture(scope="module")
def ledger(panel):
    return walked(panel, projected=True)


# --- arithmetic --------------------------------------------------------------------------------------------


def test_the_walk_trades_at_all(ledger):
    table = ledger.table
    assert table["names"].mean() > 4
    assert table["turnover"].mean() > 0.05


def test_every_days_flows_add_up_to_the_change_of_equity(ledger):
    table = ledger.table
    change = table["equity"].diff().to_numpy()[1:]
    np.testing.assert_allclose(table[list(FLOWS)].sum(axis=1).to_numpy()[1:], change, atol=1e-6)


def test_the_signals_and_the_rest_add_up_to_the_hedged_price_result(ledger):
    table = ledger.table
    np.testing.assert_allclose(
        table[list(SIGNAL_FLOWS)].sum(axis=1), table["price_alts"] + table["price_hedge"], atol=1e-6
    )


def test_equity_follows_from_the_written_positions_by_plain_arithmetic(panel, ledger):
    """Notionals of a day, times the next day's price change, less funding, less the costs written beside them."""
    books = dict(list(ledger.positions.groupby("date")))
    equity = 1e6
    for today, yesterday in zip(ledger.days, [None, *ledger.days], strict=False):
        if yesterday is not None:
            for row in books[yesterday].itertuples():
                move = panel.close.at[today, row.symbol] / panel.close.at[yesterday, row.symbol] - 1
                equity += row.notional_usd * (move - panel.funding.at[today, row.symbol])
        equity -= books[today]["cost_usd"].sum() if today in books else 0
        assert ledger.table.at[today, "equity"] == pytest.approx(equity, rel=1e-12)


def test_yesterdays_book_drifts_with_its_prices_into_todays_previous(panel, ledger):
    books = dict(list(ledger.positions.groupby("date")))
    yesterday, today = ledger.days[40], ledger.days[41]
    old = books[yesterday].set_index("symbol")
    new = books[today].set_index("symbol")
    base = new["notional_usd"].sum() / new["weight"].sum()
    for symbol in new.index[new["previous"] != 0]:
        grown = (
            old.at[symbol, "notional_usd"] * panel.close.at[today, symbol] / panel.close.at[yesterday, symbol]
        )
        assert new.at[symbol, "previous"] * base == pytest.approx(grown, rel=1e-9)


def test_the_hedge_neutralises_the_betas_of_the_decision_day(panel, ledger):
    frames = prepare(panel, PARAMETERS)
    for day, book in list(ledger.positions.groupby("date"))[::20]:
        weights = book.set_index("symbol")["weight"]
        alts = weights.drop(["BTC", "ETH"], errors="ignore")
        for hedge, betas in (("BTC", frames.model.beta_btc), ("ETH", frames.model.beta_eth)):
            assert weights.get(hedge, 0.0) == pytest.approx(-(alts @ betas.loc[day, alts.index]), abs=1e-12)


def test_a_trade_of_one_per_cent_of_the_days_value_pays_fee_spread_and_impact(panel):
    frames = prepare(panel, PARAMETERS)
    data = market(panel, frames)
    row, coin = DAYS - 1, data.symbols.get_loc("C03")
    traded = np.zeros(len(data.symbols))
    equity = 1e6
    traded[coin] = 0.01 * data.adv_usd[row, coin] / equity
    flat, impact = trading_cost(traded, data, row, equity, PARAMETERS)
    assert flat.sum() == pytest.approx(traded[coin] * 6.5e-4)
    assert impact.sum() == pytest.approx(traded[coin] * 0.5 * data.vol[row, coin] * 0.1)


def test_a_hedge_trade_pays_the_hedges_own_rate(panel):
    data = market(panel, prepare(panel, PARAMETERS))
    traded = np.zeros(len(data.symbols))
    traded[data.hedges[0]] = 0.2
    flat, impact = trading_cost(traded, data, DAYS - 1, 1e6, PARAMETERS)
    assert flat.sum() == pytest.approx(0.2 * 5.5e-4)
    assert impact[data.hedges[0]] > 0


# --- what must never happen ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [120, 151])
def test_equity_up_to_a_day_is_the_same_bits_with_and_without_later_data(panel, kept):
    whole = backtest(panel, span(), PARAMETERS, lambda: None)
    cut = backtest(panel.until(FIRST + pd.Timedelta(days=kept)), span(last=kept), PARAMETERS, lambda: None)
    for name, ledger in whole.ledgers.items():
        short = cut.ledgers[name].table
        pd.testing.assert_frame_equal(ledger.table.iloc[: len(short)], short, check_exact=True)


def test_a_later_crash_changes_nothing_before_it(panel):
    crashed = replace(panel, **{f.name: getattr(panel, f.name).copy() for f in fields(Panel)})
    crashed.close.iloc[180:, 4] *= 0.1
    first = span(last=179)
    assert walked(crashed, between=first).table.equals(walked(panel, between=first).table)


def test_a_name_that_stops_trading_leaves_at_its_last_mark_and_pays_for_it():
    gone = FIRST + pd.Timedelta(days=150)
    for coin in (f"C{i:02d}" for i in range(NAMES)):
        ledger = walked(made_up(gone=(coin, gone)), between=span(first=140, last=155))
        book = ledger.positions[ledger.positions["symbol"] == coin].set_index("date")
        if gone - pd.Timedelta(days=1) in book.index and book.at[gone - pd.Timedelta(days=1), "weight"] != 0:
            break
    else:
        pytest.fail("no coin was held when it stopped trading")
    assert book.at[gone, "weight"] == 0
    assert book.at[gone, "previous"] != 0
    assert book.at[gone, "cost_usd"] > 0
    assert book.index.max() == gone


def test_with_true_betas_the_book_is_neutral_to_both_factors(panel):
    """O3-14: correlation of the book's return with BTC and ETH within two standard errors."""
    frames = prepare(panel, PARAMETERS)
    true = {"beta_btc": np.linspace(0.6, 1.4, NAMES), "beta_eth": np.linspace(0.4, 0.1, NAMES)}
    known = {
        name: getattr(frames.model, name).notna() * np.append([0.0, 0.0], beta) for name, beta in true.items()
    }
    frames = replace(frames, model=replace(frames.model, **known))
    data = market(panel, frames)
    table = walk(Journey(frames=frames, market=data, span=span(), equity_usd=1e6), lambda: None).table
    gross = ((table["price_alts"] + table["price_hedge"]) / table["equity"].shift()).to_numpy()[1:]
    for hedge in data.hedges:
        assert abs(correlation(gross, data.returns[81:, hedge])) <= 2 / np.sqrt(len(gross))


def test_missing_funding_is_counted_not_taken_for_nothing_paid(panel):
    lacking = replace(panel, funding=panel.funding.copy())
    lacking.funding.iloc[150] = np.nan
    assert walked(lacking).unpaid > 0
    assert walked(panel).unpaid == 0


def test_a_ruined_account_stops_the_walk(panel):
    """Every coin that is held short goes up two hundred times overnight."""
    day = 150
    book = walked(panel, between=span(last=day - 1)).positions
    book = book[(book["date"] == book["date"].max()) & (book["leg"] == "idio")]
    shorts = book.loc[book["weight"] < -0.02, "symbol"].tolist()
    assert shorts
    close = panel.close.copy()
    close.loc[close.index[day] :, shorts] *= 200.0
    with pytest.raises(ValueError, match="the account is ruined on 2024-05-30"):
        walked(replace(panel, close=close))


# --- rivals and report ---------------------------------------------------------------------------------------


def test_equal_weights_are_equal_and_know_no_later_day(panel):
    whole = with_equal_weights(prepare(panel, PARAMETERS))
    weights = whole.weighting.fit[list(FACTORS)]
    assert (weights.nunique(axis=1, dropna=False) == 1).all()
    assert (weights.iloc[100:] > 0).any().all()
    cut = with_equal_weights(prepare(panel.until(FIRST + pd.Timedelta(days=150)), PARAMETERS))
    assert whole.mu.iloc[:151].equals(cut.mu)


def test_the_projection_never_makes_trading_cheaper(ledger):
    table = ledger.table
    assert (table["correction_cost"] >= -1e-9).all()
    assert table["correction_cost"].sum() > 0


def test_the_ridge_beats_the_flat_book_where_reversion_is_planted_and_says_so(panel):
    document = report(backtest(made_up(reversion=-0.6), span(), PARAMETERS, lambda: None))
    own = document["runs"]["corrected"]
    by_signal = own["idio_by_signal_usd"]
    assert max(by_signal, key=by_signal.get) == "mean_reversion"
    assert own["return_annual"] > 0
    assert document["verdict"][0].startswith("corrected against flat: +")


def test_the_literal_paper_result_is_more_than_the_hedged_book_can_earn():
    """On noise the in-sample residual pays nobody: what it adds to the tradable result is artefact (M3-5)."""
    document = report(backtest(made_up(reversion=0.0, seed=3), span(), PARAMETERS, lambda: None))
    paper = document["runs"]["literal"]["paper"]
    assert paper["return_bps_daily"] - paper["tradable_return_bps_daily"] == pytest.approx(
        paper["artefact_bps_daily"], abs=1e-9
    )


def test_the_verdict_prefers_doing_nothing_when_all_lose():
    run = {"return_annual": -0.1, "deflated_sharpe": 0.2}
    lines = verdict(
        "corrected", {"corrected": run, "literal": run}, {"literal": {"bps_daily": -1.0, "t": -0.5}}
    )
    assert "no better than nothing" in lines[0]
    assert "does not beat literal" in lines[1]
    assert lines[-1] == "best net of cost: flat"


def test_what_never_moves_has_no_correlation():
    assert correlation(np.zeros(5), np.arange(5.0)) is None


# --- the command's document ----------------------------------------------------------------------------------

real = pytest.mark.skipif(not REAL.is_dir(), reason="the shared market data are not here")


@real
def test_the_document_is_json_the_files_are_there_and_stdout_stays_silent(tmp_path, capsys):
    document = backtest_document(
        REAL,
        start=date(2024, 11, 1),
        end=date(2024, 12, 15),
        out=tmp_path,
        parameters=Parameters(kappa=0.01),
        equity_usd=2e6,
    )
    assert capsys.readouterr().out == ""
    json.dumps(document, allow_nan=False)
    assert document["parameters"]["equity_usd"] == 2e6
    assert {"corrected", "literal", "equal_weight"} == set(document["runs"])
    for name in document["files"]:
        assert (tmp_path / name).stat().st_size > 1000
    assert (tmp_path / "backtest.png").read_bytes()[:4] == b"\x89PNG"
    equity = pd.read_parquet(tmp_path / "equity.parquet")
    assert equity["run"].value_counts().to_dict() == {"corrected": 45, "literal": 45, "equal_weight": 45}
    positions = pd.read_parquet(tmp_path / "positions.parquet")
    assert set(positions["leg"]) == {"idio", "hedge"}


@real
def test_a_live_night_and_the_backtest_choose_the_same_book(tmp_path):
    from adapters.panel import read_panel

    panel = read_panel(REAL).until(pd.Timestamp("2025-01-10"))
    parameters = Parameters(kappa=0.01)
    between = pd.Timestamp("2025-01-08"), pd.Timestamp("2025-01-10")
    ledger = walked(panel, parameters=parameters, between=between)
    book = ledger.positions[ledger.positions["date"] == between[1]].set_index("symbol")
    idio = book[book["leg"] == "idio"]
    base = book["notional_usd"].abs().sum() / book["weight"].abs().sum()
    live = targets_at(prepare(panel, parameters), between[1], previous=idio["previous"], equity_usd=base)
    np.testing.assert_allclose(live.weights[idio.index], idio["weight"], rtol=1e-9, atol=1e-12)


@real
@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (date(2019, 1, 1), date(2019, 6, 1), "is not inside; choose other dates"),
        (date(2025, 5, 1), date(2030, 1, 1), "is not inside; choose other dates"),
        (date(2025, 5, 1), date(2025, 5, 3), "too short"),
        (date(2025, 5, 9), date(2025, 5, 1), "too short"),
    ],
)
def test_dates_that_the_data_do_not_have_are_refused(tmp_path, start, end, message):
    with pytest.raises(ValueError, match=message):
        backtest_document(REAL, start=start, end=end, out=tmp_path, parameters=Parameters(), equity_usd=1e6)
