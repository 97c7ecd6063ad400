"""The account that orders are signed for, as the configuration names it."""

from daemon.config_file import parse
from daemon.wiring import configured_account

ADDRESS, MASTER = "0x" + "AB" * 20, "0x" + "CD" * 20
TEXT = f'[account]\naddress = "{ADDRESS}"\nkey_env = "NIGHT_KEY"\n'


def test_an_account_of_its_own_names_no_vault(monkeypatch):
    monkeypatch.setenv("NIGHT_KEY", "0x" + "11" * 32)
    account = configured_account(parse(TEXT))
    assert (account.address, account.master, account.vault) == (ADDRESS.lower(), None, None)


def test_a_sub_account_is_the_vault_its_master_signs_for(monkeypatch):
    monkeypatch.setenv("NIGHT_KEY", "0x" + "11" * 32)
    account = configured_account(parse(TEXT + f'master = "{MASTER}"\n'))
    assert (account.address, account.master) == (ADDRESS.lower(), MASTER.lower())
    assert account.vault == account.address
