from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import book
from core.orders import FILL_OVERLAP_MS
from core.state import Book
from core.types import FundingPayment
from tests.core.desk import CLOSE_MS, DOGE, SOL, XRP, D, desk, fill, fills, snapshot

quantities = st.decimals(-1000, 1000, places=2).filter(bool)
executions = st.lists(
    st.tuples(st.sampled_from([SOL, XRP, DOGE]), quantities, st.integers(0, 60_000)), min_size=1, max_size=12
)


def at_venue(state, at_ms):
    """Return the state once the venue has shown its account as of at_ms."""
    return replace(state, account=replace(state.account, snapshot=snapshot(at_ms=at_ms)))


def made(rows):
    return [
        fill(coin, qty, tid=n, at_ms=CLOSE_MS + ms, fee_usd=D("0.01") * n)
        for n, (coin, qty, ms) in enumerate(rows)
    ]


@given(rows=executions, data=st.data())
def test_fills_are_booked_once_in_any_order_batching_and_overlap(rows, data):
    every = made(rows)
    state = desk()
    for _ in range(4):
        batch = data.draw(st.lists(st.sampled_from(every), max_size=15))
        state, _ = book.take(state, fills(*batch))
    state, _ = book.take(state, fills(*data.draw(st.permutations(every))))
    for coin in (SOL, XRP, DOGE):
        held = sum((f.signed_qty for f in every if f.coin == coin), Decimal(0))
        assert state.book.positions.get(coin, 0) == held
        assert state.book.ledger.fees_usd.get(coin, 0) == sum(f.fee_usd for f in every if f.coin == coin)
        cash = -sum(f.signed_qty * f.px for f in every if f.coin == coin)
        assert state.book.ledger.cash_usd.get(coin, 0) == cash
    assert state.book.fills_booked == len(every)


@given(rows=executions)
def test_only_new_fills_are_returned_oldest_first(rows):
    every = made(rows)
    state, new = book.take(desk(), fills(*reversed(every)))
    assert [f.at_ms for f in new] == sorted(f.at_ms for f in every)
    again, none = book.take(state, fills(*every))
    assert none == ()
    assert again.book.duplicates_ignored == len(every)


def test_fills_of_one_moment_keep_the_order_of_the_venue():
    every = [fill(SOL, D(n + 1), tid=9 - n) for n in range(5)]
    _, new = book.take(desk(), fills(*every))
    assert [f.tid for f in new] == [9, 8, 7, 6, 5]


def test_a_flat_position_is_an_absent_one():
    state, _ = book.take(desk({SOL: D(10)}), fills(fill(SOL, D(-10))))
    assert SOL not in state.book.positions


@given(
    spans=st.lists(
        st.tuples(st.integers(-300_000, 300_000), st.integers(0, 300_000)), min_size=1, max_size=10
    )
)
def test_coverage_grows_only_by_intervals_that_join_it(spans):
    state = at_venue(desk(), CLOSE_MS + 600_000)
    for start, length in spans:
        before = state.book.covered_to_ms
        first, last = CLOSE_MS + start, CLOSE_MS + start + length
        state, _ = book.take(state, fills(covered=(first, last)))
        joined = first <= before and last > before
        assert state.book.covered_to_ms == (last if joined else before)


def test_ids_are_kept_long_enough_to_know_a_repeated_fill_and_no_longer():
    state = replace(desk(), book=replace(desk().book, covered_to_ms=CLOSE_MS))
    for minute in range(240):
        now = CLOSE_MS + 60_000 * minute
        batch = [fill(SOL, D(1), tid=100 * minute + n, at_ms=now) for n in range(5)]
        read = fills(*batch, covered=(now - FILL_OVERLAP_MS, now))
        state, _ = book.take(state, read)
        positions = state.book.positions
        state, _ = book.take(state, read)
        assert state.book.positions == positions
    assert state.book.positions[SOL] == 1200
    assert len(state.book.seen_fills) <= 5 * 5


