"""Every preset is scored on the same input; the page has what is computed now."""

import json
import re
from pathlib import Path

import pytest

from core.prices.presets import PRESETS
from daemon.index_prices import comparing, comparison
from sim.price_events import EVENTS
from tests.daemon.command_line import nightdesk

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "index_price.md").read_text("utf-8")
AFRESH = (
    "crash_real",
    "wash_volume",
    "split_three_four",
    "disconnected_to_2",
    "usdt_depeg",
    "flash_crash_two",
)
"""Rows that are computed again here; all of them take four seconds."""

T = 1_700_000_000_000


@pytest.fixture(scope="module")
def afresh():
    return comparing.event_scores(AFRESH)


def test_the_rows_of_the_page_are_what_is_computed_now(afresh):
    lines = PAGE.partition(comparison.BEGIN)[2].partition(comparison.END)[0].splitlines()
    for row in comparison.rows_md(afresh):
        assert row in lines, "run: python -m daemon.index_prices.comparison"
    assert [re.findall("`(.*?)`", line)[0] for line in lines if line.startswith("| `")] == list(EVENTS)


def test_the_sums_of_the_page_are_those_of_its_rows():
    text = PAGE.partition(comparison.BEGIN)[2].partition(comparison.END)[0]
    rows = [
        [c.strip(" *") for c in line.split("|")[2:-1]] for line in text.splitlines() if line.startswith("| `")
    ]
    summed = dict(re.findall(r"^\| (\w+) \| ([\d.]+ \| [\d.]+ \| [\d.]+) \|", text, re.M))
    assert list(summed) == list(PRESETS)
    for column, preset in enumerate(PRESETS):
        cells = [[float(number) for number in row[column].split(" / ")] for row in rows]
        wrong, halted, missing = map(float, summed[preset].split(" | "))
        assert wrong == sum(cell[0] for cell in cells)
        assert halted + missing == sum(cell[1] for cell in cells)


def test_ours_accepts_a_real_crash_within_three_seconds_and_never_a_single_venues(afresh):
    assert afresh["crash_real"]["nightdesk"].halted_s <= 3
    assert afresh["crash_real"]["brief"].halted_s > 50
    assert all(row["nightdesk"].wrong_s == 0 for row in afresh.values())
    assert afresh["wash_volume"]["brief"].wrong_s > 50


def test_best_is_who_was_wrong_for_the_shortest_time(afresh):
    assert "nightdesk" in comparing.best(afresh["wash_volume"])
    assert "brief" not in comparing.best(afresh["wash_volume"])


def written(path, *, liar=1.0):
    rows = []
    for second in range(30):
        for source, factor in (("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", liar)):
            price = 50_000 * (factor if second > 9 else 1.0)
            one = {
                "source": source,
                "symbol": "BTC/USD",
                "price": price,
                "volume_24h": 1e6,
                "timestamp": T + 1000 * second,
            }
            rows.append(json.dumps(one | {"volume_24h": 9e6} if source == "d" else one) + "\n")
    path.write_text("".join(rows))
    return path


def test_a_path_is_scored_against_the_median_of_its_dollar_prices(tmp_path):
    said = nightdesk("index-price", "compare", written(tmp_path / "a.jsonl", liar=1.02), "--json")
    assert said.code == 0
    found = {one["preset"]: one for one in said.document}
    assert list(found) == list(PRESETS)
    assert {one["of"] for one in said.document} == {"BTC/USD"}
    assert found["brief"]["wrong_s"] == 19
    assert found["nightdesk"]["wrong_s"] == 0
    assert found["pyth"]["max_bps"] == 0
    assert found["pyth"]["best"]
    assert not found["brief"]["best"]


def test_a_comparison_is_shown_as_a_table_and_drawn(tmp_path):
    picture = tmp_path / "a.png"
    said = nightdesk("index-price", "compare", written(tmp_path / "a.jsonl"), "--figure", picture)
    assert said.code == 0
    assert "BTC/USD" in said.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (
        nightdesk("index-price", "compare", tmp_path / "a.jsonl", "--figure", tmp_path / "a.nope").code == 2
    )


@pytest.mark.parametrize("words", [(), ("--events", "x"), ("--events", "--symbols", "BTC"), ("nowhere",)])
def test_bad_use_is_one_message(words):
    said = nightdesk("index-price", "compare", *words)
    assert said.code == 2
    assert said.err.count("\n") == 1
