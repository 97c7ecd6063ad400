"""What the commands say of secrets that lie elsewhere: read, not asked for, away, or not what they should be."""

import pytest

from adapters.hyperliquid.signing import Signer
from sim.vault import Token, Vault, serving
from tests.daemon.command_line import nightdesk

KEY, TOKEN, URL = "0x" + "6b" * 32, "hvs.the-token-of-a-test-77", "https://hooks.example/T0-hush-hush"
CONFIG = """
[venue]
network = "http://127.0.0.1:9"
[account]
address = "0x00000000000000000000000000000000000000aa"
key_vault = "secret/night#agent_key"
[vault]
address = "{address}"
token = "env:NIGHT_VAULT_TOKEN"
[alerts]
webhook_secrets = ["vault:secret/night#url"]
service_secrets = ["env:NIGHT_SERVICE"]
"""


@pytest.fixture
def vault(monkeypatch):
    monkeypatch.setenv("NIGHT_VAULT_TOKEN", TOKEN)
    monkeypatch.setenv("NIGHT_SERVICE", "tgram://hush-hush/1")
    vault = Vault(tokens={TOKEN: Token()})
    vault.put("secret/night", agent_key=KEY, url=URL)
    return vault


def said(vault, tmp_path, *words):
    with serving(vault) as address:
        (tmp_path / "config.toml").write_text(CONFIG.format(address=address))
        found = nightdesk(
            *words, "--config", tmp_path / "config.toml", "--state-dir", tmp_path / "state", "--json"
        )
    assert not any(secret in found.out + found.err for secret in (KEY[2:], TOKEN, "hush-hush"))
    return found


def findings(found):
    return {f["what"]: (f["level"], f["found"]) for f in found.document["findings"]}


def test_check_reads_each_secret_and_says_whose_key_it_is(vault, tmp_path):
    found = findings(said(vault, tmp_path, "check"))
    assert found["signing key"] == ("well", f"signs as {Signer.from_key(KEY).address}")
    assert found["webhook"] == ("well", "vault:secret/night#url holds a URL")
    assert found["service"] == ("well", "env:NIGHT_SERVICE holds a URL")


def test_check_names_a_webhook_that_is_no_url(vault, tmp_path):
    vault.put("secret/night", agent_key=KEY, url="hush-hush")
    level, text = findings(said(vault, tmp_path, "check"))["webhook"]
    assert (level, "does not hold an http(s) URL" in text) == ("wrong", True)


def test_check_offline_does_not_ask_vault(vault, tmp_path):
    found = said(vault, tmp_path, "check", "--offline")
    assert found.code == 0
    assert {findings(found)[what][0] for what in ("signing key", "webhook")} == {"warning"}
    assert vault.asked == []


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda v: setattr(v, "sealed", True), 5, "vault operator unseal"),
        (lambda v: v.expire(), 4, "has expired"),
        (lambda v: v.put("secret/night", other="x"), 4, "no text in the field agent_key"),
        (lambda v: v.put("secret/night", agent_key="0x12"), 4, "does not hold a private key"),
    ],
    ids=["sealed", "expired", "no field", "no key"],
)
def test_a_start_without_its_key_ends_with_the_code_that_says_whether_another_may_help(
    vault, tmp_path, spoil, code, words
):
    spoil(vault)
    found = said(vault, tmp_path, "run")
    assert (found.code, words in found.err) == (code, True)
    assert found.err.count("\n") == 1
    assert not (tmp_path / "state").exists()
