"""Who is in: the largest, and incumbents by the buffer."""

from hypothesis import given
from hypothesis import strategies as st

from strategies.crypto_index.methodology import Buffer
from strategies.crypto_index.selection import chosen, ranked

NONE = Buffer()
caps = st.dictionaries(st.sampled_from([f"C{i}" for i in range(12)]), st.floats(1, 1e6), min_size=1)
buffers = st.builds(
    Buffer, size_ratio=st.floats(1, 3), rank_keep=st.integers(6, 12), rank_enter=st.integers(0, 6)
)


def test_ranks_fall_with_market_cap_and_ties_go_by_symbol():
    assert ranked({"B": 2.0, "A": 2.0, "C": 3.0}) == ["C", "A", "B"]


def test_without_a_buffer_the_largest_are_in_whoever_was():
    sizes = {"A": 4.0, "B": 3.0, "C": 2.0, "D": 1.0}
    assert chosen(sizes, incumbents=["C", "D"], k=2, buffer=NONE).members == ("A", "B")


def test_an_incumbent_stays_until_a_challenger_is_more_than_a_tenth_larger():
    buffer = Buffer(size_ratio=1.1)
    stays = chosen({"A": 9.0, "B": 1.1, "C": 1.0}, incumbents=["A", "C"], k=2, buffer=buffer)
    assert stays.members == ("A", "C")
    assert stays.said == ("C stays: B is 1.100 times as large, wanted 1.1",)
    goes = chosen({"A": 9.0, "B": 1.2, "C": 1.0}, incumbents=["A", "C"], k=2, buffer=buffer)
    assert goes.members == ("A", "B")
    assert goes.said == ("B replaces C: it is 1.200 times as large",)


def test_nobody_is_said_to_go_who_finds_room_all_the_same():
    found = chosen({"A": 9.0, "B": 5.0, "C": 1.0}, incumbents=["A", "C"], k=3, buffer=NONE)
    assert (found.members, found.said) == (("A", "B", "C"), ())


def test_an_incumbent_that_is_no_longer_eligible_goes():
    assert chosen({"A": 1.0, "B": 2.0}, incumbents=["X"], k=1, buffer=Buffer(size_ratio=9)).members == ("B",)


def test_below_rank_keep_an_incumbent_goes_and_within_rank_enter_one_comes():
    sizes = {"A": 5.0, "B": 4.0, "C": 3.0, "D": 2.0}
    buffer = Buffer(size_ratio=50.0, rank_keep=3)
    assert chosen(sizes, incumbents=["C", "D"], k=2, buffer=buffer).members == ("A", "C")
    buffer = Buffer(size_ratio=50.0, rank_keep=4, rank_enter=1)
    assert chosen(sizes, incumbents=["C", "D"], k=2, buffer=buffer).members == ("A", "C")


@given(caps, st.integers(1, 9), buffers, st.lists(st.sampled_from([f"C{i}" for i in range(14)]), unique=True))
def test_there_are_k_members_by_rank_all_eligible_and_a_second_look_changes_nothing(sizes, k, buffer, before):
    members = chosen(sizes, incumbents=before, k=k, buffer=buffer).members
    assert len(members) == min(k, len(sizes))
    assert set(members) <= set(sizes)
    assert list(members) == [s for s in ranked(sizes) if s in members]
    assert chosen(sizes, incumbents=members, k=k, buffer=buffer).members == members


@given(caps, st.integers(1, 9), st.floats(1, 3))
def test_nobody_outside_is_so_much_larger_than_a_member(sizes, k, ratio):
    start = ranked(sizes)[-k:]
    members = chosen(sizes, incumbents=start, k=k, buffer=Buffer(size_ratio=ratio)).members
    outside = [sizes[s] for s in sizes if s not in members]
    assert not outside or max(outside) <= ratio * min(sizes[s] for s in members)
