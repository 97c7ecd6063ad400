"""What must happen first happens: afterwards all members have prices, nothing announced waits, and no level has jumped."""

from decimal import Decimal as D
from random import Random

import pytest

from core.index_level import applied, due, weights
from core.levels.overdue import overdue, priceless
from core.levels.types import Announce, IndexRefused, Price, RemovalCause, Remove, Reweight, Withdraw
from tests.core.levels.indices import DAY, T0, launch, prices, targets
from tests.core.levels.lives import Market

OLD, NEW = targets(A=(10, ".5"), B=(15, ".5")), targets(A=(10, ".4"), C=(5, ".35"), D=(7, ".25"))
DUE = T0 + DAY


def announced(new=NEW, *, effective_ms=DUE):
    state = applied(None, launch(OLD), prices(A=100, B=50), at_ms=T0).state
    return applied(state, Announce(targets=new, effective_at_ms=effective_ms), {}, at_ms=T0).state


def settled(state, heard, at_ms):
    """Do all that is overdue; return the state and the changes."""
    done = []
    while (event := overdue(state, heard, at_ms=at_ms, by="rule")) is not None:
        done.append(applied(state, event, heard, at_ms=at_ms))
        state = done[-1].state
        assert len(done) < 9
    return state, done


@pytest.mark.parametrize("seed", range(12))
def test_afterwards_all_have_prices_nothing_waits_and_the_level_has_not_jumped(seed):
    rng = Random(seed)
    market = Market(rng)
    market.walk()
    state = applied(None, launch(market.targets()), market.prices(), at_ms=market.at_ms).state
    seen = set()
    for _ in range(25):
        market.walk()
        heard = market.prices()
        for symbol in rng.sample(sorted(heard), max(0, min(6, len(heard) - 15))):
            market.silent_until_ms[symbol] = market.at_ms + rng.randrange(4 * DAY)
        heard = market.prices()
        try:
            state, done = settled(state, heard, market.at_ms)
        except IndexRefused:
            assert not any(m.symbol in heard for m in state.members)
            continue
        seen |= {type(change.entry.event) for change in done}
        assert due(state, at_ms=market.at_ms) is None
        assert priceless(state, heard, at_ms=market.at_ms, by="rule") is None
        for change in done:
            if change.entry.level is not None:
                assert abs(change.entry.level / change.entry.before - 1) < D("1e-25")
        if state.pending is None:
            wanted = market.targets()
            event = Announce(targets=wanted, effective_at_ms=market.at_ms + 1 + rng.randrange(DAY))
            state = applied(state, event, {}, at_ms=market.at_ms).state
    assert {Remove, Reweight} <= seen


def test_nothing_is_overdue_a_moment_before_its_time_and_all_of_it_at_its_time():
    heard = prices(DUE - 1, A=100, B=50, C=20, D=5)
    assert overdue(announced(), heard, at_ms=DUE - 1, by="rule") is None
    state, done = settled(announced(), heard, DUE)
    assert [type(change.entry.event) for change in done] == [Reweight]
    assert {symbol: round(weight, 20) for symbol, weight in weights(state).items()} == {
        target.symbol: target.weight for target in NEW
    }


def test_who_is_announced_and_has_no_price_is_left_out_and_the_others_share_its_weight():
    state, done = settled(announced(), prices(DUE, A=100, B=50, C=20), DUE)
    assert [type(change.entry.event) for change in done] == [Remove, Reweight]
    assert (done[0].entry.event.symbols, done[0].entry.event.cause) == (("D",), RemovalCause.NO_PRICE)
    found = weights(state)
    assert set(found) == {"A", "C"}
    assert abs(found["A"] / found["C"] - D(".4") / D(".35")) < D("1e-20")


def test_an_announced_price_stands_for_as_long_as_a_members():
    last = Price("D", D(5), DUE - DAY)
    heard = prices(DUE, A=100, B=50, C=20) | {"D": last}
    assert [type(c.entry.event) for c in settled(announced(), heard, DUE)[1]] == [Reweight]
    older = heard | {"D": Price("D", D(5), last.at_ms - 1)}
    assert [type(c.entry.event) for c in settled(announced(), older, DUE)[1]] == [Remove, Reweight]


def test_a_member_that_is_announced_again_needs_no_price_of_now():
    heard = prices(DUE, B=50, C=20, D=5)
    state, done = settled(announced(), heard, DUE)
    assert [type(change.entry.event) for change in done] == [Reweight]
    assert "A" in weights(state)


def test_what_is_announced_without_any_price_is_withdrawn_and_what_holds_goes_on():
    strangers = targets(C=(5, ".5"), D=(7, ".5"))
    state, done = settled(announced(strangers), prices(DUE, A=100, B=50), DUE)
    assert [type(change.entry.event) for change in done] == [Withdraw]
    assert ([m.symbol for m in state.members], state.pending) == (["A", "B"], None)


def test_who_has_no_price_leaves_before_what_was_announced_takes_effect():
    state = announced(effective_ms=T0 + 2 * DAY)
    at_ms = T0 + 2 * DAY
    _, done = settled(state, prices(at_ms, A=100, C=20, D=5), at_ms)
    assert [type(change.entry.event) for change in done] == [Remove, Reweight]
    assert done[0].entry.event.symbols == ("B",)
    assert done[0].entry.at_ms == done[1].entry.at_ms == at_ms


def test_without_any_price_the_level_stands_still():
    late_ms = T0 + DAY + 1
    state = replace_pending(announced())
    with pytest.raises(IndexRefused, match="stands still"):
        overdue(state, {}, at_ms=late_ms, by="rule")
    assert overdue(state, {}, at_ms=late_ms - 1, by="rule") is None


def replace_pending(state):
    return applied(state, Withdraw(reason="a test", by="rule"), {}, at_ms=state.at_ms).state
