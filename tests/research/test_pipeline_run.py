import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from adapters.panel import FILE
from adapters.tables import DataFault
from research.pipeline_run import (
    PARAMETER_NAMES,
    PreviousFault,
    UnknownDay,
    flagged_funding,
    pipeline_document,
)
from strategies.idio_statarb.panel import Panel
from strategies.idio_statarb.parameters import Parameters
from tests.strategies.idio_statarb.panels import REAL, needs_real, random_panel

LOOSE = Parameters(min_volume_usd=1e5, kappa=1e-3, holding_days=50.0)
PANEL = random_panel(2)
ASOF = PANEL.days[130].date()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The random panel as a data directory: what is not live is not there."""
    directory = tmp_path_factory.mktemp("data")
    fields = {name: getattr(PANEL, name).stack() for name in Panel.__slots__}
    long = pd.DataFrame(fields)[fields["live"]].rename_axis(["date", "symbol"]).reset_index()
    long.sort_values(["symbol", "date"]).to_parquet(directory / FILE, index=False)
    return directory


def document(data, *, asof=ASOF, previous=None, equity_usd=1e6, out=None, parameters=LOOSE):
    return pipeline_document(
        data, asof=asof, previous=previous, equity_usd=equity_usd, out=out, parameters=parameters
    )


def previous_file(tmp_path, text, name="previous.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_the_document_holds_every_parameter_by_name_and_is_json(data):
    """D3-14."""
    found = json.loads(json.dumps(document(data, equity_usd=250_000.0), allow_nan=False))
    assert tuple(found["parameters"]) == PARAMETER_NAMES
    assert found["parameters"]["equity_usd"] == 250_000.0
    assert found["parameters"]["kappa"] == 1e-3
    assert found["parameters"]["ridge_alpha"] == pytest.approx(1e-3 * found["pooled_rows"])
    assert found["status"] == "optimal"
    assert {"solver", "objective", "duals", "counts", "gross", "physical_gross", "asof"} <= set(found)
    assert found["counts"]["traded"] == sum(abs(row["weight"]) > 1e-6 for row in found["targets"]) > 3
    assert found["gross"] == pytest.approx(sum(abs(row["weight"]) for row in found["targets"]))


COLUMNS = {
    "betas": ["date", "symbol", "beta_btc", "beta_eth"],
    "residuals": ["date", "symbol", "resid_signal", "resid_trade"],
    "idio_vol": ["date", "symbol", "idio_vol"],
    "funding": ["date", "symbol", "funding"],
    "universe": ["date", "symbol", "active", "reason"],
    "signals": ["date", "symbol", "momentum", "mean_reversion", "carry"],
    "factor_weights": ["date", "momentum", "mean_reversion", "carry", "ridge_alpha"],
    "mu": ["symbol", "mu"],
    "targets": ["symbol", "weight", "previous", "cap", "cost", "reason"],
}


def test_the_files_have_their_columns_and_the_whole_history_up_to_the_day(data, tmp_path):
    """D3-4."""
    found = document(data, out=tmp_path / "new" / "out")
    files = {path.stem: pd.read_parquet(path) for path in (tmp_path / "new" / "out").glob("*.parquet")}
    assert set(files) == {*COLUMNS, "covariance"}
    for name, columns in COLUMNS.items():
        assert list(files[name].columns) == columns
        if "date" in columns:
            assert files[name]["date"].max() == pd.Timestamp(ASOF)
    covariance = files["covariance"]
    assert covariance.index.tolist() == covariance.columns.tolist() == files["mu"]["symbol"].tolist()
    assert np.linalg.eigvalsh(covariance.to_numpy()).min() > 0
    assert files["targets"].to_dict(orient="records") == found["targets"]
    universe = files["universe"]
    assert len(universe) == int(PANEL.live.loc[: pd.Timestamp(ASOF)].sum().sum())
    assert (universe["active"] == (universe["reason"] == "")).all()


def test_the_days_after_asof_change_nothing(data, tmp_path):
    """O3-1 at the command's own edge."""
    frame = pd.read_parquet(data / FILE)
    frame[frame["date"] <= pd.Timestamp(ASOF)].to_parquet(tmp_path / FILE, index=False)
    assert document(tmp_path) == document(data)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_its_own_targets_may_be_the_previous_book(data, tmp_path, kind):
    """D3-13: held at the optimum, nothing is traded."""
    first = document(data, out=tmp_path)
    table = pd.read_parquet(tmp_path / "targets.parquet")
    path = tmp_path / f"held.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    found = document(data, previous=path)
    held = {row["symbol"]: row["previous"] for row in found["targets"]}
    assert held == {row["symbol"]: row["weight"] for row in first["targets"]}
    assert found["counts"]["traded"] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol\nA01\n", r"missing columns \['weight'\]"),
        ("symbol,weight\nA01,0.1\nA02,\n", r"row 1 \(symbol A02.*no finite number"),
        ("symbol,weight\nA01,much\n", "row 0 .*no finite number"),
        ("symbol,weight\nA01,inf\n", "row 0 .*no finite number"),
        ("symbol,weight\nA01,0.1\nA01,0.2\n", "row 1 .*duplicate"),
        ("symbol,weight\nNOPE,0.1\n", "row 0 .*NOPE.*unknown"),
        ("symbol,weight\nBTC,0.1\n", "row 0 .*BTC.*hedge"),
        ("symbol,weight\n,0.1\n", "row 0 .*symbol is missing"),
    ],
)
def test_a_bad_previous_file_is_refused_with_its_row(data, tmp_path, text, said):
    with pytest.raises(PreviousFault, match=said):
        document(data, previous=previous_file(tmp_path, text))


