"""Recorded prices are published again: a value at every stamp, and what cannot be used is said, not raised."""

import json
import math

import pytest

from core.prices.presets import PRESETS
from daemon.index_prices import methodology_file
from daemon.index_prices.replaying import symbols_of
from daemon.options import BadUse
from tests.daemon.command_line import nightdesk

T = 1_700_000_000_000
SEED = (
    ("A", 45_010.0, 500e6, 1),
    ("B", 45_005.0, 300e6, 0),
    ("C", 45_015.0, 200e6, 4),
    ("E", 46_500.0, 50e6, 1),
    ("D", 45_000.0, 400e6, 20),
)
"""S4-23: source, price, 24 h volume, age in seconds."""


def row(source, price, volume=1e6, age_s=0.0, **more):
    stamp = round(T - 1000 * age_s)
    return {
        "source": source,
        "symbol": "BTC/USD",
        "price": price,
        "volume_24h": volume,
        "timestamp": stamp,
        **more,
    }


def written(path, rows):
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def seed(tmp_path):
    return written(tmp_path / "ticks.jsonl", [row(*one) for one in SEED])


def test_the_seed_example_ends_at_its_price(seed):
    said = nightdesk("index-price", "replay", seed, "--preset", "brief", "--json")
    assert said.code == 0
    last = said.document[-1]
    assert last["price"] == pytest.approx(45_009.27475236211, abs=1e-9)
    assert (last["symbol"], last["timestamp"], last["state"]) == ("BTC/USD", T, "OK")
    assert (last["sequence"], last["token"], last["active_feeds"], last["age_s"]) == (4, 0, 3, 0)
    assert last["weights"] == pytest.approx({"A": 0.506317, "B": 0.319366, "C": 0.174317}, abs=1e-6)
    assert last["excluded"] == {"D": "stale", "E": "outlier"}
    assert [value["timestamp"] for value in said.document] == [T - 20_000, T - 4_000, T - 1_000, T]
    assert [value["state"] for value in said.document] == ["STARTING"] * 3 + ["OK"]


def test_without_the_outlier_filter_the_example_is_the_other_known_number(seed, tmp_path):
    rules = tmp_path / "open.toml"
    rules.write_text('preset = "brief"\n[outliers]\nbeyond = 0\n')
    said = nightdesk("index-price", "replay", seed, "--methodology", rules, "--json")
    assert said.document[-1]["price"] == pytest.approx(45_081.1153, abs=1e-4)
    assert said.document[-1]["methodology"] == "open"


@pytest.mark.parametrize(
    ("clamp", "price"), [(0.005, 45_020.2763), (0.02, 45_052.8148), (0.025, 45_063.6609), (0.03, 45_074.5071)]
)
def test_the_example_under_a_clamp_is_what_the_oracle_says(seed, tmp_path, clamp, price):
    rules = tmp_path / "clamped.toml"
    rules.write_text(f'preset = "brief"\n[outliers]\nbeyond = 0\nclamp = {clamp}\n')
    said = nightdesk("index-price", "replay", seed, "--methodology", rules, "--json")
    assert said.document[-1]["price"] == pytest.approx(price, abs=1e-4)


