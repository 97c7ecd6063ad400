"""Reads that are asked again when the network failed them. Never a submit: its outcome would be lost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from adapters.ports import Clock, Unknown

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """How often a read is tried in all, and how long to wait between tries: first_wait_s, doubled each time."""

    attempts: int = 4
    first_wait_s: float = 0.5
    wait_max_s: float = 8.0


async def read_again(clock: Clock, policy: ReadPolicy, read: Callable[[], Awaitable[T]]) -> T:
    """Return what read gives, asking again after Unknown; the last Unknown is raised.

    It counts attempts and sleeps on the one clock: tenacity's own time limits read the wall clock. It is set up only
    after a first failure, for it costs more than most answers.
    """
    try:
        return await read()
    except Unknown:
        if policy.attempts == 1:
            raise
    await clock.sleep(min(policy.first_wait_s, policy.wait_max_s))
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(Unknown),
        stop=stop_after_attempt(policy.attempts - 1),
        wait=wait_exponential(multiplier=2 * policy.first_wait_s, max=policy.wait_max_s),
        sleep=clock.sleep,
        reraise=True,
    )
    return await retrying(read)
