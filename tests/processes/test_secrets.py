"""Secrets in every source of a real daemon that meets errors with each of them: no byte that it leaves behind holds one."""

import json
import os
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.hyperliquid.signing import Signer
from sim.vault import Vault, serving
from tests.daemon.command_line import nightdesk
from tests.daemon.staged import small_data
from tests.processes.two_processes import NIGHTDESK, ROOT, VenueProcess

pytestmark = pytest.mark.xdist_group("waiting")

WAIT_S = 40.0
MASTER = Signer.from_key("0x" + "5c" * 32).address
KEYS = {name: "0x" + f"{n:02x}a7" * 16 for n, name in enumerate(("first", "second", "stranger"), 0x31)}
SECRET_ID = "8d2b6e10-planted-secret-id"
URLS = {
    source: f"http://127.0.0.1:9/hooks/T0-{source}-planted-7Qx" for source in ("vault", "file", "env", "cred")
}
SERVICE = "json://127.0.0.1:9/T1-service-planted-9Kz"
PLANTED = {
    **{f"key {name}": key[2:] for name, key in KEYS.items()},
    **{f"url {source}": url.rpartition("/")[2] for source, url in URLS.items()},
    "service's token": SERVICE.rpartition("/")[2],
    "secret id": SECRET_ID,
    "token of Vault": "hvs.made-for-",
}
CONFIG = """
[account]
address = "{master}"
key_vault = "secret/nightdesk#agent_key"
[vault]
address = "{vault}"
role_id = "night"
secret_id = "file:{directory}/secret_id"
timeout_s = 2
[alerts]
webhook_secrets = ["vault:secret/nightdesk#url", "file:{directory}/url", "env:PLANTED_URL", "credential:url"]
service_secrets = ["vault:secret/nightdesk#service"]
[log]
level = "debug"
"""


@dataclass
class Left:
    """Everything that a run has left behind, by where it lies."""

    places: dict[str, bytes]

    def holding(self) -> list[str]:
        return [
            f"{name} in {place}"
            for place, data in self.places.items()
            for name, secret in PLANTED.items()
            if secret.lower().encode() in data.lower()
        ]


def planted(directory: Path, vault: Vault, address: str) -> dict[str, str]:
    """Put every secret into its source; return the environment of the daemon."""
    for name, text in (("secret_id", SECRET_ID), ("url", URLS["file"])):
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(text)
    (directory / "credentials").mkdir()
    (directory / "credentials" / "url").write_text(URLS["cred"])
    vault.roles["night"] = SECRET_ID
    vault.put("secret/nightdesk", agent_key=KEYS["first"], url=URLS["vault"], service=SERVICE)
    (directory / "config.toml").write_text(CONFIG.format(master=MASTER, vault=address, directory=directory))
    credentials = {"CREDENTIALS_DIRECTORY": str(directory / "credentials"), "PLANTED_URL": URLS["env"]}
    return os.environ | credentials


def venue() -> VenueProcess:
    agents = [
        w
        for name in ("first", "second")
        for w in ("--agent", f"{Signer.from_key(KEYS[name]).address}={MASTER}")
    ]
    words = [
        "venue",
        "--data",
        str(small_data()),
        "--start",
        "2024-12-31T23:49:00Z",
        "--speed",
        "20",
        *agents,
    ]
    process = subprocess.Popen([*NIGHTDESK, *words, "--account", MASTER], cwd=ROOT, stdout=subprocess.PIPE)
    listening = json.loads(process.stdout.readline())
    return VenueProcess(process, listening["url"], MASTER)


class Daemon:
    def __init__(self, directory: Path, url: str, environ: dict[str, str]) -> None:
        self.state = directory / "state"
        self.config = directory / "config.toml"
        words = [
            "run",
            "--dry-run",
            "--venue",
            url,
            "--state-dir",
            str(self.state),
            "--config",
            str(self.config),
        ]
        self.process = subprocess.Popen(
            [*NIGHTDESK, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        )

    def until_logged(self, words: str) -> None:
        deadline = time.monotonic() + WAIT_S
        log = self.state / "nightdesk.log"
        while not log.exists() or words.encode() not in log.read_bytes():
            assert self.process.poll() is None, self.process.communicate()[1].decode()[-2000:]
            assert time.monotonic() < deadline, f"waited in vain for {words!r}"
            time.sleep(0.05)

    def ask(self, *words: str) -> None:
        said = nightdesk(*words, "--state-dir", self.state, "--json")
        assert said.code == 0, said.err

    def stop(self) -> dict[str, bytes]:
        self.process.terminate()
        out, err = self.process.communicate(timeout=20)
        return {"stdout": out, "stderr": err}


def through_every_error(daemon: Daemon, vault: Vault) -> dict[str, bytes]:
    """Have each secret refused, unreadable and rotated while it trades; return what the process printed."""
    daemon.until_logged('"protected"')
    vault.put("secret/nightdesk", agent_key=KEYS["stranger"], url=URLS["vault"], service=SERVICE)
    daemon.ask("reload")
    daemon.until_logged("acts for nobody the venue knows")
    vault.expire()
    vault.sealed = True
    daemon.ask("reload")
    daemon.until_logged("vault operator unseal")
    vault.sealed = False
    vault.put("secret/nightdesk", agent_key=KEYS["second"], url=URLS["vault"], service=SERVICE)
    daemon.ask("reload")
    daemon.until_logged("signing key replaced")
    daemon.ask("kill", "--reason", "a look at what is said")
    for reference in ("vault:secret", "env:PLANTED_URL", "credential:url", "file:"):
        daemon.until_logged(f'"target":"webhook of {reference}')
    for words in ('"target":"service of vault:secret', '"error":"not taken"'):
        daemon.until_logged(words)
    return daemon.stop()


def left_behind(daemon: Daemon, printed: dict[str, bytes], monkeypatch, environ: dict[str, str]) -> Left:
    for name in ("CREDENTIALS_DIRECTORY", "PLANTED_URL"):
        monkeypatch.setenv(name, environ[name])
    bundle = daemon.state.parent / "incident.tar.gz"
    said = nightdesk(
        "incident", "--state-dir", daemon.state, "--config", daemon.config, "--out", bundle, "--json"
    )
    assert said.code == 0, said.err
    places = printed | {"incident's words": (said.out + said.err).encode()}
    with tarfile.open(bundle) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
    assert not any(
        "secret" in why for why in json.loads(members["incident/manifest.json"])["missing"].values()
    )
    files = {str(p.relative_to(daemon.state)): p.read_bytes() for p in daemon.state.rglob("*") if p.is_file()}
    return Left(places | members | files)


def test_no_secret_is_in_logs_journal_state_or_incident_whatever_befalls_it(tmp_path, monkeypatch):
    vault = Vault()
    with serving(vault) as address:
        environ = planted(tmp_path, vault, address)
        peer = venue()
        try:
            daemon = Daemon(tmp_path, peer.url, environ)
            try:
                printed = through_every_error(daemon, vault)
            finally:
                daemon.process.kill()
            left = left_behind(daemon, printed, monkeypatch, environ)
        finally:
            peer.stop()
    assert {"nightdesk.log", "journal.sqlite", "incident/nightdesk.log", "stderr"} <= left.places.keys()
    assert vault.logins >= 2
    assert left.holding() == []
