import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from daemon import alerts
from daemon.alerts import Alerts, Command, DeliveryFailed, Notice, Webhook
from daemon.settings import AlertSettings

KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
NOTICE = Notice(
    origin="0xab on testnet",
    state="began",
    level="error",
    code="halted",
    text="loss",
    at_ms=2,
    since_ms=1,
    count=1,
)


class Clock:
    def __init__(self):
        self.ms = 1000

    def now_ms(self):
        return self.ms


class Inbox:
    """A target that takes notices, after failing as often as it is told."""

    def __init__(self, name="inbox", *, failures=0):
        self.name = name
        self.failures = failures
        self.got = []
        self.tries = 0

    async def deliver(self, notice, *, timeout_s):
        self.tries += 1
        if self.tries <= self.failures:
            raise DeliveryFailed("answered 503")
        self.got.append(notice)

    def said(self):
        return [(n.state, n.level, n.code, n.count) for n in self.got]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(alerts, "RETRY_S", (0.0, 0.0))


@pytest.fixture
def desk(clock, monkeypatch):
    """Return a function that makes Alerts which tell the given targets."""

    def made(*inboxes, **options):
        monkeypatch.setattr(alerts, "targets", lambda _: list(inboxes))
        return Alerts(AlertSettings(**options), origin="0xab on testnet", now_ms=clock.now_ms)

    return made


@asynccontextmanager
async def running(found):
    job = asyncio.create_task(found.run())
    await asyncio.sleep(0)
    yield
    await asyncio.sleep(0.02)
    job.cancel()
    with suppress(asyncio.CancelledError):
        await job


def test_an_alert_is_told_once_when_it_begins_and_once_when_it_ends(desk, clock):
    inbox = Inbox()

    async def night():
        found = desk(inbox)
        async with running(found):
            for _ in range(50):
                clock.ms += 10
                found.raised(code="stream.down", level="warning", text="no frames")
            found.ended("stream.down")
            found.ended("stream.down")
            assert found.active() == ()

    asyncio.run(night())
    assert inbox.said() == [("began", "warning", "stream.down", 1), ("ended", "warning", "stream.down", 50)]
    assert (inbox.got[1].since_ms, inbox.got[1].at_ms) == (1010, 1500)


def test_it_is_told_again_when_it_gets_worse_but_not_when_it_gets_better(desk):
    inbox = Inbox()

    async def night():
        found = desk(inbox)
        async with running(found):
            for level in ("warning", "critical", "error", "critical"):
                found.raised(code="delta", level=level, text="outside the band")

    asyncio.run(night())
    assert inbox.said() == [("began", "warning", "delta", 1), ("worse", "critical", "delta", 2)]


def test_what_nobody_repeats_has_ended(desk, clock):
    inbox = Inbox()

    async def night():
        found = desk(inbox, quiet_s=60)
        async with running(found):
            found.raised(code="order.rejected", level="error", text="minimum value")
            clock.ms += 59_999
            found.sweep()
            assert len(found.active()) == 1
            clock.ms += 1
            found.sweep()
            assert found.active() == ()

    asyncio.run(night())
    assert [state for state, *_ in inbox.said()] == ["began", "ended"]


def test_what_is_seen_to_stand_is_told_once_and_does_not_end(desk, clock):
    inbox = Inbox()

    async def night():
        found = desk(inbox, quiet_s=60)
        async with running(found):
            found.raised(code="halted", level="critical", text="a kill")
            for _ in range(10):
                clock.ms += 30_000
                found.stands("halted")
                found.stands("never raised")
                found.sweep()
            assert [a.code for a in found.active()] == ["halted"]

    asyncio.run(night())
    assert [state for state, *_ in inbox.said()] == ["began"]


def test_below_the_level_only_the_log_is_told(desk):
    inbox = Inbox()

    async def night():
        found = desk(inbox, level="error")
        async with running(found):
            found.raised(code="a", level="warning", text="")
            found.raised(code="b", level="error", text="")

    asyncio.run(night())
    assert [code for _, _, code, _ in inbox.said()] == ["b"]


def test_a_level_that_is_none_is_refused(desk):
    async def night():
        with pytest.raises(ValueError, match="'loud' is none of info, warning"):
            desk().raised(code="a", level="loud", text="")

    asyncio.run(night())


def test_raising_never_waits_and_a_dead_target_holds_up_nobody(desk, clock):
    class Dead(Inbox):
        async def deliver(self, notice, *, timeout_s):
            await asyncio.sleep(3600)

    dead, inbox = Dead("dead"), Inbox()

    async def night():
        found = desk(dead, inbox)
        loop = asyncio.get_running_loop()
        async with running(found):
            began = loop.time()
            for number in range(3000):
                found.raised(code=f"a{number}", level="error", text="x")
            assert loop.time() - began < 60, "the dead target takes an hour"
            async with asyncio.timeout(60):
                while not inbox.got or inbox.said()[-1][2] != "a2999":
                    await asyncio.sleep(0.01)

    asyncio.run(night())
    assert inbox.said()[-1][2] == "a2999"
    assert dead.got == []


