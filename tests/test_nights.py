"""Whole nights in virtual time against the simulated venue, and what goes wrong in some of them."""

import json
from decimal import Decimal

import pytest

from adapters.ports import HttpReply, Unknown
from core.intents import RaiseAlert
from core.state import decode, encode
from daemon.compute import ComputeFailed
from tests.daemon.staged import COINS, DAY, UNTIL, is_order, ms, play

ALTS = set(COINS) - {"BTC", "ETH"}


def codes(night):
    return {a.code for _, acts in night.records() for a in acts if isinstance(a, RaiseAlert)}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    return play(tmp_path_factory.mktemp("quiet") / "state")


# --- a night in which nothing goes wrong -----------------------------------------------------------------


def test_s3_73_a_night_ends_with_every_invariant_held_and_equity_explained(quiet):
    quiet.check_well()
    assert quiet.phases() == ("traded", "traded")
    assert quiet.report["equity"]["explained"] is True
    assert quiet.report["equity"]["residual_bps"] < 1
    assert {c for c, q in quiet.report["phases"]["correction"]["targets"].items() if Decimal(q)} >= ALTS - {
        "XRP"
    }


def test_the_fills_of_a_night_are_the_venues_own_ledger_tid_by_tid(quiet):
    assert len(quiet.ledger()) > 100
    quiet.check_against_the_venue()
    assert quiet.report["fills"]["count"] == len(quiet.ledger())


def test_our_count_of_requests_is_the_venues(quiet):
    said = quiet.ask(type="userRateLimit")
    assert quiet.state.allowance.used == said["nRequestsUsed"] > 100
    assert int(quiet.state.allowance.cap) == said["nRequestsCap"]


def test_the_same_seed_gives_the_same_report_and_the_same_journal(quiet, tmp_path):
    again = play(tmp_path / "state")
    assert again.report == quiet.report
    assert again.chain() == quiet.chain()


def test_another_seed_gives_another_night(quiet, tmp_path):
    other = play(tmp_path / "state", seed=7)
    other.check_well()
    assert other.report["fills"] != quiet.report["fills"]
    assert other.chain() != quiet.chain()


def test_a_replay_of_the_journal_is_exact(quiet):
    live, restored = quiet.state, quiet.replayed()
    assert encode(restored) == encode(quiet.restored()), "a replay from the last snapshot gives the same"
    since = {c: q for c, q in live.quotes.items() if restored.quotes.get(c) != q}
    last_ms = quiet.records()[-1][0].at_ms
    assert all(q.received_ms >= last_ms - 1000 for q in since.values()), (
        "only unrecorded quotes may be missing"
    )
    same = {"at_ms": restored.at_ms, "quotes": restored.quotes, "mids_usd": restored.mids_usd}
    assert encode(decode(encode(live)).__class__(**{**fields(live), **same})) == encode(restored)


def fields(state):
    return {name: getattr(state, name) for name in state.__struct_fields__}


def test_nothing_trades_before_the_projected_phase_or_after_the_deadline(quiet):
    slices = [o for o in quiet.submitted() if o.purpose.value != "hedge"]
    assert min(o.created_ms for o in slices) >= ms("23:50:00")
    assert max(o.expires_ms for o in slices) <= ms("00:07:00")
    frozen = [o for o in slices if ms("00:01:00") <= o.created_ms < ms("00:02:00")]
    assert frozen == []


# --- starts at any moment --------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["23:50:30", "23:58"])
def test_a_start_before_the_close_still_trades_both_phases(start, tmp_path):
    night = play(tmp_path / "state", start=start)
    night.check_well()
    assert night.phases() == ("traded", "traded")


@pytest.mark.parametrize("start", ["00:00:30", "00:03"])
def test_a_start_after_the_close_trades_the_correction_alone_and_says_so(start, tmp_path):
    night = play(tmp_path / "state", start=start)
    night.check_well()
    assert night.phases() == ("held", "traded")
    assert "too late to project" in night.reason("projected")
    assert night.report["fills"]["count"] > 50


def test_a_start_in_the_last_seconds_holds_or_trades_but_says_what_is_missing(tmp_path):
    night = play(tmp_path / "state", start="00:06:45")
    night.check_well()
    off = [a for a in night.report["assets"] if abs(a["residual_lots"] or 0) > 1]
    assert all(a["reason"] for a in off)


