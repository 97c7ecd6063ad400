"""`nightdesk index rebalance`, `level`, `history`, `verify` and what people change, as they are typed."""

import csv
import io
import json
from decimal import Decimal as D
from types import SimpleNamespace

import pytest

from daemon import control
from daemon.crypto_index.by_hand import Restating
from daemon.run import answer
from state.index_ledger import IndexLedger
from tests.daemon.command_line import nightdesk
from tests.daemon.crypto_index.kept import RULES, write_data


@pytest.fixture
def index(tmp_path):
    """Return a function that runs an index command on a state directory of its own, and the data."""
    return made(tmp_path)


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """Return an index for what records nothing."""
    index = made(tmp_path_factory.mktemp("launched"))
    index.rebalance("2021-03-31")
    return index


def made(place):
    write_data(place / "data")
    (place / "three.toml").write_text(RULES)

    def run(command, *words):
        return nightdesk("index", command, *words, "--state-dir", place / "state")

    def rebalance(day, *words):
        chosen = "--methodology", place / "three.toml", "--data", place / "data"
        return run("rebalance", *chosen, "--asof", day, *words)

    run.rebalance, run.place = rebalance, place
    (place / "state").mkdir()
    return run


def history(index):
    return list(csv.DictReader(io.StringIO(index("history", "--csv").out)))


def test_a_dry_run_decides_and_writes_nothing(index):
    said = index.rebalance("2021-03-31", "--dry-run", "--json")
    assert said.code == 0
    assert said.document["dry_run"]
    assert said.document["events"] == ["Launch"]
    assert [one["symbol"] for one in said.document["constituents"]]
    assert not list((index.place / "state").iterdir())


def test_a_review_is_recorded_keeps_the_level_and_the_ledger_verifies(index):
    index.rebalance("2021-03-31")
    said = index.rebalance("2021-04-30", "--json")
    document = said.document
    assert document["events"] == ["Reweight"]
    assert float(document["level_after"]) == pytest.approx(float(document["level_before"]), rel=1e-12)
    assert document["divisor_before"] != document["divisor_after"]
    assert sum(one["weight"] for one in document["constituents"]) == pytest.approx(1, abs=1e-12)
    level = index("level", "--json").document
    assert level["level"] == str(document["level_after"])
    assert [one["symbol"] for one in level["constituents"]] == [
        one["symbol"] for one in sorted(document["constituents"], key=lambda one: -one["weight"])
    ]
    assert index("verify", "--json").document["entries"] == 2


def test_a_decision_reads_nothing_of_a_later_day(index):
    known = index.rebalance("2021-03-31", "--dry-run", "--json").document
    write_data(index.place / "data", until="2021-03-31")
    assert (
        index.rebalance("2021-03-31", "--dry-run", "--json").document["constituents"] == known["constituents"]
    )


def test_who_is_announced_comes_at_its_close_though_a_later_review_wants_it_no_more(index):
    rules = RULES.replace("[schedule]\n", "[schedule]\nannounced_days = 5\n")
    seen = []
    for day, k in (("2021-03-30", 2), ("2021-03-31", 3), ("2021-04-30", 2)):
        (index.place / "three.toml").write_text(rules.replace("k = 3", f"k = {k}"))
        document = index.rebalance(day, "--json").document
        seen.append((document["events"], {one["symbol"] for one in document["constituents"]}))
    assert [events for events, _ in seen] == [["Launch"], ["Announce"], ["Reweight", "Announce"]]
    announced, wanted = seen[1][1], seen[2][1]
    assert announced - seen[0][1] - wanted
    members = {one["symbol"] for one in index("level", "--json").document["constituents"]}
    assert members == announced


def test_lines_carry_the_tags_of_their_parts(index):
    said = index.rebalance("2021-03-31")
    for tag in ("DataEngine", "Eligibility", "AICBrain", "IndexManager", "Divisor", "StateManager", "Result"):
        assert f"[{tag}]" in said.out
    assert "USDT REJECTED by category" in said.out


def test_a_member_is_removed_at_the_last_prices_and_stands_in_the_history(index):
    members = [one["symbol"] for one in index.rebalance("2021-03-31", "--json").document["constituents"]]
    said = index("remove", members[0], "--reason", "keys leaked", "--json")
    assert float(said.document["level_after"]) == pytest.approx(
        float(said.document["level_before"]), rel=1e-12
    )
    rows = history(index)
    assert [row["event"] for row in rows] == ["Launch", "Remove"]
    assert rows[-1]["said"] == "keys leaked"
    assert rows[-1]["members"] == str(len(members) - 1)
    assert index("verify").code == 0


