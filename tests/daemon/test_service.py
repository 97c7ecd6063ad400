"""The service on short pieces of a night: what it tells, what it feeds, what survives a failure of its own."""

import asyncio
import json
from concurrent.futures import Future

import pytest

from adapters.ports import Unknown
from core.intents import RaiseAlert, WriteReport
from daemon.pruning import keep_from_seq
from state.errors import StateError
from state.journal import Journal
from state.store import Store
from tests.daemon.staged import ms, play

PIECE = {"start": "23:48", "until": "23:49"}


class Pulse:
    def __init__(self, clock):
        self.clock, self.fed, self.said = clock, [], []

    def ready(self):
        self.said.append("ready")

    def alive(self, text):
        self.fed.append((self.clock.now_ms(), text))

    def stopping(self):
        self.said.append("stopping")


def with_pulse(night):
    night.pulse = night.service._shell.pulse = Pulse(night.peer._clock)


def test_the_service_manager_hears_ready_once_protected_and_stopping_at_the_end(tmp_path):
    night = play(tmp_path / "state", stage=with_pulse, **PIECE)
    assert night.pulse.said == ["ready", "stopping"]
    assert "ACTIVE, preflight, next projected at 2024-12-31T23:50" in night.pulse.fed[-1][1]
    assert set(night.service.marks_ms) == {"protected", "ready"}


def test_the_watchdog_is_fed_only_while_the_engine_makes_progress(tmp_path):
    def stage(night):
        with_pulse(night)
        inbox = night.service._shell.app.inbox
        take = inbox.take

        async def take_or_hang():
            if night.peer.now_ms >= ms("23:48:20"):
                await asyncio.sleep(3600)
            return await take()

        inbox.take = take_or_hang

    night = play(tmp_path / "state", stage=stage, **PIECE)
    fed = [at for at, _ in night.pulse.fed]
    assert len(fed) > 20
    assert ms("23:48:25") < max(fed) < ms("23:48:32")


def test_a_clock_that_steps_back_does_not_feed_the_watchdog_for_an_engine_that_hangs(tmp_path):
    def stage(night):
        with_pulse(night)
        inbox, clock = night.service._shell.app.inbox, night.peer._clock
        take, night.hung_s = inbox.take, []

        async def take_or_hang():
            if night.peer.now_ms >= ms("23:48:20"):
                night.hung_s.append(asyncio.get_running_loop().time())
                clock._epoch_ms -= 20_000
                await asyncio.sleep(3600)
            return await take()

        inbox.take = take_or_hang
        alive = night.pulse.alive
        night.fed_s = []
        night.pulse.alive = lambda text: (
            alive(text),
            night.fed_s.append(asyncio.get_running_loop().time()),
        )

    night = play(tmp_path / "state", stage=stage, **PIECE)
    (hung_s,) = night.hung_s
    assert hung_s + 5 < max(night.fed_s) < hung_s + 12


def test_an_order_to_stop_leaves_nothing_open_and_a_snapshot_or_a_journal_to_go_on_from(tmp_path):
    night = play(tmp_path / "state", until="23:53:07")
    assert night.state.stopping
    assert night.state.orders.open == {}
    assert night.restored().book == night.state.book


@pytest.mark.parametrize("fate", ["arrives", "is lost"])
def test_a_stop_while_orders_are_under_way_waits_until_each_is_known(fate, tmp_path):
    def stage(night):
        def stop(path, request):
            if (
                path == "/exchange"
                and request["action"]["type"] == "order"
                and night.peer.now_ms > ms("23:51")
            ):
                night.service.stop("a test")
                if fate == "is lost":
                    raise Unknown("the request was lost")

        night.peer.before = stop

    night = play(tmp_path / "state", until="23:58", stage=stage)
    assert night.error is None
    assert night.state.at_ms < ms("23:52")
    assert night.state.orders.open == {} or fate == "is lost"
    night.check_against_the_venue()


def test_a_kill_that_cannot_be_latched_still_stops_the_trading_and_says_so(tmp_path):
    said = {}

    def stage(night):
        def no(*_, **__):
            raise StateError("kill_switch.json: cannot be written (no space)")

        def kill():
            from daemon.run import answer

            night.service._shell.parts.latch.trip = no
            said.update(answer(night.service, {"do": "kill", "reason": "a test"}, None))

        night.peer.at(ms("23:52:07"), kill)

    night = play(tmp_path / "state", until="23:54", stage=stage)
    assert "cannot be written" in said["error"]
    assert "a test" in night.ran.halted
    assert night.submitted(since_ms=ms("23:52:07") + 1) == []


def test_a_halt_of_the_engine_that_cannot_be_latched_is_told_and_latched_at_the_next_start(tmp_path):
    def stage(night):
        def no(*_, **__):
            raise StateError("kill_switch.json: cannot be written (no space)")

        night.service._shell.parts.latch.trip = no

    config = "[idio_statarb]\nkappa = 0.0001\n[trading.risk]\nloss_max = 0.00001\n"
    first = play(tmp_path / "state", until="23:58", stage=stage, config=config)
    assert "loss_max" in first.ran.halted
    assert "latch" in {a.code for a in first.alerts.active()}
    assert not (tmp_path / "state" / "kill_switch.json").exists()
    play(tmp_path / "state", start="23:58:20", until="23:58:40", on=first)
    assert "loss_max" in json.loads((tmp_path / "state" / "kill_switch.json").read_bytes())["body"]["reason"]


