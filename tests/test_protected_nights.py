"""Nights with the venue's own cancel armed, and accounts that are refused at the start, against the venue in memory."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.ports import HttpReply, Unknown
from core.dead_man import AHEAD_MS
from core.types import ClientOrderId, Coin, Tif
from daemon.account_modes import AccountRefused
from tests.core.desk import order
from tests.daemon.staged import ms, play

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
