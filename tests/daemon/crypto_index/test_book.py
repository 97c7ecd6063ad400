"""A removal by hand: at the newest vetted prices where all stand, else as of the last entry, and never before it."""

import pytest

from core.index_level import applied, level
from core.levels.types import IndexRefused
from daemon.crypto_index.book import Draft, removal, removed
from tests.core.levels.indices import DAY, T0, launch, prices, targets

GONE = removal("C", "keys leaked", by="operator")


@pytest.fixture
def draft():
    told = prices(A=100, B=50, C=20)
    return Draft(
        applied(None, launch(targets(A=(10, ".5"), B=(15, ".3"), C=(30, ".2"))), told, at_ms=T0).state
    )


def test_prices_heard_since_count_so_the_level_of_now_does_not_move(draft):
    heard = prices(T0 + 5000, A=110, B=50, C=2)
    before = level(draft.state, heard, at_ms=T0 + 5000)
    change = removed(draft, GONE, heard, now_ms=T0 + 5000)
    after = level(change.state, heard, at_ms=T0 + 5000)
    assert abs(after / before - 1) < before.from_float(1e-25)
    assert change.entry.at_ms == T0 + 5000


@pytest.mark.parametrize(("late_ms", "is_now"), [(DAY, True), (DAY + 1, False)])
def test_where_a_price_does_not_stand_any_more_it_is_done_as_of_the_last_entry(draft, late_ms, is_now):
    heard = prices(T0 + late_ms, A=110)
    change = removed(draft, GONE, heard, now_ms=T0 + late_ms)
    assert change.entry.at_ms == (T0 + late_ms if is_now else T0)
    assert float(change.entry.prices[0].usd) == (110.0 if is_now else 100.0)


def test_a_clock_that_is_behind_the_last_entry_keeps_nobody_in(draft):
    assert removed(draft, GONE, {}, now_ms=T0 - 5000).entry.at_ms == T0


def test_before_the_launch_nobody_is_removed():
    with pytest.raises(IndexRefused, match="before its launch"):
        removed(Draft(None), GONE, {}, now_ms=T0)
