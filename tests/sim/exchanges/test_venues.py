import json

import pytest

from sim.exchanges import ladder
from sim.exchanges.script import Await, Say
from sim.exchanges.speech import SWING, Moment
from sim.exchanges.venues import SPEECHES, bitfinex, kraken
from tests.adapters.scripted import NOON_MS

FIRST = Moment("BTC/USD", 45_285.2, NOON_MS)


def test_a_books_checksum_is_the_one_of_the_documentation():
    """docs.kraken.com, guide to the book's checksum (v2): ten levels a side, sizes of each, 3310070434."""
    asks = "45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660"
    asks += " 45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827"
    bids = "45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586"
    bids += " 45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238"
    words = f"{asks} {bids}".split()
    assert kraken.digest(words) == 3_310_070_434


def test_the_price_goes_up_and_down_by_one_from_where_it_began():
    prices = [FIRST.after(rounds).price - FIRST.price for rounds in range(10)]
    assert prices == pytest.approx([0, 1, 2, 1, 0, -1, -2, -1, 0, 1])
    assert FIRST.after(7).after(-3) == FIRST.after(4)


def test_a_kraken_book_tells_what_was_traded_away_and_what_comes_into_its_depth_but_not_what_falls_out():
    first, second = FIRST.after(1), FIRST.after(3)
    up = {side: kraken.changes(first, of) for side, of in (("bids", ladder.bids), ("asks", ladder.asks))}
    down = {side: kraken.changes(second, of) for side, of in (("bids", ladder.bids), ("asks", ladder.asks))}
    assert [(row["price"], row["qty"] > 0) for row in up["asks"]] == [
        (45285.7, False), (45286.7, True), (45295.7, True),
    ]  # fmt: skip
    assert [row["price"] for row in up["bids"]] == [45285.7, 45284.7]
    assert [(row["price"], row["qty"] > 0) for row in down["bids"]] == [
        (45286.7, False), (45285.7, True), (45276.7, True),
    ]  # fmt: skip
    assert [row["price"] for row in down["asks"]] == [45286.7, 45287.7]


def test_bitfinex_numbers_its_frames_without_a_gap():
    numbers = [json.loads(say.text)[-2] for round_ in range(9) for say in bitfinex.says(FIRST.after(round_))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", SPEECHES)
def test_a_script_waits_for_the_subscription_and_then_tells_rounds(name):
    speech = SPEECHES[name]
    moment = Moment(speech.pair, 50_000.0, NOON_MS)
    steps = speech.script(moment, rounds=2).scene(0).steps
    place = steps.index(Await(speech.awaits))
    assert [step.text for step in steps[:place]] == list(speech.greeting)
    assert steps[place + 1 :] == (*speech.says(moment), *speech.says(moment.after(1)))
    assert all(json.loads(step.text) for step in steps if isinstance(step, Say))


@pytest.mark.parametrize("name", SPEECHES)
def test_a_live_script_has_the_time_of_telling(name):
    speech = SPEECHES[name]
    live = speech.live(Moment(speech.pair, 50_000.0, NOON_MS), every_s=0.1).scene(0).steps[-1]
    told = "".join(say.text for say in live.texts(SWING, NOON_MS + 7_000))
    assert f"{50_000 + SWING}" in told
    assert f"{NOON_MS + 7_000}" in told or "12:00:07" in told
