"""An instance publishes while it leads, when it should, and never a sequence twice."""

import asyncio

import pytest

from core.prices import fence
from core.prices.tenure import Term
from daemon.index_prices.publisher import Publisher
from tests.daemon.index_prices.values import value


class ScriptedElection:
    """Leads under the token that a test gives it."""

    def __init__(self, token=None):
        self.token, self.resigned, self.given_back = token, [], False
        self.elected = None

    def term(self):
        return None if self.token is None else Term(self.token, 0.0)

    def resign(self):
        self.resigned.append(self.token)
        self.token = None

    async def run(self, elected):
        self.elected = elected
        try:
            await asyncio.Event().wait()
        finally:
            self.given_back = True


class Heard:
    def __init__(self):
        self.values = []
        self.news = asyncio.Event()

    def publish(self, values):
        self.values += values
        self.news.set()

    async def more(self):
        self.news.clear()
        await asyncio.wait_for(self.news.wait(), 10)

    @property
    def sequences(self):
        return [(value.token, value.sequence - value.token * fence.LINE) for value in self.values]


def publisher(election, heard, source=lambda token: [value(token=token)], publish_s=3600.0):
    return Publisher(election, source, heard, publish_s=publish_s)


def test_sequences_rise_by_one_through_the_symbols_and_begin_anew_with_each_token():
    election, heard = ScriptedElection(3), Heard()
    made = publisher(election, heard, lambda token: [value(), value(symbol="ETH/USD")])
    assert made.publish_due() == made.publish_due() == 2
    election.token = 5
    made.publish_due()
    assert heard.sequences == [(3, 1), (3, 2), (3, 3), (3, 4), (5, 1), (5, 2)]


def test_a_term_that_comes_back_with_its_token_goes_on_where_it_was():
    election, heard = ScriptedElection(3), Heard()
    made = publisher(election, heard)
    for token in (3, None, 3):
        election.token = token
        made.publish_due()
    assert heard.sequences == [(3, 1), (3, 2)]


def test_an_instance_that_does_not_lead_makes_no_values():
    made = publisher(ScriptedElection(), heard := Heard(), lambda token: pytest.fail("asked for values"))
    assert made.publish_due() == 0
    assert heard.values == []


@pytest.mark.parametrize("then", [None, 4])
def test_values_that_were_made_while_the_term_ended_are_not_published(then):
    election, heard = ScriptedElection(3), Heard()

    def slow(token):
        election.token = then
        return [value(token=token)]

    assert publisher(election, heard, slow).publish_due() == 0
    assert heard.values == []


def test_a_token_whose_sequences_are_given_out_is_given_up(monkeypatch):
    monkeypatch.setattr(fence, "LINE", 3)
    election, heard = ScriptedElection(7), Heard()
    made = publisher(election, heard)
    assert [made.publish_due() for _ in range(3)] == [1, 1, 0]
    assert election.resigned == [7]
    assert [value.sequence for value in heard.values] == [22, 23]


async def running(made, steps):
    task = asyncio.ensure_future(made.run())
    try:
        await steps()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_first_value_comes_with_the_term_and_the_next_with_a_change():
    async def night():
        election, heard = ScriptedElection(), Heard()
        made = publisher(election, heard)

        async def steps():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            election.token = 1
            election.elected()
            await heard.more()
            made.changed()
            await heard.more()

        await running(made, steps)
        return heard.sequences, election.given_back

    assert asyncio.run(night()) == ([(1, 1), (1, 2)], True)


def test_values_are_published_at_the_pace_without_any_change():
    async def night():
        heard = Heard()
        made = publisher(ScriptedElection(1), heard, publish_s=0.01)

        async def steps():
            for _ in range(3):
                await heard.more()

        await running(made, steps)
        return heard.sequences

    assert asyncio.run(night())[:3] == [(1, 1), (1, 2), (1, 3)]


def test_an_instance_that_cannot_make_values_gives_the_lease_back():
    def broken(token):
        raise ValueError("a bug of the board")

    election = ScriptedElection(1)
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(publisher(election, Heard(), broken).run())
    assert raised.group_contains(ValueError, match="a bug of the board")
    assert election.given_back
