"""Alerts on their way: rules to the daemon's own alerts, and services through apprise over real sockets."""

import asyncio
import logging
import os
import time
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from adapters.secrets import CredentialError, Secret
from core.prices.types import Cause, State
from daemon import alerts
from daemon.alerts import Alerts, DeliveryFailed, Notice
from daemon.config_file import ConfigError, diff, parse
from daemon.credentials import alert_url, sources
from daemon.index_prices import alerts as sending
from daemon.index_prices.alert_rules import Levels, Rules
from daemon.index_prices.alerts import IndexAlerts, Service
from daemon.settings import AlertSettings, Settings
from tests.daemon.index_prices.values import value

SECRET = "T0KEN-that-nobody-may-see"
REFERENCE = "env:PLANTED_URL"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(alerts, "RETRY_S", ())


@pytest.fixture(autouse=True, scope="module")
def _imported():
    """apprise takes seconds to import, which are no part of what is timed here."""
    asyncio.run(asyncio.to_thread(sending._apprise))


@asynccontextmanager
async def service(status=200, after_s=0.0):
    """Yield an apprise URL of a service on loopback, and what it was sent."""
    got = []

    async def take(request):
        got.append(await request.json())
        await asyncio.sleep(after_s)
        return web.Response(status=status)

    app = web.Application()
    app.router.add_post(f"/{SECRET}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"json://127.0.0.1:{runner.addresses[0][1]}/{SECRET}", got
    finally:
        await runner.cleanup()


@asynccontextmanager
async def delivering(url, **options):
    desk = Alerts(AlertSettings(services=(url,), **options), origin="test", now_ms=lambda: 1)
    job = asyncio.create_task(desk.run())
    try:
        yield desk
    finally:
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


def few(at_ms):
    return value(at_ms=at_ms, state=State.DEGRADED, cause=Cause.QUORUM, active_feeds=2)


def test_a_service_is_told_once_when_it_begins_and_once_when_it_ends():
    async def scenario():
        async with service() as (url, got), delivering(url) as desk:
            told = IndexAlerts(Rules(Levels(calm_s=2)), desk)
            for second in range(5):
                told.publish([few(1000 * second)])
            for second in range(5, 10):
                told.publish([value(at_ms=1000 * second)])
            await until(lambda: len(got) >= 2)
            await asyncio.sleep(0.05)
            return got

    began, ended = asyncio.run(scenario())
    assert (began["type"], ended["type"]) == ("failure", "success")
    assert "critical: index.feeds.BTC/USD" in began["title"]
    assert "2 feeds count" in began["message"]
    assert "ended" in ended["title"]


def test_what_stands_does_not_end_because_it_was_told_only_once():
    now_ms = [0]
    desk = Alerts(AlertSettings(quiet_s=10), origin="test", now_ms=lambda: now_ms[0])
    told = IndexAlerts(Rules(Levels()), desk)
    for second in range(60):
        now_ms[0] = 1000 * second
        told.publish([few(now_ms[0])])
        desk.sweep()
    assert [(one.code, one.since_ms) for one in desk.active()] == [("index.feeds.BTC/USD", 0)]
    told.silent()
    assert desk.active() == ()


def test_a_service_that_fails_or_hangs_stops_nobody_and_its_url_is_said_nowhere(caplog, capsys):
    """One refuses, one hangs; the loop goes on meanwhile, and the other target is told."""
    caplog.set_level(logging.DEBUG)

    async def scenario():
        async with (
            service(500) as (refusing, _),
            service(after_s=3) as (hanging, _),
            service() as (good, got),
        ):
            settings = AlertSettings(services=(refusing, hanging, good), timeout_s=1)
            desk = Alerts(settings, origin="test", now_ms=lambda: 1)
            job = asyncio.create_task(desk.run())
            began = time.monotonic()
            desk.raised(code="a", level="critical", text="x")
            assert time.monotonic() - began < 0.5
            await until(lambda: got)
            for box in desk._boxes:
                with suppress(DeliveryFailed):
                    await box.target.deliver(notice(), timeout_s=0.3)
            job.cancel()
            with suppress(asyncio.CancelledError):
                await job
            return (
                f"{settings.services!r}",
                [box.target.name for box in desk._boxes],
                repr(desk._boxes[0].target),
            )

    _, names, shown = asyncio.run(scenario())
    assert names == ["service json"] * 3
    said = capsys.readouterr()
    assert SECRET not in f"{said.out}{said.err}{shown}"
    assert SECRET not in "".join(r.getMessage() for r in caplog.records if r.name.split(".")[0] != "urllib3")
    assert "alert not delivered" in f"{said.out}{said.err}{caplog.text}"


def notice(**changes):
    given = {"origin": "o", "state": "began", "level": "error", "code": "c", "text": "t"}
    return Notice(**given | {"at_ms": 2, "since_ms": 1, "count": 1} | changes)


def test_a_service_whose_url_is_a_secret_is_told_where_it_was_read_last(caplog, capsys):
    caplog.set_level(logging.DEBUG)

    async def scenario():
        async with service() as (old, to_old), service() as (new, to_new):
            desk = Alerts(AlertSettings(service_secrets=(REFERENCE,)), origin="test", now_ms=lambda: 1)
            [target] = [box.target for box in desk._boxes]
            with pytest.raises(DeliveryFailed, match="not been read"):
                await target.deliver(notice(), timeout_s=5)
            for url in (old, old, new):
                desk.entrust(REFERENCE, Secret(url))
                await target.deliver(notice(), timeout_s=20)
            return len(to_old), len(to_new), f"{target} {target.name} {desk._boxes}"

    *told, shown = asyncio.run(scenario())
    assert told == [2, 1]
    assert f"service of {REFERENCE}" in shown
    said = capsys.readouterr()
    logged = "".join(r.getMessage() for r in caplog.records if r.name.split(".")[0] != "urllib3")
    assert SECRET not in f"{said.out}{said.err}{shown}{logged}"


@pytest.mark.parametrize(("text", "is_url"), [("tgram://1:x/2", True), ("no url", False), ("//x", False)])
def test_what_lies_at_a_services_reference_must_be_a_url(text, is_url, monkeypatch):
    monkeypatch.setenv("PLANTED_URL", text)
    secrets, _ = sources(Settings().vault, os.environ)
    if is_url:
        assert alert_url("alerts.service_secrets", REFERENCE, secrets) == Secret(text)
        return
    with pytest.raises(CredentialError, match="does not hold the URL of a service") as refused:
        alert_url("alerts.service_secrets", REFERENCE, secrets)
    assert text not in str(refused.value)


def test_a_service_that_hangs_has_one_thread_and_says_so():
    async def scenario():
        async with service(after_s=0.6) as (url, got):
            target = Service(url)
            with pytest.raises(DeliveryFailed, match=r"not done within 0\.2 s"):
                await target.deliver(notice(), timeout_s=0.2)
            with pytest.raises(DeliveryFailed, match="still on its way"):
                await target.deliver(notice(), timeout_s=0.2)
            await until(lambda: not target._busy.locked())
            await target.deliver(notice(), timeout_s=5)
            return got

    assert len(asyncio.run(scenario())) == 2


def test_a_url_that_apprise_does_not_know_fails_and_is_not_repeated(caplog, capsys):
    with pytest.raises(DeliveryFailed, match="no service that apprise knows") as refused:
        asyncio.run(Service(f"nonsense://{SECRET}").deliver(notice(), timeout_s=20))
    said = capsys.readouterr()
    assert SECRET not in f"{refused.value}{caplog.text}{said.out}{said.err}"


def test_a_plugins_own_fault_is_told_by_its_kind_only(monkeypatch):
    class Broken:
        def __init__(self, **_):
            raise RuntimeError(SECRET)

    monkeypatch.setattr("apprise.Apprise", Broken)
    with pytest.raises(DeliveryFailed) as refused:
        asyncio.run(Service(f"json://{SECRET}").deliver(notice(), timeout_s=20))
    assert str(refused.value) == "RuntimeError"


def test_services_of_the_configuration_are_shown_by_their_kind_only():
    settings = parse(f'[alerts]\nservices = ["tgram://{SECRET}/1"]')
    [change] = diff(Settings(), settings)
    assert change.new == "['tgram:...']"
    with pytest.raises(ConfigError) as refused:
        parse(f'[alerts]\nservices = ["tgram://{SECRET}", "{SECRET}:no url"]')
    assert "no url" not in str(refused.value)
    assert f"//{SECRET}" not in str(refused.value)
