"""The density and its bandwidth against what must hold of any and what holds for normal samples."""

from math import pi, sqrt

import numpy as np
import pytest

from strategies.quant.kernel_density import REACH, log_densities, plug_in_bandwidth


def test_the_density_integrates_to_one_and_has_the_samples_mean():
    sample = np.random.default_rng(1).standard_t(3, 60)
    points = np.linspace(sample.min() - 4, sample.max() + 4, 20_001)
    density = np.exp(log_densities(points, sample, 0.5))
    step = points[1] - points[0]
    assert density.sum() * step == pytest.approx(1, abs=1e-6)
    assert (points * density).sum() * step == pytest.approx(sample.mean(), abs=1e-6)


def test_the_kernel_has_unit_variance():
    points = np.linspace(-REACH, REACH, 20_001)
    kernel = np.exp(log_densities(points, np.zeros(2), 1.0))
    assert (points**2 * kernel).sum() * (points[1] - points[0]) == pytest.approx(1, abs=1e-6)


def test_for_normal_samples_the_bandwidth_is_near_the_normal_reference():
    """AMISE of a normal density: h = (8 sqrt(pi) R(K) / (3 n))^(1/5) sigma, R(K) = 3 / (5 sqrt 5)."""
    rng = np.random.default_rng(2)
    reference = 0.02 * (8 * sqrt(pi) * 3 / (5 * sqrt(5)) / (3 * 200)) ** 0.2
    found = [plug_in_bandwidth(rng.normal(0, 0.02, 200)) for _ in range(15)]
    assert np.mean(found) == pytest.approx(reference, rel=0.08)


def test_two_clusters_ask_for_less_than_their_common_spread_would():
    rng = np.random.default_rng(3)
    apart = np.concatenate((rng.normal(-5, 0.3, 200), rng.normal(5, 0.3, 200)))
    assert plug_in_bandwidth(apart) < 0.5 * 1.05 * apart.std() * 400**-0.2


@pytest.mark.parametrize("sample", [np.array([1.0]), np.array([1.0, np.nan])])
def test_what_is_no_sample_is_refused(sample):
    with pytest.raises(ValueError, match="two finite observations"):
        plug_in_bandwidth(sample)


def test_a_sample_that_never_moves_has_no_density():
    with pytest.raises(ValueError, match="never moves"):
        plug_in_bandwidth(np.full(9, 0.3))
