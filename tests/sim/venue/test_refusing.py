from collections import Counter
from copy import deepcopy
from random import Random

from sim.venue.refusing import UNMATCHED, UNREASONED, Refusing, first_refusal

UNTIL_MS = 1_000


def refusing(share, texts=UNREASONED):
    return Refusing(texts, share, UNTIL_MS, Random("orders"))


def test_a_share_of_the_orders_is_refused_in_every_one_of_the_words():
    one = refusing(0.5)
    said = [one.refusal(7, 0) for _ in range(2_000)]
    refused = [words for words in said if words is not None]
    assert 900 < len(refused) < 1_100
    assert {status for _, status in refused} == {status for _, status in UNREASONED}
    assert any(text.endswith("asset=7") for text, _ in refused)


def test_nothing_is_refused_from_the_end_on_and_an_end_of_one_leaves_the_others():
    assert refusing(1.0).refusal(0, UNTIL_MS) is None
    later = Refusing(UNMATCHED, 1.0, 2 * UNTIL_MS, Random(0))
    assert first_refusal([refusing(1.0), later], 3, UNTIL_MS) == (UNMATCHED[0][0].format(3), UNMATCHED[0][1])
    assert first_refusal([], 3, 0) is None


def test_a_node_that_is_behind_refuses_the_same_orders():
    one = refusing(0.5)
    other = deepcopy(one)
    assert [one.refusal(i, 0) for i in range(50)] == [other.refusal(i, 0) for i in range(50)]


def test_what_was_said_without_a_reason_is_counted_by_its_words():
    one = refusing(0.5)
    said = [words[0] for n in range(200) if (words := one.refusal(n % 3, 0)) is not None]
    assert said
    assert one.said == Counter(said)
