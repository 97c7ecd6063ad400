"""An instance's look at its own lead, at stubs of what it is made of, second by second."""

import asyncio
from types import SimpleNamespace

import pytest

from daemon.index_prices.instance import BLIND_AGAIN_S, ELSEWHERE_S, GAP_S, LATE_S, Instance


class Alone:
    """An instance that leads again a moment after it stood aside, as one does whom nobody follows."""

    def __init__(self, *, feeds=0):
        self.now_s, self.led, self.resigned_s, self.ended_s = 0.0, True, [], []
        self.silenced, self.takes_s = 0, 0.0
        endpoint = SimpleNamespace(silent=self._silenced, consumers=0)
        election = SimpleNamespace(
            term=lambda: SimpleNamespace(token=1) if self.led else None, resign=self._resign
        )
        self.value = SimpleNamespace(symbol="BTC/USD", state="OK", cause="", active_feeds=feeds, at_ms=0)
        self.instance = Instance(
            SimpleNamespace(
                elapsed_s=lambda: self.now_s,
                election=election,
                metrics=SimpleNamespace(leads=lambda leads: None),
                endpoint=endpoint,
                connectors=(),
                lane=SimpleNamespace(filled=self._filled),
                alerts=SimpleNamespace(active=lambda: ()),
                clock=SimpleNamespace(now_ms=lambda: round(1000 * self.now_s)),
                index_alerts=SimpleNamespace(silent=lambda: self.ended_s.append(self.now_s)),
                publisher=SimpleNamespace(publish_due=self._publish),
                engine=SimpleNamespace(newest={"BTC/USD": self.value}),
            )
        )

    def _resign(self):
        self.led = False
        self.resigned_s.append(self.now_s)

    def _publish(self):
        self.now_s += self.takes_s
        return True

    async def _filled(self):
        pass

    def _silenced(self):
        self.silenced += 1

    def second(self):
        self.now_s += 1.0
        self.value.at_ms = round(1000 * self.now_s)
        self.instance._look()


def test_a_leader_that_hears_nobody_stands_aside_and_its_alerts_go_on_where_it_leads_again():
    """Else an instance alone without a network would never count the thirty seconds after which it tells people."""
    alone = Alone()
    for _ in range(100):
        alone.second()
        alone.led = alone.led or alone.now_s - alone.resigned_s[-1] >= 3
    assert len(alone.resigned_s) == 4
    assert min(b - a for a, b in zip(alone.resigned_s, alone.resigned_s[1:], strict=False)) >= BLIND_AGAIN_S
    assert alone.ended_s == []


def test_alerts_are_left_to_another_instance_that_leads_for_long():
    alone = Alone(feeds=3)
    alone.second()
    alone.led = False
    for _ in range(int(ELSEWHERE_S) + 3):
        alone.second()
    assert alone.ended_s
    assert min(alone.ended_s) >= ELSEWHERE_S


def test_a_leader_that_hears_somebody_never_stands_aside():
    alone = Alone(feeds=3)
    for _ in range(100):
        alone.second()
    assert alone.resigned_s == []


def test_what_was_published_is_told_to_nobody_any_more_once_the_lead_is_lost():
    alone = Alone(feeds=3)
    alone.second()
    assert alone.silenced == 0
    alone.led = False
    alone.second()
    alone.second()
    assert alone.silenced == 1


@pytest.mark.parametrize("leads", [True, False])
def test_an_instance_is_well_while_it_hears_somebody_whether_it_leads_or_follows(leads):
    """Whoever spreads readers over instances leaves out one that calculates of nothing: its price only gets older."""
    alone = Alone(feeds=0)
    alone.led = leads
    found = alone.instance.health()
    assert (found["healthy"], found["hears"]) == (False, False)
    seen = []
    for feeds in (0, 3, 0):
        alone.value.active_feeds = feeds
        for _ in range(int(LATE_S)):
            alone.second()
            seen.append(alone.instance.health()["healthy"])
    assert seen == [False] * 5 + [True] * 5 + [True] * 4 + [False]
    found = alone.instance.health()
    assert (found["calculates"], found["hears"]) == (True, False)
    alone.value.active_feeds = 1
    alone.second()
    alone.now_s += LATE_S
    found = alone.instance.health()
    assert (found["calculates"], found["healthy"]) == (False, False)


@pytest.mark.parametrize(("takes_s", "rests_s"), [(0.05, 0.15), (0.0, GAP_S)])
def test_after_a_calculation_others_have_three_times_as_long(monkeypatch, takes_s, rests_s):
    """A flood of prices must not keep the lease, the endpoint and the alerts of their turns."""
    alone, rested_s = Alone(feeds=3), []
    alone.takes_s = takes_s

    async def rest(seconds):
        rested_s.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", rest)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(alone.instance._calculate())
    assert rested_s == [pytest.approx(rests_s)]
