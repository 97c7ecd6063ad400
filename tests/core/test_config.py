from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import get_args, get_type_hints

import pytest
from annotated_doc import Doc

from core.calendar import timetable
from core.config import TradingSettings
from tests.core.desk import CLOSE_MS, SETTINGS


def _keys(kind, prefix=""):
    hints = get_type_hints(kind, include_extras=True)
    for f in fields(kind):
        if is_dataclass(hints[f.name]):
            yield from _keys(hints[f.name], f"{prefix}{f.name}.")
        else:
            yield prefix + f.name, hints[f.name], f.default


def test_every_key_says_what_it_is():
    for name, hint, _ in _keys(TradingSettings):
        assert any(isinstance(part, Doc) for part in get_args(hint)[1:]), name


def test_every_default_keeps_its_own_bounds():
    for name, hint, default in _keys(TradingSettings):
        for bound in get_args(hint)[1:]:
            for word, holds in (
                ("ge", lambda x, y: x >= y),
                ("gt", lambda x, y: x > y),
                ("le", lambda x, y: x <= y),
                ("lt", lambda x, y: x < y),
            ):
                limit = getattr(bound, word, None)
                assert limit is None or holds(default, limit), name


def test_settings_cannot_be_changed_under_way():
    with pytest.raises(FrozenInstanceError):
        SETTINGS.seed = 1  # type: ignore[misc]


def test_the_defaults_are_the_timetable_of_the_specification():
    t = timetable(CLOSE_MS, SETTINGS.session)
    minutes = [
        (at - CLOSE_MS) / 60_000 for at in (t.preflight_ms, t.projected_ms, t.freeze_ms, t.correction_ms)
    ]
    assert minutes == [-15, -10, 1, 2]
    assert (t.deadline_ms - CLOSE_MS) / 60_000 == 7
    assert (t.projected_end_ms - CLOSE_MS) / 60_000 == 5


def test_the_smallest_order_is_above_the_venues_minimum_at_the_worst_price_it_may_have():
    worst_bps = max(SETTINGS.twap.slippage_bps, SETTINGS.twap.slippage_final_bps, SETTINGS.hedge.slippage_bps)
    assert SETTINGS.twap.min_order_usd * (1 - worst_bps / 10_000) > 10