def test_other_columns_of_a_previous_file_are_not_looked_at(data, tmp_path):
    plain = document(data, previous=previous_file(tmp_path, "symbol,weight\nA01,0.05\n"))
    more = document(data, previous=previous_file(tmp_path, ",symbol,weight,mood\n0,A01,0.05,good\n"))
    assert more["targets"] == plain["targets"]


def test_a_previous_file_of_another_kind_or_none_is_refused(data, tmp_path):
    with pytest.raises(PreviousFault, match="no such file"):
        document(data, previous=tmp_path / "none.csv")
    with pytest.raises(PreviousFault, match=r"\.parquet or \.csv"):
        document(data, previous=previous_file(tmp_path, "", name="book.xlsx"))
    with pytest.raises(PreviousFault, match="not readable as parquet"):
        document(data, previous=previous_file(tmp_path, "x", name="book.parquet"))


def test_an_unknown_day_is_refused_with_the_days_there_are(data):
    with pytest.raises(UnknownDay, match="2030-01-01: the data hold 2024-01-01 to 2024-06-08"):
        document(data, asof=date(2030, 1, 1))


def test_a_day_with_too_short_a_history_is_refused(data):
    with pytest.raises(DataFault, match="too short"):
        document(data, asof=PANEL.days[39].date())
    document(data, asof=PANEL.days[40].date())


@pytest.mark.parametrize("equity", [0.0, -1.0, float("nan"), float("inf")])
def test_an_equity_that_cannot_be_is_refused(data, equity):
    with pytest.raises(ValueError, match="equity"):
        document(data, equity_usd=equity)


def test_a_count_of_payments_that_is_not_the_days_usual_one_is_flagged():
    """D3-5."""
    funding_n = PANEL.funding_n.copy()
    funding_n.loc[pd.Timestamp(ASOF), ["A07", "A08"]] = [23.0, 0.0]
    panel = Panel(**{f: funding_n if f == "funding_n" else getattr(PANEL, f) for f in Panel.__slots__})
    assert flagged_funding(panel, pd.Timestamp(ASOF)) == ["A07", "A08"]


@needs_real
def test_a_recorded_night_with_a_wide_universe_trades():
    found = document(REAL, asof=date(2025, 7, 22), parameters=Parameters(min_volume_usd=250_000.0))
    assert found["status"] == "optimal"
    assert found["gap"] <= 1e-6
    assert found["counts"]["active"] > 100
    assert found["counts"]["traded"] >= 10