def test_a_restatement_says_what_the_level_would_have_been_and_the_published_one_stays(index):
    launched = index.rebalance("2021-03-31", "--json").document
    named = launched["constituents"][0]
    words = "restate", "2021-03-31", "--price", f"{named['symbol']}={named['price_usd'] * 1.1:.12g}"
    tried = index(*words, "--reason", "a print was busted", "--dry-run", "--json").document
    assert len(history(index)) == 1
    said = index(*words, "--reason", "a print was busted", "--by", "the committee", "--json").document
    assert tried == said | {"dry_run": True, "by": "operator", "timestamp": tried["timestamp"]}
    # of 1,000 the member had its weight, which is a tenth more now
    assert float(said["restated"]) == pytest.approx(1000 * (1 + 0.1 * named["weight"]), rel=1e-9)
    assert said["published"] == str(launched["level_after"])
    assert history(index)[-1]["said"].startswith(f"0: {said['published']} -> {said['restated']}; a print")
    assert index("verify").code == 0
    again = index(*words[:2], "--price", words[3], "--reason", "the same again")
    assert "is not corrected by itself" in again.err


FACTS = """
forked_on = 2017-08-01
core_exchanges = ["bitstamp", "coinbase", "kraken"]
[chains.{parent}]
ticker_exchanges = ["bitstamp", "kraken"]
market_cap_usd = 40e9
since = 2009-01-03
[chains.{child}]
since = 2017-08-01
"""


@pytest.mark.parametrize("value", ["dropped", "total_return"])
def test_a_fork_drops_the_childs_value_or_puts_it_into_all_members(index, value):
    members = index.rebalance("2021-03-31", "--json").document["constituents"]
    prices = {one["symbol"]: D(str(one["price_usd"])) for one in members}
    parent, weight = members[0]["symbol"], members[0]["weight"]
    after = prices | {parent: prices[parent] * D("0.9"), "NEW": prices[parent] * D("0.1")}
    (index.place / "fork.toml").write_text(FACTS.format(parent=parent, child="NEW"))
    words = ["fork", parent, "new", "--facts", index.place / "fork.toml", "--value", value]
    for symbol, usd in after.items():
        words += ["--price", f"{symbol}={usd}"]
    assert index(*words, "--dry-run", "--json").document["dry_run"]
    said = index(*words, "--json").document
    fallen = 1000 * (1 - 0.1 * weight)
    assert float(said["level_after"]) == pytest.approx(fallen if value == "dropped" else 1000, rel=1e-9)
    assert said["level_before"] == said["level_after"]
    assert (said["divisor_before"] == said["divisor_after"]) == (value == "dropped")
    assert said["inheritance"]["because"] == "holds the ticker on most core exchanges"
    assert history(index)[-1]["said"] == f"{parent} holds the ticker on most core exchanges"
    assert index("verify").code == 0


def test_a_redenomination_changes_price_and_supply_and_nothing_else(index):
    members = index.rebalance("2021-03-31", "--json").document["constituents"]
    symbol = members[0]["symbol"]
    said = index("redenominate", symbol, "--ratio", "1000", "--reason", "a new coin", "--json").document
    was, now = (next(m for m in all_ if m["symbol"] == symbol) for all_ in (members, said["constituents"]))
    assert float(now["price_usd"]) == pytest.approx(1000 * was["price_usd"])
    assert float(now["supply"]) == pytest.approx(was["supply"] / 1000)
    assert float(now["weight"]) == pytest.approx(was["weight"])
    assert (said["level_before"], said["divisor_before"]) == (said["level_after"], said["divisor_after"])
    assert index("verify").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("restate", "2021-03-30", "--price", "BTC=1"), "no level of that day's close"),
        (("restate", "7", "--price", "BTC=1"), "no level with the number 7"),
        (("restate", "soon", "--price", "BTC=1"), "neither a day such as"),
        (("restate", "0", "--price", "DOGE=1"), "DOGE: no member at entry 0"),
        (("restate", "0", "--price", "BTC"), "such as BTC=100.5"),
        (("restate", "0", "--price", "BTC=-1"), "--price BTC -1: must be a number above 0"),
        (("redenominate", "DOGE", "--ratio", "10"), "DOGE is no member of THREE"),
        (("redenominate", "BTC", "--ratio", "x"), "--ratio x: must be a number above 0"),
        (("redenominate", "BTC", "--ratio", "1"), "a unit of 1 old coin"),
    ],
)
def test_a_change_that_cannot_be_is_one_message_and_records_nothing(launched, words, message):
    said = launched(*words, "--reason", "why")
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert len(history(launched)) == 1


