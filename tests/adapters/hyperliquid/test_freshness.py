from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hyperliquid.freshness import Ailment, Freshness, Topic
from core.types import Coin, Quote
from tests.adapters.scripted import NOON_MS

D = Decimal
BTC, ETH = Coin("BTC"), Coin("ETH")
LOOK_MS = 500
SEEN_MS = 3_000
BOOK, BBO, MIDS, FILLS = Topic("l2Book", "BTC"), Topic("bbo", "BTC"), Topic("allMids"), Topic("userFills")
UPDATES, STATE = Topic("orderUpdates"), Topic("clearinghouseState")


def quote(px, at_ms, coin=BTC):
    return Quote(
        coin=coin, bid=D(px) - 1, ask=D(px) + 1, bid_size=D(1), ask_size=D(1), at_ms=at_ms, received_ms=at_ms
    )


def expecting(*topics, patience=1.0):
    fresh = Freshness(patience=patience)
    for topic in topics:
        fresh.expect(topic, NOON_MS)
        fresh.heard(topic, NOON_MS, exchange_ms=NOON_MS)
    return fresh


def ailments(fresh, now_ms):
    return {v.topic: v.ailment for v in fresh.verdicts(now_ms)}


def first_seen_ms(fresh, until_ms=60_000, tell=lambda now_ms: None):
    """Look twice a second, and return when the first verdict was found, in ms from noon."""
    for ms in range(LOOK_MS, until_ms, LOOK_MS):
        tell(NOON_MS + ms)
        if fresh.verdicts(NOON_MS + ms):
            return ms
    return None


# --- heartbeats ----------------------------------------------------------------------------------------


def test_a_book_that_falls_mute_is_seen_within_three_seconds():
    fresh = expecting(BOOK)
    assert first_seen_ms(fresh) <= SEEN_MS
    assert ailments(fresh, NOON_MS + SEEN_MS) == {BOOK: Ailment.MUTE}


def test_a_book_that_comes_again_with_its_old_stamp_is_frozen_within_three_seconds():
    fresh = expecting(BOOK)
    assert first_seen_ms(fresh, tell=lambda now: fresh.heard(BOOK, now, exchange_ms=NOON_MS)) <= SEEN_MS
    assert ailments(fresh, NOON_MS + SEEN_MS) == {BOOK: Ailment.FROZEN}


@given(lag_ms=st.integers(0, 20_000))
def test_a_book_whose_stamps_move_on_and_are_old_is_old(lag_ms):
    fresh = Freshness()
    fresh.expect(BOOK, NOON_MS)
    for ms in range(0, 5_000, LOOK_MS):
        fresh.heard(BOOK, NOON_MS + ms, exchange_ms=NOON_MS + ms - lag_ms)
    found = ailments(fresh, NOON_MS + 4_500)
    assert found == ({BOOK: Ailment.OLD} if lag_ms > 5_000 else {})


@given(gaps=st.lists(st.integers(1, 2_200), min_size=5, max_size=60))
def test_a_book_that_comes_with_new_stamps_in_time_is_never_blamed(gaps):
    fresh, now = expecting(BOOK), NOON_MS
    for gap in gaps:
        now += gap
        assert not fresh.verdicts(now)
        fresh.heard(BOOK, now, exchange_ms=now - 200)


def test_the_first_frame_may_take_longer_than_those_that_follow():
    fresh = Freshness()
    fresh.expect(BOOK, NOON_MS)
    assert not fresh.verdicts(NOON_MS + 4_000)
    assert fresh.verdicts(NOON_MS + 4_500)


@given(patience=st.floats(1, 50))
def test_patience_stretches_every_limit(patience):
    fresh = expecting(BOOK, patience=patience)
    assert not fresh.verdicts(NOON_MS + int(2_200 * patience))
    assert fresh.verdicts(NOON_MS + int(2_400 * patience))


def test_fills_are_waited_for_once_and_are_quiet_by_nature_ever_after():
    fresh = Freshness()
    fresh.expect(FILLS, NOON_MS)
    assert ailments(fresh, NOON_MS + 8_000) == {FILLS: Ailment.MUTE}
    fresh.heard(FILLS, NOON_MS + 8_000)
    assert not fresh.verdicts(NOON_MS + 10**9)


