"""Outside numbers (O0-4, 5, 5b, 8), and what each event must and must not do to a level."""

from decimal import Decimal as D
from decimal import localcontext
from itertools import permutations

import pytest

from core.index_level import applied, correction, coverage, due, level, weights
from core.levels.arithmetic import divisor_after, market_value
from core.levels.types import (
    Announce,
    ChangeSupply,
    Fork,
    ForkVariant,
    IndexRefused,
    Member,
    Price,
    Publish,
    Redenominate,
    RemovalCause,
    Remove,
    Restate,
    Reweight,
    Supply,
    Withdraw,
)
from tests.core.levels.indices import DAY, T0, launch, oracle, prices, targets

LATER = T0 + DAY
MOVED = prices(LATER, A=110, B=45, C=21)
NEW = targets(A=(10, ".4"), B=(15, ".4"), C=(30, ".2"))


def near(value, expected, within="1e-30"):
    return abs(value - D(expected)) <= D(within) * abs(D(expected))


def removal(*symbols, cause=RemovalCause.BLACKLIST):
    return Remove(symbols=symbols, cause=cause, reason="exploit", by="committee")


# --- outside numbers -----------------------------------------------------------------------------------


def test_o0_4_factors_divisor_and_level_and_other_weights():
    state = oracle().state
    assert [m.factor for m in state.members[:2]] == [D("1.175"), D("0.94")]
    assert near(state.members[2].factor, D("0.47") / D("0.6"), "1e-27")
    assert near(state.divisor, "2.35")
    assert near(oracle().entry.level, "1000")
    assert near(level(state, MOVED, at_ms=LATER), "1030")
    change = applied(state, Reweight(targets=NEW), MOVED, at_ms=LATER)
    assert near(change.state.divisor, D(2405) / D(1030), "1e-27")
    assert str(change.state.divisor).startswith("2.33495145")
    assert near(change.entry.level, "1030")
    assert {s: round(w, 20) for s, w in weights(change.state).items()} == {
        "A": D(".4"),
        "B": D(".4"),
        "C": D(".2"),
    }


def test_o0_5_the_divisor_is_replaced_in_the_ratio_of_the_market_values():
    before, after = oracle().state, applied(oracle().state, Reweight(targets=NEW), MOVED, at_ms=LATER).state
    held, kept = market_value(before.members, MOVED), market_value(after.members, MOVED)
    with localcontext() as context:
        context.prec = 34
        assert near(after.divisor, before.divisor * kept / held, "1e-32")


def test_o0_5b_the_price_weighted_textbook_case():
    assert near(divisor_after(D(".147"), D(4116), D(7266)), ".2595")
    assert D(4116) / D(".147") == 28_000


def test_o0_8_the_divisor_of_the_printed_log():
    with localcontext() as context:
        context.prec = 34
        shown = D("9870146750000") / D("1000105.9811888838")
        assert round(shown, 4) == D("9869100.8110")
        literal = divisor_after(D("1000105.9811888838"), D("9870146750000"), D("9873796048997"))
    assert round(literal, 7) == D("1000475.7513500")


def test_with_one_price_vector_on_both_sides_the_logs_divisor_would_not_have_moved():
    assert divisor_after(D("1000105.9811888838"), D(7), D(7)) == D("1000105.9811888838")


# --- the level -----------------------------------------------------------------------------------------


def test_the_digits_do_not_depend_on_the_order_of_members_or_on_the_callers_context():
    state = oracle().state
    values = {market_value(order, MOVED) for order in permutations(state.members)}
    with localcontext() as context:
        context.prec = 5
        values.add(market_value(state.members, MOVED))
        assert len(str(applied(state, Publish(), MOVED, at_ms=LATER).entry.level)) > 20
    assert len(values) == 1


def test_a_divisor_is_the_same_to_the_bit_when_nothing_changed():
    state = oracle().state
    same = targets(C=(30, ".2"), A=(10, ".5"), B=(15, ".3"))
    for event, at in (
        (Publish(), MOVED),
        (Reweight(targets=same), prices(LATER, A=100, B=50, C=20)),
        (ChangeSupply(supplies=(Supply("A", D(10)),)), MOVED),
    ):
        after = applied(state, event, at, at_ms=LATER).state
        assert str(after.divisor) == str(state.divisor)
        assert after.members == state.members


