"""A density from a sample: Epanechnikov's kernel of unit variance, and the bandwidth that its own sample asks for."""

from math import pi, sqrt

import numpy as np

from strategies.quant.trailing import Floats

REACH = sqrt(5.0)
"""Bandwidths that the kernel reaches; with it, its variance is 1."""

DENSITY_LEAST = 1e-300
"""Stands for the density where no observation reaches, so that its logarithm is a number."""

ROUGHNESS = 3 / (5 * REACH)
"""Integral of the squared kernel."""


def plug_in_bandwidth(sample: Floats) -> float:
    """Return the bandwidth of least asymptotic squared error for sample (t,), its unknowns estimated from it.

    Two stages of direct plug-in with normal kernels (Sheather and Jones 1991; Wand and Jones 1995, section 3.6.1).
    Raises ValueError on NaN, and on a sample that never moves: it has no density.
    """
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        raise ValueError("a bandwidth needs two finite observations or more, one column")
    count = len(sample)
    quartiles = np.subtract(*np.percentile(sample, [75, 25])) / 1.349
    spread = float(sample.std(ddof=1))
    scale = min(spread, float(quartiles)) if quartiles > 0 else spread
    if not scale > 1e-14 * float(np.abs(sample).max()):
        raise ValueError("the sample never moves: it has no density")
    distances = (sample[:, None] - sample) / scale
    eighth = 105 / (32 * sqrt(pi))
    sixth = _functional(distances, (30 / (sqrt(2 * pi) * eighth * count)) ** (1 / 9), order=6)
    fourth = _functional(distances, (-6 / (sqrt(2 * pi) * sixth * count)) ** (1 / 7), order=4)
    return scale * float((ROUGHNESS / (fourth * count)) ** (1 / 5))


def log_densities(points: Floats, sample: Floats, bandwidth: float) -> Floats:
    """Return the log of the density at points (m,), estimated on sample (t,)."""
    distances = (points[:, None] - sample) / bandwidth
    kernel = np.maximum(1 - (distances / REACH) ** 2, 0.0) * (3 / (4 * REACH))
    return np.asarray(np.log(np.maximum(kernel.mean(axis=1) / bandwidth, DENSITY_LEAST)))


def _functional(distances: Floats, width: float, *, order: int) -> float:
    """Estimate the mean of the density's derivative of the order, 4 or 6, with a normal kernel."""
    z = distances / width
    hermite = z**4 - 6 * z**2 + 3 if order == 4 else z**6 - 15 * z**4 + 45 * z**2 - 15
    normal = np.exp(-(z**2) / 2) / sqrt(2 * pi)
    return float((hermite * normal).mean() / width ** (order + 1))
