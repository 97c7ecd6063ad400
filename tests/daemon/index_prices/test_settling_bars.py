"""`nightdesk index-price settle`: the vetted price and its companions on recorded minutes, by hand."""

import numpy as np
import pytest

from tests.daemon.command_line import nightdesk
from tests.daemon.index_prices.bars import MIDNIGHT_MS, rows, written
from tests.strategies.quant.test_wash_trades import market


def settled(path, *words):
    return nightdesk("index-price", "settle", path, *words, "--json").document["settlements"]


def minutes(venue, usd, volume, **more):
    return rows(venue, np.full(60, usd), np.full(60, volume), **more)


@pytest.mark.parametrize(
    ("method", "usd"),
    [
        # the median 101, the deviation 1: nobody is punished
        ("vetted", (100 * 1 + 101 * 2 + 102 * 4) / 7),
        ("vetted_literal", (100 * 1 + 101 * 2 + 102 * 4) / 7),
        ("reference_rate", 102.0),
    ],
)
def test_each_method_weighs_by_volume_in_its_own_way(tmp_path, method, usd):
    path = written(tmp_path, minutes("A", 100, 1), minutes("B", 101, 2), minutes("C", 102, 4))
    (one,) = settled(path, "--method", method)
    assert (one["symbol"], one["end"], one["method"]) == ("BTC/USD", MIDNIGHT_MS, method)
    assert one["price"] == pytest.approx(usd, rel=1e-12)


def test_a_last_print_moves_the_briefs_price_and_hardly_the_vetted_one(tmp_path):
    """E0-10."""
    bars = [minutes(venue, 100, 1) for venue in "ABC"]
    for part in bars:
        part[-1]["close"] = 130.0
    path = written(tmp_path, *bars)
    assert settled(path)[0]["price"] == pytest.approx(101)
    assert settled(path, "--method", "vetted_literal")[0]["price"] == pytest.approx(130)


@pytest.mark.parametrize("method", ["vetted", "vetted_literal", "reference_rate"])
def test_minutes_of_which_no_volume_is_known_have_no_say(tmp_path, method):
    bars = [minutes(venue, usd, 1) for venue, usd in zip("ABC", (100, 101, 102), strict=True)]
    silent = minutes("D", 500, 1)
    for row in silent:
        del row["volume"]
    words = "--method", method
    assert settled(written(tmp_path, *bars, silent), *words)[0]["price"] == pytest.approx(101)
    assert settled(written(tmp_path, silent), *words)[0]["price"] is None


@pytest.mark.parametrize("method", ["vetted", "vetted_literal", "reference_rate"])
def test_what_comes_after_the_end_of_a_window_changes_nothing(tmp_path, method):
    words = "--method", method
    bars = [minutes(venue, usd, 1) for venue, usd in zip("ABC", (100, 101, 103), strict=True)]
    known = settled(written(tmp_path, *bars), *words)
    later = [minutes(venue, 500, 9, end_ms=MIDNIGHT_MS + 3_600_000) for venue in "ABC"]
    path = written(tmp_path, *bars, *later)
    assert settled(path, *words) == known
    assert [one["price"] for one in settled(path, *words, "--at", "00:00,01:00")] == [known[0]["price"], 500]


def test_exchanges_are_told_with_their_penalties_and_faults_and_other_quotes_left_out(tmp_path):
    """S0-21."""
    bars = minutes("A", 100, 1), minutes("B", 100.1, 1), minutes("C", 150, 1), minutes("D", 99, 1)[:10]
    path = written(tmp_path, *bars, minutes("E", 100, 1, pair="BTC/USDT"))
    document = nightdesk("index-price", "settle", path, "--json").document
    (one,) = document["settlements"]
    told = {each["exchange"]: (each["penalty"], each["fault"]) for each in one["exchanges"]}
    assert told["A"] == (1.0, "")
    assert told["C"][1].endswith("from the median")
    assert told["D"][1] == "0 of 30 minutes"
    assert document["left_out"] == ["E BTC/USDT: not in dollars"]
    assert "from the median" in nightdesk("index-price", "settle", path).out


def test_a_venue_that_fails_the_screen_has_no_voice_where_that_is_asked_for(tmp_path):
    volume, high, low = market(1)
    made = 100 * np.random.default_rng(1).lognormal(0, 1.5, len(volume))
    honest = [rows(name, np.full(720, 100.0), volume, high=high, low=low) for name in "AB"]
    path = written(tmp_path, *honest, rows("C", np.full(720, 101.0), made, high=high, low=low))
    (bought,) = settled(path)
    (one,) = settled(path, "--screened")
    assert bought["price"] > 100.5
    assert (one["price"], one["failed_screen"]) == (100.0, ["C"])


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--symbols", "ETH"), "no bars in dollars of ETH/USD"), (("--at", "25:00"), "--at 25:00")],
)
def test_bad_use_is_one_message(tmp_path, words, message):
    said = nightdesk("index-price", "settle", written(tmp_path, minutes("A", 100, 1)), *words)
    assert said.code == 2
    assert message in said.err
