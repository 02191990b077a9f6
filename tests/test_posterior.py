"""The fit against a sampler: posterior means of the ln ratios, drawn by emcee from the model written out here.

Nothing is made linear: every cell has its own permeabilities, and Goldman's equation gives its potentials. The
sampler walks over five ln ratios, the spread of the offsets, that of each ion and the six deviations of each of eight
cells; the offsets are integrated out. Priors: flat on the ln ratios; on the offset spread log-normal about 1 mV, as the
fit has it, on the mean ln spread of the ions about ln .1, each one natural log unit wide; on the deviations of the ln
spreads of the ions from their mean the t prior of the fit.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_model import BATHS, PIPETTE, RT_F, TRUTH, VALENCE, Simulation, shared

from nernstfit.permeability.inference.ratios import ratios
from nernstfit.permeability.mixed_model import Fit, fit

emcee = pytest.importorskip("emcee")

IONS = list(TRUTH)
CATION = np.array([VALENCE[ion] > 0 for ion in IONS])
INSIDE = np.array([PIPETTE.get(ion, 0.0) for ion in IONS])
OUTSIDE = np.array([[bath.get(ion, 0.0) for ion in IONS] for bath in BATHS])
UP = np.where(CATION, OUTSIDE, INSIDE)
DOWN = np.where(CATION, INSIDE, OUTSIDE)
CELLS, SE_MV, RATIOS = 8, 0.3, len(IONS) - 1
SPREAD_WIDTH, SPREAD_DF = 0.5, 1.0
WALKERS, STEPS, BURN_IN, EFFECTIVE = 200, 2500, 1500, 1000
KEPT = 10  # every tenth step: all of them take 600 MB


def log_density(at: np.ndarray, measured_mV: np.ndarray) -> np.ndarray:
    """Of (ln ratios, ln offset spread, ln spreads of ln P, cells' deviations over these), one row per walker."""
    offset, ln_spread = np.exp(at[:, RATIOS]), at[:, RATIOS + 1 : RATIOS + 1 + len(IONS)]
    deviation = at[:, RATIOS + 1 + len(IONS) :].reshape(len(at), CELLS, len(IONS))
    ln_ratio = np.column_stack([np.zeros(len(at)), at[:, :RATIOS]])
    p = np.exp(ln_ratio[:, None, :] + np.exp(ln_spread)[:, None, :] * deviation)
    residual = measured_mV - RT_F * np.log((p @ UP.T) / (p @ DOWN.T))
    # The covariance of a cell's potentials is se^2 1 + s^2 J; its inverse and determinant are known.
    whole = SE_MV**2 + len(BATHS) * offset**2
    shared_part = (offset**2 / whole)[:, None] * residual.sum(axis=2) ** 2
    square = ((residual**2).sum(axis=2) - shared_part).sum(axis=1) / SE_MV**2
    log_likelihood = -0.5 * (square + CELLS * np.log(whole))
    common = ln_spread.mean(axis=1)
    apart = ((ln_spread - common[:, None]) ** 2).sum(axis=1)
    log_prior = -0.5 * ((deviation**2).sum(axis=(1, 2)) + at[:, RATIOS] ** 2 + (common - math.log(0.1)) ** 2)
    log_prior -= 0.5 * (SPREAD_DF + len(IONS) - 1) * np.log1p(apart / (SPREAD_DF * SPREAD_WIDTH**2))
    inside = (np.abs(at[:, :RATIOS]) < 10).all(axis=1)
    return np.where(inside, log_likelihood + log_prior, -math.inf)


def start(found: Fit, rng: np.random.Generator) -> np.ndarray:
    """About the fit, the cells' deviations drawn as the linear model has them."""
    spread = np.array(found.components.ln_p)
    gradient = found.data.gradient(found.ln_p)[: len(BATHS)] * spread
    covariance = SE_MV**2 * np.eye(len(BATHS)) + found.components.offset_mV**2 + gradient @ gradient.T
    weight = np.linalg.solve(covariance, gradient)
    residual = (found.working.potential_mV - found.predicted_mV).reshape(CELLS, len(BATHS))
    root = np.linalg.cholesky(np.eye(len(IONS)) * (1 + 1e-9) - gradient.T @ weight)
    cells = residual @ weight + rng.standard_normal((WALKERS, CELLS, len(IONS))) @ root.T
    centre = [*found.ln_p[1:], math.log(found.components.offset_mV), *np.log(spread)]
    about = centre + 0.02 * rng.standard_normal((WALKERS, len(centre)))
    return np.column_stack([about, cells.reshape(WALKERS, -1)])


def test_estimates_are_the_means_of_the_posterior() -> None:
    seed = 8
    data = Simulation(spread=0.15 / math.sqrt(2)).draw(seed)
    found = fit(data, "Na", 1.0)
    assert {ratio.verdict for ratio in ratios(found, shared(data), 0.95)} == {"estimate"}
    errors = np.sqrt(np.diag(found.covariance))
    np.random.seed(seed)  # noqa: NPY002 (emcee's moves draw from it)
    first = start(found, np.random.default_rng(seed))
    moves = [(emcee.moves.DEMove(), 0.9), (emcee.moves.StretchMove(), 0.1)]
    measured = data.potential_mV.reshape(CELLS, len(BATHS))
    sampler = emcee.EnsembleSampler(*first.shape, log_density, args=(measured,), moves=moves, vectorize=True)
    sampler.run_mcmc(first, (BURN_IN + STEPS) // KEPT, thin_by=KEPT)
    chain = sampler.get_chain(discard=BURN_IN // KEPT)[:, :, :RATIOS]
    effective = WALKERS * STEPS / KEPT / emcee.autocorr.integrated_time(chain, quiet=True)
    assert (effective > EFFECTIVE).all()
    assert (np.abs(chain.mean(axis=(0, 1)) - found.ln_p[1:]) < 0.2 * errors).all()
    # Errors with the spreads as known, and Student's t, which counts that they are estimated, are on either side.
    of_chain = chain.std(axis=(0, 1))
    assert (0.9 * errors < of_chain).all()
    assert (of_chain < 1.1 * errors * np.sqrt(found.df / (found.df - 2))).all()
