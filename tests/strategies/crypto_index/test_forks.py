"""Forks as they happened, and the cases that the brief leaves open."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.crypto_index.forks import (
    Because,
    Chain,
    inheritance,
    literal_parent,
)

CORE = frozenset({"bitstamp", "coinbase", "kraken"})
DAY = date(2017, 8, 1)


def chain(name, on=(), cap=None, since=date(2009, 1, 3)):
    return Chain(
        name=name,
        ticker_exchanges=frozenset(on),
        market_cap_usd=None if cap is None else Decimal(cap),
        since=since,
    )


def between(a, b):
    return inheritance(a, b, core_exchanges=CORE, forked_on=DAY)


def test_who_holds_the_ticker_on_most_core_exchanges_inherits_though_it_is_smaller():
    """E0-23: Ethereum of 2016 kept its ticker; the chain that changed nothing became Classic."""
    found = between(chain("classic", cap=2e9), chain("forked", on=("kraken", "coinbase"), cap=1e9))
    assert (found.parent.name, found.child.name, found.because) == ("forked", "classic", Because.TICKER)


def test_without_a_majority_the_larger_inherits():
    found = between(chain("a", on=("kraken",), cap=1e9), chain("b", on=("coinbase",), cap=2e9))
    assert (found.parent.name, found.because) == ("b", Because.MARKET_CAP)


def test_half_of_the_core_exchanges_are_no_majority():
    a, b = chain("a", on=("kraken", "x"), cap=1e9), chain("b", cap=2e9)
    found = inheritance(a, b, core_exchanges=CORE | {"x"}, forked_on=DAY)
    assert (found.parent.name, found.because) == ("b", Because.MARKET_CAP)


def test_exchanges_that_are_not_core_have_no_vote():
    found = between(chain("a", on=("x", "y", "z"), cap=1e9), chain("b", on=("coinbase",), cap=2e9))
    assert found.parent.name == "b"


@pytest.mark.parametrize("caps", [(1e9, 1e9), (None, 1e9), (None, None)])
def test_where_caps_do_not_tell_the_older_inherits(caps):
    old, new = chain("z", cap=caps[0]), chain("a", cap=caps[1], since=DAY)
    assert (between(old, new).parent, between(old, new).because) == (old, Because.AGE)


def test_the_volume_rule_is_waived_for_forty_five_days():
    assert between(chain("a"), chain("b")).volume_exempt_until == date(2017, 9, 15)


chains = st.builds(
    chain,
    name=st.just("a"),
    on=st.sets(st.sampled_from(sorted(CORE))),
    cap=st.none() | st.sampled_from(["1", "2"]),
    since=st.sampled_from([date(2009, 1, 3), DAY]),
)


@settings(max_examples=40)
@given(chains, chains)
def test_it_does_not_matter_which_chain_is_named_first(a, b):
    b = chain("b", b.ticker_exchanges - a.ticker_exchanges, b.market_cap_usd, b.since)
    assert between(a, b) == between(b, a)


def test_the_briefs_rule_passes_by_a_second_chain_that_holds_the_ticker():
    """S0-63 asks only the first for a majority."""
    a, b = chain("a", cap=2e9), chain("b", on=CORE, cap=1e9)
    assert literal_parent(a, b, core_exchanges=CORE) is a
    assert between(a, b).parent is b


@pytest.mark.parametrize(
    ("a", "b", "core", "words"),
    [
        (chain("a"), chain("b"), frozenset(), "no core exchanges"),
        (chain("a"), chain("a"), CORE, "both chains are called a"),
        (chain("a", on=("kraken",)), chain("b", on=("kraken",)), CORE, "kraken lists both"),
        (chain("a", cap="NaN"), chain("b"), CORE, "market cap of a is NaN"),
        (chain("a"), chain("b", cap="0"), CORE, "market cap of b is 0"),
    ],
)
def test_a_fork_that_makes_no_sense_is_refused(a, b, core, words):
    with pytest.raises(ValueError, match=words):
        inheritance(a, b, core_exchanges=core, forked_on=DAY)
