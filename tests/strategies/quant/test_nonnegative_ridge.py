import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from strategies.quant.nonnegative_ridge import effective_freedom, nonnegative_ridge, ridge

X = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=float)
Y = np.array([1, -1, 0.5, 0.2, -0.3, 1.4])


def fit(function, x, y, alpha):
    return function((x.T @ x)[None], (x.T @ y)[None], np.array([alpha]))[0]


@pytest.mark.parametrize(
    ("function", "alpha", "expected"),
    [
        (ridge, 0, (0.99, -0.86, 0.49)),
        (nonnegative_ridge, 0, (0.775, 0, 0.275)),
        (ridge, 1, (0.69444, -0.53889, 0.36111)),
        (nonnegative_ridge, 1, (0.58667, 0, 0.25333)),
        (nonnegative_ridge, 10, (0.19167, 0, 0.10833)),
    ],
)
def test_the_worked_example(function, alpha, expected):
    """O3-6."""
    np.testing.assert_allclose(fit(function, X, Y, alpha), expected, atol=5e-6)


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 100), st.integers(1, 4))
def test_it_is_lawson_and_hanson_on_the_augmented_system(seed, alpha, count):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(25, count)), rng.normal(size=25)
    augmented = np.vstack([x, np.sqrt(alpha) * np.eye(count)])
    expected, _ = nnls(augmented, np.concatenate([y, np.zeros(count)]))
    np.testing.assert_allclose(fit(nonnegative_ridge, x, y, alpha), expected, atol=1e-10)


def test_a_stack_is_solved_problem_by_problem():
    rng = np.random.default_rng(1)
    xs, ys = rng.normal(size=(50, 20, 3)), rng.normal(size=(50, 20))
    gram, moment = xs.transpose(0, 2, 1) @ xs, np.einsum("mtk,mt->mk", xs, ys)
    together = nonnegative_ridge(gram, moment, np.full(50, 2.0))
    for m in range(50):
        np.testing.assert_array_equal(
            together[m], nonnegative_ridge(gram[[m]], moment[[m]], np.array([2.0]))[0]
        )


def test_ten_times_the_rows_need_ten_times_the_penalty():
    """E3-12."""
    many = np.tile(X, (10, 1))
    np.testing.assert_allclose(fit(ridge, many, np.tile(Y, 10), 10.0), fit(ridge, X, Y, 1.0))


def test_a_penalty_takes_freedom_away():
    gram = (X.T @ X)[None]
    assert effective_freedom(gram, np.array([0.0]))[0] == pytest.approx(3)
    assert effective_freedom(gram, np.array([1e9]))[0] == pytest.approx(0, abs=1e-6)