def test_an_errand_that_fails_in_an_unknown_way_is_told_and_the_night_goes_on(tmp_path):
    def stage(night):
        gateway, reads = night.service._shell.gateway, []
        raised, night.told = night.alerts.raised, []
        night.alerts.raised = lambda **alert: (night.told.append(alert), raised(**alert))
        fills = gateway.fills

        async def fails_once(*, from_ms):
            reads.append(from_ms)
            if len(reads) == 4:
                raise KeyError("nobody thought of this")
            return await fills(from_ms=from_ms)

        gateway.fills = fails_once

    night = play(tmp_path / "state", until="23:54", stage=stage)
    (told,) = [alert for alert in night.told if alert["code"] == "intent.failed"]
    assert "nobody thought of this" in told["text"]
    night.check_against_the_venue()
    assert len(night.ledger()) > 20


def test_an_alert_ends_when_what_it_was_about_is_over(tmp_path):
    def stage(night):
        told = night.told = []
        ended = night.alerts.ended
        night.alerts.ended = lambda code: (told.append(code), ended(code))
        night.peer.at(ms("23:48:10"), lambda: night.service.kill("a test"))
        night.peer.at(ms("23:48:20"), night.peer.drop_sockets)
        night.peer.at(ms("23:48:30"), lambda: night.service.reset("over"))

    night = play(tmp_path / "state", stage=stage, **PIECE)
    raised = [a.code for _, acts in night.records() for a in acts if isinstance(a, RaiseAlert)]
    assert {"halted", "stream.down"} <= set(raised)
    assert {"halted", "stream.down"} <= set(night.told)
    assert night.alerts.active() == ()


def test_history_that_cannot_be_written_does_not_end_the_daemon(tmp_path):
    def stage(night):
        def full(*_, **__):
            raise StateError("history.sqlite: database or disk is full")

        night.service._shell.parts.history.record_candles = full

    night = play(tmp_path / "state", stage=stage, **PIECE)
    assert night.error is None
    assert any("history is empty" in p for p in night.state.session.problems)


def test_a_clock_that_leaps_over_the_end_of_the_run_ends_it(tmp_path):
    def stage(night):
        def leap():
            night.peer._clock._epoch_ms += 3_600_000

        night.peer.at(ms("23:48:10"), leap)

    night = play(tmp_path / "state", stage=stage, **PIECE)
    assert night.error is None
    assert night.state.at_ms < ms("00:48:20")


# --- the journal after the night -----------------------------------------------------------------------------


def test_the_end_of_a_session_leaves_a_snapshot_so_that_a_start_replays_little(tmp_path):
    kept = []

    def stage(night):
        journal = night.service._shell.app._journal
        save = journal.save_snapshot
        journal.save_snapshot = lambda seq, state: (kept.append(seq), save(seq, state))

    night = play(tmp_path / "state", start="00:06:30", until="00:09", stage=stage)
    reported = [
        n for n, (_, acts) in enumerate(night.records(), 1) if any(isinstance(a, WriteReport) for a in acts)
    ]
    assert reported == kept[:1]


@pytest.fixture
def five_days(tmp_path):
    """A journal of the records of a short run, spread over five days."""
    from msgspec.structs import replace

    play(tmp_path / "run", **PIECE)
    journal = Journal.open_read_only(Store(tmp_path / "run").journal_path)
    records = list(journal.read())
    journal.close()
    last_ms, day = ms("23:50"), 86_400_000
    step = 5 * day // len(records)
    spread = [replace(r, at_ms=last_ms - step * (len(records) - r.seq)) for r in records]
    path = tmp_path / "journal.sqlite"
    journal = Journal.open(path)
    journal.append(spread)
    journal.close()
    return path, spread, last_ms


def test_the_last_three_nights_and_the_one_that_ended_are_kept(five_days):
    path, records, last_ms = five_days
    first = keep_from_seq(path, now_ms=last_ms)
    kept_ms = last_ms - 4 * 86_400_000
    assert 1 < first < len(records)
    assert all((r.at_ms >= kept_ms) == (r.seq >= first) for r in records)


def test_a_young_journal_is_kept_whole(five_days):
    path, _, last_ms = five_days
    assert keep_from_seq(path, now_ms=last_ms - 2 * 86_400_000) == 0


def test_after_a_report_the_journal_is_pruned_once(tmp_path):
    asked = []

    def stage(night):
        prune = night.service._shell.app.prune
        night.service._shell.app.prune = lambda *, before_seq: (
            asked.append(before_seq),
            prune(before_seq=before_seq),
        )

    night = play(tmp_path / "state", start="00:06:30", until="00:09", stage=stage)
    assert night.error is None
    assert asked == [0]


@pytest.mark.parametrize("fails_at_once", [True, False])
def test_a_journal_that_cannot_be_pruned_stays_as_it_is(fails_at_once, tmp_path):
    def stage(night):
        journal = night.service._shell.app._journal

        def no(*, before_seq):
            if fails_at_once:
                raise StateError("journal.sqlite: locked")
            later: Future[int] = Future()
            later.set_exception(StateError("journal.sqlite: locked"))
            return later

        journal.prune = no

    night = play(tmp_path / "state", start="00:06:30", until="00:09", stage=stage)
    assert len(night.ran.reports) == 1
