"""An index kept by the daemon: nothing is done twice, nothing missed, whenever it dies; kill switch and blacklist."""

import asyncio
import json
from decimal import Decimal

import pytest
import structlog

from core.levels.types import Announce, ForkVariant, Target
from core.report import iso
from daemon.crypto_index.by_hand import Forking, Redenominating, Removing, Restating, done
from daemon.crypto_index.work import Work
from research.index_level_again import check
from state.errors import AlreadyRunning, DiskRefuses
from state.index_ledger import IndexLedger
from state.index_lines import LedgerLines
from tests.daemon.crypto_index.kept import RULES, House, Stopped, ms, write_data

NIGHT = "2021-03-31T23:59:00", "2021-04-01T00:00:30"
MONTH_END = [("03-31 00:00:00", "Launch"), ("04-01 00:00:00", "Reweight"), ("04-01 00:00:00", "Publish")]


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def of(house, kind):
    return [entry for entry in house.entries if type(entry.event).__name__ == kind]


def test_a_month_end_is_reviewed_at_the_settlement_values_and_the_level_does_not_jump(house):
    house.lives(*NIGHT)
    assert house.told == MONTH_END
    (review,) = of(house, "Reweight")
    assert {price.symbol: float(price.usd) for price in review.prices}.items() <= house.px.items()
    assert abs(review.level / review.before - 1) < Decimal("1e-12")
    assert review.divisor != house.entries[0].divisor
    assert check(house.directory / "crypto-index" / "ledger.jsonl").difference is None


def test_the_reasons_of_a_review_are_in_a_file_of_its_day_and_its_outcome_is_one_line_of_the_log(house):
    with structlog.testing.capture_logs() as logs:
        house.lives(*NIGHT)
    kept = (house.directory / "crypto-index" / "reviews" / "2021-03-31.txt").read_text().splitlines()
    assert any(line.startswith("[Eligibility] ") and "ACCEPTED" in line for line in kept)
    assert any(line.startswith("[IndexManager] ") for line in kept)
    said = [one for one in logs if one["event"] == "index review"]
    assert [one["of"] for one in said] == ["2021-03-30", "2021-03-31"]
    assert said[-1]["members"] == len(of(house, "Reweight")[0].event.targets)
    assert said[-1]["reasons"].endswith("2021-03-31.txt")


def test_a_disk_that_does_not_take_the_reasons_stops_no_review(house):
    (house.directory / "crypto-index").mkdir(parents=True)
    (house.directory / "crypto-index" / "reviews").touch()
    house.lives(*NIGHT)
    assert house.told == MONTH_END
    assert house.codes["crypto_index.reasons"] == "warning"


def test_the_level_of_a_second_follows_prices_and_stands_from_midnight_until_it_is_settled(house):
    house.lives(*NIGHT)
    launch = house.entries[0]
    shown = [one for one in house.seen if one is not None and one["state"] == "OK"]
    value = sum(house.px[m.symbol] * float(m.supply * m.factor) for m in launch.members)
    before = [one for one in shown if one["timestamp"] < "2021-04-01"]
    assert float(before[-1]["level"]) == pytest.approx(value / float(launch.divisor), rel=1e-12)
    assert float(shown[-1]["level"]) == pytest.approx(float(before[-1]["level"]), rel=1e-12)
    assert "SETTLING" in {one["state"] for one in house.seen if one is not None}
    assert not any("2021-04-01T00:00:00" <= one["timestamp"] < "2021-04-01T00:00:01" for one in shown)


@pytest.mark.parametrize("seconds", [2, 60, 61, 62])
def test_a_restart_at_any_moment_repeats_nothing_and_misses_nothing(house, seconds):
    house.lives(
        NIGHT[0], f"2021-04-01T00:00:{seconds - 60:02}" if seconds >= 60 else f"2021-03-31T23:59:{seconds:02}"
    )
    house.lives(f"2021-04-01T00:00:{max(seconds - 60, 0):02}", "2021-04-01T00:00:40")
    assert house.told == MONTH_END