def test_the_ledger_of_a_replay_is_verified_and_a_changed_price_is_not(seed, tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    assert nightdesk("index-price", "replay", seed, "--preset", "brief", "--out", ledger).code == 0
    lines = ledger.read_text().splitlines()
    assert json.loads(lines[0])["methodology"]["outliers"]["beyond"] == 0.025
    assert len(lines) == 6
    assert nightdesk("index", "verify", ledger).code == 0
    ledger.write_text(ledger.read_text().replace("45009.27475236211", "44964.27"))
    assert nightdesk("index", "verify", ledger).code == 1


def test_the_same_input_gives_the_same_bytes(seed, tmp_path):
    for name in ("a", "b"):
        assert nightdesk("index-price", "replay", seed, "--out", tmp_path / name, "--json").code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_only_the_symbols_asked_for_are_printed_and_the_ledger_has_what_converts_them_too(tmp_path):
    rows = [row(s, 50_000.0, symbol="BTC/USDT") | {"symbol": "BTC/USDT"} for s in "abc"]
    rows += [row(s, 0.99) | {"symbol": "USDT/USD"} for s in "abc"] + [
        row(s, 3_000.0) | {"symbol": "ETH/USD"} for s in "abc"
    ]
    path, ledger = written(tmp_path / "a.jsonl", rows), tmp_path / "ledger"
    said = nightdesk("index-price", "replay", path, "--symbols", "btc", "--out", ledger, "--json")
    assert [(v["symbol"], v["price"]) for v in said.document] == [("BTC/USD", pytest.approx(49_500))]
    assert [json.loads(line)["symbol"] for line in ledger.read_text().splitlines()[1:-1]] == [
        "USDT/USD",
        "BTC/USD",
    ]
    assert nightdesk("index", "verify", ledger).code == 0
    everything = nightdesk("index-price", "replay", path, "--json").document
    assert [v["symbol"] for v in everything] == ["USDT/USD", "BTC/USD", "ETH/USD"]


BAD = [
    row("bad", 0.0),
    row("bad", -5.0),
    row("bad", "NaN"),
    row("bad", None),
    row("bad", 50_000.0, bid=50_010.0, ask=49_990.0),
    row("bad", 50_000.0, math.nan),
    row("bad", 50_000.0, math.inf),
    row("bad", 50_000.0, -1.0),
    row("bad", 50_000.0, age_s=-5.0, received_ms=T),
    row("bad", 50_000.0, age_s=90.0, received_ms=T),
    row("bad", 50_000_000.0),
    {"source": "bad"},
    "{ not json\n",
    row("bad", 1e308),
    row("bad", 5e-324),
    row("bad", 50_000.0, bid=math.inf, ask=math.inf),
    row("bad", 50_000.0) | {"symbol": "BTC/XYZ"},
    row("bad", 50_000.0) | {"symbol": "renamed channel"},
]


@pytest.mark.parametrize("preset", ["nightdesk", "brief"])
@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_rows_are_never_raised_and_never_averaged_in(tmp_path, bad, preset):
    rows = [row(s, 50_000.0 + d) for s, d in (("a", 0), ("b", 1), ("c", 2), ("d", 3))]
    said = nightdesk(
        "index-price", "replay", written(tmp_path / "a.jsonl", [*rows, bad]), "--preset", preset, "--json"
    )
    assert said.code == 0
    last = next(value for value in reversed(said.document) if value["symbol"] == "BTC/USD")
    assert last["price"] == pytest.approx(50_001.5, abs=1.5)
    assert last["state"] == "OK"


def test_the_table_says_what_was_refused(tmp_path):
    rows = [row(s, 50_000.0) for s in "abcd"] + ["nonsense\n", row("d", 0.0)]
    said = nightdesk("index-price", "replay", written(tmp_path / "a.jsonl", rows))
    assert said.code == 0
    assert "50,000.00" in said.out
    assert "refused 1 bad_price, 1 not_an_object" in said.out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--preset", "nobody"), "Presets are nightdesk, brief"),
        (("--symbols", "BTC/EUR"), "an index is in USD"),
        (("--methodology", "nowhere.toml"), "cannot be read"),
        (("--out", "nowhere/at/all"), "cannot be written"),
        (("--out", "/dev/full"), "cannot be written: No space left"),
    ],
)
def test_bad_use_is_one_message_with_what_is_allowed(seed, words, part):
    said = nightdesk("index-price", "replay", seed, *words)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert part in said.err


def test_what_is_read_is_not_written_over(seed):
    before = seed.read_bytes()
    said = nightdesk("index-price", "replay", seed, "--out", seed)
    assert said.code == 2
    assert "is what is read" in said.err
    assert seed.read_bytes() == before


def test_of_a_directory_that_is_read_no_file_is_written_over_but_an_earlier_ledger(seed, tmp_path):
    before = seed.read_bytes()
    said = nightdesk("index-price", "replay", tmp_path, "--out", seed)
    assert said.code == 2
    assert "is what is read" in said.err
    assert seed.read_bytes() == before
    for _ in range(2):
        assert nightdesk("index-price", "replay", tmp_path, "--out", tmp_path / "ledger.jsonl").code == 0


def test_symbols_can_be_named_as_venues_write_them():
    assert symbols_of("btc-usd, ETH/USD,sol") == ("BTC/USD", "ETH/USD", "SOL/USD")


def test_a_path_that_holds_no_prices_is_bad_use(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        said = nightdesk("index-price", "replay", path, "--json")
        assert said.code == 2
        assert "Allowed are normalised ticks" in said.document["error"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[outliers]\nbeyound = 1\n", "did you mean outliers.beyond"),
        ('[outliers]\nbeyond = "much"\n', "outliers.beyond"),
        ("[weighing]\ncap = 0\n", "weighing.cap"),
        ('price = "middle"\n', "price"),
        ('preset = "nobody"\n', "Presets are"),
        ("[", "cannot be read as TOML"),
        ("outliers = 3\n", "outliers"),
    ],
)
def test_a_fault_in_a_methodology_file_names_its_key(tmp_path, text, part):
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(BadUse, match=part):
        methodology_file.chosen(None, tmp_path / "rules.toml")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_its_way_through_data(tmp_path, name):
    (tmp_path / f"{name}.toml").write_text(f'preset = "{name}"\n')
    assert methodology_file.chosen(None, tmp_path / f"{name}.toml") == PRESETS[name]
