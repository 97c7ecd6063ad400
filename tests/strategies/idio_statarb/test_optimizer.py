"""Module D against closed forms, against cvxpy, and against its own certificate."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.idio_statarb import optimizer
from strategies.idio_statarb.optimizer import Problem, optimise, optimise_by_cvxpy, physical_gross
from strategies.idio_statarb.optimizer_problem import Multipliers, objective, upper_bound, violation
from strategies.quant.shrinkage import ledoit_wolf

WIDE = 1000.0
"""A limit that never binds."""


def problem(n=3, **changes):
    fields = {
        "mu": np.zeros(n),
        "covariance": np.diag(np.linspace(1e-3, 2e-3, n)),
        "cost": np.zeros(n),
        "previous": np.zeros(n),
        "cap": np.full(n, WIDE),
        "beta_btc": np.zeros(n),
        "beta_eth": np.zeros(n),
        "gamma": 5.0,
        "gross_max": WIDE,
        "physical_gross_max": WIDE,
    }
    return Problem(**(fields | changes))


def random_problem(rng, n):
    """Two decades of gamma, gross and caps; some names forced out, some held beyond their cap."""
    covariance, _ = ledoit_wolf(rng.standard_t(4, size=(60, n)) * rng.uniform(0.02, 0.08, n))
    cap = 10 ** rng.uniform(-2.3, -0.3, n)
    cap[rng.random(n) < 0.1] = 0
    gross = 10 ** rng.uniform(-1, 1)
    return problem(
        n,
        mu=rng.normal(0, 1, n) * 10 ** rng.uniform(-4, -2),
        covariance=covariance,
        cost=rng.uniform(2e-4, 1e-3, n) * rng.choice([0.0, 0.2, 1, 5]),
        previous=rng.normal(0, 1, n) * (rng.random(n) < 0.5) * rng.choice([0.01, 0.1, 1]),
        cap=cap,
        beta_btc=rng.normal(0.9, 0.4, n),
        beta_eth=rng.normal(0.3, 0.3, n),
        gamma=10 ** rng.uniform(-0.5, 1.7),
        gross_max=gross,
        physical_gross_max=gross * rng.choice([0.8, 1.2, 2, 4]),
    )


# --- closed forms ------------------------------------------------------------------------------------------

numbers = st.integers(-20_000, 20_000).map(lambda n: n / 1e6)
variances = st.floats(1e-4, 1e-2)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, variances), min_size=1, max_size=8), st.floats(0.5, 50))
def test_o3_8_without_costs_or_limits_each_weight_is_mu_over_two_gamma_variance(rows, gamma):
    mu, variance = np.array(rows).T
    found = optimise(problem(len(mu), mu=mu, covariance=np.diag(variance), gamma=gamma))
    np.testing.assert_allclose(found.weights, mu / (2 * gamma * variance), rtol=1e-9, atol=1e-15)


@settings(deadline=None)
@given(
    st.lists(st.tuples(numbers, variances, st.floats(0, 0.01)), min_size=1, max_size=8), st.floats(0.5, 50)
)
def test_o3_8_costs_from_a_flat_book_are_a_soft_threshold(rows, gamma):
    mu, variance, cost = np.array(rows).T
    found = optimise(problem(len(mu), mu=mu, covariance=np.diag(variance), cost=cost, gamma=gamma))
    expected = np.sign(mu) * np.maximum(np.abs(mu) - cost, 0) / (2 * gamma * variance)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-7, atol=1e-12)


@settings(deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(-0.99, 0.99), variances, st.floats(0.1, 20))
def test_o3_8_inside_the_no_trade_region_nothing_moves(previous, share, variance, gamma):
    cost = 1e-3
    mu = 2 * gamma * variance * previous + share * cost
    given_problem = problem(
        1,
        mu=np.array([mu]),
        covariance=np.array([[variance]]),
        cost=np.array([cost]),
        previous=np.array([previous]),
        gamma=gamma,
    )
    assert optimise(given_problem).weights[0] == previous


def test_o3_10_the_gross_of_a_hedged_pair_nets_its_betas():
    weights = np.array([0.5, -0.5])
    assert physical_gross(weights, np.array([1.2, 0.9]), np.array([0.3, 0.4])) == pytest.approx(
        1.20, abs=1e-15
    )


# --- the brief's own check ---------------------------------------------------------------------------------


def test_s3_72_the_vectorised_cost_keeps_the_dear_name_and_trades_the_cheap_one():
    """Sprint 3: the elementwise penalty, in cvxpy's statement and in the fast path alike."""
    case = problem(
        2,
        mu=np.array([2e-3, 2e-3]),
        covariance=np.eye(2) * 1e-3,
        cost=np.array([1e-4, 3e-3]),
        previous=np.array([0.0, 0.05]),
    )
    for solve in (optimise, optimise_by_cvxpy):
        cheap, dear = solve(case).weights
        assert cheap == pytest.approx((2e-3 - 1e-4) / (2 * 5 * 1e-3), abs=1e-8)
        assert dear == pytest.approx(0.05, abs=1e-8)


