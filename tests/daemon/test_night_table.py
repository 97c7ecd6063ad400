"""The table that `make run` ends with."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from daemon.night_table import night_table
from tests.research.scripted_night import Script, play

PAGE = Path("state/sessions/2025-07-24.html")


def lines(report, *, width=100, page=PAGE):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(night_table(report, page))
    return console.export_text().rstrip("\n").split("\n")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return json.loads(play(tmp_path_factory.mktemp("night") / "journal.sqlite", Script(coins=20, seed=3)))


def test_a_night_of_20_assets_fits_on_one_screen(report):
    assert 30 < len(lines(report)) <= 40


def test_the_worst_night_still_fits_on_one_screen(report):
    off = {"residual_lots": 99.0, "residual_usd": 5e6}
    assets = [a | off | {"reason": f"why {a['coin']} " * 20} for a in report["assets"]]
    broken = [i | {"held": False, "detail": "bad " * 60} for i in report["invariants"]]
    worst = report | {"assets": assets, "invariants": broken, "problems": ["clock off"] * 9, "restarts": 3}
    assert len(lines(worst)) <= 40


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_digit_of_a_position_is_ever_cut_off(report, width):
    wordy = [a | {"reason": "not filled by the deadline " * 9} for a in report["assets"]]
    shown = "".join(lines(report | {"assets": wordy}, width=width)).replace("−", "-").replace(",", "")
    for asset in report["assets"]:
        assert f"{Decimal(asset['position']).normalize():f}" in shown


def test_how_long_the_book_was_outside_its_band_is_never_cut_off(report):
    hedge = report["hedge"] | {"fill_to_hedge_median_ms": 1_391.0, "fill_to_hedge_p99_ms": 22_567.0}
    hedge |= {"band_usd": 2_494.0, "outside_band_s": 137.1}
    assert "for 137.1 s" in "\n".join(lines(report | {"hedge": hedge}, width=80))


def test_the_headline_answers_first_and_the_path_comes_last(report):
    shown = lines(report)
    assert "position" in shown[0] or "book" in shown[0]
    assert shown[-1].endswith(str(PAGE))
    assert lines(report, page=None)[-1].endswith("none was written")


def test_a_wider_universe_shows_the_20_largest_and_counts_the_rest(report):
    extra = [{"coin": f"X{i}", "target": "1", "position": "1", "residual_lots": 0.0} for i in range(30)]
    shown = "\n".join(lines(report | {"assets": [*extra, *report["assets"]]}))
    assert "30 smaller of 50" in shown
    assert "X7" not in shown


def test_what_is_off_its_target_stands_above_what_is_larger(report):
    off = {
        "coin": "ZZZ",
        "target": "2",
        "position": "0",
        "residual_lots": 2.0,
        "residual_usd": 1e9,
        "reason": "r",
    }
    shown = lines(report | {"assets": [*report["assets"], off]})
    rows = [i for i, line in enumerate(shown) if line.startswith("ZZZ")]
    head = [i for i, line in enumerate(shown) if line.startswith("asset ")]
    assert rows == [head[0] + 1]


def test_the_figures_of_the_report_are_on_the_screen(report):
    shown = "\n".join(lines(report, width=140))
    assert f"{report['orders']['count']:,}" in shown
    assert f"{report['fills']['notional_usd']:,.0f}" in shown
    assert f"{report['equity']['before']:,.0f} -> {report['equity']['after']:,.0f}" in shown
    assert f"{report['hedge']['worst_delta_usd']['BTC']:,.0f}" in shown
    assert f"{report['hedge']['count']} orders" in shown


def test_words_from_outside_are_not_read_as_markup(report):
    odd = report["assets"][0] | {
        "coin": "[red]X[/red]",
        "reason": "[link=http://x]y[/link]\nz",
        "residual_lots": 9.0,
    }
    shown = "\n".join(lines(report | {"assets": [odd], "halt_reason": "[bold]why[/bold]"}, width=140))
    for words in ("[red]X[/red]", "[link=http://x]y[/link] z", "[bold]why[/bold]"):
        assert words in shown


def test_failed_checks_are_named(report):
    broken = [i | {"held": i["name"] != "equity is explained to 1 bp"} for i in report["invariants"]]
    shown = "\n".join(lines(report | {"invariants": broken}, width=120))
    assert "6 of 7 checks hold" in shown
    assert "failed  equity is explained to 1 bp" in shown


def test_a_night_without_opening_or_closing_says_so(report):
    shown = "\n".join(lines(report | {"equity": {"before": None, "after": None, "explained": False}}))
    assert "no opening or no closing snapshot" in shown


def test_a_delta_that_nobody_knows_is_a_dash_and_not_zero(report):
    hedge = report["hedge"] | {"final_delta_usd": {"BTC": None, "ETH": None}, "band_usd": None}
    shown = "\n".join(lines(report | {"hedge": hedge}))
    assert "net delta – USD" in shown
    assert "outside ±–" in shown


def test_the_barest_report_has_a_table():
    assert lines({"session": "2025-07-24", "close": "2025-07-25T00:00:00Z"})[0].startswith("Nobody checked")
