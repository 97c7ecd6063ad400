"""Ledgers that come in pages, read whole."""

from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from adapters.ports import VenueError

T = TypeVar("T")
PAGES_MAX = 200
"""Requests for one ledger. The venue keeps 10,000 fills: five full pages, however unevenly they lie in time."""
Page = Callable[[int, int | None], Awaitable[tuple[tuple[T, ...], int]]]
"""Rows between two stamps in ms, both inclusive (None is open), and how many came, the unreadable ones included."""


async def read_whole(
    page: Page[T], *, from_ms: int, page_rows: int, stamp: Callable[[T], int], key: Callable[[T], Hashable]
) -> tuple[T, ...]:
    """Return every row from from_ms on, once, oldest first; rows of one stamp keep the venue's order.

    A full page is not used, because the venue does not promise which end it cuts off, and a stamp may be cut
    in two: the interval is halved where the page lies, and both halves are asked for.
    Raises VenueError when one millisecond fills a page, since nothing could be asked that gives the rest, when a full
    page holds nothing of the interval, and when it takes more than PAGES_MAX requests.
    """
    asked = 0
    rows: dict[Hashable, T] = {}
    waiting: list[tuple[int, int | None]] = [(from_ms, None)]
    while waiting:
        start_ms, end_ms = waiting.pop()
        asked += 1
        if asked > PAGES_MAX:
            raise VenueError(f"the ledger from {from_ms} ms is not whole after {PAGES_MAX} pages")
        came, total = await page(start_ms, end_ms)
        got = [r for r in came if start_ms <= stamp(r) and (end_ms is None or stamp(r) <= end_ms)]
        if total < page_rows:
            rows.update((key(row), row) for row in got)
        elif not got:
            raise VenueError(
                f"a full page holds no readable row from {start_ms} ms on: nothing is proved by it"
            )
        else:
            waiting += _halves(start_ms, end_ms, min(map(stamp, got)), max(map(stamp, got)))
    return tuple(sorted(rows.values(), key=stamp))


def _halves(start_ms: int, end_ms: int | None, first_ms: int, last_ms: int) -> list[tuple[int, int | None]]:
    """Both parts are shorter than the whole, so that it ends. The later part is first: the list is a stack."""
    middle_ms = (first_ms + last_ms) // 2
    if middle_ms != end_ms:
        return [(middle_ms + 1, end_ms), (start_ms, middle_ms)]
    if start_ms == end_ms:
        raise VenueError(f"more than a page of rows at {start_ms} ms: the ledger cannot be read whole")
    return [(middle_ms, end_ms), (start_ms, middle_ms - 1)]
