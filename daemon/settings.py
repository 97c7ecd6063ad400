"""Every key of config.toml: its type, limits, default, meaning, and when a change of it takes effect."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt
from pydantic import StringConstraints

from core.config import TradingSettings
from strategies.idio_statarb.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a value may be, in words, where its type does not say it."""

    text: str


class Reload(StrEnum):
    """When a changed key takes effect after SIGHUP."""

    NOW = "now"
    SESSION_END = "at the session's end"
    RESTART = "after a restart"


Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]
ServiceUrl = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*://\S+$")]
Words = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], Allowed("words")]
Name = Annotated[
    str | None, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$"), Allowed("letters, digits, _ . -")
]

_LOCAL = r"(env:[A-Za-z_][A-Za-z0-9_]*|file:\S(.*\S)?|credential:[A-Za-z0-9_.-]+)"
_VAULT = r"[\w-][\w.-]*(/[\w-][\w.@-]*)+#[\w.-]+"
LocalReference = Annotated[
    str | None,
    StringConstraints(pattern=rf"^{_LOCAL}$"),
    Allowed("env:NAME, file:PATH or credential:NAME"),
]
References = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=rf"^({_LOCAL}|vault:{_VAULT})$")], ...],
    Allowed("a list of env:NAME, file:PATH, credential:NAME or vault:MOUNT/PATH#FIELD"),
]


Source = Literal[
    "binance",
    "coinbase",
    "kraken",
    "okx",
    "bybit",
    "bitstamp",
    "gemini",
    "bitfinex",
    "gate",
    "kucoin",
    "hyperliquid",
]
"""A spot venue; adapters/exchanges/venues.py knows each."""

