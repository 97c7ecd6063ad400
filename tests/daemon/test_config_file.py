import os
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import TradingSettings
from daemon.config_docs import config_toml, configuration_md
from daemon.config_file import (
    ConfigError,
    diff,
    load,
    parse,
    require_account,
    shown,
    state_directory,
    taken_over,
)
from daemon.settings import RELOAD, Reload, Settings, flat, keys, sections

ROOT = Path(__file__).resolve().parents[2]
KEY = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
ADDRESS = "0x" + "ab" * 20


def faults(text):
    with pytest.raises(ConfigError) as refused:
        parse(text)
    return {fault.key: str(fault) for fault in refused.value.faults}


# --- the defaults, the example and the page ------------------------------------------------------------


def test_the_shipped_config_toml_means_the_defaults():
    assert load(ROOT / "config.toml") == load(None) == Settings()


def test_the_shipped_config_toml_names_every_key():
    text = (ROOT / "config.toml").read_text("utf-8")
    assert text == config_toml(), "run python -m daemon.config_docs"
    section, named = "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif found := re.match(r"(?:# )?(\w+) =", line):
            named.append(f"{section}.{found[1]}")
    assert named == list(keys())


def test_the_page_of_the_configuration_is_what_the_types_say():
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert page == configuration_md(), "run python -m daemon.config_docs"
    for key in keys().values():
        row = next(
            line
            for line in page.splitlines()
            if line.startswith(f"| `{key.name.rpartition('.')[2]}` |") and key.text in line
        )
        assert key.allowed in row
        assert row.endswith(f"| {key.reload} |")


def test_every_key_has_a_text_and_a_default_within_its_own_limits():
    for key in keys().values():
        assert key.text, key.name
    assert parse(config_toml()) == Settings()


def test_the_parameters_of_the_strategy_are_those_of_d3_14():
    named = (
        "window_days cov_days pool_days ema_fast_days ema_slow_days sma_days winsor min_names min_history_days "
        "min_volume_usd gamma gross_max physical_gross_max weight_max adv_share_max fee_bps half_spread_bps "
        "hedge_cost_bps impact_y holding_days kappa equity_usd rules"
    )
    assert set(named.split()) <= {
        key.name.rpartition(".")[2] for key in keys().values() if key.section == "idio_statarb"
    }


# --- faults --------------------------------------------------------------------------------------------


def test_all_faults_come_at_once_with_key_value_and_what_is_allowed(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        '[venue]\nnetwork = "moonnet"\n[trading.twap]\nslice_s = 1\nslise_s = 3\n[trading.session]\nfreeze_s = 130\n'
        "[idio_statarb]\ngamma = true\n"
    )
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value).splitlines() == [
        f"{path}: 5 faults",
        '  venue.network = \'moonnet\': allowed is "mainnet", "testnet", or http(s)://HOST[:PORT]',
        "  trading.twap.slice_s = 1: allowed is a number, at least 5 and at most 300",
        "  trading.twap.slise_s = 3: unknown key, did you mean trading.twap.slice_s?",
        "  idio_statarb.gamma = true: allowed is a number, above 0 and at most 1000",
        "  trading.session.freeze_s = 130: must be below trading.session.correction_s = 120",
    ]


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("[venu]\nnetwork = 'mainnet'", "venu", "did you mean venue?"),
        ("[venue]\nslice_s = 30", "venue.slice_s", "did you mean trading.twap.slice_s?"),
        ("[session]\nfreeze_s = 60", "session", "did you mean trading.session?"),
        ("[log]\nlevels = 'info'", "log.levels", "did you mean log.level?"),
        ("[log]\nxyzzy = 1", "log.xyzzy", "known here: level, file, rotate_mb, keep"),
        (
            "[trading.risk]\nslippage_bps = 1",
            "trading.risk.slippage_bps",
            "trading.twap.slippage_bps or trading.hedge.slippage_bps",
        ),
    ],
)
def test_an_unknown_key_is_told_the_nearest_known_one(text, key, hint):
    assert hint in faults(text)[key]


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "-1", "true", '"30"', "[30]", "{ a = 1 }", "2025-01-01"]
)
def test_nothing_but_a_number_within_its_limits_passes_for_one(value):
    assert "trading.twap.slice_s" in faults(f"[trading.twap]\nslice_s = {value}")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_limit_that_is_open_upwards_is_still_a_finite_number(value):
    assert "trading.risk.order_max_usd" in faults(f"[trading.risk]\norder_max_usd = {value}")


