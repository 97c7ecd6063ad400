"""Vault over real sockets: versions, logins, leases, and everything that it may refuse."""

import time

import pytest

from adapters.secrets import CredentialError, CredentialUnavailable, Secret
from adapters.vault import AppRoleLogin, TokenLogin, VaultSecrets, VaultServer
from sim.vault import Token, Vault, serving, silent

TOKEN, ROLE, SECRET_ID = "hvs.CAESINightdeskTestToken0001", "night-role", "2f1c-secret-id-77"
KEY = "secret/nightdesk#agent_key"


@pytest.fixture
def vault():
    vault = Vault(tokens={TOKEN: Token()}, roles={ROLE: SECRET_ID})
    vault.put("secret/nightdesk", agent_key="first", alert_url="https://hooks.example/T1")
    return vault


@pytest.fixture
def address(vault):
    with serving(vault) as address:
        yield address


def by_token(address, token=lambda: Secret(TOKEN), timeout_s=2.0):
    return VaultSecrets(VaultServer(address=address, timeout_s=timeout_s), TokenLogin(token))


def by_role(address, secret_id=SECRET_ID):
    return VaultSecrets(VaultServer(address=address), AppRoleLogin(ROLE, lambda: Secret(secret_id)))


def refused(provider, reference=KEY, kind=CredentialError):
    with pytest.raises(kind) as error:
        provider.read(reference)
    text = str(error.value)
    assert not any(secret in text for secret in (TOKEN, SECRET_ID, "first", "T1"))
    return text


@pytest.mark.parametrize("made", [by_token, by_role])
def test_the_newest_version_of_a_field_is_read(vault, address, made):
    provider = made(address)
    assert provider.read(KEY).reveal() == "first"
    vault.put("secret/nightdesk", agent_key="second")
    assert provider.read(KEY).reveal() == "second"


def test_one_login_serves_until_its_lease_ends_and_then_there_is_another(vault, address):
    provider = by_role(address)
    provider.read(KEY), provider.read(KEY)
    assert vault.logins == 1
    vault.expire()
    assert provider.read(KEY).reveal() == "first"
    assert vault.logins == 2


def test_a_token_is_read_again_where_it_lies_when_vault_refuses_it(vault, address):
    lies_there = [TOKEN]
    provider = by_token(address, lambda: Secret(lies_there[0]))
    provider.read(KEY)
    vault.expire(TOKEN)
    lies_there[0] = "hvs.theNextToken"
    vault.tokens["hvs.theNextToken"] = Token()
    assert provider.read(KEY).reveal() == "first"


def test_an_expired_token_is_told_and_asked_for_no_more_than_twice(vault, address):
    provider = by_token(address)
    provider.read(KEY)
    vault.expire()
    asked = len(vault.asked)
    assert "has expired" in refused(provider)
    assert len(vault.asked) == asked + 2


def test_a_policy_that_does_not_allow_it_is_told_with_the_mend(vault, address):
    vault.tokens[TOKEN] = Token(denied=True)
    assert "policy with read on secret/data/nightdesk" in refused(by_token(address))


def test_a_secret_id_that_is_refused_is_told_with_the_mend(address):
    assert "approle/role/ROLE/secret-id" in refused(by_role(address, "wrong"))


def test_a_sealed_vault_may_be_open_later(vault, address):
    provider = by_token(address)
    vault.sealed = True
    assert "vault operator unseal" in refused(provider, kind=CredentialUnavailable)
    vault.sealed = False
    assert provider.read(KEY).reveal() == "first"


def test_nobody_there_and_nobody_answering_are_told_within_the_time_out():
    with serving(Vault()) as address:
        pass
    assert "does not answer" in refused(by_token(address), kind=CredentialUnavailable)
    with silent() as address:
        began = time.monotonic()
        refused(by_token(address, timeout_s=0.2), kind=CredentialUnavailable)
        assert time.monotonic() - began < 2


def test_what_is_not_there_is_told(vault, address):
    provider = by_token(address)
    assert "nothing at secret/other" in refused(provider, "secret/other#a")
    assert "its fields: agent_key, alert_url" in refused(provider, "secret/nightdesk#key")
    assert "expected MOUNT/PATH#FIELD" in refused(provider, "secret/nightdesk")
    vault.delete("secret/nightdesk")
    assert "newest version is deleted" in refused(provider)


def test_an_address_that_is_not_vaults_is_told(vault, address, monkeypatch):
    for answer in [(200, {"hello": 1}), (307, {}), (200, {"data": []}), (200, {"data": {"data": "x"}})]:
        monkeypatch.setattr(Vault, "answer", lambda *_, answer=answer: answer)
        assert "Vault" in refused(by_token(address))


def test_a_lease_is_renewed_at_half_of_it(vault, address):
    provider = by_token(address)
    assert provider.renew() == float("inf")
    assert vault.asked == []
    provider.read(KEY)
    assert provider.renew() == 1800
    assert "POST /v1/auth/token/renew-self" in vault.asked


def test_a_token_that_never_ends_needs_no_renewal(vault, address):
    vault.tokens[TOKEN] = Token(ttl_s=0, renewable=False)
    provider = by_token(address)
    provider.read(KEY)
    assert provider.renew() == float("inf")
    assert len(vault.asked) == 2


def test_a_lease_at_its_greatest_length_ends_in_a_new_login(vault, address):
    vault.of_role = Token(renewals=1)
    provider = by_role(address)
    provider.read(KEY)
    assert provider.renew() == 1800
    assert vault.logins == 1
    assert provider.renew() == 1800
    assert vault.logins == 2


def test_the_environment_of_the_process_decides_nothing(address, monkeypatch):
    for name, value in {"VAULT_TOKEN": TOKEN, "HTTP_PROXY": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    assert "has expired" in refused(by_token(address, lambda: Secret("hvs.not-that-one")))


def test_a_certificate_file_that_is_missing_is_told(address):
    server = VaultServer(address=address, ca_file="/nowhere/ca.pem")
    assert "vault.ca_file = /nowhere/ca.pem" in refused(VaultSecrets(server, TokenLogin(lambda: Secret("x"))))
