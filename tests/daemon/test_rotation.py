"""Secrets read again beside a running daemon: what is new takes over, what is wrong is told and changes nothing."""

import asyncio
import json
import os
import threading
import time
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from adapters.hyperliquid.signing import Signer
from adapters.ports import Unknown
from adapters.secrets import CredentialError, CredentialUnavailable, Secret
from daemon.alerts import Alerts, DeliveryFailed, SecretWebhook
from daemon.config_file import parse
from daemon.credentials import sources
from daemon.rotation import AGAIN_S, Rotated, Rotation, in_thread, take_key
from daemon.settings import AlertSettings
from daemon.wiring import dry_run_key
from sim.vault import Token, Vault, serving
from tests.adapters.hyperliquid.desk import recovered
from tests.daemon.staged import ms, play
from tests.daemon.test_alerts import NOTICE

OLD, NEW = "0x" + "11" * 32, "0x" + "22" * 32


class Told:
    def __init__(self):
        self.active, self.said = {}, []

    def raised(self, *, code, level, text):
        self.active[code] = text
        self.said.append(text)

    def ended(self, code):
        self.active.pop(code, None)


class Gateway:
    """Takes whichever signer it is offered, but those it refuses."""

    def __init__(self, *refused):
        self.signer, self.refused = None, refused

    async def take_signer(self, signer):
        if signer.address in self.refused:
            return f"the new signing key {signer.address} acts for nobody"
        self.signer = signer
        return ""


def rotating(read, gateway=None, *, renew=None, every_s=900.0):
    told, gateway = Told(), gateway or Gateway()

    async def take(key):
        return await take_key(gateway, key)

    rotated = Rotated(code="secret.key", read=read, take=take)
    return Rotation(lambda: [rotated], renew, told=told, every_s=every_s), gateway, told


def from_file(path):
    secrets, _ = sources(parse("").vault, os.environ)
    return lambda: secrets.read(f"file:{path}")


@asynccontextmanager
async def running(rotation):
    job = asyncio.create_task(rotation.run())
    yield
    job.cancel()
    with suppress(asyncio.CancelledError):
        await job


async def until(so):
    async with asyncio.timeout(5):
        while not so():
            await asyncio.sleep(0.005)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "agent_key"
    path.touch(mode=0o600)
    path.write_text(OLD)
    return path


def test_a_key_that_is_new_in_its_file_is_taken_when_asked(path):
    async def scenario():
        rotation, gateway, told = rotating(from_file(path))
        async with running(rotation):
            await until(lambda: gateway.signer)
            path.write_text(NEW)
            rotation.ask()
            await until(lambda: gateway.signer.address == Signer.from_key(NEW).address)
        return told

    assert asyncio.run(scenario()).said == []


def test_a_key_is_read_again_without_being_asked(path):
    async def scenario():
        rotation, gateway, told = rotating(from_file(path), every_s=0.05)
        async with running(rotation):
            await until(lambda: gateway.signer)
            path.write_text(NEW)
            await until(lambda: gateway.signer.address == Signer.from_key(NEW).address)
        return told

    assert asyncio.run(scenario()).said == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.chmod(0o644), "chmod 600"),
        (lambda p: p.unlink(), "cannot be read"),
        (lambda p: p.write_text("0x" + "00" * 32), "cannot be used"),
        (lambda p: p.write_text(NEW), "acts for nobody"),
    ],
    ids=["mode", "missing", "no key", "refused"],
)
def test_what_cannot_be_used_is_told_by_name_until_it_is_mended_and_the_old_key_stays(path, spoil, words):
    new = Signer.from_key(NEW).address

    async def scenario():
        rotation, gateway, told = rotating(from_file(path), Gateway(new))
        await rotation.once()
        spoil(path)
        wait_s = await rotation.once()
        said, signer = dict(told.active), gateway.signer.address
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(OLD)
        return said, signer, wait_s, await rotation.once(), dict(told.active)

    said, signer, wait_s, mended_s, after = asyncio.run(scenario())
    assert words in said["secret.key"]
    assert not any(key[2:] in said["secret.key"] for key in (OLD, NEW))
    assert signer == Signer.from_key(OLD).address
    assert (wait_s, mended_s, after) == (AGAIN_S, 900.0, {})


def test_a_venue_that_cannot_be_asked_is_asked_again_soon(path):
    class Away(Gateway):
        async def take_signer(self, signer):
            raise Unknown("time-out")

    rotation, _, told = rotating(from_file(path), Away())
    assert asyncio.run(rotation.once()) == AGAIN_S
    assert "time-out" in told.active["secret.key"]


