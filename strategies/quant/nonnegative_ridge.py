"""Ridge regression with coefficients that may not be negative, exact, from the normal equations.

Few coefficients: the optimum is the least squares solution on one of the subsets of them, so all are tried.
scikit-learn's Ridge(positive=True) stops 13 to 20 % short of it on returns at its default tolerance (E3-13).
"""

from itertools import combinations

import numpy as np

from strategies.quant.trailing import Floats


def nonnegative_ridge(gram: Floats, moment: Floats, penalty: Floats) -> Floats:
    """Minimise |y - Xw|^2 + penalty |w|^2 over w >= 0, for a stack of problems.

    gram = X'X (m, k, k), moment = X'y (m, k), penalty (m,) > 0 as scikit-learn counts alpha. Returns w (m, k).
    """
    count = moment.shape[1]
    best = np.zeros_like(moment)
    lowest = np.zeros(len(moment))
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            pick = list(chosen)
            part = ridge(gram[:, pick][:, :, pick], moment[:, pick], penalty)
            # At a subset's own optimum the objective is y'y - w'X'y: the larger the gain, the better.
            gain = (part * moment[:, pick]).sum(axis=1)
            better = (part >= 0).all(axis=1) & (gain > lowest)
            lowest = np.where(better, gain, lowest)
            best[better] = 0.0
            best[np.ix_(better, pick)] = part[better]
    return best


def ridge(gram: Floats, moment: Floats, penalty: Floats) -> Floats:
    """Return the unconstrained ridge coefficients of a stack of problems, shapes as above."""
    system = gram + penalty[:, None, None] * np.eye(moment.shape[1])
    return np.asarray(np.linalg.solve(system, moment[:, :, None])[:, :, 0], dtype=np.float64)


def effective_freedom(gram: Floats, penalty: Floats) -> Floats:
    """Return the trace of X (X'X + penalty)^-1 X' of each problem (m,): k without a penalty, 0 at the other end."""
    eigenvalues = np.linalg.eigvalsh(gram)
    return np.asarray((eigenvalues / (eigenvalues + penalty[:, None])).sum(axis=1))
