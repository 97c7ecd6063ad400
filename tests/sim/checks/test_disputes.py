"""The checkers of disputes, shown a night of two with something changed in it: an index is bent, and later that of ETH."""

from dataclasses import replace as with_fields
from functools import cache
from types import SimpleNamespace
from unittest.mock import patch

from msgspec.structs import replace

from core.events import PriceAgreed, PriceDisputed
from core.types import Coin, Purpose
from daemon.played import CLOSE_MS, in_memory, played
from sim.checks import all_checks
from sim.checks.disputes import DisputesAreTold
from sim.checks.limits import WithinLimits
from sim.checks.orders_once import OrdersOnce
from sim.night import Night
from sim.nights.fault import Fault
from sim.nights.index_faults import DISPUTE, bent_by
from tests.sim.checks.recorded import with_state

SOON = Fault(name=DISPUTE, at_s=-55.0, for_s=25.0, intensity=0.3, coin=3)
HEDGES = Fault(name=DISPUTE, at_s=16.0, for_s=20.0, intensity=0.8, coin=1)


class Watched(DisputesAreTold):
    """A checker that keeps what it was shown, each with what the world was like then."""

    name = "watched"
    shown: list = []

    def on_step(self, step):
        elsewhere = step.world.elsewhere
        then = SimpleNamespace(rounds=elsewhere.rounds, said=dict(elsewhere.said))
        world = SimpleNamespace(compares=step.world.compares, now_s=step.world.now_s, elsewhere=then)
        self.shown.append(with_fields(step, world=world))
        return super().on_step(step)


@cache
def night():
    """Return the night's world and the steps of it."""
    Watched.shown = []

    def with_watched(world):
        return *all_checks(world), Watched()

    with in_memory() as directory, patch("daemon.played.all_checks", with_watched):
        world = played(Night(seed=4, coins=8, faults=(SOON, HEDGES)), directory)
    return world, Watched.shown


def found(change=lambda step: step, checker=None):
    checker = checker or DisputesAreTold()
    return [text for step in night()[1] for text in checker.on_step(change(step))]


def events(kind):
    return [
        (s.event.coin, round((s.event.at_ms - CLOSE_MS) / 1000)) for s in night()[1] if type(s.event) is kind
    ]


def test_a_bent_index_is_disputed_while_it_is_and_a_little_longer_and_the_night_ends_as_it_should():
    world, _ = night()
    assert world.checkers.failures == {}
    coins = [asset.name for asset in world.market.assets]
    assert events(PriceDisputed) == [(coins[3], -52), (coins[1], 19)]
    assert events(PriceAgreed) == [(coins[3], -20), (coins[1], 46)]
    assert coins[1] == "ETH"


def test_meanwhile_the_coin_is_not_opened_and_nothing_is_while_it_is_a_hedges():
    world, steps = night()
    coin = world.market.assets[3].name
    slices = [o for s in steps for o in s.orders if o.purpose in (Purpose.PROJECTED, Purpose.CORRECTION)]

    def between(from_s, to_s):
        return {o.coin for o in slices if from_s < (o.created_ms - CLOSE_MS) / 1000 < to_s}

    assert coin not in between(-51.5, -20.5)
    assert len(between(-51.5, -20.5)) > 2
    assert coin in between(-19, 8)
    hedges = [o for s in steps for o in s.orders if o.purpose is Purpose.HEDGE]
    assert [o for o in hedges if -51.5 < (o.created_ms - CLOSE_MS) / 1000 < -20.5]


def test_nothing_is_found_in_the_night_as_it_was():
    assert found() == []
    assert abs(bent_by(SOON)) > 0.04


def test_a_dispute_that_nobody_was_told_of_is_found_and_one_that_does_not_end():
    texts = found(lambda step: with_state(step, disputed={}))
    assert any("nobody was told" in text for text in texts)
    coin = Coin(night()[0].market.assets[3].name)
    texts = found(lambda step: step if step.begins else with_state(step, disputed={coin: "x"}))
    assert any("is disputed all the same" in text for text in texts)


def test_a_dispute_of_prices_that_are_near_or_were_never_said_is_found():
    def told(**changed):
        def change(step):
            event = step.event
            if type(event) is not PriceDisputed:
                return step
            return with_fields(step, event=replace(event, **{n: f(event) for n, f in changed.items()}))

        return found(change)

    near, other = told(venue_px=lambda e: e.index_px), told(index_px=lambda e: 2 * e.index_px)
    assert len(near) == len(other) == 2
    assert all("a dispute that there is not" in text for text in near + other)


def test_a_dispute_that_outlives_its_daemon_is_found():
    coin = Coin("BTC")
    assert any(
        "of another one" in text for text in found(lambda step: with_state(step, disputed={coin: "x"}))
    )


def test_an_order_that_opens_a_disputed_coin_is_found_by_the_checker_of_limits():
    nowhere = SimpleNamespace(
        venue=SimpleNamespace(observers=[]), market=SimpleNamespace(assets=night()[0].market.assets)
    )

    def limits():
        return WithinLimits(OrdersOnce(nowhere))

    assert found(checker=limits()) == []
    for coin in ("BTC", night()[0].market.assets[3].name):
        texts = found(lambda step, c=coin: with_state(step, disputed={Coin(c): "x"}), limits())
        assert any(f"while the price of {coin} is disputed" in text for text in texts)


def test_a_night_without_such_a_fault_compares_nothing():
    step = next(s for s in night()[1] if type(s.event) is PriceDisputed)
    silent = SimpleNamespace(compares=False, elsewhere=None, now_s=0.0)
    assert list(DisputesAreTold().on_step(with_fields(step, world=silent))) == []
