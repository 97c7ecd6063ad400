"""An instance's look at its own lead, at stubs of what it is made of, second by second."""

from types import SimpleNamespace

from daemon.index_prices.instance import BLIND_AGAIN_S, ELSEWHERE_S, Instance


class Alone:
    """An instance that leads again a moment after it stood aside, as one does whom nobody follows."""

    def __init__(self, *, feeds=0):
        self.now_s, self.led, self.resigned_s, self.ended_s = 0.0, True, [], []
        quiet = SimpleNamespace(silent=lambda: None)
        election = SimpleNamespace(term=lambda: "a term" if self.led else None, resign=self._resign)
        self.instance = Instance(
            SimpleNamespace(
                elapsed_s=lambda: self.now_s,
                election=election,
                metrics=SimpleNamespace(leads=lambda leads: None),
                endpoint=quiet,
                index_alerts=SimpleNamespace(silent=lambda: self.ended_s.append(self.now_s)),
                publisher=SimpleNamespace(publish_due=lambda: True),
                engine=SimpleNamespace(newest={"BTC/USD": SimpleNamespace(active_feeds=feeds)}),
            )
        )

    def _resign(self):
        self.led = False
        self.resigned_s.append(self.now_s)

    def second(self):
        self.now_s += 1.0
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