@given(ahead_ms=st.integers(0, 3_600_000), after_ms=st.integers(0, 3_600_000))
def test_no_clock_of_ours_however_far_ahead_makes_a_fill_known_before_it_happened(ahead_ms, after_ms):
    state = desk()
    read = fills(covered=(CLOSE_MS - 20_000, CLOSE_MS + ahead_ms), at_ms=CLOSE_MS + ahead_ms)
    state, _ = book.take(state, read)
    state, new = book.take(state, fills(fill(SOL, D(1), at_ms=CLOSE_MS + after_ms)))
    assert len(new) == 1


@given(late_ms=st.integers(0, 10 * FILL_OVERLAP_MS))
def test_a_fill_whose_id_was_forgotten_is_not_booked_again(late_ms):
    one = fill(SOL, D(1), at_ms=CLOSE_MS)
    state = replace(desk(), book=replace(desk().book, covered_to_ms=CLOSE_MS - 1))
    state, _ = book.take(state, fills(one))
    state = at_venue(state, CLOSE_MS + late_ms)
    state, _ = book.take(state, fills(covered=(CLOSE_MS - 1, CLOSE_MS + late_ms)))
    state, new = book.take(state, fills(one))
    assert new == ()
    assert state.book.positions[SOL] == 1


def test_fills_before_the_account_was_adopted_are_inside_its_positions():
    state = replace(desk(), book=Book())
    state, new = book.take(state, fills(fill(SOL, D(5))))
    assert new == ()
    adopted = replace(state, book=book.opened(state.book, snapshot({SOL: D(5)})))
    adopted, new = book.take(adopted, fills(fill(SOL, D(5), at_ms=CLOSE_MS)))
    assert new == ()
    assert adopted.book.positions == {SOL: 5}
    adopted, new = book.take(adopted, fills(fill(SOL, D(5), at_ms=CLOSE_MS + 1)))
    assert adopted.book.positions == {SOL: 10}


@given(st.lists(st.tuples(st.sampled_from([SOL, XRP]), st.integers(0, 5), st.integers(-9, 9)), max_size=20))
def test_funding_is_booked_once_an_hour_and_coin(rows):
    payments = [
        FundingPayment(coin=c, at_ms=CLOSE_MS + 3_600_000 * hour + 57, usd=D(usd), qty=D(1), rate=D(0))
        for c, hour, usd in rows
    ]
    state = desk()
    for payment in payments + payments:
        state = book.take_funding(state, (payment,))
    first = {p.key: p for p in reversed(payments)}
    for coin in (SOL, XRP):
        paid = sum(p.usd for p in first.values() if p.coin == coin)
        assert state.book.ledger.funding_usd.get(coin, 0) == paid


@pytest.mark.parametrize("late_ms", [-1, 0, 1])
def test_funding_paid_until_the_book_was_opened_is_in_the_account_that_it_was_opened_with(late_ms):
    """A book that a lost journal had opened again at two seconds past midnight was paid midnight's funding once more."""
    state = desk()
    paid_ms = state.book.opened_ms + late_ms
    payment = FundingPayment(coin=SOL, at_ms=paid_ms, usd=D(3), qty=D(1), rate=D(0))
    state = book.take_funding(state, (payment,))
    assert state.book.ledger.funding_usd == ({SOL: D(3)} if late_ms > 0 else {})


@given(
    ours=st.dictionaries(st.sampled_from([SOL, XRP]), quantities),
    theirs=st.dictionaries(st.sampled_from([SOL, XRP]), quantities),
)
def test_differences_name_both_numbers_of_every_coin_that_differs(ours, theirs):
    found = book.differences(Book(positions=ours), snapshot(theirs))
    assert set(found) == {c for c in (SOL, XRP) if ours.get(c, 0) != theirs.get(c, 0)}
    assert all(found[c] == (ours.get(c, 0), theirs.get(c, 0)) for c in found)


