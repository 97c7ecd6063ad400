"""What an index is worth, as it is told: each state, at the endpoint, in the metrics and in their documentation."""

import shutil
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon.index_prices.metrics import level_text
from tests.daemon.crypto_index.kept import House, write_data
from tests.daemon.index_prices.test_endpoint import asked

PAGE = Path(__file__).resolve().parents[3] / "docs" / "crypto_index.md"
NOON = "2021-03-31T12:00:00"
KEYS = [
    "index", "state", "level", "divisor", "timestamp", "settled_at", "members", "carried", "announced", "why",
]  # fmt: skip


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def worth(house):
    """The level at the index prices of the house, counted in floats from the last entry's members."""
    members = next(entry.members for entry in reversed(house.entries) if entry.members)
    value = sum(house.px[m.symbol] * float(m.supply * m.factor) for m in members)
    return value / float(house.entries[-1].divisor)


def is_ok(house):
    return house.lives(NOON, "2021-03-31T12:00:05")


def is_stale(house):
    return house.lives(NOON, "2021-03-31T12:00:20", meanwhile=(5, lambda _: house.px.clear()))


def settles(house):
    house.lives("2021-03-31T23:59:55", "2021-04-01T00:00:05")
    return next(one for one in house.seen if one is not None and one["state"] == "SETTLING")


def stands_still(house):
    is_ok(house)
    house.px.clear()
    shutil.rmtree(house.data)
    return house.lives("2021-04-10T12:00:00", "2021-04-10T12:00:05")


STATES = {"OK": is_ok, "STALE": is_stale, "SETTLING": settles, "STANDS STILL": stands_still}


def gauges(shown):
    return {
        sample.name.removeprefix("nightdesk_crypto_index_"): (sample.labels, sample.value)
        for family in text_string_to_metric_families(level_text(shown).decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_told_with_all_keys_and_in_the_metrics(house, state):
    shown = STATES[state](house)
    status, _, document = asked("/v1/level", level=shown)
    assert (status, document["state"], list(document)) == (200, state, KEYS)
    found, has_level = gauges(shown), state != "STANDS STILL"
    assert set(found) == ({"level", "ok", "divisor"} if has_level else {"ok", "divisor"})
    assert {str(labels) for labels, _ in found.values()} == {str({"index": "THREE"})}
    assert found["ok"][1] == (state == "OK")
    assert found["divisor"][1] == float(document["divisor"])
    assert (document["level"] is not None) == has_level
    assert (document["why"] is None) == has_level
    if has_level:
        assert found["level"][1] == float(document["level"])


def test_where_no_index_is_launched_it_is_not_found_and_has_no_metrics(house):
    write_data(house.data, until="2021-03-20")
    assert is_ok(house) is None
    status, _, document = asked("/v1/level", level=None)
    assert status == 404
    assert "not launched yet" in document["error"]
    assert level_text(None) == b""
    assert not (house.directory / "crypto-index" / "ledger.jsonl").exists()
    (alert,) = house.alerts.active()
    assert (alert.code, alert.level) == ("crypto_index.review", "error")
    assert alert.text == f"the review of 2021-03-30 waits for its data: {house.data} ends on 2021-03-20"


def test_a_level_is_of_the_newest_prices_and_stands_at_them_when_they_end(house):
    house.px["ETH"] = 77.0
    shown = is_ok(house)
    assert float(shown["level"]) == pytest.approx(worth(house), rel=1e-12)
    assert (shown["carried"], shown["settled_at"]) == ([], "2021-03-31T00:00:00.000+00:00")
    stale = is_stale(house)
    assert stale["level"] == shown["level"]
    assert stale["carried"] == shown["members"]


def test_one_member_without_a_price_is_carried_and_the_level_is_still_of_now(house):
    shown = house.lives(NOON, "2021-03-31T12:00:20", meanwhile=(5, lambda _: house.px.pop("ETH")))
    assert (shown["state"], shown["carried"]) == ("OK", ["ETH"])


def test_a_removal_in_the_day_moves_neither_the_level_of_now_nor_the_time_it_settled_at(house):
    """The coin has fallen since midnight: it leaves at the price of now, so the others do not make up for it."""
    is_ok(house)
    first = house.seen[-1]
    house.px[first["members"][0]] /= 10
    before = is_ok(house)
    (house.data / "blacklist.json").write_text(f'["{first["members"][0]}"]')
    after = house.lives("2021-03-31T12:00:10", "2021-03-31T12:00:45")
    assert len(after["members"]) == 2
    assert float(before["level"]) < 0.95 * float(first["level"])
    assert float(after["level"]) == pytest.approx(float(before["level"]), rel=1e-12)
    assert after["settled_at"] == first["settled_at"]


def test_every_key_and_state_is_in_the_documentation():
    page = PAGE.read_text("utf-8")
    table = page.partition("| key of `/v1/level` | meaning |")[2].partition("\n\n")[0]
    assert {key for key in KEYS if f"`{key}`" not in table} == set()
    assert {state for state in STATES if f"`{state}`" not in table} == set()