@pytest.mark.parametrize("dies_at", range(3))
def test_a_death_between_decision_and_record_decides_again(house, monkeypatch, dies_at):
    record, left = Work._record, [dies_at]

    async def dying(self, event, prices, *, at_ms):
        if not left[0]:
            raise Stopped
        left[0] -= 1
        await record(self, event, prices, at_ms=at_ms)

    monkeypatch.setattr(Work, "_record", dying)
    with pytest.raises(BaseExceptionGroup):
        house.lives(*NIGHT)
    monkeypatch.setattr(Work, "_record", record)
    house.lives("2021-03-31T23:59:50", NIGHT[1])
    assert house.told == MONTH_END


def test_a_death_between_the_review_and_the_level_of_a_midnight_leaves_both_at_the_same_prices(
    house, monkeypatch
):
    """The next life has heard nothing settle: what the review stands at stays, though the data have other closes."""
    record = Work._record

    async def dying(self, event, prices, *, at_ms):
        if type(event).__name__ == "Publish":
            raise Stopped
        await record(self, event, prices, at_ms=at_ms)

    monkeypatch.setattr(Work, "_record", dying)
    with pytest.raises(BaseExceptionGroup):
        house.lives(*NIGHT)
    monkeypatch.setattr(Work, "_record", record)
    house.lives("2021-04-01T00:00:10", "2021-04-01T00:00:20")
    review, level = house.entries[1:]
    assert {p for p in review.prices if p.symbol in {m.symbol for m in review.members}} == set(level.prices)


def test_a_midnight_after_which_somebody_removed_by_hand_is_settled_after_that(house):
    house.lives("2021-03-30T23:59:00", "2021-03-30T23:59:05")
    with IndexLedger.open(house.directory / "crypto-index") as ledger:
        one = Removing(symbol="ETH", reason="keys leaked", by="operator")
        done(ledger, one, {}, directory=house.directory / "crypto-index", now_ms=ms("2021-03-31T00:00:03"))
    house.lives("2021-03-31T00:00:04", "2021-03-31T00:00:20")
    assert house.told[1:] == [("03-31 00:00:03", "Remove"), ("03-31 00:00:03", "Publish")]


def test_a_review_withdraws_what_was_announced_and_is_not_in_force(house):
    house.lives("2021-03-31T12:00:00", "2021-03-31T12:00:05")
    with IndexLedger.open(house.directory / "crypto-index") as ledger:
        old = ledger.state.members
        wanted = tuple(Target(m.symbol, m.supply, Decimal(1) / len(old)) for m in old)
        wanted = (
            *wanted[:-1],
            Target(old[-1].symbol, old[-1].supply, 1 - sum(t.weight for t in wanted[:-1])),
        )
        ledger.record(
            Announce(targets=wanted, effective_at_ms=ms("2021-06-01")), {}, at_ms=ms("2021-03-31T13:00")
        )
    house.lives("2021-03-31T23:59:00", NIGHT[1])
    assert [kind for _, kind in house.told[2:]] == ["Withdraw", "Reweight", "Publish"]


def test_midnights_and_a_month_end_while_it_was_down_are_made_up_for_in_order(house):
    house.lives("2021-03-30T12:00:00", "2021-03-30T12:00:05")
    house.lives("2021-04-02T12:00:00", "2021-04-02T12:00:10")
    assert house.told == [
        ("03-30 00:00:00", "Launch"),
        ("03-31 00:00:00", "Publish"),
        *MONTH_END[1:],
        ("04-02 00:00:00", "Publish"),
    ]


def test_a_review_that_waits_for_its_data_is_announced_for_the_next_midnight(house):
    write_data(house.data, until="2021-03-30")
    house.lives(*NIGHT)
    assert house.told == [MONTH_END[0], MONTH_END[2]]
    assert house.codes["crypto_index.review"] == "error"
    write_data(house.data)
    house.lives("2021-04-01T09:00:00", "2021-04-01T09:01:30")
    assert house.told[2:] == [("04-01 09:00:00", "Announce")]
    house.lives("2021-04-01T23:59:00", "2021-04-02T00:00:30")
    assert house.told[3:] == [("04-02 00:00:00", "Reweight"), ("04-02 00:00:00", "Publish")]