def test_weights_are_the_same_within_a_trillionth_and_not_beyond():
    state, told = oracle().state, prices(LATER, A=100, B=50, C=20)
    for off, same in (("1e-12", True), ("2e-12", False)):
        event = Reweight(targets=targets(A=(10, D(".5") + D(off)), B=(15, D(".3") - D(off)), C=(30, ".2")))
        after = applied(state, event, told, at_ms=LATER).state
        assert (after.members == state.members) is same


def test_an_entry_without_prices_moves_neither_level_nor_divisor():
    change = applied(oracle().state, Announce(targets=NEW, effective_at_ms=LATER), {}, at_ms=T0)
    assert (change.entry.level, change.entry.prices) == (None, ())
    assert change.state.divisor == oracle().state.divisor


# --- announced and effective ---------------------------------------------------------------------------


def announced():
    return applied(oracle().state, Announce(targets=NEW, effective_at_ms=LATER), {}, at_ms=T0).state


def test_announced_targets_wait_for_their_date():
    state = announced()
    assert due(state, at_ms=LATER - 1) is None
    with pytest.raises(IndexRefused, match="not yet"):
        applied(state, Reweight(targets=NEW), MOVED | prices(T0, A=1, B=1, C=1), at_ms=LATER - 1)
    change = applied(state, due(state, at_ms=LATER), MOVED, at_ms=LATER)
    assert change.state.pending is None
    assert near(change.entry.level, "1030")


def test_while_targets_are_announced_others_are_refused_until_they_are_withdrawn():
    state, other = announced(), targets(A=(10, 1))
    for event in (Reweight(targets=other), Announce(targets=other, effective_at_ms=LATER + 1)):
        with pytest.raises(IndexRefused, match="announced"):
            applied(state, event, MOVED, at_ms=LATER)
    state = applied(state, Withdraw(reason="wrong supply", by="committee"), {}, at_ms=LATER).state
    assert applied(state, Reweight(targets=other), MOVED, at_ms=LATER).state.members[0].symbol == "A"


