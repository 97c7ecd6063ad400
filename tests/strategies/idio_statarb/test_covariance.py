import numpy as np
from sklearn.covariance import ledoit_wolf

from strategies.idio_statarb.covariance import idio_covariance

RNG = np.random.default_rng(2)
RETURNS = RNG.normal(size=(60, 8)) * RNG.uniform(0.01, 0.1, 8)
VOL = RETURNS.std(axis=0) * 1.1


def test_it_is_ledoit_wolf_of_standardised_returns_multiplied_back():
    """D3-9, E3-17."""
    expected = ledoit_wolf(RETURNS / VOL)[0] * np.outer(VOL, VOL)
    np.testing.assert_allclose(idio_covariance(RETURNS, VOL), expected, rtol=1e-12)


def test_an_entrant_has_its_variance_and_no_correlation():
    returns = RETURNS.copy()
    returns[:5, 3] = np.nan
    found = idio_covariance(returns, VOL)
    assert found[3, 3] == VOL[3] ** 2
    assert (np.delete(found[3], 3) == 0).all()
    others = np.delete(np.arange(8), 3)
    np.testing.assert_array_equal(
        found[np.ix_(others, others)], idio_covariance(RETURNS[:, others], VOL[others])
    )


def test_only_entrants_make_a_diagonal():
    np.testing.assert_array_equal(idio_covariance(np.full((60, 8), np.nan), VOL), np.diag(VOL**2))


def test_one_names_unit_changes_its_own_row_only():
    """E3-17: standardised first, so the shrinkage does not depend on a coin's scale."""
    scale = np.ones(8)
    scale[2] = 50.0
    scaled = idio_covariance(RETURNS * scale, VOL * scale)
    np.testing.assert_allclose(scaled, idio_covariance(RETURNS, VOL) * np.outer(scale, scale), rtol=1e-12)
