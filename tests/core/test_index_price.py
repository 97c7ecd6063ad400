"""The oracles of the index price (O4-*) and its properties."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plain_index import plain, vectorised
from core.index_price import IndexPrice
from core.prices.methodology import Average, Methodology, Weighing, Weights
from core.prices.presets import BINANCE, BRIEF, DERIBIT, NIGHTDESK, PRESETS
from core.prices.types import Reason, State
from tests.core.prices.made import T, after, index, input_of, tick, value_of

SEED = (
    ("A", 45_010.0, 5e8, 1),
    ("B", 45_005.0, 3e8, 0),
    ("C", 45_015.0, 2e8, 4),
    ("E", 46_500.0, 5e7, 1),
    ("D", 44_000.0, 1e9, 20),
)
"""S4-23: source, price, volume, age in seconds; D is stale."""

near = st.floats(99.0, 101.0)
presets = st.sampled_from(sorted(PRESETS))


def seeded(methodology: Methodology) -> IndexPrice:
    made = index(methodology)
    for source, price, volume, age_s in SEED:
        made.tick(tick(source, price, volume=volume, at_ms=T - 1000 * age_s))
    return made


def with_outliers(beyond: float, clamp: float) -> Methodology:
    return replace(BRIEF, outliers=replace(BRIEF.outliers, beyond=beyond, clamp=clamp))


def test_the_briefs_example_gives_the_right_price_not_the_printed_one() -> None:
    """O4-1: 45,009.2748; the printed 44,964.27 is below every input (E4-1)."""
    value = seeded(BRIEF).evaluate(T)
    assert value.price == pytest.approx(45_009.27475236211, abs=1e-9)
    weights = [input_of(value, source).weight for source in "ABC"]
    assert weights == pytest.approx([0.506317, 0.319366, 0.174317], abs=5e-7)
    assert sum(weights) == pytest.approx(1, abs=1e-12)
    assert input_of(value, "E").reason is Reason.OUTLIER
    assert input_of(value, "D").reason is Reason.STALE
    assert value.state is State.OK


def test_the_printed_price_comes_of_weights_that_do_not_sum_to_one() -> None:
    """O4-1, the negative side: rounded weights sum to 0.999 and leave the hull of the prices."""
    rounded = (0.506, 0.319, 0.174)
    printed = sum(weight * price for weight, price in zip(rounded, (45_010, 45_005, 45_015), strict=True))
    assert printed == pytest.approx(44_964.265, abs=1e-9)
    assert sum(rounded) < 1
    assert printed < 45_005


def test_without_the_outlier_rule_the_far_feed_counts() -> None:
    """O4-2."""
    assert seeded(with_outliers(0, 0)).evaluate(T).price == pytest.approx(45_081.1153, abs=1e-4)


@pytest.mark.parametrize(
    ("clamp", "price"), [(0.005, 45_020.2763), (0.02, 45_052.8148), (0.025, 45_063.6609), (0.03, 45_074.5071)]
)
def test_a_clamp_draws_the_far_feed_in(clamp: float, price: float) -> None:
    """O4-3."""
    assert seeded(with_outliers(0, clamp)).evaluate(T).price == pytest.approx(price, abs=1e-4)


def test_deribits_published_example() -> None:
    """O4-4: 100 (25 %), 101 (50 %), 120 (25 %)."""
    weighing = replace(BRIEF.weighing, alpha_per_s=0)
    made = index(replace(DERIBIT, weighing=weighing))
    for source, price, volume in (("a", 100.0, 25.0), ("b", 101.0, 50.0), ("c", 120.0, 25.0)):
        made.tick(tick(source, price, volume=volume))
    value = made.evaluate(T)
    assert value.median == 101
    assert [given.used for given in value.inputs] == pytest.approx([100.495, 101, 101.505])
    assert value.price == pytest.approx(101.0)


def test_binances_published_example() -> None:
    """O4-5: median 20,000; +7 % and -6 % count as 20,600 and 19,400."""
    prices = {"a": 21_400.0, "b": 20_000.0, "c": 18_800.0}
    made = IndexPrice("LTC/USD", BINANCE)
    for source, price in prices.items():
        made.tick(tick(source, price, symbol="LTC/USD"))
    assert [given.used for given in made.evaluate(T).inputs] == pytest.approx([20_600, 20_000, 19_400])


@given(name=presets, prices=st.lists(near, min_size=3, max_size=9))
def test_the_price_lies_within_the_healthy_prices(name: str, prices: list[float]) -> None:
    """O4-11."""
    value = value_of({str(i): price for i, price in enumerate(prices)}, PRESETS[name])
    healthy = [given.usd for given in value.inputs if given.reason is None and given.usd is not None]
    assert value.price is not None
    assert min(healthy) <= value.price <= max(healthy)


@given(name=presets, prices=st.lists(near, min_size=3, max_size=7), data=st.data())
def test_the_order_in_which_sources_speak_does_not_matter(
    name: str, prices: list[float], data: st.DataObject
) -> None:
    """O4-11, to the last bit."""
    named = {f"s{i}": price for i, price in enumerate(prices)}
    shuffled = dict(data.draw(st.permutations(list(named.items()))))
    assert value_of(named, PRESETS[name]) == value_of(shuffled, PRESETS[name])


@given(name=presets, prices=st.lists(near, min_size=3, max_size=7), power=st.integers(-20, 20))
def test_prices_in_another_unit_give_the_price_in_that_unit(
    name: str, prices: list[float], power: int
) -> None:
    """O4-11; a power of two scales without rounding."""
    named = {str(i): price for i, price in enumerate(prices)}
    scaled = {source: price * 2.0**power for source, price in named.items()}
    one, other = value_of(named, PRESETS[name]).price, value_of(scaled, PRESETS[name]).price
    assert one is not None
    assert other == pytest.approx(one * 2.0**power, rel=1e-12)


@given(prices=st.lists(near, min_size=3, max_size=6), share=st.floats(0.01, 0.99))
def test_a_venue_that_splits_in_two_changes_nothing(prices: list[float], share: float) -> None:
    """O4-11, for weights by volume without a cap or median: the brief's rule without its outlier step."""
    whole, parted = index(with_outliers(0, 0)), index(with_outliers(0, 0))
    for i, price in enumerate(prices):
        whole.tick(tick(str(i), price))
        parted.tick(tick(str(i), price, volume=share * 1e9 if i == 0 else 1e9))
    parted.tick(tick("0 again", prices[0], volume=(1 - share) * 1e9))
    assert parted.evaluate(T).price == pytest.approx(whole.evaluate(T).price, rel=1e-12)