def test_a_lease_is_renewed_when_it_is_due_and_a_failure_is_told(path):
    answers = [30.0, CredentialUnavailable("Vault is sealed")]

    def renew():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rotation, _, told = rotating(from_file(path), renew=renew)
    assert asyncio.run(rotation.once()) == 30.0
    assert told.active == {}
    assert asyncio.run(rotation.once()) == AGAIN_S
    assert "sealed" in told.active["secret.vault"]


def test_a_source_that_hangs_holds_up_neither_the_loop_nor_the_end(path):
    hung, let_go = threading.Event(), threading.Event()

    def read():
        hung.set()
        let_go.wait(30)
        raise CredentialError("too late")

    async def scenario():
        rotation, _, _ = rotating(read)
        async with running(rotation):
            await until(hung.is_set)
            return [await asyncio.sleep(0, n) for n in range(100)]

    began = time.monotonic()
    assert len(asyncio.run(scenario())) == 100
    assert time.monotonic() - began < 5
    let_go.set()


def test_whatever_a_thread_raises_is_raised_where_it_is_waited_for():
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 // 0))


def test_a_secret_webhook_is_told_where_its_url_leads_by_now():
    async def scenario():
        got = []

        async def take(request):
            got.append(request.path)
            return web.Response()

        app = web.Application()
        app.router.add_post("/{token}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        settings = AlertSettings(webhook_secrets=("vault:secret/a#b",))
        alerts = Alerts(settings, origin="test", now_ms=lambda: 1)
        [box] = alerts._boxes
        assert isinstance(box.target, SecretWebhook)
        with pytest.raises(DeliveryFailed, match="not been read"):
            await box.target.deliver(NOTICE, timeout_s=1)
        for token in ("first-token", "second-token"):
            alerts.entrust("vault:secret/a#b", Secret(f"{url}/{token}"))
            await box.target.deliver(NOTICE, timeout_s=1)
            assert token not in f"{box.target} {box.target.name}"
        alerts.reconfigure(settings)
        assert alerts._boxes == [box]
        await runner.cleanup()
        return got

    assert asyncio.run(scenario()) == ["/first-token", "/second-token"]


VAULT = '[vault]\naddress = "{address}"\ntoken = "env:VT"\n[account]\nkey_vault = "secret/n#key"\n'


def test_a_key_in_vault_rotates_with_its_version_and_survives_a_sealed_vault():
    vault = Vault(tokens={"hvs.ours-and-ours-alone": Token()})
    vault.put("secret/n", key=OLD)
    with serving(vault) as address:
        secrets, renew = sources(
            parse(VAULT.format(address=address)).vault, {"VT": "hvs.ours-and-ours-alone"}
        )
        rotation, gateway, told = rotating(lambda: secrets.read("vault:secret/n#key"), renew=renew)
        seen = []
        for change in (lambda: None, lambda: vault.put("secret/n", key=NEW), lambda: seal(vault)):
            change()
            asyncio.run(rotation.once())
            seen.append((gateway.signer.address, sorted(told.active)))
    old, new = Signer.from_key(OLD).address, Signer.from_key(NEW).address
    assert seen == [(old, []), (new, []), (new, ["secret.key", "secret.vault"])]


def seal(vault):
    vault.sealed = True


def test_a_new_key_takes_over_while_it_trades_and_the_old_one_ends_the_orders_it_lost(tmp_path):
    """Every third batch is lost on its way; the key changes while the first one lost after 23:53 is under way."""
    old, new = Signer.from_key(dry_run_key("agent")).address, Signer.from_key(NEW)
    posts = []

    def stage(night):
        exchange, tried = night.service._shell.gateway._exchange, []

        def before(path, request):
            if path != "/exchange":
                return
            kind, signer = request["action"]["type"], recovered(json.dumps(request).encode())
            posts.append((kind, request["nonce"], signer))
            tried.append(kind)
            if kind == "order" and tried.count(kind) % 3 == 0 and night.peer.now_ms < ms("23:54"):
                if night.peer.now_ms >= ms("23:53") and exchange.signers.current.address == old:
                    night.peer.venue._state.approve(new.address, night.address, "rotated")
                    exchange.replace_signer(new)
                night.peer.lose("connection reset")

        night.peer.before = before

    night = play(tmp_path / "state", stage=stage, start="23:49", until="23:55:00")
    assert night.error is None
    night.check_against_the_venue()
    nonces = {signer: [n for _, n, s in posts if s == signer] for signer in (old, new.address)}
    assert max(nonces[old]) < min(nonces[new.address])
    assert len(nonces[new.address]) > 3
    last_order = max(n for kind, n, signer in posts if (kind, signer) == ("order", old))
    assert ("noop", last_order, old) in posts
