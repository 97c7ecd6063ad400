import time

import numpy as np
import pandas as pd
import pytest

from adapters.panel import FILE, read_panel, require_history
from adapters.tables import DataFault
from tests.strategies.idio_statarb.panels import REAL, needs_real

SYMBOLS = ("AAA", "BTC", "ETH")
DAYS = pd.date_range("2024-01-01", periods=5, unit="ms")


def table() -> pd.DataFrame:
    rows = pd.MultiIndex.from_product([SYMBOLS, DAYS], names=["symbol", "date"]).to_frame(index=False)
    prices = {"open": 10.0, "high": 11.0, "low": 9.0, "close": 10.5}
    return rows.assign(**prices, volume=5.0, funding=1e-4, funding_n=24, live=True)


def directory(tmp_path, frame):
    frame.to_parquet(tmp_path / FILE, index=False)
    return tmp_path


def test_a_panel_has_one_row_a_day_and_one_column_a_symbol(tmp_path):
    panel = read_panel(directory(tmp_path, table()))
    assert panel.symbols.tolist() == list(SYMBOLS)
    assert panel.days.equals(pd.DatetimeIndex(DAYS, name="date")) or list(panel.days) == list(DAYS)
    assert panel.live.dtypes.eq(bool).all()
    assert (panel.close == 10.5).all(axis=None)


def test_a_day_that_nobody_has_is_a_row_of_nan_and_not_live(tmp_path):
    frame = table()
    panel = read_panel(directory(tmp_path, frame[frame["date"] != DAYS[2]]))
    assert list(panel.days) == list(DAYS)
    assert panel.close.loc[DAYS[2]].isna().all()
    assert not panel.live.loc[DAYS[2]].any()
    assert (panel.funding_n.loc[DAYS[2]] == 0).all()


def test_funding_that_nobody_paid_is_unknown_not_zero(tmp_path):
    frame = table().assign(funding_n=0, funding=0.0)
    assert read_panel(directory(tmp_path, frame)).funding.isna().all(axis=None)


def test_days_may_lead_or_symbols(tmp_path):
    panel = read_panel(directory(tmp_path, table().sort_values(["date", "symbol"])))
    assert list(panel.days) == list(DAYS)


def test_text_categories_small_floats_and_utc_stamps_are_welcome(tmp_path):
    frame = table().astype({"symbol": "category", "volume": "float32", "funding_n": "int16"})
    frame["date"] = frame["date"].dt.tz_localize("UTC")
    assert list(read_panel(directory(tmp_path, frame)).days) == list(DAYS)


def test_the_delisted_flag_is_not_read(tmp_path):
    """D3-6."""
    expected = read_panel(directory(tmp_path, table().assign(delisted=True, src="x")))
    assert not hasattr(expected, "delisted")


def test_days_before_the_first_live_one_are_left_out(tmp_path):
    frame = table()
    frame.loc[frame["date"] == DAYS[0], "live"] = False
    assert read_panel(directory(tmp_path, frame)).days[0] == DAYS[1]


FAULTS = [
    ("close", float("nan"), "close nan is NaN or infinite"),
    ("high", float("inf"), "high inf is NaN or infinite"),
    ("volume", float("nan"), "volume nan is NaN or infinite"),
    ("open", 0.0, "open 0.0 is not positive"),
    ("low", -1.0, "low -1.0 is not positive"),
    ("volume", -5.0, "volume -5.0 is negative"),
    ("low", 12.0, "low 12.0 is above high"),
    ("funding", float("nan"), "funding nan is no number"),
    ("funding", float("inf"), "funding inf is no number"),
    ("funding_n", -1, "funding_n -1 is not a count"),
    ("date", DAYS[0], "is a duplicate"),
    ("date", DAYS[1] + pd.Timedelta(hours=3), "is not a UTC day"),
    ("date", pd.NaT, "is missing"),
    ("symbol", None, "is missing"),
]


@pytest.mark.parametrize(("column", "value", "said"), FAULTS)
def test_a_bad_cell_is_named_with_its_file_and_row(tmp_path, column, value, said):
    frame = table()
    frame.loc[1, column] = value
    with pytest.raises(DataFault, match=said) as caught:
        read_panel(directory(tmp_path, frame))
    text = str(caught.value)
    assert FILE in text
    assert "row 1 (" in text
    if column not in ("symbol", "date"):
        assert "2024-01-02, AAA" in text


def test_unsorted_days_are_refused(tmp_path):
    frame = table()
    frame.loc[[1, 2], "date"] = frame.loc[[2, 1], "date"].to_numpy()
    with pytest.raises(DataFault, match=r"row 2 \(2024-01-02, AAA\).*unsorted"):
        read_panel(directory(tmp_path, frame))


@pytest.mark.parametrize("column", ["close", "live", "funding_n", "symbol"])
def test_a_missing_column_is_named(tmp_path, column):
    with pytest.raises(DataFault, match=rf"missing columns \['{column}'\]"):
        read_panel(directory(tmp_path, table().drop(columns=column)))


@pytest.mark.parametrize(
    ("column", "values"),
    [("close", "ten"), ("live", 1.0), ("symbol", 7), ("date", "2024-01-01"), ("volume", True)],
)
def test_a_column_of_the_wrong_type_is_named(tmp_path, column, values):
    with pytest.raises(DataFault, match=f"column {column} holds"):
        read_panel(directory(tmp_path, table().assign(**{column: values})))


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(DataFault, match="no such file"):
        read_panel(tmp_path)
    (tmp_path / FILE).write_bytes(b"not parquet")
    with pytest.raises(DataFault, match="not a readable parquet file"):
        read_panel(tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(DataFault, match="no rows"):
        read_panel(directory(tmp_path, table().iloc[:0]))


def test_data_without_a_hedge_asset_are_refused(tmp_path):
    frame = table()
    with pytest.raises(DataFault, match="no live row of ETH"):
        read_panel(directory(tmp_path, frame[frame["symbol"] != "ETH"]))


def test_a_history_too_short_for_the_day_is_refused(tmp_path):
    panel = read_panel(directory(tmp_path, table()))
    require_history(panel, DAYS[3], closes=4)
    with pytest.raises(DataFault, match=r"too short: BTC has 4 live closes up to 2024-01-04.*5 are needed"):
        require_history(panel, DAYS[3], closes=5)


@needs_real
def test_the_recorded_panel_is_accepted_and_read_fast():
    """It holds two candles outside their bounds, both from before their listing."""
    read_panel(REAL)
    start = time.perf_counter()
    panel = read_panel(REAL)
    assert time.perf_counter() - start < 1.5
    assert panel.close.shape[1] >= 200
    assert np.isfinite(panel.close.to_numpy()[panel.live.to_numpy()]).all()
    assert panel.days.to_series().diff().dropna().eq(pd.Timedelta(days=1)).all()
