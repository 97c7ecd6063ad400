"""`nightdesk index rebalance`, `level`, `history`, `remove` and `verify` as they are typed."""

import csv
import io

import pytest

from tests.daemon.command_line import nightdesk
from tests.daemon.crypto_index.kept import RULES, write_data


@pytest.fixture
def index(tmp_path):
    """Return a function that runs an index command on a state directory of its own, and the data."""
    write_data(tmp_path / "data")
    (tmp_path / "three.toml").write_text(RULES)

    def run(command, *words):
        return nightdesk("index", command, *words, "--state-dir", tmp_path / "state")

    def rebalance(day, *words):
        chosen = "--methodology", tmp_path / "three.toml", "--data", tmp_path / "data"
        return run("rebalance", *chosen, "--asof", day, *words)

    run.rebalance, run.place = rebalance, tmp_path
    (tmp_path / "state").mkdir()
    return run


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
    rows = list(csv.DictReader(io.StringIO(index("history", "--csv").out)))
    assert [row["event"] for row in rows] == ["Launch", "Remove"]
    assert rows[-1]["said"] == "keys leaked"
    assert rows[-1]["members"] == str(len(members) - 1)
    assert index("verify").code == 0


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
        (("rebalance",), "crypto_index.data is not set"),
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
