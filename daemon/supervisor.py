"""Jobs that may come and go are run again, waiting longer after each failure in a row."""

from collections.abc import Awaitable, Callable

import structlog

from adapters.ports import Clock

log = structlog.get_logger()

DELAY_S = 1.0
DELAY_MAX_S = 30.0

Job = Callable[[], Awaitable[None]]


async def keep_running(name: str, job: Job, *, clock: Clock) -> None:
    """Run a job for ever. An essential job is not wrapped: when it fails, the daemon fails with it."""
    wait_s = DELAY_S
    while True:
        started_ms = clock.now_ms()
        try:
            await job()
            log.warning("job ended", job=name)
        except Exception as error:
            log.exception("job failed", job=name, error=repr(error), retry_in_s=wait_s)
        if clock.now_ms() - started_ms > 1000 * DELAY_MAX_S:
            wait_s = DELAY_S
        await clock.sleep(wait_s)
        wait_s = min(2 * wait_s, DELAY_MAX_S)