# --- against cvxpy and against the bound -------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_the_fast_path_finds_what_cvxpy_finds(n):
    rng = np.random.default_rng(n)
    for _ in range(12):
        case = random_problem(rng, n)
        fast, slow = optimise(case), optimise_by_cvxpy(case)
        size = abs(slow.objective) + 1e-12
        assert fast.status == slow.status == "optimal"
        assert fast.objective >= slow.objective - 1e-8 * size
        assert fast.objective <= slow.objective + 1e-6 * size
        np.testing.assert_allclose(fast.weights, slow.weights, atol=2e-5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_every_answer_is_feasible_and_certified(seed, n):
    case = random_problem(np.random.default_rng(seed), n)
    found = optimise(case)
    assert found.status == "optimal"
    assert found.gap <= 1e-9
    assert violation(case, found.weights) <= 1e-9


def test_a_hundred_and_fifty_names_are_solved_without_cvxpy(monkeypatch):
    def refuse(_):
        raise AssertionError("cvxpy was asked")

    monkeypatch.setattr(optimizer, "solve_by_cvxpy", refuse)
    rng = np.random.default_rng(150)
    for _ in range(40):
        case = replace(random_problem(rng, 150), physical_gross_max=WIDE)
        assert optimise(case).gap <= 1e-12


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(-0.01, 0.05), st.floats(-0.01, 0.05), st.floats(-1, 1))
def test_no_feasible_book_beats_the_bound_whatever_the_multipliers(seed, gross, physical, tilt):
    rng = np.random.default_rng(seed)
    case = random_problem(rng, 6)
    at = rng.normal(0, 0.1, 6)
    bound = upper_bound(
        case, at, Multipliers(gross=gross, physical_gross=physical, tilt_btc=tilt, tilt_eth=-tilt)
    )
    for _ in range(20):
        book = optimizer.made_feasible(case, rng.normal(0, 0.2, 6))
        assert objective(case, book) <= bound + 1e-12


def test_the_certificate_sees_a_book_that_is_slightly_off():
    case = random_problem(np.random.default_rng(3), 20)
    found = optimise(case)
    off = optimizer._solution(
        case, found.weights * 0.99, Multipliers(gross=float(found.duals["gross"])), solver=""
    )
    assert off.gap > 1e-7


# --- limits ------------------------------------------------------------------------------------------------


def test_a_cap_of_zero_forces_a_name_out_and_charges_its_exit():
    case = problem(cap=np.array([0.0, 1, 1]), previous=np.array([0.2, 0, 0]), cost=np.full(3, 1e-3))
    found = optimise(case)
    assert found.weights[0] == 0
    assert found.objective == pytest.approx(-0.2e-3)


def test_a_name_held_beyond_its_cap_is_cut_to_it():
    case = problem(cap=np.full(3, 0.1), previous=np.array([0.5, -0.5, 0]), cost=np.full(3, 1e-2))
    np.testing.assert_array_equal(optimise(case).weights, [0.1, -0.1, 0])


