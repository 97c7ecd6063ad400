"""Ledoit-Wolf shrinkage against scikit-learn's."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf as by_scikit_learn

from strategies.quant.shrinkage import ledoit_wolf

SHAPES = [(1, 3), (2, 1), (60, 1), (5, 40), (60, 50), (60, 150), (400, 20)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_o3_7_the_covariance_and_the_shrinkage_equal_scikit_learns(shape, scale):
    rng = np.random.default_rng(sum(shape))
    factor = rng.standard_normal((shape[0], 1))
    x = scale * (rng.standard_t(4, size=shape) * rng.uniform(0.5, 2, shape[1]) + factor + 0.3)
    covariance, shrinkage = ledoit_wolf(x)
    expected, expected_shrinkage = by_scikit_learn(x)
    np.testing.assert_allclose(covariance, expected, rtol=1e-12, atol=1e-12 * scale**2)
    assert shrinkage == pytest.approx(expected_shrinkage, abs=1e-12)


def test_more_noise_than_structure_is_shrunk_all_the_way_and_no_further():
    shrinkages = [ledoit_wolf(np.random.default_rng(s).standard_normal((12, 3)))[1] for s in range(200)]
    assert max(shrinkages) == 1.0


def test_columns_that_never_move_give_zeros_and_no_shrinkage():
    covariance, shrinkage = ledoit_wolf(np.ones((10, 3)))
    assert shrinkage == 0
    assert not covariance.any()


def test_a_hole_is_refused_by_its_place():
    x = np.ones((4, 3))
    x[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"\[2, 1\] is nan"):
        ledoit_wolf(x)


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="one row a day"):
        ledoit_wolf(np.empty((0, 3)))