def test_a_whole_number_will_do_for_a_number_but_not_the_other_way_round():
    assert parse("[trading.twap]\nslice_s = 60").trading.twap.slice_s == 60.0
    assert "trading.session.freeze_s" in faults("[trading.session]\nfreeze_s = 60.0")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[trading.session]\npreflight_s = -600", "trading.session.preflight_s"),
        ("[trading.session]\ncorrection_s = 500", "trading.session.correction_s"),
        ("[trading.session]\nclose_wait_s = 300", "trading.session.close_wait_s"),
        ("[trading.twap]\nslippage_final_bps = 50", "trading.twap.slippage_bps"),
        ("[idio_statarb]\nweight_max = 0.5", "idio_statarb.weight_max"),
        ("[idio_statarb]\nema_fast_days = 10", "idio_statarb.ema_fast_days"),
        ("[idio_statarb]\nwindow_days = 31", "idio_statarb.window_days"),
        ("[idio_statarb]\nphysical_gross_max = 4.0", "idio_statarb.physical_gross_max"),
        ("[account]\nkey_env = 'A'\nkey_file = 'b'", "account.key_env"),
    ],
)
def test_values_that_contradict_each_other_are_a_fault(text, key):
    assert key in faults(text)


def test_a_rule_between_keys_is_silent_where_one_of_them_is_wrong_already():
    found = faults("[trading.session]\nfreeze_s = 9999\ncorrection_s = 50")
    assert list(found) == ["trading.session.freeze_s"]
    assert "allowed is" in found["trading.session.freeze_s"]


def test_a_section_that_is_a_value_and_a_value_that_is_a_section_are_named():
    found = faults("log = 3\n[venue.network]\na = 1")
    assert "write [log] above its keys" in found["log"]
    assert "allowed is" in found["venue.network"]


@pytest.mark.parametrize("content", [b"[venue\n", b"a = 1\na = 2\n", b"a = \xff\n"])
def test_what_is_not_toml_is_one_fault_with_its_place(tmp_path, content):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"line|UTF-8 at byte 4"):
        load(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml: 1 fault\n  file: cannot be read \(No such file"):
        load(tmp_path / "absent.toml")


scalars = st.one_of(st.integers(-(10**6), 10**6), st.floats(), st.booleans(), st.text(max_size=5), st.none())


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(keys())), value=st.one_of(scalars, st.lists(scalars, max_size=2)))
def test_any_value_of_any_key_is_taken_or_is_a_named_fault(name, value):
    section, _, key = name.rpartition(".")
    text = f"[{section}]\n{key} = {_toml(value)}"
    try:
        found = parse(text)
    except ConfigError:
        return
    changed = {change.key for change in diff(Settings(), found)}
    assert changed <= {name}


def _toml(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) or value is None:
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value or "" if not 0xD800 <= ord(c) < 0xE000) + '"'
    return repr(value)


# --- keys and secrets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f'[account]\nprivate_key = "0x{KEY}"',
        f'[account]\nkey_file = "{KEY}"',
        f'[account]\nkey_env = "0x{KEY.upper()}"',
        f"[account]\nsecret = 0x{KEY}",
        f'[wallet]\nkeys = ["a", "0x{KEY}"]',
        f'[alerts]\ncommands = [["page", "{KEY}"]]',
    ],
)
def test_a_key_in_the_file_is_refused_and_never_repeated(text):
    with pytest.raises(ConfigError, match="looks like a private key") as refused:
        parse(text)
    message = str(refused.value).lower()
    assert KEY not in message
    assert str(int(KEY, 16)) not in message


def test_a_webhooks_address_is_shown_by_its_host_only():
    settings = parse('[alerts]\nwebhooks = ["https://hooks.example.com/services/T0KEN"]')
    [change] = diff(Settings(), settings)
    assert change.new == "['https://hooks.example.com/...']"
    assert "T0KEN" not in str(faults('[alerts]\nwebhooks = ["https://hooks.example.com/T0KEN", "x"]'))


def test_a_long_value_is_cut():
    assert len(shown("log.file", "x" * 500)) == 80


def test_trading_needs_an_account_and_a_place_of_the_key():
    with pytest.raises(ConfigError) as refused:
        require_account(Settings())
    assert [fault.key for fault in refused.value.faults] == ["account.address", "account.key_credential"]
    require_account(parse(f'[account]\naddress = "{ADDRESS}"\nkey_credential = "agent_key"'))


def test_a_master_is_named_for_a_sub_account_and_never_for_itself():
    text = f'[account]\naddress = "{ADDRESS}"\nkey_credential = "agent_key"\nmaster = "%s"'
    require_account(parse(text % ("0x" + "cd" * 20)))
    with pytest.raises(ConfigError, match="must be left out unless"):
        require_account(parse(text % ADDRESS.upper().replace("X", "x")))


def test_the_state_directory_is_the_configured_one_or_systemds_or_the_users_own():
    assert state_directory(parse('[state]\ndir = "/srv/x"'), {"STATE_DIRECTORY": "/var/lib/y"}) == Path(
        "/srv/x"
    )
    assert state_directory(Settings(), {"STATE_DIRECTORY": "/var/lib/y:/var/lib/z"}) == Path("/var/lib/y")
    assert state_directory(Settings(), {}) == Path(os.path.expanduser("~/.local/state/nightdesk"))


# --- reload --------------------------------------------------------------------------------------------