def test_data_that_come_while_a_midnight_settles_are_waited_for(house):
    write_data(house.data, until="2021-03-30")
    house.lives(*NIGHT, meanwhile=(62, lambda _: write_data(house.data)))
    assert house.told == MONTH_END
    assert "crypto_index.review" not in house.codes


def test_a_night_that_needs_no_data_waits_for_none(house):
    house.lives("2021-03-30T23:59:00", "2021-03-30T23:59:05")
    write_data(house.data, until="2021-03-28")
    house.lives("2021-03-30T23:59:30", "2021-03-31T00:00:03")
    assert house.told[1:] == [("03-31 00:00:00", "Publish")]


def test_a_review_is_not_forgotten_for_an_older_announcement_that_takes_effect_after_it(house):
    """Halted from before 6 April until May: the announcement of March holds on 2 May, the review of April comes then."""
    (house.directory.parent / "three.toml").write_text(
        RULES.replace("[schedule]\n", "[schedule]\nannounced_days = 5\n")
    )
    house.lives(*NIGHT)
    house.is_halted = True
    house.lives("2021-04-30T23:59:50", "2021-05-01T00:00:20")
    house.is_halted = False
    house.lives("2021-05-02T00:00:07", "2021-05-02T00:00:20")
    told = [one for one in house.told if one[1] != "Publish"]
    assert told[1:3] == [("04-01 00:00:00", "Announce"), ("05-02 00:00:00", "Reweight")]
    assert [kind for _, kind in told[3:]] == ["Announce"]


def test_a_start_does_each_entry_of_the_ledger_once(house, monkeypatch):
    house.lives(*NIGHT)
    count, places = [0], LedgerLines.places

    def counted(self):
        for place in places(self):
            count[0] += 1
            yield place

    monkeypatch.setattr(LedgerLines, "places", counted)
    house.lives("2021-04-01T12:00:00", "2021-04-01T12:00:05")
    assert count == [len(MONTH_END)]


@pytest.mark.parametrize("start", ["23:59:29.82", "23:59:29.87", "23:59:29.92"])
def test_a_look_at_the_data_that_midnight_overtakes_leaves_the_review_to_the_midnight(house, start):
    house.lives(f"2021-03-31T{start}0", NIGHT[1])
    assert house.told == MONTH_END


def test_what_does_not_settle_is_said_and_the_close_of_the_data_stands_for_it(house):
    del house.px["BTC"]
    house.lives(*NIGHT)
    assert house.codes["crypto_index.unsettled"] == "warning"
    (level,) = of(house, "Publish")
    stood = {price.symbol: float(price.usd) for price in level.prices}
    assert stood["ETH"] == 50.0
    assert stood["BTC"] not in (0.0, 100.0)


def test_a_halt_stops_reviews_and_not_the_level(house):
    house.lives("2021-03-31T23:59:00", "2021-03-31T23:59:05")
    house.is_halted = True
    shown = house.lives("2021-03-31T23:59:30", NIGHT[1])
    assert house.told == [MONTH_END[0], MONTH_END[2]]
    assert shown["state"] == "OK"
    assert house.codes["crypto_index.halted"] == "warning"
    house.is_halted = False
    house.lives("2021-04-01T10:00:00", "2021-04-01T10:00:10")
    assert house.told[-1] == ("04-01 10:00:00", "Announce")


def test_a_coin_on_the_blacklist_leaves_the_same_day_and_the_others_share_its_weight(house):
    house.lives("2021-03-31T12:00:00", "2021-03-31T12:00:05")
    (house.data / "blacklist.json").write_text('["ETH"]')
    before = house.entries[0]
    shown = house.lives("2021-03-31T13:00:00", "2021-03-31T13:00:05")
    (removal,) = of(house, "Remove")
    assert "ETH" not in shown["members"]
    assert removal.event.reason == "on the blacklist"
    assert abs(removal.level / removal.before - 1) < Decimal("1e-12")
    assert set(removal.members) < set(before.members)


@pytest.mark.parametrize("text", ["null", "{", '{"ETH": 1}', ""])
def test_a_blacklist_that_cannot_be_read_reviews_nothing_and_says_so(house, text):
    house.lives("2021-03-31T23:58:00", "2021-03-31T23:58:05")
    (house.data / "blacklist.json").write_text(text)
    house.lives(*NIGHT)
    assert house.told == [MONTH_END[0], MONTH_END[2]]
    assert house.codes["crypto_index.blacklist"] == "critical"


