"""Nights in which nothing may trade: a lost journal, a latch, a refused account, a second instance."""

import json
from concurrent.futures import Future
from dataclasses import replace

import pytest

from adapters.ports import HttpReply
from state.errors import BadRecord, JournalLost
from tests.daemon.staged import Night, is_order, ms, play


def test_a_journal_that_cannot_be_written_ends_the_night_and_leaves_no_latch_to_the_next_start(tmp_path):
    sent = []

    def stage(night):
        journal = night.service._shell.app._journal

        def full():
            def no(records):
                raise JournalLost("no space left on device")

            journal.append = no
            night.peer.before = lambda path, request: (
                sent.append(request) if is_order(path, request) else None
            )

        night.peer.at(ms("23:53:07"), full)

    night = play(tmp_path / "state", stage=stage)
    assert isinstance(night.error, JournalLost)
    assert "no space left" in str(night.error)
    assert not (tmp_path / "state" / "kill_switch.json").exists()
    assert sent == []
    again = play(tmp_path / "state", start="23:53:20", until="23:55", on=night)
    assert again.ran.halted == ""
    assert again.submitted()


def test_a_commit_that_fails_behind_our_back_ends_the_night_too(tmp_path):
    sent, at = [], []

    def stage(night):
        journal = night.service._shell.app._journal

        def full():
            def failing(records):
                at.append(night.peer.now_ms)
                future = Future()
                future.set_exception(JournalLost("the disk is gone"))
                return future

            journal.append = failing
            night.peer.before = lambda path, request: (
                sent.append(request) if is_order(path, request) else None
            )

        night.peer.at(ms("23:53:07"), full)

    night = play(tmp_path / "state", stage=stage)
    assert isinstance(night.error, JournalLost)
    assert not (tmp_path / "state" / "kill_switch.json").exists()
    assert len(at) == 1
    assert sent == []


def test_a_record_that_cannot_be_written_is_the_programs_fault_and_latched(tmp_path):
    def stage(night):
        journal = night.service._shell.app._journal

        def unwritable():
            def no(records):
                raise BadRecord("nan")

            journal.append = no

        night.peer.at(ms("23:53:07"), unwritable)

    night = play(tmp_path / "state", stage=stage)
    assert isinstance(night.error, BadRecord)
    latch = json.loads((tmp_path / "state" / "kill_switch.json").read_bytes())
    assert "the daemon failed: BadRecord" in latch["body"]["reason"]


def test_an_unreadable_latch_counts_as_tripped(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "kill_switch.json").write_text("{ this is no")
    night = play(state, until="23:53")
    assert "kill_switch.json" in night.ran.halted
    assert night.ledger() == {}
    assert night.submitted() == []


def test_a_halt_whose_latch_is_missing_is_latched_again_at_the_next_start(tmp_path):
    first = play(
        tmp_path / "state",
        until="23:55",
        stage=lambda n: n.peer.at(ms("23:53"), lambda: n.service.kill("a test")),
    )
    (tmp_path / "state" / "kill_switch.json").unlink()
    second = play(tmp_path / "state", start="23:55:20", until="23:57", on=first)
    assert "a test" in second.ran.halted
    assert (tmp_path / "state" / "kill_switch.json").exists()
    assert second.submitted(since_ms=ms("23:53") + 1) == []


def test_a_latch_that_was_reset_while_the_daemon_was_down_lets_it_trade(tmp_path):
    from daemon import operate

    first = play(
        tmp_path / "state",
        until="23:55",
        stage=lambda n: n.peer.at(ms("23:53"), lambda: n.service.kill("a test")),
    )
    assert operate.reset(tmp_path / "state", "all is well")["was"] == "a test"
    second = play(tmp_path / "state", start="23:55:20", on=first)
    second.check_well()
    assert second.phases() == ("traded", "traded")


def refused(tmp_path, **options) -> Night:
    night = play(tmp_path / "state", start="00:05:30", **options)
    assert night.error is None
    assert night.submitted() == []
    assert night.phases() == ("held", "held")
    return night


def test_a_key_that_may_not_sign_for_the_account_holds_the_night(tmp_path):
    from adapters.hyperliquid.signing import Signer

    night = refused(tmp_path, account=lambda a: replace(a, signer=Signer.from_key("0x" + "77" * 32)))
    assert "approve the agent" in night.report["problems"][0]
    assert night.reason("correction") == night.report["problems"][0]


def test_an_account_that_the_venue_does_not_know_holds_the_night(tmp_path):
    night = refused(tmp_path, account=lambda a: replace(a, address="0x" + "ab" * 20))
    assert "deposit first, or mend account.address" in "; ".join(night.report["problems"])


@pytest.mark.parametrize("skew_ms", [-2_500, 2_500])
def test_a_clock_that_is_off_by_more_than_two_seconds_holds_the_night(skew_ms, tmp_path):
    def stage(night):
        def off(path, request, reply):
            if request.get("type") != "exchangeStatus":
                return reply
            status = json.loads(reply.body)
            body = json.dumps({**status, "time": status["time"] + skew_ms}).encode()
            return HttpReply(reply.status, reply.content_type, body)

        night.peer.after = off

    night = refused(tmp_path, stage=stage)
    assert "mend NTP" in night.report["problems"][0]


def test_a_second_instance_is_refused_with_the_pid_of_the_first(tmp_path):
    import os

    from state.errors import AlreadyRunning
    from state.lock import InstanceLock

    (tmp_path / "state").mkdir()
    with InstanceLock.acquire(tmp_path / "state"):
        night = play(tmp_path / "state", until="23:49")
    assert isinstance(night.error, AlreadyRunning)
    assert str(os.getpid()) in str(night.error)


def test_the_state_of_another_account_is_refused(tmp_path):
    from state.errors import WrongAccount

    play(tmp_path / "state", until="23:49")
    night = play(tmp_path / "state", until="23:49", account=lambda a: replace(a, address="0x" + "ab" * 20))
    assert isinstance(night.error, WrongAccount)
    assert "0x" + "ab" * 20 in str(night.error)