# --- best prices and their peers -----------------------------------------------------------------------


def test_a_best_price_that_a_later_book_contradicts_is_frozen_within_three_seconds():
    fresh, best = expecting(BBO, BOOK), quote(100, NOON_MS)

    def tell(now):
        fresh.heard(BOOK, now, exchange_ms=now)
        fresh.book(quote(105, now), best, now)

    assert first_seen_ms(fresh, tell=tell) <= SEEN_MS
    assert ailments(fresh, NOON_MS + SEEN_MS)[BBO] is Ailment.FROZEN


@given(px=st.integers(50, 150), age_ms=st.integers(0, 5_000))
def test_a_book_that_is_older_or_the_same_refutes_nothing(px, age_ms):
    fresh, best = expecting(BBO), quote(100, NOON_MS)
    fresh.book(quote(px, NOON_MS - age_ms), best, NOON_MS + 10)
    fresh.book(quote(100, NOON_MS + 50), best, NOON_MS + 50)
    assert not fresh.verdicts(NOON_MS + 2_000)


def test_a_best_price_that_speaks_again_is_alive():
    fresh, best = expecting(BBO), quote(100, NOON_MS)
    fresh.book(quote(105, NOON_MS + 100), best, NOON_MS + 100)
    fresh.heard(BBO, NOON_MS + 600, exchange_ms=NOON_MS + 550)
    assert not fresh.verdicts(NOON_MS + 5_000)


def test_a_mid_elsewhere_makes_a_best_price_doubted_and_only_a_book_proves_it():
    fresh, best = expecting(BBO), quote(100, NOON_MS)
    assert not fresh.mid(D(103), best, NOON_MS + 1_000)
    assert ailments(fresh, NOON_MS + 1_000) == {BBO: Ailment.DOUBTED}
    fresh.book(quote(103, NOON_MS + 1_200), best, NOON_MS + 1_200)
    assert ailments(fresh, NOON_MS + 3_000) == {BBO: Ailment.FROZEN}
    fresh.book(quote(100, NOON_MS + 3_200), best, NOON_MS + 3_200)
    assert not fresh.verdicts(NOON_MS + 3_300)


def test_a_mid_that_may_be_older_than_the_best_price_says_nothing():
    fresh = expecting(BBO)
    assert not fresh.mid(D(103), quote(100, NOON_MS), NOON_MS + 400)
    assert not fresh.verdicts(NOON_MS + 400)


@pytest.mark.parametrize(
    ("mid", "agrees"), [("100", True), ("100.49", True), ("100.5", False), ("99", False)]
)
def test_a_mid_agrees_within_a_quarter_of_the_spread(mid, agrees):
    assert expecting(BBO).mid(D(mid), quote(100, NOON_MS), NOON_MS + 1_000) is agrees


def test_a_quiet_coin_is_never_blamed_for_its_silence_alone():
    fresh = expecting(BBO)
    assert not fresh.verdicts(NOON_MS + 10**8)


# --- the account's channels ----------------------------------------------------------------------------


def account():
    return expecting(FILLS, UPDATES, STATE)


def test_an_order_that_was_filled_without_a_fill_is_a_mute_fills_channel():
    fresh = account()
    fresh.reported(7, NOON_MS, filled=True)
    assert first_seen_ms(fresh) <= SEEN_MS
    assert ailments(fresh, NOON_MS + SEEN_MS) == {FILLS: Ailment.MUTE}
    fresh.settled(FILLS)
    assert not fresh.verdicts(NOON_MS + SEEN_MS)


def test_a_fill_without_an_update_is_a_mute_updates_channel():
    fresh = account()
    fresh.executed(7, "BTC", NOON_MS, live=True)
    assert first_seen_ms(fresh) <= SEEN_MS
    assert ailments(fresh, NOON_MS + SEEN_MS) == {UPDATES: Ailment.MUTE}


