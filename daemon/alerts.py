"""Telling people: once when something begins, once when it ends, in the log and to whoever is configured."""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from adapters.secrets import Secret
from daemon.logs import without_secrets
from daemon.settings import AlertSettings

log = structlog.get_logger()

LEVELS = ("info", "warning", "error", "critical")
WAITING_MAX = 1000
"""Notices kept for a target that does not answer; the oldest goes first."""

RETRY_S = (1.0, 5.0)
SWEEP_S = 5.0


class DeliveryFailed(Exception):
    """A target did not take a notice. The text holds no part of a webhook's address but its host."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a target is sent. origin says which daemon speaks; state is "began", "worse" or "ended"."""

    origin: str
    state: str
    level: str
    code: str
    text: str
    at_ms: int
    since_ms: int
    count: int


class Target(Protocol):
    @property
    def name(self) -> str: ...
    async def deliver(self, notice: Notice, *, timeout_s: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Active:
    """An alert that has begun and not ended: first and last time, and how often it was raised."""

    code: str
    level: str
    text: str
    since_ms: int
    last_ms: int
    count: int


class Alerts:
    """raised and ended return at once; run delivers, one line of waiting notices for each target."""

    def __init__(self, settings: AlertSettings, *, origin: str, now_ms: Callable[[], int]) -> None:
        self._origin = origin
        self._now_ms = now_ms
        self._settings = settings
        self._active: dict[str, Active] = {}
        self._entrusted: dict[str, Secret] = {}
        self._boxes = [_Box(target) for target in self._targets()]
        self._retargeted = asyncio.Event()

    def active(self) -> tuple[Active, ...]:
        return tuple(self._active.values())

    def raised(self, *, code: str, level: str, text: str) -> None:
        """Something is wrong, perhaps still: only the first time, or a higher level, is told."""
        if level not in LEVELS:
            raise ValueError(f"alert {code}: level {level!r} is none of {', '.join(LEVELS)}")
        now_ms, before, text = self._now_ms(), self._active.get(code), without_secrets(text)
        if before is None:
            self._active[code] = Active(code, level, text, now_ms, now_ms, 1)
            self._tell(self._active[code], "began")
            return
        worse = LEVELS.index(level) > LEVELS.index(before.level)
        level = level if worse else before.level
        self._active[code] = replace(before, level=level, text=text, last_ms=now_ms, count=before.count + 1)
        if worse:
            self._tell(self._active[code], "worse")

    def ended(self, code: str) -> None:
        """It is over. Says nothing when it had not begun."""
        alert = self._active.pop(code, None)
        if alert is not None:
            self._tell(alert, "ended")

    def stands(self, code: str) -> None:
        """What it is about is seen to be still so: told once, and not over because nobody says it again."""
        alert = self._active.get(code)
        if alert is not None:
            self._active[code] = replace(alert, last_ms=self._now_ms())

    def sweep(self) -> None:
        """End what nobody has repeated for quiet_s."""
        oldest_ms = self._now_ms() - round(1000 * self._settings.quiet_s)
        for alert in self.active():
            if alert.last_ms <= oldest_ms:
                self.ended(alert.code)

    def reconfigure(self, settings: AlertSettings) -> None:
        """Take over new settings. What waits for a target that stays is still delivered."""
        kept = {box.target: box for box in self._boxes}
        self._settings = settings
        self._boxes = [kept.get(target) or _Box(target) for target in self._targets()]
        self._retargeted.set()

    def entrust(self, reference: str, url: Secret) -> None:
        """Take the URL that lies at a reference of the configuration: what waits for the one before goes there."""
        self._entrusted[reference] = url

    def _targets(self) -> list[Target]:
        secret = [SecretWebhook(reference, self._entrusted) for reference in self._settings.webhook_secrets]
        return [*targets(self._settings), *secret, *self._secret_services()]

    def _secret_services(self) -> Sequence[Target]:
        if not self._settings.service_secrets:
            return ()
        from daemon.index_prices.alerts import SecretService

        return [SecretService(reference, self._entrusted) for reference in self._settings.service_secrets]

    async def run(self) -> None:
        """Deliver for ever. A target that fails holds up nobody else."""
        while True:
            self._retargeted.clear()
            async with asyncio.TaskGroup() as group:
                jobs = [group.create_task(box.serve(self._settings)) for box in self._boxes]
                jobs.append(group.create_task(self._sweep_for_ever()))
                await self._retargeted.wait()
                for job in jobs:
                    job.cancel()

    async def flush(self, *, timeout_s: float) -> None:
        """Deliver what waits, before the daemon leaves; gives up after timeout_s. Call it after run was cancelled."""
        try:
            async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as group:
                for box in self._boxes:
                    group.create_task(box.empty(self._settings))
        except TimeoutError:
            log.warning("alerts were left undelivered", waiting=[len(box.waiting) for box in self._boxes])

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(min(SWEEP_S, self._settings.quiet_s))
            self.sweep()

    def _tell(self, alert: Active, state: str) -> None:
        level = "info" if state == "ended" else alert.level
        getattr(log, level)(f"alert {state}", code=alert.code, text=alert.text, count=alert.count)
        if LEVELS.index(alert.level) < LEVELS.index(self._settings.level):
            return
        notice = Notice(
            origin=self._origin,
            state=state,
            level=alert.level,
            code=alert.code,
            text=alert.text,
            at_ms=self._now_ms(),
            since_ms=alert.since_ms,
            count=alert.count,
        )
        for box in self._boxes:
            box.put(notice)


class _Box:
    """The notices that wait for one target, oldest first."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.waiting: deque[Notice] = deque(maxlen=WAITING_MAX)
        self._filled = asyncio.Event()

    def put(self, notice: Notice) -> None:
        if len(self.waiting) == WAITING_MAX:
            log.warning("alert dropped: its target does not answer", target=self.target.name)
        self.waiting.append(notice)
        self._filled.set()

    async def serve(self, settings: AlertSettings) -> None:
        while True:
            self._filled.clear()
            await self.empty(settings)
            await self._filled.wait()

    async def empty(self, settings: AlertSettings) -> None:
        while self.waiting:
            notice = self.waiting[0]
            await self._try(notice, settings.timeout_s)
            if self.waiting and self.waiting[0] is notice:
                self.waiting.popleft()

    async def _try(self, notice: Notice, timeout_s: float) -> None:
        for wait_s in (*RETRY_S, None):
            try:
                await self.target.deliver(notice, timeout_s=timeout_s)
            except DeliveryFailed as error:
                log.warning(
                    "alert not delivered", target=self.target.name, code=notice.code, error=str(error)
                )
                if wait_s is not None:
                    await asyncio.sleep(wait_s)
            else:
                return


@dataclass(frozen=True, slots=True)
class Webhook:
    """POSTs the notice as JSON. Its address may hold a token and is never shown."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        return f"webhook at {urlsplit(self.url).hostname}"

    async def deliver(self, notice: Notice, *, timeout_s: float) -> None:
        await _post(self.url, notice, timeout_s)


@dataclass(frozen=True, slots=True)
class SecretWebhook:
    """POSTs to the URL that was read last from a reference, which may be another than at the try before."""

    reference: str
    urls: Mapping[str, Secret] = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return f"webhook of {self.reference}"

    async def deliver(self, notice: Notice, *, timeout_s: float) -> None:
        if self.reference not in self.urls:
            raise DeliveryFailed("its URL has not been read yet")
        await _post(self.urls[self.reference].reveal(), notice, timeout_s)


async def _post(url: str, notice: Notice, timeout_s: float) -> None:
    import aiohttp  # 160 ms that a daemon without webhooks need not spend

    timeout = aiohttp.ClientTimeout(total=timeout_s)
    headers = {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=msgspec.json.encode(notice), headers=headers) as reply,
        ):
            status = reply.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise DeliveryFailed(type(error).__name__) from None
    if status >= 300:
        raise DeliveryFailed(f"answered {status}")


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a program with the notice as JSON on its input. It gets PATH, HOME and LANG, and none of our secrets."""

    words: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        return f"command {self.words[0]}"

    async def deliver(self, notice: Notice, *, timeout_s: float) -> None:
        quiet = asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *self.words, stdin=asyncio.subprocess.PIPE, stdout=quiet, stderr=quiet, env=dict(self.environ)
            )
        except OSError as error:
            raise DeliveryFailed(f"cannot be started ({error.strerror})") from error
        try:
            async with asyncio.timeout(timeout_s):
                await process.communicate(msgspec.json.encode(notice))
        except TimeoutError:
            raise DeliveryFailed(f"not done within {timeout_s} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise DeliveryFailed(f"ended with {process.returncode}")


def targets(settings: AlertSettings) -> Sequence[Target]:
    """Return everybody who is named openly in the configuration."""
    environ = tuple((name, os.environ[name]) for name in ("HOME", "LANG", "PATH") if name in os.environ)
    commands = [Command(words, environ) for words in settings.commands]
    return [*map(Webhook, settings.webhooks), *commands, *_services(settings)]


def _services(settings: AlertSettings) -> Sequence[Target]:
    if not settings.services:
        return ()
    from daemon.index_prices.alerts import Service

    return tuple(map(Service, settings.services))