@given(
    name=presets,
    prices=st.lists(st.floats(99.8, 100.2), min_size=3, max_size=7),
    which=st.integers(0, 6),
    up=st.floats(0, 0.2),
)
def test_a_higher_price_within_the_band_never_lowers_the_index(
    name: str, prices: list[float], which: int, up: float
) -> None:
    """O4-11."""
    named = {str(i): price for i, price in enumerate(prices)}
    raised = {**named, str(which % len(prices)): named[str(which % len(prices))] + up}
    lower, higher = value_of(named, PRESETS[name]).price, value_of(raised, PRESETS[name]).price
    assert lower is not None
    assert higher is not None
    assert higher >= lower - 1e-9


@given(name=presets, prices=st.lists(near, min_size=4, max_size=7))
def test_a_feed_that_never_spoke_is_like_none(name: str, prices: list[float]) -> None:
    """O4-11: removing a feed equals computing without it."""
    named = {str(i): price for i, price in enumerate(prices)}
    silent = IndexPrice("BTC/USD", PRESETS[name], expected=[("silent", "BTC/USD")])
    with_one, without = after(silent, named, T), value_of(named, PRESETS[name])
    assert (with_one.price, with_one.confidence) == (without.price, without.confidence)
    assert input_of(with_one, "silent").reason is Reason.NO_TICK


@given(prices=st.lists(st.floats(90.0, 110.0), min_size=3, max_size=7), within=st.floats(0.0001, 0.5))
def test_what_counts_of_a_price_is_itself_or_the_edge_of_the_clamp(
    prices: list[float], within: float
) -> None:
    value = value_of({str(i): price for i, price in enumerate(prices)}, with_outliers(0, within))
    assert value.median is not None
    for given_ in value.inputs:
        assert given_.used is not None
        assert given_.usd is not None
        assert value.median * (1 - within) <= given_.used <= value.median * (1 + within)
        assert given_.used == given_.usd or abs(given_.usd / value.median - 1) > within * (1 - 1e-12)


CLAMPED_MEAN = replace(NIGHTDESK, weighing=Weighing(by=Weights.SLOW_VOLUME, average=Average.MEAN))
"""Where the clamp alone holds a lie: votes would hold it without."""


def attackers_bound(weights: list[float], clamp: float) -> float:
    return min(sum(weights) * clamp, clamp)


