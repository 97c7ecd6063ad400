"""Logs: JSON lines in a rotating file, readable text on a terminal, no secrets in either, nothing on stdout."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

import msgspec
import structlog

from daemon.settings import LogSettings

EventDict = MutableMapping[str, Any]
HIDDEN = "[hidden]"

SECRET_FIELDS = frozenset(
    {
        "private_key",
        "key",
        "secret",
        "signing_key",
        "signature",
        "authorization",
        "password",
        "token",
        "api_key",
        "apikey",
    }
    | {"api_secret", "mnemonic", "seed_phrase", "cookie", "webhook", "body", "secret_id"}
)
"""Hidden whole, whatever they hold. body: a signed payload."""

OURS = ("adapters", "daemon", "research", "sim", "state")
"""The packages that log. An SDK that logs payloads on the root logger at debug level is not heard."""

PUBLIC_HASHES = frozenset({"hash", "tx_hash", "sha256", "checksum", "journal_hash"})
"""Fields that may show 64 hex digits: a transaction's hash is no key."""

_HEX_SECRET = re.compile(r"0x[0-9a-fA-F]{52,}|(?<![0-9a-fA-F])[0-9a-fA-F]{64,}")
"""Keys, and halves of signatures, whose leading zeros may be left out. Addresses have 40 digits, order ids 32."""

_AUTHORIZATION = re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic)\s+)?[^\s'\",}]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_VAULT_TOKEN = re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{8,}")
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")


class Context:
    """Facts that every line carries while they hold: the session, the phase. One for the process, for all tasks."""

    def __init__(self) -> None:
        self._facts: dict[str, object] = {}

    def bind(self, **facts: object) -> None:
        """Add facts to every line from now on; None takes one away."""
        self._facts.update(facts)
        self._facts = {name: fact for name, fact in self._facts.items() if fact is not None}

    def __call__(self, _logger: object, _method: str, line: EventDict) -> EventDict:
        for name, fact in self._facts.items():
            line.setdefault(name, fact)
        return line


class Changes:
    """Lets a state be logged when it changes and not each time it is looked at."""

    def __init__(self) -> None:
        self._last: dict[str, object] = {}

    def is_new(self, what: str, value: object) -> bool:
        """Say whether the value differs from the last one given for what, and remember it."""
        if what in self._last and self._last[what] == value:
            return False
        self._last[what] = value
        return True


class Logs:
    """The handlers, from configure to close."""

    def __init__(self, handlers: Iterable[logging.Handler], context: Context) -> None:
        self._handlers = tuple(handlers)
        self.context = context

    def set_level(self, level: str) -> None:
        """Log from this level on: debug, info, warning, error. Libraries are heard from warning on."""
        for package in OURS:
            logging.getLogger(package).setLevel(level.upper())

    def lost_lines(self) -> int:
        """Return how many lines could not be written to the file: a full disk does not stop the daemon."""
        return sum(handler.lost for handler in self._handlers if isinstance(handler, _File))

    def close(self) -> None:
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            with suppress(
                OSError
            ):  # a full disk has been told already; closing must not hide what went wrong
                handler.close()


class _File(RotatingFileHandler):
    lost = 0

    def handleError(self, record: logging.LogRecord) -> None:
        self.lost += 1


def configure(
    settings: LogSettings, *, directory: Path, now_ms: Callable[[], int], terminal: TextIO | None
) -> Logs:
    """Send all logging of this process to a file in directory, and as text to terminal if there is one.

    now_ms stamps the lines, so that a simulation's lines carry its own time. Call close() before configuring again.
    """
    context, shared = _structlog(now_ms)
    handlers = [_file(settings, directory, shared)]
    if terminal is not None:
        handlers.append(_terminal(terminal, shared))
    return _installed(handlers, context, level=settings.level)


def configure_terminal(*, now_ms: Callable[[], int], terminal: TextIO, level: str = "warning") -> Logs:
    """Send logging to a terminal only: for commands that are not the daemon."""
    context, shared = _structlog(now_ms)
    return _installed([_terminal(terminal, shared)], context, level=level)


def _structlog(now_ms: Callable[[], int]) -> tuple[Context, list[structlog.types.Processor]]:
    context = Context()
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        _stamp(now_ms),
        context,
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return context, shared


def _installed(handlers: list[logging.Handler], context: Context, *, level: str) -> Logs:
    for handler in handlers:
        logging.getLogger().addHandler(handler)
    logs = Logs(handlers, context)
    logs.set_level(level)
    return logs


def redact(_logger: object, _method: str, line: EventDict) -> EventDict:
    """Hide keys, signatures and logins, however deep they sit and whatever the text around them."""
    return {name: _clean(name, value) for name, value in line.items()}


def _clean(name: str, value: object) -> object:
    if name.lower() in SECRET_FIELDS and value is not None:
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(name, item) for item in value]
    if value is None or isinstance(value, float | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else HIDDEN
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return _without_secrets(name, text.encode("utf-8", "replace").decode())


def without_secrets(text: str) -> str:
    """Return the text with keys, signatures and logins hidden."""
    return _without_secrets("", text)


def _without_secrets(name: str, text: str) -> str:
    text = _AUTHORIZATION.sub(rf"\1{HIDDEN}", text)
    text = _VAULT_TOKEN.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _URL_LOGIN.sub(HIDDEN, text)
    return text if name in PUBLIC_HASHES else _HEX_SECRET.sub(HIDDEN, text)


def _stamp(now_ms: Callable[[], int]) -> structlog.types.Processor:
    def stamp(_logger: object, _method: str, line: EventDict) -> EventDict:
        at = datetime.fromtimestamp(now_ms() / 1000, UTC)
        line["at"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return line

    return stamp


def _file(settings: LogSettings, directory: Path, shared: list[structlog.types.Processor]) -> logging.Handler:
    path = directory / Path(settings.file).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _File(
        path,
        maxBytes=settings.rotate_mb * 1_000_000,
        backupCount=settings.keep,
        encoding="utf-8",
        errors="replace",
    )
    handler.setFormatter(_formatter(shared, structlog.processors.JSONRenderer(serializer=_json)))
    return handler


def _terminal(terminal: TextIO, shared: list[structlog.types.Processor]) -> logging.Handler:
    handler = logging.StreamHandler(terminal)
    console = structlog.dev.ConsoleRenderer(
        colors=terminal.isatty(),
        timestamp_key="at",
        pad_event_to=30,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    handler.setFormatter(_formatter(shared, console))
    return handler


def _formatter(
    shared: list[structlog.types.Processor], renderer: structlog.types.Processor
) -> logging.Formatter:
    """Render our lines, and the libraries' own after the same treatment."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )


def _json(line: Mapping[str, Any], **_: object) -> str:
    """Return one line of JSON: at and level first, then the event, then the rest in the order given."""
    first = {name: line[name] for name in ("at", "level", "event") if name in line}
    return msgspec.json.encode(first | dict(line)).decode()
