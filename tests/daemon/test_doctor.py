"""`nightdesk check`: every fault is a finding with its mend, an absent venue too, and nothing is ever sent."""

import asyncio
import io
import json
import os
import re
import shutil
import threading
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from rich.console import Console

from adapters.hyperliquid.exchange import Account
from adapters.hyperliquid.signing import Network, Signer
from adapters.ports import Rejected, Unknown
from core.orders import client_order_id
from core.types import Purpose, SessionDay
from daemon import doctor
from daemon.clock import LoopClock
from daemon.doctor_venue import ReadsOnly, findings
from daemon.settings import Settings
from sim.venue.server import serve
from sim.venue.venue import Venue
from state.store import Identity, Store
from tests.adapters.hyperliquid.desk import KEY, MASTER
from tests.adapters.scripted import NOON_MS, HastyClock, ScriptedHttp, reply, run
from tests.daemon.command_line import nightdesk
from tests.daemon.test_main import configured
from tests.sim.venue.small_market import START_MS, SmallMarket

SIGNER = Signer.from_key(KEY)
DAY_MS = 86_400_000
OURS = client_order_id(SessionDay("2026-08-12"), Purpose.HEDGE, asset_id=1, counter=1)
GOOD = {
    "exchangeStatus": {"time": NOON_MS, "specialStatuses": None},
    "userRole": {"role": "user"},
    "userAbstraction": "default",
    "userRateLimit": {"cumVlm": "5000.0", "nRequestsUsed": 10, "nRequestsCap": 15_000},
    "extraAgents": [{"name": "night", "address": SIGNER.address, "validUntil": NOON_MS + 30 * DAY_MS}],
    "perpDexs": [None],
    "clearinghouseState": {
        "marginSummary": {"accountValue": "1000.0"},
        "assetPositions": [],
        "time": NOON_MS,
    },
    "frontendOpenOrders": [],
}


def resting(cloid):
    return {"coin": "ETH", "side": "B", "limitPx": "2000.0", "sz": "0.5", "oid": 7, "cloid": cloid}


def examined(tmp_path, **said):
    """Return the findings on a venue that says this, by what was looked at."""
    answers = GOOD | said

    def answer(path, question):
        kind = question["type"]
        if kind == "userRole" and question["user"] == SIGNER.address:
            return answers.get("signerRole", reply({"role": "agent", "data": {"user": MASTER}}))
        found = answers[kind]
        return found if isinstance(found, Exception) else reply(found)

    http = ScriptedHttp(answer)
    ends = SimpleNamespace(
        http=http,
        clock=HastyClock(),
        account=Account(MASTER, SIGNER, Network.TESTNET),
        weight_per_min=1000.0,
    )
    found = run(findings(ends, Settings(), tmp_path))
    assert {path for path, _ in http.asked} == {"/info"}
    return {f.what: f for f in found}


def levels(found):
    return {f.level.value for f in found.values()}


def test_a_good_account_is_well_in_every_line(tmp_path):
    found = examined(tmp_path)
    assert levels(found) == {"well"}
    assert f"agent 'night' of {MASTER}" in found["signer"].found
    assert "2026-09-11" in found["signer"].found


BAD = {
    "account": [
        (
            {"userRole": {"role": "agent", "data": {"user": "0x" + "cd" * 20}}},
            "set account.address to 0xcdcd",
        ),
        (
            {"userRole": {"role": "subAccount", "data": {"master": "0x" + "cd" * 20}}},
            "set account.master = 0xcdcd",
        ),
        ({"userRole": {"role": "vault"}}, "set account.master"),
        ({"userRole": {"role": "missing"}}, "deposit first"),
        ({"userRole": Unknown("time-out")}, "run check again"),
    ],
    "account mode": [
        ({"userAbstraction": "unifiedAccount"}, "switch it to default"),
        ({"userAbstraction": "portfolioMargin"}, "switch it to default"),
    ],
    "clock": [({"exchangeStatus": {"time": NOON_MS + 9_000, "specialStatuses": None}}, "mend NTP")],
    "requests": [
        ({"userRateLimit": {"cumVlm": "1.0", "nRequestsUsed": 9_000, "nRequestsCap": 10_000}}, "buy more")
    ],
    "signer": [
        ({"signerRole": reply({"role": "missing"})}, "approve the agent"),
        ({"extraAgents": [GOOD["extraAgents"][0] | {"validUntil": NOON_MS - 1}]}, "approve a new agent"),
    ],
    "open orders": [({"frontendOpenOrders": Unknown("time-out")}, "run check again")],
    "venue": [({"exchangeStatus": Unknown("connection refused")}, "is the network up")],
}


