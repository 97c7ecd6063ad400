"""The page of a night: what it shows must be what the journal says, on good nights and odd ones."""

import json
import time
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import ClockTicked, ProFormaReady
from core.intents import WriteReport
from core.types import AccountSnapshot, Fill, Phase, Side, VenuePosition
from research.night_exposure import exposure, largest, thinned
from research.night_page import PageRequest, page
from research.night_report import AssetRow, read_report, verdict
from research.night_series import (
    Night,
    Steps,
    _between,
    disagreements,
    positions,
    read_night,
    session_fills,
    targets,
)
from state.journal import Journal, Record
from tests.research.scripted_night import CLOSE_MS, DAY_MS, Script, play

MB = 1_000_000


class Reader(HTMLParser):
    """What a browser would see: every element, the JSON, and the words outside of scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.scripts = [], [], [], []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        else:
            self.words.append(data)

    @property
    def data(self):
        return json.loads(self.scripts[0])

    @property
    def text(self):
        return " ".join(self.words)


def drawn(path, report):
    return Reader(page(PageRequest(str(path), report)))


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Two nights in one journal, and the report of the second."""
    path = tmp_path_factory.mktemp("night") / "journal.sqlite"
    play(path, Script(seed=5, close_ms=CLOSE_MS - DAY_MS))
    return path, play(path, Script(seed=6))


@pytest.fixture(scope="module")
def reader(night):
    return drawn(*night)


# --- what is shown is what happened ---------------------------------------------------------------------


def test_positions_rebuilt_from_fills_end_where_the_report_says(night):
    path, document = night
    report = read_report(document)
    read = read_night(path, report)
    assert disagreements(read, report) == {}
    ends = {coin: steps.value[-1] for coin, steps in positions(read, report).items()}
    assert all(str(ends[a.coin]) == a.position for a in report.names)


def test_a_report_that_contradicts_the_journal_fails_the_pages_own_check(night):
    path, document = night
    changed = json.loads(document)
    changed["assets"][0]["position"] = "12345"
    shown = drawn(path, json.dumps(changed).encode())
    assert "report 12345" in shown.text
    assert ("class", "bad") in shown.attributes


def test_exposure_rebuilt_from_the_journal_is_the_delta_that_the_engine_reported(night):
    path, document = night
    report = read_report(document)
    walked = exposure(read_night(path, report), report)
    reported_ms = _reported_ms(path)
    known = max(i for i, t in enumerate(walked.at_ms) if t <= reported_ms)
    assert walked.btc_usd[known] == pytest.approx(report.hedge.final_delta_usd["BTC"], abs=0.01)
    assert walked.eth_usd[known] == pytest.approx(report.hedge.final_delta_usd["ETH"], abs=0.01)
    for series, coin in ((walked.btc_usd, "BTC"), (walked.eth_usd, "ETH")):
        assert abs(largest(walked.at_ms, series)[1]) >= 0.99 * report.hedge.worst_delta_usd[coin]


def _reported_ms(path):
    journal = Journal.open_read_only(path)
    try:
        return max(r.at_ms for r in journal.read() if any(isinstance(i, WriteReport) for i in r.intents))
    finally:
        journal.close()


def test_what_is_missing_shrinks_to_what_the_report_leaves_over(night):
    path, document = night
    report = read_report(document)
    walked = exposure(read_night(path, report), report)
    known = [v for v in walked.missing_usd if v is not None]
    left = sum(abs(a.residual_usd) for a in report.names)
    assert known[-1] == pytest.approx(left, rel=0.01, abs=1)
    assert known[-1] < 0.1 * known[0]


def test_fills_slices_and_hedges_on_the_page_are_all_of_the_session(night, reader):
    """The window is wider than the session: what came before the preflight and after the report counts in neither."""
    report, data = read_report(night[1]), reader.data
    until = (CLOSE_MS - 900_000 - data["start"], _reported_ms(night[0]) - data["start"])
    fills = [f for c in data["coins"].values() for f in _between_ms(c["fills"], until)]
    slices = [s for c in data["coins"].values() for s in _between_ms(c["slices"], until)]
    assert len(fills) == report.fills.count
    assert len(slices) == report.orders.count
    assert len(_between_ms(data["hedges"], until)) == report.hedge.count
    assert sum(abs(f["qty"] * f["px"]) for f in fills) == pytest.approx(report.fills.notional_usd)
    assert all(0 <= s["filled"] / s["qty"] <= 1 for s in slices)
    assert sum(abs(s["filled"]) for s in slices) == pytest.approx(sum(abs(f["qty"]) for f in fills))