def test_a_second_start_on_the_same_directory_is_refused_and_told(house):
    house.lives("2021-03-31T12:00:00", "2021-03-31T12:00:05")
    with IndexLedger.open(house.directory / "crypto-index"), pytest.raises(AlreadyRunning):
        house.lives("2021-03-31T12:01:00", "2021-03-31T12:01:05")
    assert house.codes["crypto_index.down"] == "error"


def test_a_disk_that_refuses_ends_the_life_is_told_and_the_next_one_goes_on(house, monkeypatch):
    record = IndexLedger.record

    def refuses(self, event, prices, *, at_ms):
        if at_ms % 86_400_000 == 0 and self.state is not None:
            raise DiskRefuses("ledger.jsonl: cannot be written (No space left on device)")
        return record(self, event, prices, at_ms=at_ms)

    monkeypatch.setattr(IndexLedger, "record", refuses)
    with pytest.raises(DiskRefuses):
        house.lives(*NIGHT)
    assert house.codes["crypto_index.down"] == "error"
    monkeypatch.setattr(IndexLedger, "record", record)
    house.lives("2021-04-01T00:00:10", NIGHT[1])
    assert house.told == MONTH_END
    assert "crypto_index.down" not in house.codes


DAY = "2021-03-31T12:00:00", "2021-03-31T12:00:20"


def asking(one, answers):
    return 10, lambda keeper: answers.append(keeper.ask(one))


def test_an_operators_removal_is_done_by_the_daemon_that_keeps_the_index(house):
    answers = []
    for symbol in ("ETH", "DOGE"):
        one = Removing(symbol=symbol, reason="key leaked", by="operator")
        shown = house.lives(*DAY, meanwhile=asking(one, answers))
    assert answers == [{"accepted": True}, {"error": "DOGE is no member of THREE"}]
    assert "ETH" not in shown["members"]
    assert [entry.event.reason for entry in of(house, "Remove")] == ["key leaked"]


def forking(variant):
    return Forking(
        parent="BTC",
        child="BTCX",
        ratio=Decimal(1),
        variant=variant,
        usd={"BTC": Decimal(90), "BTCX": Decimal(10)},
        reason="BTC has the larger market cap",
        by="operator",
    )


def test_an_operators_fork_is_at_the_prices_of_now_and_pays_the_childs_value_out(house):
    house.lives(*DAY, meanwhile=asking(forking(ForkVariant.TOTAL_RETURN), []))
    before = [shown for shown in house.seen if shown is not None][-1]
    (fork,) = of(house, "Fork")
    assert {p.symbol: float(p.usd) for p in fork.prices} == {
        s: px for s, px in house.px.items() if s in before["members"]
    } | {"BTC": 90.0, "BTCX": 10.0}
    told = [shown for shown in house.seen if shown is not None and shown["state"] == "OK"]
    assert float(fork.before) == pytest.approx(float(told[0]["level"]), rel=1e-12)
    assert fork.level == fork.before
    assert check(house.directory / "crypto-index" / "ledger.jsonl").difference is None


def test_a_fork_asked_for_before_a_midnight_has_settled_takes_nothing_from_its_settlement_values(house):
    house.lives("2021-04-01T12:00:00", "2021-04-01T12:00:05")
    one = forking(ForkVariant.DROPPED)
    house.lives("2021-04-01T23:59:00", "2021-04-02T00:00:30", meanwhile=(60, lambda keeper: keeper.ask(one)))
    assert house.told[1:] == [("04-02 00:00:00", "Publish"), (house.told[-1][0], "Fork")]


