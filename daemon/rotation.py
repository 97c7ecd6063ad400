"""Secrets are read again while the daemon runs: a new one takes over; while none can be used the old stays in force."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from adapters.hyperliquid.signing import Signer
from adapters.ports import VenueError
from adapters.secrets import CredentialError, Secret
from daemon.credentials import Renewal

log = structlog.get_logger()

AGAIN_S = 60.0
"""Time to the next try after a secret could not be read or was refused."""

T = TypeVar("T")


class Told(Protocol):
    """Where it is said that something is wrong, and when it is over."""

    def raised(self, *, code: str, level: str, text: str) -> None: ...
    def ended(self, code: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Rotated:
    """A secret in use: the alert that speaks of it, how it is read (it blocks), and who takes it.

    take returns "" or why the secret is refused; the one before is then still in force.
    """

    code: str
    read: Callable[[], Secret]
    take: Callable[[Secret], Awaitable[str]]


class Rotation:
    """run() reads all secrets at once, then every so often, and whenever ask() was called."""

    def __init__(
        self, secrets: Callable[[], Sequence[Rotated]], renew: Renewal | None, *, told: Told, every_s: float
    ) -> None:
        self._secrets = secrets
        self._renew = renew
        self._told = told
        self._every_s = every_s
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Have everything read again now."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            self._asked.clear()
            wait_s = await self.once()
            try:
                async with asyncio.timeout(wait_s):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def once(self) -> float:
        """Read every secret and hand it over; return the seconds until the next time."""
        failed: dict[str, list[str]] = {}
        for secret in self._secrets():
            failed.setdefault(secret.code, []).append(await self._taken(secret))
        for code, reasons in failed.items():
            self._tell("; ".join(filter(None, reasons)), code=code)
        renew_s, why = await self._renewed()
        self._tell(why, code="secret.vault")
        bad = why or any(any(reasons) for reasons in failed.values())
        return min(self._every_s, renew_s, AGAIN_S if bad else self._every_s)

    async def _taken(self, secret: Rotated) -> str:
        """Return why a secret is not in force as it lies in its source, "" when it is."""
        try:
            return await secret.take(await in_thread(secret.read))
        except (CredentialError, VenueError) as error:
            return str(error)

    async def _renewed(self) -> tuple[float, str]:
        if self._renew is None:
            return self._every_s, ""
        try:
            return await in_thread(self._renew), ""
        except CredentialError as error:
            return AGAIN_S, str(error)

    def _tell(self, why: str, *, code: str) -> None:
        if not why:
            self._told.ended(code)
            return
        text = f"{why}. What was in force before is kept"
        self._told.raised(code=code, level="error", text=text)


class TakesSigners(Protocol):
    async def take_signer(self, signer: Signer) -> str: ...


async def take_key(gateway: TakesSigners, key: Secret) -> str:
    """Offer the venue's adapter a signing key; return "" or why it is refused. Raises VenueError when nobody can say."""
    try:
        signer = Signer.from_key(key.reveal())
    except ValueError as error:
        return str(error)
    return await gateway.take_signer(signer)


async def in_thread(work: Callable[[], T]) -> T:
    """Run work in a thread that dies with the process: a server that hangs holds up neither the loop nor an exit."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not done.done():
            settle()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            settle = _failing(done, error)
        else:
            settle = _settling(done, result)
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, settle)

    threading.Thread(target=run, name="secrets", daemon=True).start()
    return await done


def _settling(done: "asyncio.Future[T]", result: T) -> Callable[[], None]:
    return lambda: done.set_result(result)


def _failing(done: "asyncio.Future[T]", error: Exception) -> Callable[[], None]:
    return lambda: done.set_exception(error)