def test_a_removed_member_does_not_come_back_with_what_was_announced_before():
    state = applied(announced(), removal("B"), prices(A=100, B=50, C=20), at_ms=T0 + 1).state
    assert [(t.symbol, round(t.weight, 20)) for t in state.pending.targets] == [
        ("A", D(2) / 3 // D("1e-20") * D("1e-20") + D("1e-20")),
        ("C", D(1) / 3 // D("1e-20") * D("1e-20")),
    ]
    after = applied(state, due(state, at_ms=LATER), MOVED, at_ms=LATER).state
    assert [m.symbol for m in after.members] == ["A", "C"]


def test_a_symbol_that_is_only_announced_can_be_removed_and_nothing_else_changes():
    wanted = targets(A=(10, ".4"), D=(15, ".6"))
    state = applied(oracle().state, Announce(targets=wanted, effective_at_ms=LATER), {}, at_ms=T0).state
    after = applied(state, removal("D"), prices(A=100, B=50, C=20), at_ms=T0).state
    assert (after.members, after.divisor) == (state.members, state.divisor)
    assert after.pending.targets == targets(A=(10, 1))


# --- removals and missing prices -----------------------------------------------------------------------


def test_a_removed_members_weight_goes_to_the_others_in_proportion():
    before = weights(applied(oracle().state, Publish(), MOVED, at_ms=LATER).state)
    change = applied(oracle().state, removal("B"), MOVED, at_ms=LATER)
    after = weights(change.state)
    assert near(change.entry.level, change.entry.before)
    assert near(after["A"] / after["C"], before["A"] / before["C"], "1e-25")
    assert near(after["A"] + after["C"], "1", "1e-25")


def test_a_member_leaves_at_its_last_vetted_price_however_old_while_the_others_need_fresh_ones():
    state = oracle().state
    at_ms = T0 + 10 * DAY
    fresh = prices(at_ms, A=110, C=21)
    assert coverage(state, fresh, at_ms=at_ms).excluded == ("B",)
    change = applied(state, removal("B", cause=RemovalCause.NO_PRICE), fresh, at_ms=at_ms)
    assert change.entry.prices[1] == Price("B", D(50), T0)
    assert near(change.entry.level, change.entry.before)
    with pytest.raises(IndexRefused, match="of B, C"):
        applied(state, removal("A"), prices(at_ms, A=110), at_ms=at_ms)


def test_a_missing_price_is_carried_then_excluded_then_refused_and_the_level_never_set_anew():
    state = oracle().state
    one = coverage(state, prices(LATER, A=110), at_ms=LATER)
    assert (one.fresh, one.carried, one.excluded) == (("A",), ("B", "C"), ())
    assert near(level(state, prices(LATER, A=110), at_ms=LATER), "1050")
    two = coverage(state, prices(LATER + 1, A=110), at_ms=LATER + 1)
    assert (two.fresh, two.carried, two.excluded) == (("A",), (), ("B", "C"))
    with pytest.raises(IndexRefused, match="no price within 1 days of B, C"):
        level(state, prices(LATER + 1, A=110), at_ms=LATER + 1)
    with pytest.raises(IndexRefused, match="stands still"):
        coverage(state, {}, at_ms=LATER + 1)


def test_of_two_prices_of_the_same_time_the_one_heard_counts():
    state = oracle().state
    assert level(state, prices(T0, A=110, B=45, C=21), at_ms=T0) == level(
        state, prices(T0 + 1, A=110, B=45, C=21), at_ms=T0 + 1
    )


def test_the_later_price_counts_whoever_brings_it():
    state = applied(oracle().state, Publish(), MOVED, at_ms=LATER).state
    assert level(state, prices(T0, A=1, B=1, C=1), at_ms=LATER) == level(state, {}, at_ms=LATER)


# --- forks, redenomination, supply ---------------------------------------------------------------------


def forked(variant):
    event = Fork(parent="A", child="AC", ratio=D(2), variant=variant)
    return applied(oracle().state, event, prices(LATER, A=96, B=50, C=20, AC=2), at_ms=LATER)


def test_a_dropped_child_leaves_the_divisor_to_the_bit_and_the_price_return():
    change = forked(ForkVariant.DROPPED)
    assert str(change.state.divisor) == str(oracle().state.divisor)
    assert near(change.entry.level, "980")


def test_a_distributed_child_is_put_into_all_members_and_the_level_does_not_fall():
    change = forked(ForkVariant.TOTAL_RETURN)
    assert near(change.entry.before, "1000")
    assert near(change.entry.level, "1000")
    assert change.state.members == oracle().state.members
    assert [p.symbol for p in change.state.prices] == ["A", "B", "C"]


@pytest.mark.parametrize("ratio", ["1000", "0.001", "3", "7e-9"])
def test_a_redenomination_changes_neither_level_nor_divisor_nor_weights(ratio):
    state = announced()
    change = applied(state, Redenominate(symbol="B", ratio=D(ratio)), MOVED, at_ms=LATER)
    assert str(change.state.divisor) == str(state.divisor)
    assert near(change.entry.level, change.entry.before)
    assert near(level(change.state, {}, at_ms=LATER), "1030")
    assert near(change.state.members[1].supply * D(ratio), 15, "1e-27")
    assert change.state.pending.targets[1].supply == change.state.members[1].supply


def test_a_new_supply_shifts_the_weights_and_keeps_the_level():
    change = applied(oracle().state, ChangeSupply(supplies=(Supply("A", D(20)),)), MOVED, at_ms=LATER)
    assert near(change.entry.level, "1030")
    assert change.state.members[0] == Member("A", D(20), D("1.175"))
    assert near(change.state.divisor, D("2.35") * (D("2420.5") + D("1292.5")) / D("2420.5"), "1e-27")


# --- restatement ---------------------------------------------------------------------------------------


def test_a_correction_says_what_the_level_would_have_been_and_rewrites_nothing():
    change = applied(oracle().state, Publish(), MOVED, at_ms=LATER)
    wrong = correction(change.state, change.entry.level, [Price("A", D(100), LATER)])
    assert near(wrong.new, "980")
    event = Restate(corrections=(wrong,), reason="a venue's print was busted", by="committee")
    after = applied(change.state, event, {}, at_ms=LATER)
    assert (after.state.divisor, after.state.prices) == (change.state.divisor, change.state.prices)
    with pytest.raises(IndexRefused, match="up to 2"):
        applied(after.state, Restate(corrections=(_at(wrong, 3),), reason="r", by="b"), {}, at_ms=LATER)


def _at(wrong, sequence):
    return type(wrong)(sequence, wrong.old, wrong.new, wrong.prices)


# --- refusals ------------------------------------------------------------------------------------------

REFUSED = [
    (Publish(), prices(LATER, A="NaN"), "NaN, must be a number above 0"),
    (Publish(), prices(LATER, A="Infinity"), "must be a number above 0"),
    (Publish(), prices(LATER, A=0), "price of A is 0, must be"),
    (Publish(), prices(LATER, A=-1), "must be a number above 0"),
    (Publish(), prices(LATER, A="1e41"), "within"),
    (Publish(), prices(LATER, A="1." + "1" * 34), "at most 34 digits"),
    (Publish(), {"A": Price("A", 1.5, LATER)}, "must be a Decimal"),
    (Publish(), {"A": Price("B", D(1), LATER)}, "the price under A is of B"),
    (Publish(), prices(LATER + 1, A=100), "later than the event"),
    (Reweight(targets=targets(A=(10, ".5"), Z=(1, ".5"))), MOVED, "no price within 1 days of Z"),
    (Reweight(targets=targets(A=(10, ".5"), B=(1, ".49"))), MOVED, "sum to 0.99"),
    (Reweight(targets=targets(A=(10, ".5"), B=(1, ".5000000000011"))), MOVED, "must sum to 1"),
    (Reweight(targets=targets(A=(10, 1), B=(1, 0))), MOVED, "weight of B is 0"),
    (Reweight(targets=targets(A=(0, 1))), MOVED, "supply of A is 0"),
    (Reweight(targets=targets(A=(10, ".5")) * 2), MOVED, "target A is given twice"),
    (Reweight(targets=()), MOVED, "no target"),
    (Reweight(targets=targets(a=(10, 1))), MOVED, "no upper-case ticker"),
    (removal("Z"), MOVED, "Z is no member of test; its members are A, B, C"),
    (removal("A", "B", "C"), MOVED, "would have no member"),
    (removal("A", "A"), MOVED, "given twice"),
    (Remove(symbols=("A",), cause="delisting", reason=" ", by="me"), MOVED, "give a reason"),
    (Fork(parent="Z", child="ZC", ratio=D(1), variant="dropped"), MOVED, "no member"),
    (Fork(parent="A", child="AC", ratio=D(1), variant="dropped"), MOVED, "of AC"),
    (Fork(parent="A", child="B", ratio=D(1), variant="dropped"), MOVED, "is a member of test already"),
    (Redenominate(symbol="A", ratio=D(0)), MOVED, "ratio is 0"),
    (Redenominate(symbol="Z", ratio=D(2)), MOVED, "no member"),
    (ChangeSupply(supplies=(Supply("A", D("NaN")),)), MOVED, "supply of A is NaN"),
    (ChangeSupply(supplies=()), MOVED, "no supply"),
    (Announce(targets=NEW, effective_at_ms=LATER), {}, "later than the announcement"),
    (Withdraw(reason="r", by="b"), {}, "nothing is announced"),
    (Restate(corrections=(), reason="r", by="b"), {}, "no correction"),
    (launch(NEW), MOVED, "launched once"),
]


@pytest.mark.parametrize(("event", "told", "words"), REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_what_cannot_be_is_refused_with_the_reason(event, told, words):
    with pytest.raises(IndexRefused, match=words):
        applied(oracle().state, event, told, at_ms=LATER)


def test_nothing_happens_before_the_launch_or_before_the_last_event():
    with pytest.raises(IndexRefused, match="before its launch"):
        applied(None, Publish(), MOVED, at_ms=LATER)
    with pytest.raises(IndexRefused, match="last one was at"):
        applied(oracle().state, Publish(), {}, at_ms=T0 - 1)
    with pytest.raises(IndexRefused, match="base level"):
        applied(None, launch(NEW, base="0"), MOVED, at_ms=LATER)
    with pytest.raises(IndexRefused, match="stale_ms"):
        applied(None, launch(NEW, stale_ms=0), MOVED, at_ms=LATER)
    with pytest.raises(IndexRefused, match="of A"):
        applied(None, launch(NEW), prices(T0, A=1) | prices(LATER + DAY, B=1, C=1), at_ms=LATER + DAY)