def test_a_start_after_the_deadline_leaves_the_book_alone_until_the_next_night(tmp_path):
    night = play(tmp_path / "state", start="00:08", until="2025-01-01T00:20:00Z")
    assert night.error is None
    assert night.ran.reports == []
    assert night.ledger() == {}


def test_the_second_night_of_a_run_starts_from_the_positions_of_the_first(tmp_path):
    first: dict[str, object] = {}

    def leap(night):
        clock = night.peer._clock

        def jump():
            first.update(positions=night.state.book.positions, equity=night.state.account.snapshot.equity_usd)
            night.peer.drop_sockets()
            clock._epoch_ms += ms("2024-12-31T23:43:00Z") - ms("2024-12-31T00:09:00Z")

        night.peer.at(ms("2024-12-31T00:09:00Z"), jump)

    night = play(tmp_path / "state", start="2024-12-30T23:48:00Z", stage=leap)
    assert night.error is None
    assert [r["session"] for r in night.ran.reports] == ["2024-12-30", DAY]
    assert [i for r in night.ran.reports for i in r["invariants"] if not i["held"]] == []
    previous = night.report["phases"]["projected"]["previous"]
    assert {c: Decimal(q) for c, q in previous.items() if c in ALTS} == {
        c: q for c, q in first["positions"].items() if c in ALTS
    }
    night.check_against_the_venue()


def test_a_kill_stops_the_night_at_once_and_after_the_reset_the_correction_trades(tmp_path):
    def stage(night):
        night.peer.at(ms("23:53"), lambda: night.service.kill("a test"))

    killed = play(tmp_path / "state", until="00:01:20", stage=stage)
    assert "a test" in killed.ran.halted
    assert killed.submitted(since_ms=ms("23:53") + 1) == []
    killed.check_against_the_venue()

    def reset(night):
        night.peer.at(ms("00:01:50"), lambda: night.service.reset("the test is over"))

    again = play(tmp_path / "state", start="00:01:30", on=killed, stage=reset)
    again.check_well()
    assert again.ran.halted == ""
    assert again.phases()[1] == "traded"
    assert min(o.created_ms for o in again.submitted(since_ms=ms("23:53") + 1)) >= ms("00:01:50")


# --- closes that come late, or never ---------------------------------------------------------------------


def without_close(coins, *, until):
    """A stage in which the day's candle of these coins is withheld until a moment of the night."""

    def stage(night):
        def withhold(path, request, reply):
            asked = request.get("req", {})
            if asked.get("interval") != "1d" or asked["coin"] not in coins or night.peer.now_ms >= ms(until):
                return reply
            rows = [row for row in json.loads(reply.body) if row["t"] != ms(f"{DAY}T00:00:00Z")]
            return HttpReply(reply.status, reply.content_type, json.dumps(rows).encode())

        night.peer.after = withhold

    return stage


def test_a_close_that_comes_late_is_waited_for(tmp_path):
    night = play(tmp_path / "state", stage=without_close(COINS, until="00:02:40"))
    night.check_well()
    assert night.phases() == ("traded", "traded")
    assert "T00:02:4" in night.report["phases"]["correction"]["start"]


def test_a_coin_whose_close_never_comes_keeps_its_projected_target(tmp_path):
    night = play(tmp_path / "state", stage=without_close({"LTC"}, until=UNTIL))
    night.check_well()
    projected, asset = night.report["phases"]["projected"]["targets"]["LTC"], night.asset("LTC")
    assert asset["target"] == projected != "0"
    assert "official close missing" in asset["reason"]
    assert all("close missing" not in night.asset(c)["reason"] for c in ALTS - {"LTC"})


def test_without_the_close_of_btc_the_correction_is_held_and_the_hedge_lives(tmp_path):
    night = play(tmp_path / "state", stage=without_close({"BTC"}, until=UNTIL))
    night.check_well()
    assert night.phases() == ("traded", "held")
    assert "no close of BTC" in night.reason("correction")
    assert [o for o in night.submitted() if o.purpose.value == "correction"] == []
    assert "pipeline.correction" in codes(night)


# --- computations and reads that fail ----------------------------------------------------------------------


def failing_in(stage_name, *, until="00:10"):
    def stage(night):
        compute = night.service._shell.parts.compute
        run = compute.run

        async def broken(function, request, **given):
            computing = function.endswith(":proforma") and night.state.session.stage.value == stage_name
            if computing and night.peer.now_ms < ms(until):
                raise ComputeFailed("ValueError: a test broke it")
            return await run(function, request, **given)

        compute.run = broken

    return stage


