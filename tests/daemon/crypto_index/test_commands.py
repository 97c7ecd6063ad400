"""The commands as they are typed: what is printed, one JSON document, one message and exit code for bad use."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from daemon.crypto_index.methodology_file import BUNDLED
from tests.daemon.command_line import nightdesk

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[3] / "../shared"))
KEYS = {
    "title", "level_start", "level_end", "level_end_net", "return_total", "return_annual", "volatility_annual",
    "max_drawdown", "sharpe_daily", "sharpe_annual", "skew", "kurtosis", "psr", "min_track_record_days", "deflated_sharpe",
    "value_at_risk_95_1d", "expected_shortfall_95_1d", "tracking_error_annual", "correlation_total_market",
    "turnover_annual", "traded_both_sides_annual", "cost_bps", "cost_annual", "members_mean", "members_min",
    "members_max", "entries", "exits", "reviews", "gross",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A directory of market caps, of coins that wander."""
    directory = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    days = pd.date_range("2021-01-01", periods=160, freq="D")
    names = ["BTC", "ETH", "SOL", "XRP", "USDT", "DOGE"]
    close = 100 * np.exp(np.cumsum(0.03 * rng.standard_normal((160, 6)), axis=0))
    close[:, 4] = 1.0
    table = pd.DataFrame(
        {
            "date": np.repeat(days, 6),
            "symbol": names * 160,
            "close": close.ravel(),
            "supply_pit": np.tile(1e8 * np.arange(6, 0, -1.0), 160),
            "quote_volume": 1e8,
        }
    )
    table.to_parquet(directory / "derived_daily_2021.parquet")
    (directory / "categories.csv").write_text("symbol,category\nUSDT,stablecoin\nDOGE,meme\n")
    return directory


def backtested(data, out, *words, start="2021-03-15", end="2021-05-31"):
    return nightdesk(
        "index", "backtest", "--data", data, "--start", start, "--end", end, "--out", out, *words
    )


def test_a_methodology_is_printed_as_a_rule_book():
    said = nightdesk("index", "methodology", "bgci-like")
    assert said.code == 0
    assert "1. What it is" in said.out
    assert "The largest 12 by market cap" in said.out
    assert max(map(len, said.out.splitlines())) <= 160


@pytest.mark.parametrize("name", BUNDLED)
def test_a_methodology_as_json_has_its_keys_and_its_sentences(name):
    document = nightdesk("index", "methodology", name, "--json").document
    assert document["kind"] == "index methodology"
    assert document["name"] == name
    assert list(document["rule_book"])[:3] == ["What it is", "Base", "Who may be a member"]
    assert document["weights"]["rule"]


def test_a_methodology_that_is_none_exits_with_2_and_one_message():
    said = nightdesk("index", "methodology", "bcgi-like", "--json")
    assert said.code == 2
    assert said.document["error"].startswith("bcgi-like: no such file")
    assert said.err.count("\n") == 1


def test_a_backtest_writes_its_files_and_one_document(data, tmp_path):
    out = tmp_path / "deep" / "out"
    said = backtested(data, out, "--methodology", "cmc20-like", "--top", "2", "--json")
    assert said.code == 0, said.err
    document = said.document
    assert set(document["indices"]) == {"cmc20-like", "top-2"}
    assert all(set(one) == KEYS for one in document["indices"].values())
    assert set(document["total_market"]) == set(document["indices"]["top-2"]["gross"])
    assert sorted(document["files"]) == sorted(path.name for path in out.iterdir())
    assert (document["start"], document["end"], document["days"]) == ("2021-03-15", "2021-05-31", 77)
    page = (out / "constituents.csv").read_text()
    assert "USDT" not in page
    assert "DOGE" in page


def test_the_keys_of_the_document_are_in_the_documentation():
    page = (Path(__file__).resolve().parents[3] / "docs" / "crypto_index.md").read_text("utf-8")
    assert {key for key in KEYS if f"`{key}`" not in page} == set()


def test_a_file_of_ones_own_is_compared_under_its_own_name(data, tmp_path):
    text = nightdesk("index", "methodology", "top", "--json").document
    path = tmp_path / "mine.toml"
    path.write_text(
        '[base]\nday = 2021-01-01\nlevel = 5\n[count]\nrule = "everyone"\n[weights]\nrule = "capped_cap"\ncap = 0.5\n'
    )
    assert text["count"]["k"] == 10
    said = backtested(
        data, tmp_path / "out", "--methodology", str(path), "--methodology", "top", "--top", "none"
    )
    assert said.code == 0, said.err
    assert "mine" in said.out
    assert "total market" in said.out
    assert str(tmp_path / "out" / "report.html") in said.out.replace("\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--methodology", "brieff"),
            "brieff: no such file, and no methodology of that name, did you mean brief",
        ),
        (("--methodology", "brief", "--top", "x"), "--top x: give whole numbers"),
        (("--methodology", "top", "--methodology", "top"), "top is given more than once"),
        ((), "--methodology"),
    ],
)
def test_bad_use_is_one_message_and_exit_2(data, tmp_path, words, said):
    found = backtested(data, tmp_path, *words, "--json")
    assert found.code == 2
    assert said in found.document["error"]


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2021-13-01", "2021-05-31", "--start 2021-13-01: not an ISO day"),
        ("2021-03-15", "soon", "--end soon: not an ISO day"),
        ("2020-03-15", "2021-05-31", "the data hold 2021-01-01 to 2021-06-09"),
        ("2021-05-31", "2021-03-15", "the end 2021-03-15 is before the start 2021-05-31"),
    ],
)
def test_days_that_cannot_be_are_one_message_and_exit_2(data, tmp_path, start, end, said):
    found = backtested(data, tmp_path, "--methodology", "top", "--json", start=start, end=end)
    assert found.code == 2
    assert said in found.document["error"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file", "file: cannot be written (it is no directory)"),
        ("file/deep", "file: cannot be written (it is no directory)"),
        ("taken", "taken/levels.csv: cannot be written (Is a directory)"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_message_and_exit_2(data, tmp_path, place, said):
    (tmp_path / "file").touch()
    (tmp_path / "taken" / "levels.csv").mkdir(parents=True)
    found = backtested(
        data, tmp_path / place, "--methodology", "top", "--top", "none", "--json", end="2021-03-26"
    )
    assert found.code == 2
    assert found.document["error"] == f"{tmp_path}/{said}; name another directory with --out"


def test_a_directory_that_is_none_is_one_message_and_exit_2(tmp_path):
    found = backtested(tmp_path / "gone", tmp_path / "out", "--methodology", "top", "--json")
    assert found.code == 2
    assert "no file named derived_daily*.parquet" in json.loads(found.out)["error"]
    assert not (tmp_path / "out").exists()
