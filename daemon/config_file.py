"""config.toml to settings and back to the operator: all faults at once, and what a reload may change."""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, TypeAdapter, ValidationError

from daemon.settings import Reload, Settings, flat, hints, is_section, keys, sections, value_of

HIDDEN = "[hidden]"
_KEY_TEXT = re.compile(r"(?<![0-9a-fA-F])(0x)?[0-9a-fA-F]{64}(?![0-9a-fA-F])")
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one key, with the value as it may be shown."""

    key: str
    value: str
    text: str

    def __str__(self) -> str:
        return f"{self.key} = {self.value}: {self.text}" if self.value else f"{self.key}: {self.text}"


class ConfigError(Exception):
    """The configuration cannot be used. The text names every fault."""

    def __init__(self, place: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} faults" if len(self.faults) > 1 else "1 fault"
        super().__init__("\n  ".join([f"{place}: {count}", *map(str, self.faults)]))


@dataclass(frozen=True, slots=True)
class Change:
    """A key that a new configuration changes, both values as they may be shown, and when it takes effect."""

    key: str
    old: str
    new: str
    reload: Reload


def load(path: Path | None) -> Settings:
    """Return the settings of the file, or the defaults for None. Raises ConfigError with every fault."""
    if path is None:
        return Settings()
    return parse(_read(path), place=str(path))


def parse(text: str, *, place: str = "config.toml") -> Settings:
    """Return the settings that the text of a config.toml means. Raises ConfigError with every fault."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(place, [Fault("file", "", f"not TOML: {error}")]) from error
    faults: list[Fault] = []
    settings: Settings = _built(Settings, table, "", faults)
    wrong = {fault.key for fault in faults}
    faults += [fault for names, fault in _cross_faults(settings) if wrong.isdisjoint(names)]
    if faults:
        raise ConfigError(place, faults)
    return settings


KEY_PLACES = ("account.key_credential", "account.key_file", "account.key_env", "account.key_vault")
"""Where the signing key may lie; exactly one is named."""

IN_USE = "configuration (--config, else ./config.toml, else defaults)"


def require_account(settings: Settings, *, place: str = IN_USE) -> None:
    """Raise ConfigError unless the settings name an account and where its signing key is."""
    faults = []
    if settings.account.address is None:
        faults.append(Fault("account.address", "", "needed to trade: the account, as 0x and 40 hex digits"))
    elif settings.account.master and settings.account.master.lower() == settings.account.address.lower():
        rule = "must be left out unless account.address is a sub-account or vault of another"
        faults.append(Fault("account.master", settings.account.master, rule))
    if not _key_places(settings):
        faults.append(
            Fault("account.key_credential", "", f"needed to trade: this, {' or '.join(KEY_PLACES[1:])}")
        )
    if faults:
        raise ConfigError(place, faults)