def test_the_assets_table_adds_up_to_the_reports_totals(night):
    report = read_report(night[1])
    fills = session_fills(read_night(night[0], report), report)
    assert len(fills) == report.fills.count
    assert float(sum(f.fee_usd for f in fills)) == pytest.approx(report.fills.fees_usd)


def _between_ms(columns, until):
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [row for row in rows if until[0] <= row["t"] <= until[1]]


def test_only_the_sessions_window_counts(night, reader):
    data = reader.data
    assert data["start"] == CLOSE_MS - 20 * 60_000
    times = [t for c in data["coins"].values() for s in ("mid", "fills", "slices") for t in c[s]["t"]]
    assert times
    assert all(0 <= t <= 35 * 60_000 for t in times)
    assert read_night(night[0], read_report(night[1])).records < _count(night[0])


def _count(path):
    journal = Journal.open_read_only(path)
    try:
        return journal.verify()
    finally:
        journal.close()


def test_before_the_projected_phase_the_betas_of_the_night_before_are_used(night):
    path, document = night
    report = read_report(document)
    read = read_night(path, report)
    journal = Journal.open_read_only(path)
    try:
        ready = [r.event for r in journal.read() if isinstance(r.event, ProFormaReady)]
    finally:
        journal.close()
    last = [e for e in ready if e.session != report.session and e.phase is Phase.CORRECTION]
    assert read.betas_before == last[-1].proforma.betas
    walked = exposure(read, report)
    assert walked.btc_usd[0] is not None


def test_the_target_line_follows_the_phases(night):
    report = read_report(night[1])
    steps = targets(report)
    for name in report.names:
        assert str(steps[name.coin].value[-1]) == name.target
        assert steps[name.coin].at_ms == [
            round(p.start.timestamp() * 1000) for p in report.phases.values() if p.start
        ]


def test_the_largest_trade_is_shown_first_and_the_hedges_last(reader):
    order, coins = reader.data["order"], reader.data["coins"]
    traded = [sum(abs(q * p) for q, p in zip(f["qty"], f["px"], strict=True)) for f in _fills(order, coins)]
    assert traded[:-2] == sorted(traded[:-2], reverse=True)
    assert set(order[-2:]) == {"BTC", "ETH"}


def _fills(order, coins):
    return [coins[c]["fills"] for c in order]


# --- the file -------------------------------------------------------------------------------------------


def test_the_page_asks_the_network_for_nothing(reader):
    assert not {"link", "img", "iframe", "object", "base"} & set(reader.tags)
    assert not [v for name, v in reader.attributes if name in ("src", "href")]
    assert any("default-src 'none'" in str(v) for name, v in reader.attributes if name == "content")


def test_words_from_outside_never_become_elements(tmp_path, reader):
    names = ("</script><u>", "<img src=x onerror=alert(1)>", "A&amp;B'\"")
    path = tmp_path / "journal.sqlite"
    document = json.loads(play(path, Script(coins=3, names=names, kill_s=-100)))
    document["halt_reason"] = document["assets"][0]["reason"] = "<u>because</u> {{ 7 * 7 }}"
    shown = drawn(path, json.dumps(document).encode())
    assert set(shown.tags) <= set(reader.tags) | {"ul", "li", "small", "tr", "td"}
    assert len(shown.scripts) == 3
    assert set(names) <= set(shown.data["coins"])
    assert "<u>because</u> {{ 7 * 7 }}" in shown.text


def test_a_night_of_100_assets_and_5000_records_is_drawn_in_3_seconds_and_under_6_mb(night, tmp_path):
    path, document = tmp_path / "journal.sqlite", json.loads(night[1])
    document["assets"] += [{"coin": f"C{n}", "target": "1", "residual_lots": 0.0} for n in range(100)]
    _long_journal(night[0], path, records=5_000, assets=100)
    began = time.perf_counter()
    html = page(PageRequest(str(path), json.dumps(document).encode()))
    assert time.perf_counter() - began < 3
    assert len(html.encode()) < 6 * MB
    assert len(Reader(html).data["coins"]["C99"]["mid"]["t"]) > 200


