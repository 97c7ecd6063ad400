"""The comparison: figures against plain formulas, files, the page, the recorded market, and the published index."""

import csv
import itertools
import json
import os
import re
from base64 import b64decode
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adapters.crypto_mcap import BUNDLED_CUSTODY, read_market
from daemon.crypto_index.methodology_file import BUNDLED, chosen, top
from research.index_backtest import backtest, backtest_document, report
from research.index_drawings import levels, memberships, svg
from research.index_files import write
from research.index_level_again import check
from research.index_page import shown
from research.index_record import correlation, performance, returns_of, tracked
from research.index_walk import walked
from state.index_lines import LedgerLines
from strategies.crypto_index.methodology import (
    CappedCap,
    Category,
    Crix,
    Every,
    Fixed,
    MinimumVariance,
    Schedule,
)
from strategies.crypto_index.pipeline import NothingEligible, reviewed
from strategies.crypto_index.total_market import total_market_returns
from tests.strategies.crypto_index.made_up import book, cells, made_up

SHARED = Path(os.environ.get("NIGHTDESK_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
REAL = SHARED / "data/crypto_mcap"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the recorded market caps are not beside the repository")

SPAN = date(2021, 2, 20), date(2021, 7, 10)
BOOKS = [book(), book(name="calm", weights=MinimumVariance(days=60)), book(name="one", count=Fixed(k=1))]


def aged(days):
    return book(eligibility=replace(book().eligibility, age_min_days=days))


@pytest.fixture(scope="module")
def tested():
    return backtest(made_up(), BOOKS, SPAN)


@pytest.fixture(scope="module")
def document(tested):
    return report(tested, asked=SPAN[0])


# --- figures ----------------------------------------------------------------------------------------------


def test_each_figure_is_that_of_the_plain_formula(tested, document):
    for name, one in document["indices"].items():
        levels_ = pd.Series([1000.0, *(1000 * np.cumprod(1 + returns_of(tested.tracks[name].net)))])
        moves = levels_.pct_change().dropna()
        assert one["return_total"] == pytest.approx(levels_.iloc[-1] / 1000 - 1)
        assert one["return_annual"] == pytest.approx((levels_.iloc[-1] / 1000) ** (365 / len(moves)) - 1)
        assert one["volatility_annual"] == pytest.approx(moves.std() * 365**0.5)
        assert one["max_drawdown"] == pytest.approx(1 - (levels_ / levels_.cummax()).min())
        assert one["sharpe_daily"] == pytest.approx(moves.mean() / moves.std())
        assert one["sharpe_annual"] == pytest.approx(one["sharpe_daily"] * 365**0.5)


def test_tracking_error_is_against_all_priced_coins_before_costs(tested, document):
    market = made_up()
    inside = (market.days >= np.datetime64(document["start"])) & (
        market.days <= np.datetime64(document["end"])
    )
    moves = total_market_returns(market)[inside][1:]
    for name, track in tested.tracks.items():
        apart = returns_of(track.gross) - moves
        one = document["indices"][name]
        assert one["tracking_error_annual"] == pytest.approx(apart.std(ddof=1) * 365**0.5)
        assert one["correlation_total_market"] == pytest.approx(
            np.corrcoef(returns_of(track.gross), moves)[0, 1]
        )


def test_turnover_is_half_of_what_is_traded_and_the_launch_is_none(tested, document):
    years = document["days"] / 365
    for name, walk in tested.walks.items():
        one = document["indices"][name]
        traded = sum(day.traded for day in walk.days[1:])
        assert one["turnover_annual"] == pytest.approx(traded / 2 / years)
        assert one["traded_both_sides_annual"] == pytest.approx(traded / years)
        assert one["level_end_net"] < one["level_end"]
        assert (
            0
            < one["cost_annual"]
            == pytest.approx(1 - (one["level_end_net"] / one["level_end"]) ** (1 / years))
        )
    assert document["indices"]["one"]["turnover_annual"] < document["indices"]["calm"]["turnover_annual"]


def test_all_that_was_tried_in_the_call_deflates_each(tested, document):
    assert document["trials"] == 3
    alone = report(backtest(made_up(), BOOKS[:1], SPAN), asked=SPAN[0])["indices"]["plain"]
    with_others = document["indices"]["plain"]
    assert alone["psr"] == with_others["psr"] == alone["deflated_sharpe"]
    assert with_others["deflated_sharpe"] < alone["deflated_sharpe"]


def test_what_cannot_be_said_is_none_and_shown_as_a_dash():
    falling = performance(1000 * 0.99 ** np.arange(50.0) * (1 + 0.001 * (-1.0) ** np.arange(50)))
    assert falling["sharpe_daily"] < 0
    assert correlation(np.ones(5), np.arange(5.0)) is None
    assert (shown(None, "ratio"), shown(0.1234, "percent"), shown(1234.5, "count")) == (
        "–",
        "12.3 %",
        "1,234",
    )


def test_the_report_is_json(document):
    assert json.loads(json.dumps(document, allow_nan=False)) == document


# --- the days ---------------------------------------------------------------------------------------------


def test_all_begin_at_the_first_close_at_which_every_book_has_members():
    market = made_up()
    old = replace(aged(60), name="old")
    found = backtest(market, [book(), old], (date(2021, 1, 1), date(2021, 5, 1)))
    assert {track.days[0] for track in found.tracks.values()} == {date(2021, 3, 2)}
    assert report(found, asked=date(2021, 1, 1))["start_asked"] == "2021-01-01"


@pytest.mark.parametrize(
    ("span", "books", "said"),
    [
        ((date(2020, 1, 1), date(2021, 5, 1)), BOOKS, "the data hold 2021-01-01 to 2021-07-19: .*; choose other dates"),
        ((date(2021, 3, 1), date(2021, 7, 20)), BOOKS, "is not inside"),
        ((date(2021, 5, 1), date(2021, 3, 1)), BOOKS, "the end 2021-03-01 is before the start 2021-05-01"),
        ((date(2021, 5, 1), date(2021, 5, 9)), BOOKS, "too short: end must be at least 10 days after start"),
        (SPAN, [book(), book()], "plain is given more than once"),
        (SPAN, [aged(900)], "plain has no members on any day from 2021-02-20"),
        ((SPAN[0], date(2021, 7, 1)), [aged(175)], "all have members from 2021-06-25 on, too near the end"),
    ],
)  # fmt: skip
def test_days_and_books_that_cannot_be_are_refused_in_one_message(span, books, said):
    with pytest.raises(ValueError, match=said):
        backtest(made_up(), books, span)


def test_a_market_that_ends_in_the_middle_is_refused_with_the_name_of_the_index():
    market = made_up()
    dead = replace(market, close=cells(market.close, slice(120, None), slice(None), np.nan))
    with pytest.raises(
        ValueError, match="plain: at the close of 2021-05-05: no member of PLAIN has a price within 4 days"
    ):
        backtest(dead, [book()], SPAN)


def test_what_a_rule_cannot_count_with_is_told_with_the_name_of_the_index():
    market = made_up()
    still = replace(market, close=np.broadcast_to(market.close[:1], market.close.shape))
    counted = replace(book(name="counted"), count=Crix(start=1, step=1, most=3))
    with pytest.raises(ValueError, match="counted: the sample never moves"):
        backtest(still, [counted], SPAN)


def test_progress_is_told_for_each_day_of_each_book():
    told = []
    backtest(made_up(), BOOKS[:2], SPAN, told=told.append)
    assert sum(told) == 2 * ((SPAN[1] - SPAN[0]).days + 1)


# --- files ------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.sources, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def out(tested, document, tmp_path_factory):
    directory = tmp_path_factory.mktemp("out")
    named = {**document, "custody": "<b>none</b>"}
    files = write(tested.walks, tested.tracks, tested.market, named, directory)
    assert sorted(files) == sorted(path.name for path in directory.iterdir())
    return directory


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_levels_has_each_day_and_each_index_before_and_after_costs(tested, out):
    rows = rows_of(out / "levels.csv")
    assert list(rows[0]) == [
        "date",
        "total_market",
        "plain",
        "plain_net",
        "calm",
        "calm_net",
        "one",
        "one_net",
    ]
    assert [row["date"] for row in rows] == [str(day) for day in tested.days]
    assert [float(row["calm_net"]) for row in rows] == tested.tracks["calm"].net.tolist()


def test_the_table_of_constituents_has_the_weights_of_each_review(tested, out):
    rows = rows_of(out / "constituents.csv")
    for name, walk in tested.walks.items():
        for decision in walk.decisions:
            found = [r for r in rows if r["index"] == name and r["date"] == str(decision.day)]
            assert {r["symbol"]: float(r["weight"]) for r in found} == decision.weights


def test_each_ledger_leads_to_the_same_levels_when_every_event_is_done_again(tested, out):
    for name, walk in tested.walks.items():
        entries = [entry for entry, _ in LedgerLines(out / f"{name}.ledger.jsonl").places()]
        assert entries == walk.entries
        checked = check(out / f"{name}.ledger.jsonl")
        assert (checked.difference, checked.levels) == (None, len(walk.entries))


def test_the_page_has_every_index_and_figure_and_asks_the_network_for_nothing(tested, document, out):
    html = (out / "report.html").read_text("utf-8")
    page = Reader(html)
    assert "default-src 'none'" in html
    assert not {"script", "link", "iframe", "b"} & set(page.tags)
    pictures = [s for s in page.sources if s.startswith("data:image/svg+xml;base64,")]
    assert len(pictures) == 2 + 2 * len(tested.walks)
    assert set(page.sources) - set(pictures) == {f"#{name}" for name in tested.walks}
    assert all(b"<svg" in b64decode(p.partition(",")[2]) for p in pictures)
    for one in document["indices"].values():
        assert shown(one["sharpe_daily"], "ratio") in page.text
        assert shown(one["turnover_annual"], "percent") in page.text
    assert "<b>none</b>" in page.text


def test_the_same_picture_is_the_same_bytes(tested):
    draw = levels(tested.tracks, tested.market)
    assert svg(draw, height_in=3.0) == svg(draw, height_in=3.0)


def test_who_was_in_has_a_row_and_a_bar_for_each_member(tested):
    draw, rows = memberships(tested.walks["plain"])
    assert rows == len({s for day in tested.walks["plain"].days for s in day.weights})
    assert len(re.findall(rb"<path", svg(draw, height_in=2.0))) > rows


# --- the recorded market ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    return read_market(REAL, custody=BUNDLED_CUSTODY)


def month_ends(market):
    days = market.days.tolist()
    return [day for day, after in itertools.pairwise(days) if after.month != day.month and day.year > 2019]


@real
@pytest.mark.parametrize("name", BUNDLED)
def test_no_index_ever_has_a_member_of_a_kind_that_it_excludes(recorded, name):
    """Every review there can be; the kinds are those of the recorded file itself, not of the reader."""
    kinds = pd.read_csv(REAL / "categories.csv").set_index("symbol")["category"]
    rules, members, ever = chosen(name), (), set()
    for day in month_ends(recorded)[2:]:
        try:
            members = tuple(reviewed(recorded.until(day), rules, incumbents=members).weights)
        except NothingEligible:
            assert day.year == 2020
        ever |= set(members)
    assert len(ever) > 15
    excluded = {kind.value for kind in rules.eligibility.excluded}
    assert {symbol for symbol in ever if kinds.get(symbol, "other") in excluded} == set()
    assert not {"USDT", "USDC", "BUSD", "DAI", "UST", "USTC", "WBTC", "STETH", "PAXG"} & ever
    if Category.MEME in rules.eligibility.excluded:
        assert not {"DOGE", "SHIB", "PEPE", "XMR", "ZEC", "DASH"} & ever


@real
def test_an_index_of_the_ten_largest_moves_as_the_published_index_does(recorded):
    published = pd.read_csv(REAL / "published_index_polyzos.csv.gz", parse_dates=["date"])
    theirs = published.set_index("date")["return_quarterly_rebal"]
    quarterly = Schedule(weights=Every.QUARTER, members=Every.QUARTER)
    found = {}
    for cap in (1.0, 0.5):
        rules = replace(top(10), schedule=quarterly, weights=CappedCap(cap=cap))
        track = tracked(walked(recorded, rules, date(2020, 3, 1), date(2024, 12, 31)))
        ours = pd.Series(returns_of(track.gross), index=pd.DatetimeIndex(track.days[1:]))
        both = pd.concat([ours, theirs], axis=1, join="inner").dropna()
        assert len(both) > 1700
        found[cap] = both.iloc[:, 0].corr(both.iloc[:, 1])
    assert found[1.0] > 0.98
    assert found[0.5] > 0.97


@real
def test_the_document_of_the_command_is_whole(tmp_path):
    rules = [top(3)]
    document = backtest_document(
        REAL, books=rules, start=date(2022, 1, 1), end=date(2022, 3, 1), out=tmp_path
    )
    assert document["kind"] == "index backtest"
    assert document["custody"].startswith("bundled")
    assert {path.name for path in tmp_path.iterdir()} == set(document["files"])
    assert (document["start"], document["end"], document["days"]) == ("2022-01-01", "2022-03-01", 59)
