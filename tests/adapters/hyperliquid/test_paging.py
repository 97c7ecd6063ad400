import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.paging import PAGES_MAX, read_whole
from adapters.ports import VenueError
from tests.adapters.scripted import run


def ledger(stamps, page_rows, cut):
    """A venue's ledger of (stamp, id) that gives at most page_rows rows, from the end that cut names."""
    rows = sorted((stamp, number) for number, stamp in enumerate(stamps))

    async def page(start_ms, end_ms):
        found = [r for r in rows if r[0] >= start_ms and (end_ms is None or r[0] <= end_ms)]
        found = found[:page_rows] if cut == "newest" else found[-page_rows:]
        return tuple(found), len(found)

    return rows, page


def whole(page, from_ms, page_rows):
    return run(
        read_whole(page, from_ms=from_ms, page_rows=page_rows, stamp=lambda r: r[0], key=lambda r: r[1])
    )


@given(
    stamps=st.lists(st.integers(0, 60), max_size=60),
    from_ms=st.integers(0, 30),
    cut=st.sampled_from(["newest", "oldest"]),
)
def test_a_ledger_is_read_whole_whichever_end_a_page_cuts_off(stamps, from_ms, cut):
    most_at_once = max((stamps.count(s) for s in stamps), default=0)
    page_rows = max(most_at_once + 1, 4)
    rows, page = ledger(stamps, page_rows, cut)
    assert whole(page, from_ms, page_rows) == tuple(r for r in rows if r[0] >= from_ms)


def test_more_rows_in_one_millisecond_than_a_page_holds_is_said():
    _, page = ledger([5, 5, 5, 5], 3, "newest")
    with pytest.raises(VenueError, match="more than a page"):
        whole(page, 0, 3)


def test_a_venue_whose_pages_are_never_short_is_given_up_after_so_many_of_them():
    asked = []

    async def page(start_ms, end_ms):
        asked.append(start_ms)
        if end_ms is not None and end_ms - start_ms < 4:
            return (), 0
        last_ms = start_ms + 10**6 if end_ms is None else end_ms
        return ((start_ms, 0), (last_ms, 1)), 2

    with pytest.raises(VenueError, match="is not whole after"):
        whole(page, 0, 2)
    assert len(asked) == PAGES_MAX


def test_a_full_page_without_a_row_that_can_be_used_proves_nothing():
    async def page(start_ms, end_ms):
        return (), 3

    with pytest.raises(VenueError, match="nothing is proved"):
        whole(page, 0, 3)