def _long_journal(source, path, *, records, assets):
    """Repeat the night's own records and quotes under many names, five steps a second."""
    old, new = Journal.open_read_only(source), Journal.open(path)
    night = [r for r in old.read() if r.at_ms >= CLOSE_MS - 20 * 60_000]
    quote = next(r.quotes[0] for r in night if r.quotes)
    rows = []
    for n in range(records):
        at_ms = CLOSE_MS - 16 * 60_000 + n * 25 * 60_000 // records
        names = [f"C{(n * 20 + k) % assets}" for k in range(20)]
        quotes = [msgspec.structs.replace(quote, coin=c, at_ms=at_ms, received_ms=at_ms) for c in names]
        like = night[n * len(night) // records]
        rows.append(Record(n + 1, at_ms, tuple(quotes), like.event, like.intents if n % 17 == 0 else ()))
    new.append(rows)
    old.close()
    new.close()


# --- odd nights -----------------------------------------------------------------------------------------

ODD = {
    "both phases held, so no beta is known": (
        Script(coins=4, failing=(Phase.PROJECTED, Phase.CORRECTION)),
        "bad",
    ),
    "correction held": (Script(coins=4, failing=(Phase.CORRECTION,)), "warn"),
    "nothing filled": (Script(coins=4, filled=0.0), "warn"),
    "halted": (Script(coins=4, kill_s=-200), "bad"),
    "started late": (Script(coins=4, start_s=90), "good"),
    "a close is missing": (Script(coins=4, missing_closes=("SOL",)), "good"),
    "no assets": (Script(coins=0), "good"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_nights_have_a_page_that_says_what_was_odd(tmp_path, name):
    script, level = ODD[name]
    document = play(tmp_path / "journal.sqlite", script)
    shown = drawn(tmp_path / "journal.sqlite", document)
    report = read_report(document)
    assert verdict(report).level == level
    assert verdict(report).headline in shown.text
    assert disagreements(read_night(tmp_path / "journal.sqlite", report), report) == {}
    for phase in report.phases.values():
        assert phase.reason in shown.text


def test_exposure_is_not_guessed_where_no_betas_are_known(tmp_path):
    script = Script(coins=4, failing=(Phase.PROJECTED, Phase.CORRECTION))
    report = read_report(play(tmp_path / "journal.sqlite", script))
    walked = exposure(read_night(tmp_path / "journal.sqlite", report), report)
    assert walked.at_ms
    assert set(walked.btc_usd) | set(walked.eth_usd) | set(walked.missing_usd) == {None}


def test_without_a_journal_the_page_still_shows_the_report_and_says_why_the_charts_are_empty(night, tmp_path):
    shown = drawn(tmp_path / "no such journal", night[1])
    assert "the journal cannot be read" in shown.text
    assert read_report(night[1]).assets[0].coin in shown.text


def test_a_damaged_journal_costs_the_charts_and_not_the_page(night, tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no journal" * 999)
    assert "the journal cannot be read" in drawn(path, night[1]).text


def test_an_empty_journal_and_the_barest_report_make_a_page(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal.open(path).close()
    bare = {"session": "2025-07-24", "close": "2025-07-25T00:00:00.000+00:00"}
    shown = drawn(path, json.dumps(bare).encode())
    assert "the report holds no invariants" in shown.text


def test_numbers_that_nobody_knows_are_dashes_and_not_zeros(night):
    document = json.loads(night[1])
    document["equity"] = {"before": None, "after": None, "explained": False}
    document["hedge"]["final_delta_usd"] = {"BTC": None, "ETH": None}
    document["assets"][0] |= {"target": None, "residual_lots": None, "residual_usd": None}
    shown = drawn(night[0], json.dumps(document).encode())
    assert shown.data["equity"]["before"] is None
    assert "BTC –" in shown.text


def test_a_report_of_the_wrong_shape_is_refused_by_the_name_of_the_member(tmp_path):
    with pytest.raises(msgspec.ValidationError, match="session"):
        page(PageRequest(str(tmp_path / "x"), b'{"session": 7, "close": "2025-07-25T00:00:00Z"}'))


# --- the verdict ----------------------------------------------------------------------------------------


def test_a_failed_check_is_the_headline_whatever_else_went_well(night):
    document = json.loads(night[1])
    document["invariants"][1] |= {"held": False, "detail": "SOL: ours 1, venue 2"}
    said = verdict(read_report(document))
    assert said.level == "bad"
    assert "SOL: ours 1, venue 2" in said.why[0]


def test_a_night_of_reductions_says_so_and_not_that_it_was_halted(night):
    document = json.loads(night[1]) | {"trading": "REDUCING", "halt_reason": "a second writer trades: SOL"}
    document["invariants"][-1] |= {"held": False, "detail": "REDUCING: a second writer trades: SOL"}
    said = verdict(read_report(document))
    assert said.level == "bad"
    assert "only made positions smaller" in said.headline
    assert said.why == ("a second writer trades: SOL",)


def test_what_went_another_way_is_on_the_page_with_its_time(night):
    document = json.loads(night[1])
    document["notices"] = [
        {"at": "2025-07-24T23:52:01.000+00:00", "text": "the venue takes post-only orders alone"}
    ]
    document["orders"] |= {"rationed": 7, "burnt": 3}
    document["dead_man"] |= {
        "protection": "order expiries",
        "reason": "too little volume",
        "fired": {"2025-07-24": 2},
    }
    text = drawn(night[0], json.dumps(document).encode()).text
    assert "23:52:01 the venue takes post-only orders alone" in text
    assert "7 orders were not sent" in text
    assert "3 were lost on their way and their nonces burnt" in text
    assert "order expiries (too little volume)" in text
    assert "fired 2 times on 2025-07-24" in text


@pytest.mark.parametrize(("usd", "level"), [(9.0, "good"), (101.0, "warn")])
def test_a_remainder_of_less_than_a_basis_point_leaves_the_book_where_it_should_be(night, usd, level):
    document = json.loads(night[1])
    document["equity"]["before"] = 1_000_000.0
    for asset in document["assets"]:
        asset |= {"residual_lots": 0.0, "residual_usd": 0.0, "reason": ""}
    document["assets"][0] |= {"residual_lots": 50.0, "residual_usd": usd, "reason": "under the minimum"}
    assert verdict(read_report(document)).level == level


# --- the parts ------------------------------------------------------------------------------------------

points = st.lists(
    st.tuples(st.integers(0, 50_000), st.none() | st.floats(-1e6, 1e6)),
    max_size=200,
    unique_by=lambda p: p[0],
).map(sorted)


@given(points)
def test_thinning_keeps_the_extremes_the_last_point_and_the_order(series):
    times, values = [t for t, _ in series], [v for _, v in series]
    kept_times, kept = thinned(times, values, bucket_ms=2_000)
    known = [(t, v) for t, v in series if v is not None]
    assert set(zip(kept_times, kept, strict=True)) <= set(known)
    assert kept_times == sorted(kept_times)
    if known:
        assert (max(kept), min(kept)) == (max(v for _, v in known), min(v for _, v in known))
        assert (kept_times[-1], kept[-1]) == known[-1]


@given(st.lists(st.integers(0, 400_000), max_size=40).map(sorted), st.integers(0, 400), st.integers(0, 400))
def test_the_window_read_by_halving_is_the_window_read_from_the_start(times, start_s, length_s):
    journal = Journal.in_memory()
    journal.append([Record(n, t, (), ClockTicked(at_ms=t), ()) for n, t in enumerate(times, start=1)])
    start_ms, end_ms = 1000 * start_s, 1000 * (start_s + length_s)
    found = [r.seq for r in _between(journal, start_ms, end_ms)]
    journal.close()
    assert found == [n for n, t in enumerate(times, start=1) if start_ms <= t <= end_ms]


def test_the_template_files_are_inside_the_package():
    folder = Path(__file__).resolve().parents[2] / "research" / "templates"
    assert {f.name for f in folder.iterdir()} >= {"night.html.j2", "night.css", "night.js"}


def _fill(at_ms, qty):
    side, sized = (Side.BUY, qty) if qty > 0 else (Side.SELL, -qty)
    return Fill(
        coin="SOL",
        side=side,
        qty=Decimal(sized),
        px=Decimal(180),
        fee_usd=Decimal(0),
        tid=at_ms,
        oid=1,
        at_ms=at_ms,
        start_position=Decimal(0),
        direction="",
    )


def test_a_snapshot_taken_after_fills_holds_them_already(night):
    report = msgspec.structs.replace(read_report(night[1]), assets=[AssetRow("SOL", position="6")])
    fills = {f.key: f for f in (_fill(1_050, 2), _fill(1_150, 1))}
    held = VenuePosition(coin="SOL", qty=Decimal(5), entry_px=Decimal(180), mark_px=Decimal(180))
    snapshot = AccountSnapshot(at_ms=1_100, equity_usd=Decimal(1), positions={"SOL": held})
    for anchor in (snapshot, None):
        steps = positions(Night(start_ms=1_000, end_ms=2_000, fills=fills, anchor=anchor), report)["SOL"]
        assert steps == Steps([1_000, 1_050, 1_150], [Decimal(3), Decimal(5), Decimal(6)])