Preset = Literal["nightdesk", "brief", "deribit", "okx", "binance", "bitmex", "bybit", "hyperliquid", "pyth"]
"""A methodology; core/prices/presets.py has each."""

Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]+/USD$")]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Pair = Annotated[str, StringConstraints(pattern=r"^[a-z]+ [A-Z0-9]+/[A-Z0-9]+$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """Where orders go."""

    network: Annotated[
        str,
        StringConstraints(pattern=r"^(mainnet|testnet|https?://[^\s/]+)$"),
        Allowed('"mainnet", "testnet", or http(s)://HOST[:PORT]'),
        Doc("the venue"),
    ] = "mainnet"
    ip_weight_per_min: Annotated[
        int, Ge(60), Le(1200), Doc("request weight used a minute; the venue allows 1200")
    ] = 1000
    request_timeout_s: Annotated[float, Ge(0.5), Le(60), Doc("after this an answer counts as unknown")] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """Whose book it is. The signing key itself never stands in a configuration file."""

    address: Annotated[
        str | None,
        StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"),
        Allowed("0x and 40 hex digits"),
        Doc("account that is traded (never an agent's address)"),
    ] = None
    master: Annotated[
        str | None,
        StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$"),
        Allowed("0x and 40 hex digits"),
        Doc("owner, only when address is a sub-account or vault; its key or its agent's then signs"),
    ] = None
    key_credential: Annotated[Name, Doc("name of a systemd credential that holds the signing key")] = None
    key_file: Annotated[
        str | None,
        StringConstraints(min_length=1),
        Allowed("a path"),
        Doc("file that holds the signing key, readable by its owner only"),
    ] = None
    key_env: Annotated[Name, Doc("environment variable that holds the signing key")] = None
    key_vault: Annotated[
        str | None,
        StringConstraints(pattern=rf"^{_VAULT}$"),
        Allowed("MOUNT/PATH#FIELD"),
        Doc("field of a secret in Vault that holds the signing key; see [vault]"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsSettings:
    """When secrets are read again, besides at a reload: a new one is taken over while the daemon runs."""

    reread_s: Annotated[float, Ge(10), Le(86_400), Doc("time between two readings of every secret")] = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSettings:
    """HashiCorp Vault, key/value engine version 2: a token, or a role and its secret id, which lie outside this file."""

    address: Annotated[
        str | None,
        StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$"),
        Allowed("https://HOST[:PORT]; http on this machine alone"),
        Doc("where it is"),
    ] = None
    token: Annotated[LocalReference, Doc("where the token lies")] = None
    role_id: Annotated[Name, Doc("AppRole: the role's id, which is no secret")] = None
    secret_id: Annotated[LocalReference, Doc("AppRole: where the role's secret id lies")] = None
    ca_file: Annotated[
        str | None,
        StringConstraints(min_length=1),
        Allowed("a path"),
        Doc("certificates that sign the server's; by default the system's"),
    ] = None
    timeout_s: Annotated[float, Ge(0.5), Le(60), Doc("longest to connect, and to wait for an answer")] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Where everything is kept that must survive a crash."""

    dir: Annotated[
        str | None,
        StringConstraints(min_length=1),
        Allowed("a path"),
        Doc("state directory; without it $STATE_DIRECTORY (systemd), else ~/.local/state/nightdesk"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """JSON lines in a file that rotates; readable text goes to a terminal as well."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Doc("least level that is logged")] = "info"
    file: Annotated[
        str,
        StringConstraints(min_length=1),
        Allowed("a path"),
        Doc("log file, within the state directory unless absolute"),
    ] = "nightdesk.log"
    rotate_mb: Annotated[int, Ge(1), Le(1000), Doc("size at which a new file is begun")] = 50
    keep: Annotated[int, Ge(1), Le(100), Doc("old files kept")] = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Who is told. An alert is sent when it begins and when it ends, and written to the log in any case."""

    level: Annotated[Literal["info", "warning", "error", "critical"], Doc("least level that is sent")] = (
        "warning"
    )
    webhooks: Annotated[
        tuple[Url, ...],
        Allowed("a list of http(s) URLs"),
        Doc("URLs that get a JSON POST; shown nowhere but by host"),
    ] = ()
    webhook_secrets: Annotated[
        References, Doc("the same, each URL kept as a secret: it is read there when secrets are read")
    ] = ()
    commands: Annotated[
        tuple[Words, ...],
        Allowed("a list of commands, each a list of words"),
        Doc("programs run with the alert as JSON on their input"),
    ] = ()
    services: Annotated[
        tuple[ServiceUrl, ...],
        Allowed("a list of URLs as apprise has them"),
        Doc("mail, telephone and chat services; shown nowhere but by the word before the colon"),
    ] = ()
    service_secrets: Annotated[
        References, Doc("services whose URLs are kept as secrets: each is read there when secrets are read")
    ] = ()
    timeout_s: Annotated[float, Ge(1), Le(60), Doc("longest that one delivery may take")] = 10.0
    quiet_s: Annotated[float, Ge(1), Le(86_400), Doc("an alert not repeated for so long has ended")] = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementSettings:
    """What index prices settle at: windows of the published values, once a day or oftener (docs/index_price.md)."""

    at: Annotated[
        tuple[TimeOfDay, ...],
        Allowed('a list such as ["00:00", "08:00"]'),
        Doc("ends of the windows, UTC, at least a window apart"),
    ] = ("00:00",)
    window_s: Annotated[int, Ge(60), Le(86_400), Doc("length of a window")] = 1800
    partitions: Annotated[
        int, Ge(1), Le(60), Doc("equal parts of it, each with a median; whole seconds each")
    ] = 6
    coverage_min: Annotated[
        float, Gt(0), Le(1), Doc("share of a window's seconds that need a price for it to settle")
    ] = 0.9
    stands_s: Annotated[
        float, Ge(1), Le(60), Doc("longest that a value stands; later seconds without another are missing")
    ] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPriceSettings:
    """An index price: what is published, from whom, by which instance, when somebody is told; what trading makes of it."""

    symbols: Annotated[
        tuple[Symbol, ...], Allowed('a list such as ["BTC/USD", "ETH/USD"]'), Doc("indices to publish")
    ] = ("BTC/USD", "ETH/USD")
    preset: Annotated[Preset, Doc("the methodology: docs/index_price.md")] = "nightdesk"
    sources: Annotated[
        tuple[Source, ...],
        Allowed(f"a list of {', '.join(get_args(Source))}"),
        Doc("venues that are asked"),
    ] = get_args(Source)
    without: Annotated[
        tuple[Pair, ...],
        Allowed('a list such as ["gemini SOL/USD"]'),
        Doc("pairs that a venue does not have and is not asked for"),
    ] = ()
    host: Annotated[
        str,
        StringConstraints(min_length=1),
        Allowed("an address of this machine"),
        Doc(
            "where consumers connect; there is neither login nor TLS, so beyond loopback put a proxy before it"
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Ge(0), Le(65_535), Doc("port of the endpoint; 0 picks a free one")] = 8710
    lease_file: Annotated[
        str | None,
        StringConstraints(min_length=1),
        Allowed("a path"),
        Doc(
            "what instances of one host share, for one to publish; else index-price/lease.sqlite in the state directory"
        ),
    ] = None
    zookeeper: Annotated[
        str | None,
        StringConstraints(pattern=r"^[^\s,/]+:\d+(,[^\s,/]+:\d+)*$"),
        Allowed("HOST:PORT, several with commas"),
        Doc("what instances of several hosts share, instead of a lease file"),
    ] = None
    lease_s: Annotated[
        float, Ge(0.5), Le(60), Doc("another instance follows one that vanished after this")
    ] = 2.0
    alert_spread: Annotated[
        float, Gt(0), Le(1), Doc("told when prices are further apart, fraction (S4-47)")
    ] = 0.01
    alert_settle_s: Annotated[float, Ge(0), Le(3600), Doc("a warning is told when it has stood for this")] = (
        5.0
    )
    alert_calm_s: Annotated[float, Ge(0), Le(3600), Doc("an alert ends when it was gone for this")] = 30.0
    beside: Annotated[
        bool,
        Doc(
            "`nightdesk run`, not a dry run, makes index prices too, and takes no new risk at prices that they contradict"
        ),
    ] = False
    dispute_bps: Annotated[
        float,
        Ge(10),
        Le(5000),
        Doc("a price of the trading venue further from its index than this is disputed"),
    ] = 200.0
    dispute_s: Annotated[float, Ge(0), Le(600), Doc("when it was so far away for this without a break")] = 3.0
    settlement: SettlementSettings = field(default_factory=SettlementSettings)


OptionalPath = Annotated[str | None, StringConstraints(min_length=1), Allowed("a path")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoIndexSettings:
    """A crypto index: who is in it, what it is worth each second, and its settlement level of each day."""

    enabled: Annotated[
        bool,
        Doc("`nightdesk run` keeps the index, with prices of [index_price] beside it; a dry run always does"),
    ] = False
    methodology: Annotated[
        str, Allowed("a TOML file, or the name of one that comes with nightdesk"), Doc("its rule book")
    ] = "nci-like"
    dir: Annotated[OptionalPath, Doc("where its ledger is; else crypto-index in the state directory")] = None
    data: Annotated[
        OptionalPath, Doc("data directory of market caps, to which each day's rows are added")
    ] = None
    blacklist: Annotated[
        OptionalPath,
        Doc("list of symbols that leave the same day; else blacklist.json in data, which may be absent"),
    ] = None
    custody_map: Annotated[
        OptionalPath, Doc("who keeps which coin; else custody_map.json in data, else the bundled one")
    ] = None
    settlement: Annotated[
        Literal["twap", "partitioned_median"],
        Allowed(
            '"twap" or "partitioned_median"; by volume (vetted, reference_rate) only recorded minutes settle, as no '
            "connector hands volumes on: `nightdesk index-price settle`"
        ),
        Doc("which settlement value of an index price is a member's, at 00:00 UTC"),
    ] = "twap"
    settle_wait_s: Annotated[
        float,
        Ge(2),
        Le(600),
        Doc("how long after 00:00 settlement values and the day's data are waited for; the level waits too"),
    ] = 20.0
    data_every_s: Annotated[
        float, Ge(5), Le(86_400), Doc("how often data that a late review waits for are looked for")
    ] = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration; immutable, replaced as a whole by a reload."""

    venue: VenueSettings = field(default_factory=VenueSettings)
    account: AccountSettings = field(default_factory=AccountSettings)
    secrets: SecretsSettings = field(default_factory=SecretsSettings)
    vault: VaultSettings = field(default_factory=VaultSettings)
    state: StateSettings = field(default_factory=StateSettings)
    trading: TradingSettings = field(default_factory=TradingSettings)
    idio_statarb: Parameters = field(default_factory=Parameters)
    log: LogSettings = field(default_factory=LogSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    index_price: IndexPriceSettings = field(default_factory=IndexPriceSettings)
    crypto_index: CryptoIndexSettings = field(default_factory=CryptoIndexSettings)


RELOAD: Mapping[str, Reload] = {
    "venue": Reload.RESTART,
    "account": Reload.RESTART,
    "secrets": Reload.RESTART,
    "vault": Reload.RESTART,
    "state": Reload.RESTART,
    "trading.seed": Reload.SESSION_END,
    "trading.flatten_on_kill": Reload.NOW,
    "trading.session": Reload.SESSION_END,
    "trading.twap.slice_s": Reload.SESSION_END,
    "trading.twap.time_jitter": Reload.SESSION_END,
    "trading.twap.size_jitter": Reload.SESSION_END,
    "trading.twap.catch_up_max": Reload.NOW,
    "trading.twap.participation_max": Reload.NOW,
    "trading.twap.slippage_bps": Reload.NOW,
    "trading.twap.slippage_final_bps": Reload.NOW,
    "trading.twap.order_expiry_s": Reload.NOW,
    "trading.twap.min_order_usd": Reload.NOW,
    "trading.hedge": Reload.NOW,
    "trading.risk": Reload.NOW,
    "idio_statarb": Reload.SESSION_END,
    "log.level": Reload.NOW,
    "log.file": Reload.RESTART,
    "log.rotate_mb": Reload.RESTART,
    "log.keep": Reload.RESTART,
    "alerts": Reload.NOW,
    "index_price": Reload.RESTART,
    "crypto_index": Reload.RESTART,
}
"""A key, or a section whose keys are all alike. No key is named twice and none is missing; a test says so."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: dotted name, annotated type, default, meaning, allowed values in words, when a change applies."""

    name: str
    hint: Any
    default: object
    text: str
    allowed: str
    reload: Reload

    @property
    def section(self) -> str:
        return self.name.rpartition(".")[0]


@cache
def keys() -> Mapping[str, Key]:
    """Return every key by its dotted name, in the order of the types."""
    return {key.name: key for key in _keys(Settings, "")}


@cache
def sections() -> Mapping[str, str]:
    """Return every section's dotted name, with what it is about."""
    return dict(_sections(Settings, ""))


@cache
def hints(kind: type) -> Mapping[str, Any]:
    """Return the annotated types of a settings class, by field."""
    return get_type_hints(kind, include_extras=True)


def is_section(hint: Any) -> TypeGuard[type]:
    return isinstance(hint, type) and is_dataclass(hint)


def flat(settings: Settings) -> dict[str, object]:
    """Return every value by its key's dotted name."""
    return {name: value_of(settings, name) for name in keys()}


def value_of(settings: Settings, name: str) -> object:
    found: Any = settings
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _keys(kind: type, prefix: str) -> Iterator[Key]:
    for item in fields(kind):
        hint, name = hints(kind)[item.name], prefix + item.name
        if is_section(hint):
            yield from _keys(hint, f"{name}.")
        else:
            yield Key(name, hint, item.default, _text(hint), allowed(hint), _reload(name))
            assert item.default is not MISSING, f"{name} has no default"


def _sections(kind: type, prefix: str) -> Iterator[tuple[str, str]]:
    for name, hint in hints(kind).items():
        if is_section(hint):
            yield prefix + name, (hint.__doc__ or "").partition("\n")[0]
            yield from _sections(hint, f"{prefix}{name}.")


def _reload(name: str) -> Reload:
    covering = [entry for entry in RELOAD if name == entry or name.startswith(f"{entry}.")]
    if len(covering) != 1:
        raise ValueError(f"{name} must be covered by one entry of RELOAD, got {covering}")
    return RELOAD[covering[0]]


def _text(hint: Any) -> str:
    return next((mark.documentation for mark in get_args(hint)[1:] if isinstance(mark, Doc)), "")


_NOUNS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def allowed(hint: Any) -> str:
    """Return in words what a value of this annotated type may be."""
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    optional = type(None) in get_args(kind) and get_origin(kind) in (Union, types.UnionType)
    ending = ", or left out" if optional else ""
    said = next((mark.text for mark in marks if isinstance(mark, Allowed)), None)
    if said is not None:
        return said + ending
    if get_origin(kind) is Literal:
        return " or ".join(f'"{word}"' for word in get_args(kind))
    plain = next(arg for arg in (get_args(kind) if optional else (kind,)) if arg is not type(None))
    return ", ".join(filter(None, [_NOUNS[plain], _limits(marks)])) + ending


def _limits(marks: list[Any]) -> str:
    limits = []
    for mark in marks:
        match mark:
            case Ge(ge=limit):
                limits.append(f"at least {limit}")
            case Gt(gt=limit):
                limits.append(f"above {limit}")
            case Le(le=limit):
                limits.append(f"at most {limit}")
            case Lt(lt=limit):
                limits.append(f"below {limit}")
    return " and ".join(limits)
