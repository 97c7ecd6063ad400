"""Nights with the venue's own cancel armed, and accounts that are refused at the start, against the venue in memory."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from shutil import copytree

import pytest

from adapters.ports import HttpReply, Unknown
from core.dead_man import AHEAD_MS
from core.types import ClientOrderId, Coin, Purpose, Tif, TradingState
from daemon.account_modes import AccountRefused
from tests.core.desk import order
from tests.daemon.staged import MANY, ms, play

RESTING = ClientOrderId("0x" + "77" * 16)
RICH = Decimal(2_000_000)


def account_of(night):
    return night.peer.venue._account(night.address)


def rest_an_order(night):
    """Put an order of the account into the book far below the market, as an operator might."""
    state = night.state
    listed = state.instruments["ETH"]
    resting = order(
        Coin("ETH"),
        Decimal(1),
        asset_id=listed.asset_id,
        limit_px=Decimal(round(state.mids_usd["ETH"] / 2)),
        tif=Tif.GTC,
        cloid=RESTING,
        created_ms=state.at_ms,
        expires_ms=state.at_ms + 10_000,
    )
    gateway = night.service._shell.gateway
    night.placing = asyncio.get_running_loop().create_task(gateway.send(gateway.sign([resting])))


def schedules(night):
    """Keep (when, time asked for) of every scheduleCancel that reaches the venue."""
    night.scheduled = []

    def see(path, request):
        action = request.get("action", {})
        if action.get("type") == "scheduleCancel":
            night.scheduled.append((night.peer.now_ms, action.get("time")))

    night.peer.before = see


def rich(night):
    account_of(night).traded_usd = RICH
    schedules(night)


def test_a_night_is_armed_in_its_windows_put_off_and_taken_back(tmp_path):
    night = play(tmp_path / "state", stage=rich)
    night.check_well()
    first_ms, last_ms = night.scheduled[0][0], night.scheduled[-1][0]
    assert ms("23:50") < first_ms < ms("23:51")
    assert ms("00:07") <= last_ms < ms("00:07:03")
    assert night.scheduled[-1][1] is None
    assert all(at - now > AHEAD_MS - 1_000 for now, at in night.scheduled if at is not None)
    assert not [now for now, at in night.scheduled if at and ms("00:01:05") < now < ms("00:02")]
    assert account_of(night).scheduled.at_ms is None
    assert account_of(night).scheduled.triggers == 0
    assert night.report["dead_man"]["protection"] == "scheduled cancel and order expiries"
    assert set(night.report["dead_man"]["fired"].values()) == {0}


def test_an_account_that_traded_little_asks_for_no_scheduled_cancel_and_the_report_says_so(tmp_path):
    night = play(tmp_path / "state", stage=schedules)
    assert night.scheduled == []
    assert night.report["dead_man"]["protection"] == "order expiries"


def test_a_daemon_cut_off_in_mid_window_has_its_orders_cancelled_by_the_venue(tmp_path):
    def stage(night):
        rich(night)

        def cut():
            assert [o["cloid"] for o in night.ask(type="openOrders")] == [RESTING]
            night.peer.drop_sockets()

            def nothing_arrives(path, request):
                raise Unknown("cut off by the test")

            night.peer.before = nothing_arrives

        night.peer.at(ms("23:54:50"), lambda: rest_an_order(night))
        night.peer.at(ms("23:55"), cut)

    first = play(tmp_path / "state", until="23:55:40", stage=stage)
    assert first.ask(type="openOrders") == []
    ended = first.ask(type="orderStatus", oid=RESTING)["order"]
    assert ended["status"] == "scheduledCancel"
    assert ms("23:55") <= ended["statusTimestamp"] <= ms("23:55") + AHEAD_MS
    assert account_of(first).scheduled.triggers == 1

    second = play(tmp_path / "state", start="23:56", on=first, stage=schedules)
    assert second.report["dead_man"]["fired"] == {"2024-12-31": 1, "2025-01-01": 0}
    assert second.scheduled[0][1] is not None
    assert second.scheduled[-1][1] is None
    assert account_of(second).scheduled.triggers == 1
    second.check_against_the_venue()


# --- accounts that are refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin"])
def test_an_account_mode_that_is_not_supported_is_refused_at_the_start_by_name(mode, tmp_path):
    sent = []

    def stage(night):
        def other(path, request, reply):
            sent.append(path)
            if request.get("type") == "userAbstraction":
                return HttpReply(200, reply.content_type, json.dumps(mode).encode())
            return reply

        night.peer.after = other

    with pytest.raises(AccountRefused, match=f"account mode {mode} is not supported: switch it to default"):
        play(tmp_path / "state", stage=stage)
    assert set(sent) == {"/info"}
    assert not (tmp_path / "state" / "kill_switch.json").exists()


def test_the_address_of_an_api_wallet_is_refused_at_the_start_with_its_masters(tmp_path):
    masters = []

    def agents_own(account):
        masters.append(account.address)
        return replace(account, address=account.signer.address)

    with pytest.raises(AccountRefused) as refused:
        play(tmp_path / "state", account=agents_own)
    assert "is an API wallet of" in str(refused.value)
    assert f"set account.address to {masters[0]}" in str(refused.value)


def test_a_venue_that_cannot_be_asked_at_the_start_refuses_nobody(tmp_path):
    def stage(night):
        def away(path, request):
            if request.get("type") == "userRole" and night.peer.now_ms < ms("23:49"):
                raise Unknown("away")

        night.peer.before = away

    play(tmp_path / "state", stage=stage).check_well()


# --- what is ours, and what a kill leaves ------------------------------------------------------------------


def test_a_kill_in_a_post_only_window_flattens_as_soon_as_the_window_is_over(tmp_path):
    """Slices rest when it comes: they are cancelled, one order at a time asks, and then everything is closed."""

    def stage(night):
        def shut():
            night.peer.venue.only_post_only(until_ms=ms("23:53:30"))
            night.peer.at(ms("23:52:40"), lambda: night.service.kill("test"))

        night.peer.at(ms("23:52"), shut)

    night = play(tmp_path / "state", stage=stage, config=f"[trading]\nflatten_on_kill = true\n{MANY}")
    closing = [o for o in night.submitted() if o.purpose is Purpose.FLATTEN]
    probes = Counter(o.created_ms for o in closing if o.created_ms < ms("23:53:30"))
    assert len(probes) > 5
    assert list(probes.values())[1:] == [1] * (len(probes) - 1)
    assert night.state.book.positions == night.venue_positions() == {}
    assert max(f["time"] for f in night.ledger().values()) < ms("23:53:50")
    assert night.ask(type="openOrders") == []
    assert "halted" in {a.code for a in night.alerts.active()}


def test_a_lost_state_directory_in_mid_night_takes_nothing_of_ours_for_foreign(tmp_path):
    first = play(tmp_path / "first", until="2024-12-31T23:54:00Z")
    assert first.venue_positions()
    again = play(tmp_path / "second", start="23:54:10", on=first)
    assert again.state.trading is TradingState.ACTIVE, again.state.halt_reason
    assert again.state.book.positions == again.venue_positions()
    assert {o.cloid for o in first.submitted()}.isdisjoint(o.cloid for o in again.submitted())


def test_an_older_copy_of_the_state_directory_takes_nothing_of_ours_for_foreign(tmp_path):
    first = play(tmp_path / "state", until="2024-12-31T23:52:30Z")
    copytree(tmp_path / "state", tmp_path / "older")
    later = play(tmp_path / "state", start="23:52:40", until="2024-12-31T23:54:30Z", on=first)
    older = play(tmp_path / "older", start="23:54:40", on=later)
    assert older.state.trading is TradingState.ACTIVE, older.state.halt_reason
    assert older.state.book.positions == older.venue_positions()
    assert {o.cloid for o in later.submitted()}.isdisjoint(
        o.cloid for o in older.submitted(since_ms=ms("23:54:40"))
    )
    assert older.broken() == []