def state_directory(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Return where the state is kept: the configured place, systemd's, or the user's own."""
    given = settings.state.dir or environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given or "~/.local/state/nightdesk").expanduser()


def diff(old: Settings, new: Settings) -> list[Change]:
    """Return what changed, key by key; empty when nothing did."""
    before, after = flat(old), flat(new)
    return [
        Change(name, shown(name, before[name]), shown(name, after[name]), key.reload)
        for name, key in keys().items()
        if before[name] != after[name]
    ]


def taken_over(old: Settings, new: Settings, changes: Iterable[Change]) -> Settings:
    """Return the old settings with the new values of these changes only."""
    for change in changes:
        old = _with(old, change.key.split("."), value_of(new, change.key))
    return old


def shown(key: str, value: object) -> str:
    """Return the value as it may be shown, logged and journaled: no keys, no address of a webhook or service."""
    if key == "alerts.webhooks" and isinstance(value, tuple | list):
        return _text([_host(url) for url in value])
    if key == "alerts.services" and isinstance(value, tuple | list):
        return _text([f"{str(url).partition(':')[0]}:..." for url in value])
    if key in ("alerts.webhook_secrets", "alerts.service_secrets") and isinstance(value, tuple | list):
        return _text([f"{str(reference).partition(':')[0]}:..." for reference in value])
    if _holds_key_text(value):
        return HIDDEN
    return _text(value)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(str(path), [Fault("file", "", f"cannot be read ({error.strerror})")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [Fault("file", "", f"not UTF-8 at byte {error.start}")]) from error


def _built(kind: type, table: Mapping[str, Any], prefix: str, faults: list[Fault]) -> Any:
    """Return an instance of kind with the values that are right; note a fault for each of the others."""
    values: dict[str, Any] = {}
    for name, given in table.items():
        hint, key = hints(kind).get(name), prefix + name
        if hint is None:
            faults.append(_unknown(key, given))
        elif not is_section(hint):
            _take(values, name, (key, given), faults)
        elif isinstance(given, dict):
            values[name] = _built(hint, given, f"{key}.", faults)
        else:
            faults.append(Fault(key, shown(key, given), f"this is a section: write [{key}] above its keys"))
    return kind(**values)


def _take(values: dict[str, Any], name: str, given: tuple[str, Any], faults: list[Fault]) -> None:
    key, value = given
    if _holds_key_text(value):
        faults.append(Fault(key, HIDDEN, _NO_KEYS))
        return
    try:
        values[name] = TypeAdapter(keys()[key].hint, config=_STRICT).validate_python(_as_tuples(value))
    except ValidationError:
        word = HIDDEN if key in _PERHAPS_SECRET else shown(key, value)
        faults.append(Fault(key, word, f"allowed is {keys()[key].allowed}"))


_PERHAPS_SECRET = {
    "alerts.webhook_secrets",
    "alerts.service_secrets",
    "vault.address",
    "vault.token",
    "vault.role_id",
    "vault.secret_id",
}
"""What is written there by mistake may be the secret itself, and is not repeated."""

_NO_KEYS = (
    "this looks like a private key. Take it out of the file, move the funds if others could read it, and name "
    "account.key_credential, account.key_file, account.key_env or account.key_vault instead"
)


def _unknown(key: str, given: object) -> Fault:
    if _holds_key_text(given):
        return Fault(key, HIDDEN, _NO_KEYS)
    section, _, name = key.rpartition(".")
    known = [*keys(), *sections()]
    siblings = {other.rpartition(".")[2]: other for other in known if other.rpartition(".")[0] == section}
    elsewhere = [other for other in known if other.rpartition(".")[2] == name]
    near = [siblings[n] for n in difflib.get_close_matches(name, siblings, n=1)]
    near = near or elsewhere or difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known here: {', '.join(siblings) or 'nothing'}"
    return Fault(key, "" if isinstance(given, dict) else shown(key, given), f"unknown key, {hint}")


# --- rules between keys --------------------------------------------------------------------------------

_BELOW = (
    ("trading.session.preflight_s", "trading.session.projected_s"),
    ("trading.session.projected_s", "trading.session.freeze_s"),
    ("trading.session.freeze_s", "trading.session.correction_s"),
    ("trading.session.correction_s", "trading.session.deadline_s"),
    ("idio_statarb.ema_fast_days", "idio_statarb.ema_slow_days"),
    ("idio_statarb.window_days", "idio_statarb.min_history_days"),
)
"""The first must be below the second."""

_AT_MOST = (
    ("trading.twap.slippage_bps", "trading.twap.slippage_final_bps"),
    ("trading.twap.min_order_usd", "trading.risk.order_max_usd"),
    ("idio_statarb.weight_max", "idio_statarb.gross_max"),
    ("idio_statarb.gross_max", "idio_statarb.physical_gross_max"),
    ("idio_statarb.weight_max", "trading.risk.position_max"),
    ("idio_statarb.physical_gross_max", "trading.risk.gross_max"),
)
"""The first must not exceed the second."""

_Crossed = tuple[tuple[str, ...], Fault]
"""The keys a rule is about, and the fault."""


def _cross_faults(settings: Settings) -> list[_Crossed]:
    found = [_crossed(settings, pair, "below") for pair in _BELOW if not _holds(settings, pair, float.__lt__)]
    found += [
        _crossed(settings, pair, "at most") for pair in _AT_MOST if not _holds(settings, pair, float.__le__)
    ]
    found += _minimum_faults(settings)
    found += _vault_faults(settings)
    session = settings.trading.session
    if session.correction_s + session.close_wait_s >= session.deadline_s:
        names = ("trading.session.close_wait_s", "trading.session.correction_s", "trading.session.deadline_s")
        text = f"correction_s + close_wait_s must be below deadline_s = {session.deadline_s}: no time would be left to trade"
        found.append((names, Fault(names[0], str(session.close_wait_s), text)))
    if len(places := _key_places(settings)) > 1:
        found.append(
            (
                places,
                Fault(
                    places[1],
                    shown("", value_of(settings, places[1])),
                    f"only one place for the key: {places[0]} is set too",
                ),
            )
        )
    return found


def _minimum_faults(settings: Settings) -> list[_Crossed]:
    """The venue checks its 10 USD at the limit price, which lies below the mid for a sale."""
    names = ("trading.twap.min_order_usd", "trading.twap.slippage_final_bps", "trading.hedge.slippage_bps")
    minimum, *slippages = (float(str(value_of(settings, name))) for name in names)
    at_limit = minimum * (1 - max(slippages) / 10_000)
    if at_limit >= 10:
        return []
    text = (
        f"at the limit price of a sale this is {at_limit:.2f} USD, below the venue's minimum of 10: raise it"
    )
    return [(names, Fault(names[0], str(minimum), text))]


_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _vault_faults(settings: Settings) -> list[_Crossed]:
    """Vault is used or left out as a whole: one login for it, TLS on every wire but the machine's own."""
    vault, place = settings.vault, settings.vault.address
    wanted = *settings.alerts.webhook_secrets, *settings.alerts.service_secrets
    needs = settings.account.key_vault or any(str(w).startswith("vault:") for w in wanted)
    logins = [name for name in _LOGINS if value_of(settings, name) is not None]
    faults = []
    if needs and place is None:
        faults.append(Fault("vault.address", "", "needed: a secret is named that lies in Vault"))
    if place is not None and logins not in _ONE_LOGIN:
        faults.append(
            Fault("vault.token", "", "one login is needed: vault.token, or vault.role_id and vault.secret_id")
        )
    if place is not None and place.startswith("http:") and urlsplit(place).hostname not in _LOOPBACK:
        faults.append(Fault("vault.address", place, "must be https: a token would travel in the clear"))
    if vault.ca_file is not None and place is None:
        faults.append(Fault("vault.ca_file", vault.ca_file, "of no use without vault.address"))
    return [
        ((fault.key, "alerts.webhook_secrets", "alerts.service_secrets", *_LOGINS), fault) for fault in faults
    ]


_LOGINS = ("vault.token", "vault.role_id", "vault.secret_id")
_ONE_LOGIN = (["vault.token"], ["vault.role_id", "vault.secret_id"])


def _holds(settings: Settings, pair: tuple[str, str], rule: Callable[[float, float], bool]) -> bool:
    first, second = (float(str(value_of(settings, name))) for name in pair)
    return rule(first, second)


def _crossed(settings: Settings, pair: tuple[str, str], rule: str) -> _Crossed:
    first, second = pair
    text = f"must be {rule} {second} = {value_of(settings, second)}"
    return pair, Fault(first, str(value_of(settings, first)), text)


def _key_places(settings: Settings) -> tuple[str, ...]:
    return tuple(name for name in KEY_PLACES if value_of(settings, name) is not None)


# --- values --------------------------------------------------------------------------------------------


def _holds_key_text(value: object) -> bool:
    """Say whether a 256-bit key stands in it, as text or as one of TOML's hex numbers."""
    if isinstance(value, dict):
        return any(map(_holds_key_text, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_key_text, value))
    if isinstance(value, int):
        return abs(value) >= 1 << 128
    return isinstance(value, str) and not value.startswith("http") and _KEY_TEXT.search(value) is not None


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _with(settings: Any, path: list[str], value: object) -> Any:
    name, *rest = path
    return replace(settings, **{name: _with(getattr(settings, name), rest, value) if rest else value})


def _host(url: object) -> str:
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.hostname or '?'}/..."


def _text(value: object) -> str:
    text = "left out" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