def test_a_failed_delivery_is_tried_three_times_and_then_left(desk):
    flaky, broken = Inbox("flaky", failures=2), Inbox("broken", failures=3)

    async def night():
        found = desk(flaky, broken)
        async with running(found):
            found.raised(code="a", level="error", text="")
            await asyncio.sleep(0.02)
            found.raised(code="b", level="error", text="")

    asyncio.run(night())
    assert [code for _, _, code, _ in flaky.said()] == ["a", "b"]
    assert [code for _, _, code, _ in broken.said()] == ["b"]


def test_new_targets_are_told_and_what_waited_for_a_kept_one_is_not_lost(desk, monkeypatch):
    kept, new = Inbox("kept"), Inbox("new")

    async def night():
        found = desk(kept)
        found.raised(code="a", level="error", text="")
        monkeypatch.setattr(alerts, "targets", lambda _: [kept, new])
        found.reconfigure(AlertSettings())
        async with running(found):
            await asyncio.sleep(0.02)
            found.reconfigure(AlertSettings())
            await asyncio.sleep(0.02)
            found.raised(code="b", level="error", text="")

    asyncio.run(night())
    assert [code for _, _, code, _ in kept.said()] == ["a", "b"]
    assert [code for _, _, code, _ in new.said()] == ["b"]


def test_what_waits_is_delivered_before_leaving(desk):
    inbox = Inbox()

    async def night():
        found = desk(inbox)
        found.raised(code="halted", level="critical", text="stopped")
        await found.flush(timeout_s=1)

    asyncio.run(night())
    assert [code for _, _, code, _ in inbox.said()] == ["halted"]


def test_leaving_does_not_wait_for_a_dead_target(desk):
    class Dead(Inbox):
        async def deliver(self, notice, *, timeout_s):
            await asyncio.sleep(3600)

    async def night():
        found = desk(Dead())
        found.raised(code="halted", level="critical", text="stopped")
        began = time.monotonic()
        await asyncio.wait_for(found.flush(timeout_s=0.05), timeout=2)
        return time.monotonic() - began

    assert asyncio.run(night()) < 1


def test_no_secret_leaves_in_an_alert(desk):
    inbox = Inbox()

    async def night():
        found = desk(inbox)
        async with running(found):
            found.raised(code="a", level="error", text=f"refused 0x{KEY}")

    asyncio.run(night())
    assert KEY not in str(inbox.got)


# --- the targets ---------------------------------------------------------------------------------------


@asynccontextmanager
async def listener(status):
    got = []

    async def take(request):
        got.append((request.content_type, await request.json()))
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post("/T0KEN", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/T0KEN", got
    await runner.cleanup()


def test_a_webhook_gets_the_notice_as_json():
    async def night():
        async with listener(204) as (url, got):
            await Webhook(url).deliver(NOTICE, timeout_s=5)
            return got

    [(kind, body)] = asyncio.run(night())
    assert kind == "application/json"
    assert (body["origin"], body["state"], body["code"], body["text"]) == (
        "0xab on testnet",
        "began",
        "halted",
        "loss",
    )


def test_a_webhook_that_refuses_or_is_not_there_fails_without_its_address():
    async def night():
        async with listener(500) as (url, _):
            with pytest.raises(DeliveryFailed, match="answered 500") as refused:
                await Webhook(url).deliver(NOTICE, timeout_s=5)
        with pytest.raises(DeliveryFailed) as gone:
            await Webhook(url).deliver(NOTICE, timeout_s=5)
        return f"{refused.value} {gone.value} {Webhook(url).name}"

    text = asyncio.run(night())
    assert "T0KEN" not in text
    assert "webhook at 127.0.0.1" in text


def test_a_command_gets_the_notice_and_none_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_KEY", KEY)
    out = tmp_path / "out.json"
    code = (
        f"import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], open({str(out)!r}, 'w'))"
    )
    [target] = alerts.targets(AlertSettings(commands=((sys.executable, "-c", code),)))
    asyncio.run(target.deliver(NOTICE, timeout_s=10))
    notice, environ = json.loads(out.read_text())
    assert notice["code"] == "halted"
    assert "AGENT_KEY" not in environ


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("false",), "ended with 1"),
        (("/nowhere/at/all",), "No such file"),
        (("sleep", "30"), "not done within"),
    ],
)
def test_a_command_that_fails_says_why(words, named):
    with pytest.raises(DeliveryFailed, match=named):
        asyncio.run(Command(words, (("PATH", "/usr/bin:/bin"),)).deliver(NOTICE, timeout_s=0.3))