def test_a_redenomination_waits_until_the_index_price_is_in_the_new_unit_and_the_level_does_not_move(house):
    one = Redenominating(symbol="ETH", ratio=Decimal(1000), reason="a new coin", by="operator")
    house.lives(*DAY, meanwhile=asking(one, []))
    assert "in the new one" in next(a.text for a in house.alerts.active() if a.code == "crypto_index.change")
    assert not of(house, "Redenominate")
    level = next(shown["level"] for shown in reversed(house.seen) if shown is not None and shown["level"])
    house.px["ETH"] *= 1000
    house.lives("2021-03-31T12:01:00", "2021-03-31T12:01:20", meanwhile=asking(one, []))
    assert len(of(house, "Redenominate")) == 1
    shown = next(shown for shown in reversed(house.seen) if shown is not None)
    assert shown["state"] == "OK"
    assert float(shown["level"]) == pytest.approx(float(level), rel=1e-12)
    assert "crypto_index.change" not in house.codes
    assert check(house.directory / "crypto-index" / "ledger.jsonl").difference is None


def test_a_coin_that_is_not_told_may_be_redenominated_and_what_was_heard_before_is_forgotten(house):
    one = Redenominating(symbol="ETH", ratio=Decimal(1000), reason="a new coin", by="operator")

    def silent(keeper):
        house.level = keeper.shown["level"]
        house.px.pop("ETH")
        asyncio.get_running_loop().call_later(7, keeper.ask, one)

    shown = house.lives("2021-03-31T12:01:00", "2021-03-31T12:01:20", meanwhile=(3, silent))
    assert len(of(house, "Redenominate")) == 1
    assert "ETH" in shown["carried"]
    assert float(shown["level"]) == pytest.approx(float(house.level), rel=1e-12)


def test_an_operators_restatement_is_recorded_and_the_published_level_stays(house):
    house.lives(*NIGHT)
    published = of(house, "Publish")[-1]
    one = Restating(
        entry=published.sequence, usd={"ETH": Decimal(40)}, reason="a busted print", by="committee"
    )
    house.lives("2021-04-01T12:00:00", "2021-04-01T12:00:20", meanwhile=asking(one, []))
    (wrong,) = of(house, "Restate")[0].event.corrections
    assert (wrong.sequence, wrong.old) == (published.sequence, published.level)
    assert wrong.new < wrong.old
    assert of(house, "Publish")[-1] == published
    assert check(house.directory / "crypto-index" / "ledger.jsonl").difference is None


def test_a_change_that_cannot_be_is_told_and_the_index_is_kept_on(house):
    one = Restating(entry=99, usd={"ETH": Decimal(40)}, reason="r", by="b")
    shown = house.lives(*DAY, meanwhile=asking(one, []))
    assert house.codes["crypto_index.change"] == "critical"
    assert shown["state"] == "OK"


def test_an_entry_whose_write_goes_on_is_not_told_yet(house):
    async def slow(function):
        result = function()
        await asyncio.sleep(3)
        return result

    house.apart = slow
    house.lives("2021-03-30T23:59:50", "2021-03-31T00:00:30")
    told = [(shown["settled_at"], shown["divisor"]) for shown in house.seen if shown is not None]
    known = [(iso(entry.at_ms), str(entry.divisor)) for entry in house.entries]
    assert len(known) == 2
    assert list(dict.fromkeys(told)) == known


def test_a_removal_does_not_move_the_level_that_is_told_each_second(house):
    house.px["ETH"] = 55.0
    one = Removing(symbol="ETH", reason="key leaked", by="operator")
    house.lives("2021-03-31T12:00:00", "2021-03-31T12:00:20", meanwhile=asking(one, []))
    told = [shown for shown in house.seen if shown is not None and shown["state"] == "OK"]
    assert {"ETH" in shown["members"] for shown in told} == {True, False}
    levels = [Decimal(shown["level"]) for shown in told if not shown["carried"]]
    assert max(levels) - min(levels) < Decimal("1e-20") * levels[0]


def test_an_index_is_not_kept_by_another_methodology_than_it_was_launched_by(house):
    house.lives("2021-03-31T12:00:00", "2021-03-31T12:00:05")
    other = house.directory.parent / "other.toml"
    other.write_text((house.directory.parent / "three.toml").read_text())
    document = json.dumps(str(other))
    house.settings = type(house.settings)(methodology=json.loads(document), data=str(house.data))
    with pytest.raises(Exception, match="launched by methodology three"):
        house.lives("2021-03-31T12:01:00", "2021-03-31T12:01:05")