def test_a_pipeline_that_fails_before_the_close_leaves_everything_to_the_correction(tmp_path):
    night = play(tmp_path / "state", stage=failing_in("projecting"))
    night.check_well()
    assert night.phases() == ("held", "traded")
    assert "a test broke it" in night.reason("projected")


def test_a_pipeline_that_fails_after_the_close_keeps_the_projected_book_hedged(tmp_path):
    night = play(tmp_path / "state", stage=failing_in("correcting"))
    night.check_well()
    assert night.phases() == ("traded", "held")
    assert "a test broke it" in night.reason("correction")
    for coin, target in night.report["phases"]["projected"]["targets"].items():
        assert abs(night.asset(coin)["residual_lots"]) <= 1 or night.asset(coin)["reason"], (coin, target)


def test_a_pipeline_that_fails_for_a_minute_is_tried_again_and_its_alert_ends(tmp_path):
    night = play(tmp_path / "state", stage=failing_in("projecting", until="23:51"))
    night.check_well()
    assert night.phases() == ("traded", "traded")
    assert night.report["phases"]["projected"]["attempts"] > 1
    assert "pipeline.projected" in codes(night)
    assert "pipeline.projected" not in {a.code for a in night.alerts.active()}


def test_history_that_cannot_be_read_for_a_while_only_delays_the_night(tmp_path):
    def stage(night):
        def unreachable(path, request):
            reading = request.get("type") in ("candleSnapshot", "fundingHistory")
            if reading and night.peer.now_ms < ms("23:52:20"):
                raise Unknown("the history is not there")

        night.peer.before = unreachable

    night = play(tmp_path / "state", start="23:44", stage=stage)
    night.check_well()
    assert night.phases() == ("traded", "traded")
    assert night.report["phases"]["projected"]["start"] > "2024-12-31T23:52:20"


# --- the network --------------------------------------------------------------------------------------------


def test_a_stream_that_breaks_in_mid_twap_costs_no_fill(tmp_path):
    told = []

    def stage(night):
        for when in ("23:53:10", "23:56:05", "23:56:06", "00:03:01"):
            night.peer.at(ms(when), night.peer.drop_sockets)
        ended = night.alerts.ended
        night.alerts.ended = lambda code: (told.append(code), ended(code))

    night = play(tmp_path / "state", stage=stage)
    night.check_well()
    assert "stream.down" in codes(night)
    assert "stream.down" in told
    assert "stream.down" not in {a.code for a in night.alerts.active()}


def test_replies_lost_after_the_venue_acted_double_nothing(tmp_path):
    lost = []

    def stage(night):
        def lose(path, request, reply):
            if is_order(path, request) and request["nonce"] % 3 == 0:
                lost.append(request["nonce"])
                raise Unknown("the reply was lost")
            return reply

        night.peer.after = lose

    night = play(tmp_path / "state", stage=stage)
    assert len(lost) > 10
    night.check_well()


def test_orders_lost_before_the_venue_saw_them_are_made_up_for(tmp_path):
    lost = []

    def stage(night):
        def lose(path, request):
            if is_order(path, request) and request["nonce"] % 4 == 0:
                lost.append(request["nonce"])
                raise Unknown("the request was lost")

        night.peer.before = lose

    night = play(tmp_path / "state", stage=stage)
    assert len(lost) > 10
    night.check_well()


# --- restarts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "go_on"), [("23:57", "23:57:20"), ("00:01:30", "00:02:30"), ("00:04", "00:04:10")]
)
def test_a_night_that_was_interrupted_goes_on_and_ends_on_target(stop, go_on, tmp_path):
    first = play(tmp_path / "state", until=stop)
    assert first.ran.reports == []
    assert first.state.orders.open == {}
    second = play(tmp_path / "state", start=go_on, on=first)
    second.check_well()
    assert second.report["restarts"] == 1
    assert second.phases() == ("traded", "traded")
    assert len(second.submitted()) == len({o.cloid for o in second.submitted()})


def test_a_report_that_a_crash_kept_from_being_written_is_written_at_the_next_start(quiet, tmp_path):
    first = play(tmp_path / "state")
    report = tmp_path / "state" / "sessions" / f"{DAY}.json"
    report.unlink()
    play(tmp_path / "state", start="00:08:30", until="2025-01-01T00:10:00Z", on=first)
    assert json.loads(report.read_bytes())["session"] == DAY
