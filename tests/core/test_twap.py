from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sizing import ceil_lots, to_decimal
from core.twap import AGAIN_MS, Gap, Schedule, child_qty
from tests.core.desk import CLOSE_MS, INSTRUMENTS, PRICES, SETTINGS, SOL, ZERO, D

S = SETTINGS.twap
COIN = INSTRUMENTS[SOL]
LOT = COIN.lot
MINIMUM = ceil_lots(to_decimal(S.min_order_usd) / PRICES[SOL], COIN)
WINDOW_MS = 300_000


def schedule(length_ms=WINDOW_MS, seed=0):
    return Schedule(name="2025-06-01/correction", seed=seed, start_ms=CLOSE_MS, end_ms=CLOSE_MS + length_ms)


def gap(missing, *, planned=None, position=ZERO, adv_usd=1e12):
    return Gap(
        coin=SOL,
        missing_qty=missing,
        planned_qty=missing if planned is None else planned,
        position_qty=position,
        px=PRICES[SOL],
        adv_usd=adv_usd,
    )


def child(g, k=0, plan=None):
    return child_qty(g, COIN, schedule=plan or schedule(), k=k, settings=S)


lots = st.decimals(-5000, 5000, places=2).filter(bool)


# --- when ----------------------------------------------------------------------------------------------


@given(length=st.integers(1, 3_600_000), seed=st.integers(0, 99))
def test_slices_come_one_after_another_inside_their_window(length, seed):
    plan = schedule(length, seed)
    at = [plan.slice_ms(k, S) for k in range(plan.count(S))]
    assert at == sorted(at)
    assert plan.start_ms <= at[0]
    assert at[-1] < plan.end_ms or length == 1


@given(length=st.integers(1, 3_600_000), seed=st.integers(0, 99), data=st.data())
def test_the_slice_that_is_due_is_the_newest_that_has_come(length, seed, data):
    plan = schedule(length, seed)
    now = plan.start_ms + data.draw(st.integers(-1000, 2 * length))
    k = plan.due(now, S)
    assert k >= -1
    if k >= 0:
        assert plan.slice_ms(k, S) <= now
    assert plan.slice_ms(k + 1, S) > now


@given(
    length=st.integers(1, 900_000), seed=st.integers(0, 9), steps=st.lists(st.integers(0, 9_000), max_size=50)
)
def test_what_is_due_never_goes_back(length, seed, steps):
    plan, now, due = schedule(length, seed), CLOSE_MS, -1
    for ms in steps:
        now += ms
        assert plan.due(now, S) >= due
        due = plan.due(now, S)


def test_after_the_last_slice_what_is_missing_is_tried_again_until_the_end():
    plan = schedule()
    last = plan.count(S) - 1
    at = plan.slice_ms(last, S)
    assert plan.due(at + AGAIN_MS, S) == last + 1
    assert plan.due(at + 2 * AGAIN_MS - 1, S) == last + 1
    left = gap(D(20), planned=D(200))
    assert child(left, k=last + 1) == 20 == child(left, k=last)


def test_a_window_without_length_is_one_slice():
    plan = Schedule(name="x", seed=0, start_ms=CLOSE_MS, end_ms=CLOSE_MS)
    assert plan.count(S) == 1
    assert plan.due(CLOSE_MS, S) == 0


@given(seed=st.integers(0, 9), k=st.integers(0, 9), missing=lots)
def test_the_jitter_is_the_same_after_a_restart(seed, k, missing):
    import msgspec

    plan = schedule(seed=seed)
    restored = msgspec.json.decode(msgspec.json.encode(plan), type=Schedule)
    assert restored.slice_ms(k, S) == plan.slice_ms(k, S)
    assert child(gap(missing), k, restored) == child(gap(missing), k, plan)


def test_another_seed_cuts_other_slices():
    assert {child(gap(D(1000)), 0, schedule(seed=n)) for n in range(20)} != {child(gap(D(1000)))}


