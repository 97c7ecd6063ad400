"""The index price's alerts on their way to people: rules to the daemon's alerts, and services through apprise.

A service's URL holds its secret: nothing here tells more of it than the word before the colon.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from adapters.secrets import Secret
from core.prices.types import Published
from daemon.alerts import DeliveryFailed, Notice
from daemon.index_prices.alert_rules import Begun, Ended, Rules


class Desk(Protocol):
    """What tells people: daemon.alerts.Alerts."""

    def raised(self, *, code: str, level: str, text: str) -> None: ...
    def ended(self, code: str) -> None: ...
    def stands(self, code: str) -> None: ...


class IndexAlerts:
    """A sink of published values that tells the desk what begins and ends with them."""

    def __init__(self, rules: Rules, desk: Desk) -> None:
        self._rules, self._desk = rules, desk

    def publish(self, values: Sequence[Published]) -> None:
        for one in self._rules.take(values):
            self._tell(one)
        for code in self._rules.active():
            self._desk.stands(code)

    def silent(self) -> None:
        """This instance does not publish any more: what it told ends with that."""
        for one in self._rules.clear():
            self._tell(one)

    def _tell(self, one: Begun | Ended) -> None:
        if isinstance(one, Begun):
            self._desk.raised(code=one.code, level=one.level, text=one.text)
        else:
            self._desk.ended(one.code)


# --- services ------------------------------------------------------------------------------------------------

KINDS: Mapping[str, str] = {"info": "info", "warning": "warning", "error": "failure", "critical": "failure"}


@dataclass(frozen=True, slots=True)
class Service:
    """One service that apprise knows (mail, telephone, chat), as its URL. One notice at a time is on its way to it."""

    url: str
    _busy: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def __repr__(self) -> str:
        return f"Service({self.name!r})"

    @property
    def name(self) -> str:
        return f"service {self.url.partition(':')[0]}"

    async def deliver(self, notice: Notice, *, timeout_s: float) -> None:
        """Send a notice from a thread of its own. Raises DeliveryFailed; what hangs is left to end by itself.

        The thread is no pool's: a program must be able to end while a service hangs.
        """
        await asyncio.to_thread(_apprise)
        if not self._busy.acquire(blocking=False):
            raise DeliveryFailed("an earlier notice is still on its way")
        sent: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        thread = threading.Thread(target=self._send, args=(notice, sent), name=self.name, daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(timeout_s):
                refused = await sent
        except TimeoutError:
            raise DeliveryFailed(f"not done within {timeout_s} s") from None
        if refused is not None:
            raise DeliveryFailed(refused)

    def _send(self, notice: Notice, sent: "asyncio.Future[str | None]") -> None:
        refused = None
        try:
            self._notify(notice)
        except DeliveryFailed as error:
            refused = str(error)
        finally:
            self._busy.release()
        _tell(sent, refused)

    def _notify(self, notice: Notice) -> None:
        try:
            library = _apprise()
            sender = library.Apprise(asset=library.AppriseAsset(async_mode=False))
            is_known = sender.add(self.url)
            kind = "success" if notice.state == "ended" else KINDS[notice.level]
            taken = is_known and sender.notify(
                body=notice.text, title=title(notice), notify_type=kind, body_format="text"
            )
        except Exception as error:
            # A plugin's own fault: its text, and its traceback, may hold the URL.
            raise DeliveryFailed(type(error).__name__) from error
        if not taken:
            raise DeliveryFailed("not taken" if is_known else "no service that apprise knows")


@dataclass(frozen=True, slots=True)
class SecretService:
    """The service whose URL was read last from a reference, which may be another than at the try before."""

    reference: str
    urls: Mapping[str, Secret] = field(repr=False, compare=False)
    _busy: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @property
    def name(self) -> str:
        return f"service of {self.reference}"

    async def deliver(self, notice: Notice, *, timeout_s: float) -> None:
        """Send a notice as Service does. Raises DeliveryFailed, also as long as no URL was read."""
        if self.reference not in self.urls:
            raise DeliveryFailed("its URL has not been read yet")
        await Service(self.urls[self.reference].reveal(), self._busy).deliver(notice, timeout_s=timeout_s)


def title(notice: Notice) -> str:
    state = "" if notice.state == "began" else f" {notice.state}"
    return f"nightdesk {notice.level}{state}: {notice.code} ({notice.origin})"


def _tell(sent: "asyncio.Future[str | None]", refused: str | None) -> None:
    """Set the result from a thread, where anybody still waits for it."""

    def done() -> None:
        if not sent.done():
            sent.set_result(refused)

    with suppress(RuntimeError):  # the loop has ended in the meantime
        sent.get_loop().call_soon_threadsafe(done)


@cache
def _apprise() -> Any:
    """Return apprise with its plugins, whose import takes long and whose log tells URLs: nobody hears it."""
    import apprise

    logging.getLogger("apprise").disabled = True
    apprise.Apprise.instantiate("json://localhost")
    return apprise