@pytest.mark.parametrize("solve", [optimise, optimise_by_cvxpy])
def test_the_gross_limit_binds_and_its_price_is_what_one_more_unit_is_worth(solve):
    case = problem(mu=np.array([4e-3, -3e-3, 1e-3]), gross_max=0.3)
    found = solve(case)
    assert np.abs(found.weights).sum() == pytest.approx(0.3, abs=1e-9)
    more = solve(replace(case, gross_max=0.3 + 1e-4))
    assert found.duals["gross"] == pytest.approx((more.objective - found.objective) / 1e-4, rel=0.02)


@pytest.mark.parametrize("solve", [optimise, optimise_by_cvxpy])
def test_the_physical_limit_counts_the_netted_hedges_and_has_its_price(solve):
    betas = {"beta_btc": np.array([1.2, 0.9, 1.0]), "beta_eth": np.array([0.3, 0.4, 0.2])}
    case = problem(mu=np.array([4e-3, 3e-3, 1e-3]), physical_gross_max=0.5, **betas)
    found = solve(case)
    assert physical_gross(found.weights, case.beta_btc, case.beta_eth) == pytest.approx(0.5, abs=1e-9)
    more = solve(replace(case, physical_gross_max=0.5 + 1e-4))
    assert found.duals["physical_gross"] == pytest.approx((more.objective - found.objective) / 1e-4, rel=0.02)
    assert found.duals["gross"] == pytest.approx(0, abs=1e-9)


def test_a_hedge_that_is_best_kept_at_nothing_is_solved_too():
    """|w'beta| has a kink at zero: here the book wants to be long, and the limit makes it neutral."""
    case = problem(2, mu=np.array([5e-3, -5e-3]), beta_btc=np.array([3.0, 3.0]), physical_gross_max=0.4)
    found = optimise(case)
    assert found.gap <= 1e-9
    assert found.weights @ case.beta_btc == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.weights, [0.2, -0.2], atol=1e-12)


def test_the_dual_of_a_cap_is_what_one_more_unit_is_worth():
    case = problem(mu=np.array([4e-3, -3e-3, 1e-3]), cap=np.array([0.1, 0.05, 1]))
    found = optimise(case)
    more = optimise(replace(case, cap=np.array([0.1, 0.05 + 1e-5, 1])))
    assert found.duals["cap"][1] == pytest.approx((more.objective - found.objective) / 1e-5, rel=1e-3)
    assert found.duals["cap"][2] == 0


# --- invariances -------------------------------------------------------------------------------------------


def test_e3_14_the_unit_of_one_names_return_changes_nothing_in_risk_weighted_terms():
    """A contract of 1000 coins: return unit up, weight unit down, the same book in risk."""
    case = replace(random_problem(np.random.default_rng(8), 10), gross_max=WIDE, physical_gross_max=WIDE)
    unit = np.ones(10)
    unit[4] = 7.0
    scaled = replace(
        case,
        mu=case.mu * unit,
        covariance=case.covariance * np.outer(unit, unit),
        cost=case.cost * unit,
        previous=case.previous / unit,
        cap=case.cap / unit,
    )
    np.testing.assert_allclose(optimise(scaled).weights * unit, optimise(case).weights, rtol=1e-9, atol=1e-14)


def test_the_same_problem_gives_the_same_bits():
    rng = np.random.default_rng(1)
    cases = [random_problem(rng, 30) for _ in range(10)]
    first = [optimise(case).weights.tobytes() for case in cases]
    again = [optimise(case).weights.tobytes() for case in reversed(cases)]
    assert first == again[::-1]


def test_cvxpy_gives_the_same_bits_whatever_it_solved_before():
    rng = np.random.default_rng(2)
    one, other = random_problem(rng, 5), random_problem(rng, 5)
    first = optimise_by_cvxpy(one)
    optimise_by_cvxpy(other)
    assert optimise_by_cvxpy(one).weights.tobytes() == first.weights.tobytes()


# --- the corners -------------------------------------------------------------------------------------------


def test_no_names_give_no_weights():
    found = optimise(problem(0, covariance=np.empty((0, 0))))
    assert found.weights.shape == (0,)
    assert (found.status, found.objective) == ("optimal", 0)