@pytest.mark.parametrize("methodology", [NIGHTDESK, CLAMPED_MEAN], ids=["votes", "clamped mean"])
@pytest.mark.parametrize("sources", [3, 4, 5, 6, 7])
def test_attackers_short_of_half_move_the_index_no_further_than_their_weight_times_the_clamp(
    sources: int,
    methodology: Methodology,
) -> None:
    """O4-12 by search: every set of up to (n - 1) / 2 venues, each lying in each of nine ways, honest ones agreeing."""
    clamp, honest = NIGHTDESK.outliers.clamp, 100.0
    lies = [honest * (1 + d) for d in (-0.5, -0.024, -0.01, -0.005, 0.0, 0.005, 0.01, 0.024, 9.0)]
    for told in product(lies, repeat=(sources - 1) // 2):
        named = {str(i): honest for i in range(sources)} | {str(i): lie for i, lie in enumerate(told)}
        value = value_of(named, methodology)
        if value.price is None:
            continue
        attacking = [given.weight for given in value.inputs if int(given.source) < len(told)]
        assert abs(value.price / honest - 1) <= attackers_bound(attacking, clamp) + 1e-12, told


@given(
    honest=st.lists(st.floats(99.95, 100.05), min_size=2, max_size=5),
    lies=st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=4),
    volumes=st.lists(st.floats(1, 1e12), min_size=9, max_size=9),
)
def test_a_minority_of_liars_moves_a_published_price_by_no_more_than_fifty_basis_points(
    honest: list[float], lies: list[float], volumes: list[float]
) -> None:
    """M4-2: whatever they say and whatever volume they claim."""
    lies = lies[: len(honest) - 1]
    made = index()
    for i, price in enumerate([*honest, *lies]):
        made.tick(tick(str(i), price, volume=volumes[i]))
    value = made.evaluate(T)
    middle = sorted(honest)[len(honest) // 2]
    if value.state in (State.OK, State.DEGRADED):
        assert value.price is not None
        assert abs(value.price / middle - 1) <= 0.005 + (max(honest) / min(honest) - 1)


@given(
    name=presets,
    ticks=st.lists(
        st.builds(
            tick,
            st.sampled_from(["a", "b", "c", "d"]),
            st.one_of(near, st.sampled_from([float("nan"), float("inf"), 0.0, -1.0, 1e308, 5e-324])),
            at_ms=st.integers(T - 100_000, T + 100_000),
            received_ms=st.integers(T - 5_000, T + 5_000),
            volume=st.one_of(st.none(), st.floats(allow_nan=True)),
            symbol=st.sampled_from(["BTC/USD", "BTC/USDT", "BTC/XYZ", "BTC/", "ETH/USD"]),
            book=st.one_of(st.none(), st.tuples(st.floats(), st.floats())),
        ),
        max_size=30,
    ),
)
def test_nothing_a_venue_says_is_raised_or_makes_a_price_that_is_none(name: str, ticks: list[object]) -> None:
    """Bad input is left out with a reason; a price is finite and within the sane ones."""
    made = index(PRESETS[name])
    for given_ in ticks:
        made.tick(given_)  # type: ignore[arg-type]
    value = made.evaluate(T + 5_000)
    if value.price is not None:
        assert 0 < value.price < float("inf")
    assert sum(given_.weight for given_ in value.inputs) == pytest.approx(1 if value.active_feeds else 0)
    assert all((given_.weight > 0) <= (given_.reason is None) for given_ in value.inputs)


@given(st.lists(st.tuples(st.sampled_from("abcde"), near, st.integers(0, 3)), min_size=1, max_size=60))
def test_the_same_ticks_give_the_same_values(steps: list[tuple[str, float, int]]) -> None:
    """O4-14: an index has no clock and no chance."""

    def played() -> list[object]:
        made, now_ms, values = index(), T, []
        for source, price, seconds in steps:
            now_ms += 1000 * seconds
            made.tick(tick(source, price, at_ms=now_ms))
            values.append(made.evaluate(now_ms))
        return values

    assert played() == played()


@given(
    told=st.lists(st.tuples(near, st.floats(1, 1e12), st.integers(0, 9_000)), min_size=3, max_size=7),
)
def test_the_benchmarks_peers_give_the_briefs_price(told: list[tuple[float, float, int]]) -> None:
    made, feeds = index(BRIEF), {}
    for i, (price, volume, age_ms) in enumerate(told):
        made.tick(tick(str(i), price, volume=volume, at_ms=T - age_ms))
        feeds[str(i)] = {"price": price, "volume": volume, "at_ms": T - age_ms}
    value = made.evaluate(T)
    columns = [np.array([[feed[key] for feed in feeds.values()]]) for key in ("price", "volume", "at_ms")]
    if value.active_feeds >= BRIEF.breaker.feeds_min:
        assert plain(feeds, T) == pytest.approx(value.price, rel=1e-12)
        assert vectorised(*columns, now_ms=T)[0] == pytest.approx(value.price, rel=1e-12)