@pytest.mark.parametrize(
    ("what", "said", "mend"), [(what, said, mend) for what, cases in BAD.items() for said, mend in cases]
)
def test_what_is_wrong_is_named_with_its_mend(what, said, mend, tmp_path):
    finding = examined(tmp_path, **said)[what]
    assert finding.level is doctor.Level.WRONG
    assert mend in finding.mend


def test_a_key_is_not_judged_against_an_agents_address(tmp_path):
    found = examined(tmp_path, userRole={"role": "agent", "data": {"user": "0x" + "cd" * 20}})["signer"]
    assert found.level is doctor.Level.WARNING
    assert "account.address" in found.mend


DOUBTFUL = {
    "signer": {"extraAgents": [GOOD["extraAgents"][0] | {"validUntil": NOON_MS + 6 * DAY_MS}]},
    "requests": {"userRateLimit": {"cumVlm": "1.0", "nRequestsUsed": 7_000, "nRequestsCap": 10_000}},
    "notices": {"exchangeStatus": {"time": NOON_MS, "specialStatuses": "upgrade at noon"}},
    "open orders": {"frontendOpenOrders": [resting("0x" + "77" * 16), resting(None), resting(OURS)]},
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_what_somebody_should_look_at_is_a_warning(what, tmp_path):
    found = examined(tmp_path, **DOUBTFUL[what])
    assert found[what].level is doctor.Level.WARNING
    assert found[what].mend
    assert levels({k: f for k, f in found.items() if k != what}) == {"well"}


def test_open_orders_that_are_not_ours_are_counted_and_named(tmp_path):
    found = examined(tmp_path, **DOUBTFUL["open orders"])["open orders"].found
    assert found.startswith("2 not ours: ETH buy 0.5 at 2000.0")
    assert examined(tmp_path, frontendOpenOrders=[resting(OURS)])["open orders"].found == "1, all ours"


@pytest.mark.parametrize(("traded", "scheduled"), [("999999.9", False), ("1000000.0", True)])
def test_it_says_what_ends_orders_when_the_daemon_dies(traded, scheduled, tmp_path):
    limit = {"cumVlm": traded, "nRequestsUsed": 0, "nRequestsCap": 10_000}
    found = examined(tmp_path, userRateLimit=limit)["if it dies"].found
    assert ("cancels everything 20 s after" in found) is scheduled
    assert "every order expires 10 s after it was made" in found


def test_a_nonce_mark_from_the_future_is_found(tmp_path):
    from state.nonces import FileNonces

    FileNonces(Store(tmp_path).nonces_path).save(NOON_MS + DAY_MS)
    assert examined(tmp_path)["nonces"].level is doctor.Level.WRONG


def test_the_doctors_transport_carries_no_order():
    with pytest.raises(Rejected, match="sends nothing to /exchange"):
        run(ReadsOnly(ScriptedHttp(lambda *_: reply("no"))).post("/exchange", b"{}", timeout_s=1.0))


# --- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def venue_url():
    """A nightdesk venue on loopback, in a thread of its own."""
    loop, key = asyncio.new_event_loop(), "0x" + "5a" * 32
    address = Signer.from_key(key).address
    venue = Venue(SmallMarket(), accounts={address: Decimal(1000)}, agents={}, start_ms=START_MS, seed=1)

    async def listen():
        return await serve(venue, port=0, clock=LoopClock(START_MS), key=key)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    yield server.url
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_check_asks_the_venue_named_with_its_own_account(venue_url, tmp_path):
    said = nightdesk("check", "--venue", venue_url, "--state-dir", tmp_path, "--json")
    found = {f["what"]: f for f in said.document["findings"]}
    assert said.code == 0, found
    assert found["venue"]["level"] == found["account"]["level"] == found["account mode"]["level"] == "well"
    assert "own key" in found["signer"]["found"]


def test_an_account_that_the_venue_does_not_know_ends_check_with_code_2(venue_url, tmp_path):
    said = nightdesk("check", "--config", configured(tmp_path), "--venue", venue_url, "--json")
    found = {f["what"]: f for f in said.document["findings"]}
    assert said.code == 2
    assert "deposit first" in found["account"]["mend"]


@pytest.mark.parametrize("way", ["--venue", "venue.network"])
def test_a_venue_that_is_away_is_a_finding_and_no_traceback(way, tmp_path):
    config, words = configured(tmp_path), []
    if way == "--venue":
        words = ["--venue", "http://127.0.0.1:9"]
    else:
        config.write_text(config.read_text() + '[venue]\nnetwork = "http://127.0.0.1:9"\n')
    said = nightdesk("check", "--config", config, "--state-dir", tmp_path / "state", "--json", *words)
    assert (said.code, said.err) == (2, "")
    [finding] = [f for f in said.document["findings"] if f["what"] == "venue"]
    assert finding["level"] == "wrong"
    assert finding["mend"]
    assert not (tmp_path / "state").exists()


def test_every_mend_is_whole_in_the_table_at_80_columns(tmp_path):
    said = nightdesk(
        "check", "--config", configured(tmp_path), "--venue", "http://127.0.0.1:9", "--state-dir", tmp_path
    )
    assert max(map(len, said.out.splitlines())) <= 80
    findings = [
        doctor.wrong("account", "0x" + "ab" * 200, "mend it by " + "very " * 40 + "long words " + "x" * 120),
        doctor.warning("signer", "short", "approve"),
    ]
    page = io.StringIO()
    document = {"findings": [f.document() for f in findings]}
    doctor.show(document, Console(file=page, width=80))
    shown = re.sub(r"\s+", "", page.getvalue())
    for finding in findings:
        assert re.sub(r"\s+", "", finding.mend) in shown
        assert re.sub(r"\s+", "", finding.found) in shown


def test_offline_and_a_venue_do_not_go_together(tmp_path):
    assert nightdesk("check", "--offline", "--venue", "http://127.0.0.1:9").code == 2
    assert nightdesk("check", "--venue", "ftp://x").code == 2


# --- this machine ----------------------------------------------------------------------------------------


def offline(tmp_path, state):
    said = nightdesk("check", "--offline", "--config", configured(tmp_path), "--state-dir", state, "--json")
    return said.code, {f["what"]: f for f in said.document["findings"]}


def test_a_full_disk_and_one_that_may_not_be_written_are_found(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    for free, level in ((50_000_000, "wrong"), (500_000_000, "warning"), (5_000_000_000, "well")):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        assert offline(tmp_path, tmp_path / "state")[1]["disk"]["level"] == level
    seen, asked = os.access, os.W_OK | os.X_OK
    monkeypatch.setattr(doctor.os, "access", lambda p, mode: mode != asked and seen(p, mode))
    assert "cannot be written" in offline(tmp_path, tmp_path / "state")[1]["disk"]["found"]


def test_the_state_of_another_account_is_found(tmp_path):
    Store(tmp_path / "state").claim(Identity("mainnet", "0x" + "cd" * 20))
    code, found = offline(tmp_path, tmp_path / "state")
    assert (code, found["state directory"]["level"]) == (2, "wrong")


def report(day, *, stage="traded", reason="", held=True):
    phases = {p: {"stage": stage, "reason": reason} for p in ("projected", "correction")}
    checks = [{"name": "positions equal the venue's", "held": held, "detail": ""}]
    return json.dumps({"session": day, "phases": phases, "invariants": checks}).encode()


@pytest.mark.parametrize(
    ("made", "level", "words"),
    [
        ({}, "well", "every check holds"),
        ({"stage": "held", "reason": "the account has no equity"}, "warning", "the account has no equity"),
        ({"held": False}, "warning", "does not hold: positions equal the venue's"),
    ],
)
def test_the_last_session_says_whether_it_was_done_and_why_not(made, level, words, tmp_path):
    store = Store(tmp_path / "state")
    store.write_report(SessionDay("2025-06-01"), report("2025-06-01", **made))
    found = offline(tmp_path, tmp_path / "state")[1]["last session"]
    assert found["level"] == level
    assert words in found["found"]


def test_a_night_without_a_report_is_missed_on_a_real_network_only(tmp_path):
    store = Store(tmp_path / "state")
    store.write_report(SessionDay("2025-06-01"), report("2025-06-01"))
    store.claim(Identity("testnet", "0x" + "ab" * 20))
    assert "left no report" in offline(tmp_path, tmp_path / "state")[1]["last session"]["found"]


def test_a_report_that_cannot_be_read_is_a_finding(tmp_path):
    Store(tmp_path / "state").write_report(SessionDay("2025-06-01"), b"[]")
    assert offline(tmp_path, tmp_path / "state")[1]["last session"]["level"] == "warning"


def test_settings_decide_the_expiry_that_is_told(tmp_path):
    from daemon.doctor_venue import protection

    facts = SimpleNamespace(traded_usd=Decimal(0))
    twap = replace(Settings().trading.twap, order_expiry_s=4.0)
    settings = replace(Settings(), trading=replace(Settings().trading, twap=twap))
    assert "every order expires 4 s" in protection(facts, settings).found