# --- the chain of positions ------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """Return what a venue made of an account that began flat: fills in its order, several to a millisecond."""
    held, made, at_ms = {}, [], CLOSE_MS
    for n in range(draw(st.integers(1, 14))):
        coin, qty = draw(st.sampled_from([SOL, XRP])), draw(quantities)
        at_ms += draw(st.integers(0, 1))
        start = held.get(coin, Decimal(0))
        made.append(fill(coin, qty, tid=n, at_ms=at_ms, start_position=start))
        held[coin] = start + qty
    return made


@given(made=histories(), data=st.data())
def test_whatever_the_order_and_the_frames_a_whole_history_is_an_unbroken_chain(made, data):
    state, rest = desk(), data.draw(st.permutations(made))
    while rest:
        n = data.draw(st.integers(1, len(rest)))
        state, _ = book.take(state, fills(*rest[:n]))
        rest = rest[n:]
    last = {f.coin: f.end_position for f in made}
    assert state.book.positions == {c: q for c, q in last.items() if q}
    assert not state.book.broken or not all(is_plain(made, f) for f in made)


def is_plain(made, one):
    """Say whether at most one other fill shares the coin and the moment, and the two do not go to and fro."""
    moment = [f for f in made if (f.coin, f.at_ms) == (one.coin, one.at_ms)]
    return len(moment) == 1 or (len(moment) == 2 and moment[0].start_position != moment[1].end_position)


@given(made=histories())
def test_fills_of_one_moment_come_in_the_order_of_their_positions(made):
    _, new = book.take(desk(), fills(*sorted(made, key=lambda f: (f.at_ms, -f.tid))))
    held = {}
    starts = [(f.coin, f.at_ms, f.start_position) for f in made]
    for f in new:
        assert len(set(starts)) < len(starts) or f.start_position == held.get(f.coin, 0)
        held[f.coin] = f.end_position


@given(made=histories(), data=st.data())
def test_a_fill_that_is_missing_in_between_breaks_the_chain_until_it_comes(made, data):
    made = [replace(f, at_ms=CLOSE_MS + n) for n, f in enumerate(made)]
    lost = data.draw(st.sampled_from(made))
    of_coin = [f for f in made if f.coin == lost.coin]
    state, _ = book.take(desk(), fills(*(f for f in made if f is not lost)))
    if lost is of_coin[-1]:
        assert not state.book.broken
    else:
        assert state.book.broken == {lost.coin: of_coin[-1].end_position}
    state, new = book.take(state, fills(lost))
    assert new == (lost,)
    assert not state.book.broken


@pytest.mark.parametrize(
    "direction", ["Liquidated Isolated Short", "Auto-Deleveraging", "Settlement", "Quantum Leap", ""]
)
def test_whatever_a_fill_is_called_it_is_booked_by_side_and_size_and_proved_by_its_position(direction):
    state = desk({SOL: D(-5)})
    forced = fill(SOL, D(3), cloid=None, direction=direction, start_position=D(-5))
    state, _ = book.take(state, fills(forced))
    assert state.book.positions == {SOL: -2}
    assert not state.book.broken
    state, _ = book.take(state, fills(replace(forced, tid=2, at_ms=CLOSE_MS + 1, start_position=D(-9))))
    assert state.book.broken == {SOL: -6}
    assert book.agreed(state.book).broken == {}


def test_what_is_no_perpetual_is_not_in_the_book():
    for name in ("@142", "PURR/USDC", "+7", "#7", "xyz:GOLD"):
        spot = replace(fill(SOL, D(1)), coin=name)
        state, new = book.take(desk(), fills(spot))
        again, none = book.take(state, fills(spot))
        assert (new, none) == ((spot,), ())
        assert not again.book.positions
        assert not again.book.ledger.cash_usd
        assert not again.book.broken


def test_fills_that_go_to_and_fro_within_a_moment_follow_the_position_that_is_held():
    there, back = fill(SOL, D(1), tid=1), fill(SOL, D(-1), tid=2, start_position=D(1))
    state, new = book.take(desk(), fills(back, there))
    assert new == (there, back)
    assert not state.book.broken
