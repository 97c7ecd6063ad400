import pytest

from daemon.credentials import CredentialError, sources
from daemon.credentials import signing_key as read_signing_key
from daemon.settings import AccountSettings, VaultSettings

KEY = "59C6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
WANTED = f"0x{KEY.lower()}"


def signing_key(account, environ):
    return read_signing_key(account, sources(VaultSettings(), environ)[0])


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "agent_key"
    path.write_text(f"0x{KEY}\n")
    path.chmod(0o600)
    return path


def test_systemd_hands_the_key_over_by_name(key_file):
    account = AccountSettings(key_credential="agent_key")
    assert signing_key(account, {"CREDENTIALS_DIRECTORY": str(key_file.parent)}).reveal() == WANTED


def test_a_credential_outside_systemd_is_explained():
    with pytest.raises(CredentialError, match="LoadCredential=agent_key"):
        signing_key(AccountSettings(key_credential="agent_key"), {})


def test_a_file_of_the_owner_is_read(key_file):
    assert signing_key(AccountSettings(key_file=str(key_file)), {}).reveal() == WANTED


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_reach_is_refused(key_file, mode):
    key_file.chmod(mode)
    with pytest.raises(CredentialError, match="chmod 600"):
        signing_key(AccountSettings(key_file=str(key_file)), {})


def test_an_environment_variable_will_do():
    assert signing_key(AccountSettings(key_env="AGENT"), {"AGENT": KEY}).reveal() == WANTED
    with pytest.raises(CredentialError, match="no such variable"):
        signing_key(AccountSettings(key_env="AGENT"), {})


@pytest.mark.parametrize("text", ["0x12", KEY[:-1], KEY + "0", KEY.replace("5", "g")])
def test_what_is_no_key_is_refused_without_repeating_it(text):
    with pytest.raises(CredentialError, match="expected 0x and 64 hex digits") as refused:
        signing_key(AccountSettings(key_env="AGENT"), {"AGENT": text})
    assert text not in str(refused.value)


def test_an_empty_place_is_told():
    with pytest.raises(CredentialError, match=r"account\.key_env: \$AGENT is empty"):
        signing_key(AccountSettings(key_env="AGENT"), {"AGENT": " "})


def test_no_place_at_all_is_explained():
    with pytest.raises(CredentialError, match=r"set account\.key_credential"):
        signing_key(AccountSettings(), {})


def test_a_secret_does_not_print():
    secret = signing_key(AccountSettings(key_env="AGENT"), {"AGENT": KEY})
    assert KEY.lower() not in f"{secret!r} {secret} {[secret]}".lower()