@pytest.mark.parametrize(
    ("facts", "prices", "message"),
    [
        (FACTS.format(parent="BTC", child="NEW"), ("BTC=1", "NEW=1"), "no price within"),
        (FACTS.format(parent="BTC", child="NEW"), ("BTC=1",), "give the price after the fork of NEW"),
        (FACTS.format(parent="BTC", child="NEW"), ("BTC=1", "NEW=1", "WEN=1"), "a price of WEN says nothing"),
        (FACTS.format(parent="NEW", child="BTC"), ("BTC=1", "NEW=1"), "NEW inherits, not BTC: it holds"),
        (FACTS.format(parent="BTC", child="BCH"), ("BTC=1", "NEW=1"), "must be BTC and NEW"),
        (FACTS.format(parent="BTC", child="NEW") + "about = 1", ("BTC=1", "NEW=1"), "unknown field `about`"),
        ("forked_on = ", ("BTC=1", "NEW=1"), "not what is known of a fork"),
    ],
)
def test_a_fork_that_cannot_be_is_one_message_and_records_nothing(launched, facts, prices, message):
    (launched.place / "fork.toml").write_text(facts)
    words = [word for price in prices for word in ("--price", price)]
    said = launched(
        "fork", "BTC", "NEW", "--facts", launched.place / "fork.toml", "--value", "dropped", *words
    )
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert len(history(launched)) == 1


def test_the_kill_switch_stops_a_review_by_hand_but_not_a_look_at_one(index):
    nightdesk("kill", "--reason", "test", "--state-dir", index.place / "state")
    said = index.rebalance("2021-03-31")
    assert said.code == 2
    assert "kill switch is latched (test)" in said.err
    assert index.rebalance("2021-03-31", "--dry-run").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("level",), "has no index yet; nightdesk index rebalance launches it"),
        (("history",), "has no index yet"),
        (("remove", "BTC", "--reason", "x"), "has no index yet"),
        (("remove", "BTC", "--reason", " "), "--reason is empty"),
        (("history", "--csv", "--json"), "choose one"),
        (("verify",), "has no index yet; nightdesk index rebalance launches it"),
        (("rebalance",), "crypto_index.data is not set: name a data directory of market caps, with --data"),
        (("rebalance", "--asof", "yesterday"), "--asof yesterday: not an ISO day"),
        (("rebalance", "--data", "/nowhere"), "no file named derived_daily"),
        (("rebalance", "--data", "/nowhere", "--methodology", "bgci"), "did you mean bgci-like"),
    ],
)
def test_bad_use_is_one_message_and_exit_2(index, words, message):
    said = index(*words)
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1


def test_a_review_of_an_earlier_close_is_refused_and_one_of_a_later_day_says_which_it_has(index):
    index.rebalance("2021-03-31")
    said = index.rebalance("2021-02-28")
    assert said.code == 2
    assert "the close of 2021-02-28 is before the last entry, which is of 2021-04-01T00:00" in said.err
    later = index.rebalance("2031-01-01", "--dry-run").out
    assert "asked for 2031-01-01: 2021-06-09 is the newest close that is known" in later


def test_without_its_document_an_index_is_told_from_its_ledger_and_without_its_ledger_it_is_refused(index):
    launched = index.rebalance("2021-03-31", "--json").document
    kept = index.place / "state" / "crypto-index"
    (kept / "index_state.json").rename(kept / "away")
    assert "index_state.json: is gone, but ledger.jsonl is there" in index("level").err
    draft = index.rebalance("2021-04-30", "--dry-run", "--json").document
    assert (draft["events"], draft["divisor_before"]) == (["Reweight"], launched["divisor_after"])
    assert not (kept / "index_state.json").exists()
    (kept / "away").rename(kept / "index_state.json")
    (kept / "ledger.jsonl").unlink()
    for words in (("history",), ("verify",), ("remove", "BTC", "--reason", "x")):
        said = index(*words)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert "ledger.jsonl: is gone, but index_state.json is there: put it back" in said.err


def test_another_methodology_than_the_launched_one_is_refused(index):
    index.rebalance("2021-03-31")
    said = index("rebalance", "--methodology", "bgci-like", "--data", index.place / "data")
    assert said.code == 2
    assert "launched by methodology three" in said.err


def test_a_malformed_blacklist_decides_nothing(index):
    (index.place / "data" / "blacklist.json").write_text("{")
    said = index.rebalance("2021-03-31")
    assert said.code == 2
    assert "cannot be read as JSON" in said.err
    assert index("level").code == 2


def test_beside_a_running_daemon_the_daemon_is_asked_for_what_would_have_been_done(index, monkeypatch):
    index.rebalance("2021-03-31")
    asked = []
    service = SimpleNamespace(index_change=lambda one: asked.append(one) or {"accepted": True})
    monkeypatch.setattr(control, "ask", lambda _, **request: answer(service, through_json(request), None))
    words = "restate", "0", "--price", "BTC=1.50", "--reason", "busted"
    with IndexLedger.open(index.place / "state" / "crypto-index"):
        assert index(*words, "--json").document == {"accepted": True}
        assert "no member of THREE" in index("remove", "DOGE", "--reason", "x").err
    assert asked == [Restating(entry=0, usd={"BTC": D("1.50")}, reason="busted", by="operator")]
    assert len(history(index)) == 1
    assert (
        "unknown request" in answer(service, {"do": "index_change", "change": {"kind": "no"}}, None)["error"]
    )


def through_json(document):
    return json.loads(json.dumps(document))