def test_every_key_has_one_reload_class_and_every_entry_covers_a_key():
    covered = {
        key.name: [e for e in RELOAD if key.name == e or key.name.startswith(f"{e}.")]
        for key in keys().values()
    }
    assert all(len(entries) == 1 for entries in covered.values()), covered
    assert {entry for entries in covered.values() for entry in entries} == set(RELOAD)
    assert set(RELOAD) <= set(keys()) | set(sections())


def test_where_orders_go_and_whose_they_are_never_changes_under_a_running_daemon():
    for key in keys().values():
        if key.section in {"venue", "account", "state"}:
            assert key.reload is Reload.RESTART, key.name


def test_nothing_changed_is_no_change():
    assert diff(Settings(), parse(config_toml())) == []


def test_a_change_names_key_both_values_and_when():
    new = parse(
        '[venue]\nnetwork = "testnet"\n[trading.risk]\nloss_max = 0.2\n[trading.session]\nfreeze_s = 90\n'
        "[idio_statarb]\nkappa = 0.1"
    )
    found = [(c.key, c.old, c.new, c.reload) for c in diff(Settings(), new)]
    assert found == [
        ("venue.network", "'mainnet'", "'testnet'", Reload.RESTART),
        ("trading.session.freeze_s", "60", "90", Reload.SESSION_END),
        ("trading.risk.loss_max", "0.1", "0.2", Reload.NOW),
        ("idio_statarb.kappa", "left out", "0.1", Reload.SESSION_END),
    ]


def test_only_the_changes_taken_over_take_effect():
    old = Settings()
    new = parse("[trading.risk]\nloss_max = 0.2\n[trading.session]\nfreeze_s = 90")
    now = [change for change in diff(old, new) if change.reload is Reload.NOW]
    risk = replace(old.trading.risk, loss_max=0.2)
    assert taken_over(old, new, now) == replace(old, trading=replace(old.trading, risk=risk))
    assert taken_over(old, new, diff(old, new)) == new
    assert old == Settings()


def test_the_trading_section_is_the_cores_own_settings():
    assert parse("[trading]\nseed = 7").trading == TradingSettings(seed=7)
    assert flat(Settings())["trading.seed"] == 0
    assert tomllib.loads(config_toml())["trading"]["twap"]["slice_s"] == 30.0


# --- secrets -------------------------------------------------------------------------------------------

VAULT = '[vault]\naddress = "https://vault.example:8200"\n'


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ('[account]\nkey_vault = "secret/night#key"', "vault.address", "lies in Vault"),
        ('[alerts]\nwebhook_secrets = ["vault:secret/night#url"]', "vault.address", "lies in Vault"),
        ('[alerts]\nservice_secrets = ["vault:secret/night#url"]', "vault.address", "lies in Vault"),
        (VAULT, "vault.token", "one login"),
        (f'{VAULT}role_id = "night"', "vault.token", "one login"),
        (f'{VAULT}token = "env:A"\nrole_id = "night"\nsecret_id = "env:B"', "vault.token", "one login"),
        ('[vault]\naddress = "http://vault.example:8200"\ntoken = "env:A"', "vault.address", "must be https"),
        ('[vault]\nca_file = "ca.pem"', "vault.ca_file", "of no use"),
        ('[account]\nkey_env = "A"\nkey_vault = "s/n#k"', "account.key_vault", "only one place"),
        ('[account]\nkey_vault = "secret/../sys#key"', "account.key_vault", "MOUNT/PATH#FIELD"),
    ],
)
def test_vault_is_configured_as_a_whole_or_the_fault_is_named(text, key, words):
    assert words in faults(text)[key]


def test_vault_with_one_login_is_good():
    for login in ('token = "file:/run/token"', 'role_id = "night"\nsecret_id = "credential:sid"'):
        assert parse(f'{VAULT}{login}\n[account]\nkey_vault = "secret/a/b#key"').vault.timeout_s == 5.0
    assert parse('[vault]\naddress = "http://127.0.0.1:8200"\ntoken = "env:T"').vault.address


@pytest.mark.parametrize(
    "text",
    [
        '[vault]\ntoken = "hvs.CAESIHUSHHUSH"',
        '[vault]\nsecret_id = "HUSHHUSH"',
        '[vault]\naddress = "https://me:HUSHHUSH@vault.example"',
        '[alerts]\nwebhook_secrets = ["https://hooks.example/HUSHHUSH"]',
        '[alerts]\nservice_secrets = ["tgram://HUSHHUSH/1"]',
    ],
)
def test_a_secret_written_where_its_place_belongs_is_not_repeated(text):
    assert "allowed is" in str(faults(text))
    assert "HUSH" not in str(faults(text))


@pytest.mark.parametrize("key", ["webhook_secrets", "service_secrets"])
def test_a_change_of_secret_urls_shows_their_sources_only(key):
    settings = parse(f'[alerts]\n{key} = ["file:/hush/hush", "env:HUSH"]')
    [change] = diff(Settings(), settings)
    assert "file:..." in change.new
    assert "hush" not in f"{change.old}{change.new}".lower()