# --- how much ------------------------------------------------------------------------------------------


@given(missing=lots, planned=lots, position=lots, k=st.integers(0, 12), adv=st.floats(0, 1e12))
def test_a_slice_never_exceeds_what_is_missing_nor_turns_against_it(missing, planned, position, k, adv):
    qty = child(gap(missing, planned=planned, position=position, adv_usd=adv), k)
    assert abs(qty) <= abs(missing)
    assert qty * missing >= 0
    assert qty % LOT == 0


@given(missing=lots, planned=lots, position=lots, k=st.integers(0, 12))
def test_a_slice_is_worth_the_minimum_or_closes_the_position_exactly(missing, planned, position, k):
    qty = child(gap(missing, planned=planned, position=position), k)
    assert qty == 0 or abs(qty) >= MINIMUM or qty == -position


def test_a_position_below_the_minimum_is_closed_exactly_and_never_opened():
    assert child(gap(D("-0.03"), position=D("0.03"))) == D("-0.03")
    assert child(gap(D("-0.03"), position=D("0.04"))) == 0
    assert child(gap(D("-0.03"))) == 0


@given(missing=lots, planned=lots, k=st.integers(0, 30), adv=st.floats(0, 1e12))
def test_catching_up_never_bursts(missing, planned, k, adv):
    """The cap gives way only to the minimum order: one to be sent at all, one not to leave dust behind."""
    qty = child(gap(missing, planned=planned, adv_usd=adv), k)
    even = max(abs(missing), abs(planned)) / schedule().count(S)
    burst = even * to_decimal(S.catch_up_max)
    share = to_decimal(S.participation_max * adv * S.slice_s / 86_400) / PRICES[SOL]
    assert abs(qty) <= max(min(burst, share), MINIMUM) + MINIMUM


@given(missing=lots, k=st.integers(0, 12), adv=st.floats(1e5, 1e12))
def test_no_slice_leaves_dust_that_cannot_be_traded(missing, k, adv):
    qty = child(gap(missing, adv_usd=adv), k)
    left = abs(missing) - abs(qty)
    assert left == 0 or left >= MINIMUM or qty == 0


@given(
    target=lots,
    start=lots,
    missed=st.sets(st.integers(0, 9)),
    filled=st.lists(st.floats(0, 1), min_size=10, max_size=10),
)
def test_whatever_is_missed_or_partly_filled_the_target_is_never_passed(target, start, missed, filled):
    position, planned = start, target - start
    for k in range(10):
        if k in missed:
            continue
        qty = (
            child(gap(target - position, planned=planned, position=position), k)
            if target != position
            else D(0)
        )
        part = (abs(qty) * to_decimal(filled[k])) // LOT * LOT
        position += part.copy_sign(qty)
        assert (target - position) * (target - start) >= 0


@given(target=lots, start=lots, missed=st.sets(st.integers(0, 8), max_size=6))
def test_with_full_fills_the_window_ends_on_the_target_or_below_the_minimum_order(target, start, missed):
    position, planned = start, target - start
    for k in range(14):
        missing = target - position
        if k not in missed and missing:
            position += child(gap(missing, planned=planned, position=position), k)
    assert position == target or abs(target - position) < MINIMUM


@pytest.mark.parametrize("missed", range(10))
def test_one_missed_slice_is_absorbed_by_those_that_follow(missed):
    position, target = D(0), D(1000)
    for k in [k for k in range(10) if k != missed] + [10]:
        missing = target - position
        if missing:
            position += child(gap(missing, planned=target), k)
    assert position == target


def test_without_jitter_slices_are_even():
    settings = replace(S, size_jitter=0.0)
    position, sizes = D(0), []
    for k in range(10):
        qty = child_qty(
            gap(D(1000) - position, planned=D(1000)), COIN, schedule=schedule(), k=k, settings=settings
        )
        sizes.append(qty)
        position += qty
    assert sizes == [Decimal(100)] * 10