@given(first=st.booleans(), gap_ms=st.integers(0, 1_400), oid=st.integers(0, 5))
def test_two_channels_that_tell_of_the_same_in_either_order_are_alive(first, gap_ms, oid):
    fresh = account()
    told = [
        lambda at: fresh.reported(oid, at, filled=True),
        lambda at: fresh.executed(oid, "BTC", at, live=True),
    ]
    for n, tell in enumerate(told if first else reversed(told)):
        tell(NOON_MS + n * gap_ms)
        assert not fresh.verdicts(NOON_MS + n * gap_ms)
    assert FILLS not in ailments(fresh, NOON_MS + 5_000)
    assert UPDATES not in ailments(fresh, NOON_MS + 5_000)


def test_fills_of_the_snapshot_need_no_update():
    fresh = account()
    fresh.executed(7, "BTC", NOON_MS, live=False)
    assert not fresh.verdicts(NOON_MS + 5_000)


def test_a_position_that_moves_without_a_fill_is_a_mute_fills_channel_and_with_one_it_is_not():
    for traded in (False, True):
        fresh = account()
        fresh.positions({"BTC": D(1)}, NOON_MS)
        if traded:
            fresh.executed(7, "BTC", NOON_MS + 2_000, live=False)
        fresh.positions({"BTC": D(2)}, NOON_MS + 3_000)
        fresh.heard(STATE, NOON_MS + 3_000)
        assert (FILLS in ailments(fresh, NOON_MS + 5_000)) is not traded


def test_a_fill_that_comes_a_little_after_its_position_clears_it():
    fresh = account()
    fresh.positions({}, NOON_MS)
    fresh.positions({"BTC": D(2)}, NOON_MS + 3_000)
    fresh.executed(7, "BTC", NOON_MS + 3_500, live=False)
    fresh.heard(STATE, NOON_MS + 3_500)
    assert not fresh.verdicts(NOON_MS + 6_000)


def test_what_is_long_past_is_forgotten():
    fresh = account()
    for oid in range(5_000):
        now = NOON_MS + 1_000 * oid
        fresh.executed(oid, "BTC", now, live=True)
        fresh.reported(oid, now, filled=True)
        fresh.verdicts(now)
    assert len(fresh._executions.filled_ms) <= 61
    assert len(fresh._executions.reported_ms) <= 61


# --- the whole connection ------------------------------------------------------------------------------


def test_a_connection_without_any_price_is_dead_within_three_seconds():
    fresh = expecting(BOOK, MIDS, BBO)
    assert not fresh.dead(NOON_MS + 2_000)
    assert fresh.dead(NOON_MS + 5_000)
    later = expecting(BOOK, MIDS, BBO)
    later.heard(BBO, NOON_MS + 20_000, exchange_ms=NOON_MS + 20_000)
    assert not later.dead(NOON_MS + 22_200)
    assert "no price" in later.dead(NOON_MS + 22_500)


def test_asking_again_does_not_make_a_dead_connection_young():
    fresh = expecting(BOOK)
    fresh.heard(BOOK, NOON_MS + 9_000, exchange_ms=NOON_MS + 9_000)
    fresh.expect(BOOK, NOON_MS + 11_000)
    assert fresh.dead(NOON_MS + 11_500)


def test_what_we_did_not_listen_to_is_held_against_nobody():
    fresh = expecting(BOOK, MIDS)
    fresh.reported(7, NOON_MS, filled=True)
    fresh.forgive(NOON_MS + 60_000)
    assert not fresh.verdicts(NOON_MS + 62_000)
    assert not fresh.dead(NOON_MS + 62_000)


def test_a_first_frame_that_has_come_is_not_waited_for_again_after_a_sleep():
    fresh = expecting(FILLS)
    fresh.forgive(NOON_MS + 60_000)
    assert not fresh.verdicts(NOON_MS + 10**9)


def test_what_was_never_asked_for_is_never_blamed():
    fresh = Freshness()
    fresh.heard(BOOK, NOON_MS, exchange_ms=NOON_MS)
    fresh.book(quote(105, NOON_MS), quote(100, NOON_MS - 9), NOON_MS)
    assert not fresh.verdicts(NOON_MS + 10**6)
    assert not fresh.dead(NOON_MS + 10**6)
    assert BOOK not in fresh
