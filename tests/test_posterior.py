"""The fit against a sampler: posterior means of the ln ratios, drawn by emcee from a model written down here.

Cells' offsets and deviations of ln P are integrated out (to first order, like everywhere), so that the sampler walks
over five ln ratios and two spreads. Priors: flat on the ln ratios; on the offset spread log-normal about 1 mV, one
natural log unit wide, as the fit has it; flat on the spread of ln P itself.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_model import BATHS, PIPETTE, RT_F, TRUTH, VALENCE, Simulation, shared

from nernstfit.permeability.model import fit
from nernstfit.permeability.verdicts import ratios

emcee = pytest.importorskip("emcee")

IONS = list(TRUTH)
CATION = np.array([VALENCE[ion] > 0 for ion in IONS])
INSIDE = np.array([PIPETTE.get(ion, 0.0) for ion in IONS])
OUTSIDE = np.array([[bath.get(ion, 0.0) for ion in IONS] for bath in BATHS])
UP = np.where(CATION, OUTSIDE, INSIDE)
DOWN = np.where(CATION, INSIDE, OUTSIDE)
WALKERS, STEPS, BURN_IN, EFFECTIVE = 48, 4000, 1000, 2000


def log_density(at: np.ndarray, measured_mV: np.ndarray, se_mV: float) -> np.ndarray:
    """Of (ln ratios, ln offset spread, ln spread of ln P), one row per walker, given (cells, baths) of potentials."""
    p = np.exp(np.column_stack([np.zeros(len(at)), at[:, :-2]]))
    up, down = p @ UP.T, p @ DOWN.T
    residual = measured_mV - (RT_F * np.log(up / down))[:, None, :]
    # dE / d ln P_i, of Goldman's equation
    slope = RT_F * (p[:, None, :] * UP / up[:, :, None] - p[:, None, :] * DOWN / down[:, :, None])
    offset, spread = np.exp(at[:, -2]), np.exp(at[:, -1])
    covariance = se_mV**2 * np.eye(len(BATHS)) + offset[:, None, None] ** 2
    covariance = covariance + spread[:, None, None] ** 2 * slope @ slope.transpose(0, 2, 1)
    _, log_determinant = np.linalg.slogdet(covariance)
    solved = np.linalg.solve(covariance, residual.transpose(0, 2, 1))
    square = (residual.transpose(0, 2, 1) * solved).sum(axis=(1, 2))
    log_likelihood = -0.5 * (square + len(measured_mV) * log_determinant)
    # A flat prior on a spread is its own size on the logarithm.
    log_prior = -0.5 * at[:, -2] ** 2 + at[:, -1]
    inside = (np.abs(at[:, :-2]) < 10).all(axis=1) & (np.abs(at[:, -2:]) < 8).all(axis=1)
    return np.where(inside, log_likelihood + log_prior, -math.inf)


@pytest.mark.parametrize("seed", [3, 8])
def test_estimates_are_the_means_of_the_posterior(seed: int) -> None:
    data = Simulation().draw(seed)
    found = fit(data, "Na", 1.0)
    errors = np.sqrt(np.diag(found.covariance))
    measured = data.potential_mV.reshape(8, len(BATHS))
    centre = np.array([*found.ln_p[1:], math.log(found.spread.offset_mV), math.log(found.spread.ln_p)])
    np.random.seed(seed)  # noqa: NPY002 (emcee's moves draw from it)
    start = centre + 0.05 * np.random.default_rng(seed).standard_normal((WALKERS, len(centre)))
    sampler = emcee.EnsembleSampler(
        WALKERS, len(centre), log_density, args=(measured, float(data.se_mV[0])), vectorize=True
    )
    sampler.run_mcmc(start, BURN_IN + STEPS)
    chain = sampler.get_chain(discard=BURN_IN)[:, :, :-2]
    length = emcee.autocorr.integrated_time(chain)
    assert (WALKERS * STEPS / length > EFFECTIVE).all()
    judged = ratios(found, shared(data), 0.95)
    assert {ratio.verdict for ratio in judged} == {"estimate"}
    assert np.abs(chain.mean(axis=(0, 1)) - found.ln_p[1:]).max() < 0.2 * errors.min()
    # Its spread is that of Student's t, wider than the standard error, but not by much.
    assert chain.std(axis=(0, 1)) == pytest.approx(errors, rel=0.25)