def test_a_singular_covariance_is_solved():
    rng = np.random.default_rng(5)
    factor = rng.normal(0, 0.03, (3, 12))
    case = replace(random_problem(rng, 12), covariance=factor.T @ factor, physical_gross_max=WIDE)
    found = optimise(case)
    assert found.status == "optimal"
    assert found.gap <= 1e-6


def test_without_risk_the_best_names_are_filled_to_their_caps():
    case = problem(
        covariance=np.zeros((3, 3)), mu=np.array([3e-3, -2e-3, 1e-3]), cap=np.full(3, 0.1), gross_max=0.25
    )
    np.testing.assert_allclose(optimise(case).weights, [0.1, -0.1, 0.05], atol=1e-7)


def test_when_nothing_can_be_certified_the_previous_book_is_held_within_the_limits(monkeypatch):
    monkeypatch.setattr(optimizer, "solve_fast", lambda *_: None)
    monkeypatch.setattr(optimizer, "solve_by_cvxpy", lambda _: (None, Multipliers(), "infeasible"))
    case = problem(previous=np.array([0.4, -0.4, 0.2]), cap=np.array([0.3, 1, 0]), gross_max=0.35)
    found = optimise(case)
    assert found.status == "held: cvxpy ended with infeasible"
    np.testing.assert_allclose(found.weights, [0.15, -0.2, 0])


@pytest.mark.parametrize("answer", [np.full(3, np.nan), np.array([0.1, np.inf, 0])])
def test_an_answer_of_cvxpy_that_is_not_a_number_is_not_used(monkeypatch, answer):
    monkeypatch.setattr(optimizer, "solve_fast", lambda *_: None)
    monkeypatch.setattr(optimizer, "solve_by_cvxpy", lambda _: (answer, Multipliers(), "optimal"))
    found = optimise(problem(previous=np.full(3, 0.02)))
    assert found.status == "held: cvxpy's answer (optimal) is not a number"
    np.testing.assert_array_equal(found.weights, np.full(3, 0.02))


def test_an_uncertified_answer_of_cvxpy_is_not_used(monkeypatch):
    monkeypatch.setattr(optimizer, "solve_fast", lambda *_: None)
    monkeypatch.setattr(optimizer, "solve_by_cvxpy", lambda p: (p.mu * 0, Multipliers(), "optimal"))
    found = optimise(
        problem(mu=np.array([4e-3, -3e-3, 1e-3]), cap=np.full(3, 0.1), previous=np.full(3, 0.02))
    )
    assert found.status.startswith("held: cvxpy's answer (optimal) has a gap of")
    np.testing.assert_array_equal(found.weights, np.full(3, 0.02))


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mu", "cost", "previous", "cap", "beta_btc", "beta_eth"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_by_name_and_place(name, value):
    bad = np.zeros(3)
    bad[1] = value
    with pytest.raises(ValueError, match=rf"{name}\[1\] is {value}"):
        optimise(problem(**{name: bad}))


def test_a_hole_in_the_covariance_is_refused_by_its_place():
    covariance = np.eye(3)
    covariance[2, 0] = np.nan
    with pytest.raises(ValueError, match=r"covariance\[2, 0\] is nan"):
        optimise(problem(covariance=covariance))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost": np.array([0, -1e-4, 0])}, r"cost\[1\] is -0.0001"),
        ({"cap": np.array([0.1, 0.1, -0.1])}, r"cap\[2\] is -0.1"),
        ({"gamma": np.nan}, "gamma is nan"),
        ({"gross_max": -1.0}, "gross_max is -1.0"),
        ({"mu": np.zeros(2)}, r"covariance has shape \(3, 3\)|cost has shape \(3,\)"),
        ({"covariance": np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 1.0]])}, r"not symmetric: entries \[0, 1\]"),
        ({"covariance": np.diag([1.0, -0.5, 1])}, "not positive semidefinite"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(changes, message):
    with pytest.raises(ValueError, match=message):
        optimise(problem(**changes))
