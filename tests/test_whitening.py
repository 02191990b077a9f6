"""Likelihood, slope, whitening and estimates without a matrix of all observations, against those with one."""

from __future__ import annotations

from dataclasses import replace

import dense
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from test_model import Simulation

from nernstfit.permeability.covariance import (
    BATCH,
    LN_P,
    NOISE,
    OFFSET,
    CovarianceComponents,
    VarianceComponents,
    Whitener,
)
from nernstfit.permeability.mixed_model import Fit, fit, whitening
from nernstfit.permeability.observations import Observations
from nernstfit.permeability.optimize import minimize
from nernstfit.permeability.reml import Deviance, LinearModel

CLOSE = 1e-10


@st.composite
def designs(draw: st.DrawFn) -> Observations:
    """Cells and baths of which any may be missing, with batches or means of several cells."""
    seed, cells = draw(st.integers(0, 2**16)), draw(st.integers(1, 9))
    rng, data = np.random.default_rng(seed), Simulation(cells=cells).draw(seed)
    kept = np.flatnonzero(rng.random(data.size) < draw(st.sampled_from([0.2, 0.6, 1.0])))
    kept = kept if draw(st.booleans()) else data.blocks[:, 0]  # one measurement a cell
    data = data.subset(kept.tolist() or [0])
    number = [int(cell[1:]) for cell in data.cells]
    batches = draw(st.sampled_from(["none", "some", "all", "shared by a cell"]))
    names = [f"day {(cell + (batches == 'shared by a cell') * (i % 5 == 0)) % 3}" for i, cell in enumerate(number)]
    if batches == "some":
        names = [name if cell % 4 else "" for name, cell in zip(names, number, strict=True)]
    return replace(
        data,
        batches=() if batches == "none" else tuple(names),
        n_averaged=rng.integers(1, 5, data.size) if draw(st.booleans()) else data.n_averaged,
        se_mV=data.se_mV * np.exp(rng.normal(0, 0.5, data.size)),
    )


def components_of(data: Observations, rng: np.random.Generator) -> VarianceComponents:
    ln_p = tuple(np.exp(rng.normal(-2, 1, len(data.ions))).tolist())
    return VarianceComponents(float(np.exp(rng.normal())), ln_p, float(np.exp(rng.normal(-2, 1))), 1.3)


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Equal relative to the largest."""
    return bool(np.abs(found - expected).max(initial=0.0) <= CLOSE * max(1.0, np.abs(expected).max(initial=0.0)))


@settings(deadline=None, derandomize=True)
@given(designs(), st.integers(0, 7), st.integers(0, 2**16))
def test_whitening_is_that_of_one_matrix(data: Observations, sources: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gradient, components = data.gradient(rng.normal(0, 0.5, len(data.ions))), components_of(data, rng)
    shared_mV = rng.normal(0, 3, (data.size, sources)) * 10.0 ** rng.integers(-2, 2, sources)
    v = dense.covariance(data, gradient, components) + shared_mV @ shared_mV.T
    whiten = Whitener(CovarianceComponents(data, gradient), components, shared_mV)
    precision = np.linalg.inv(v)
    values = rng.normal(0, 1, (data.size, 3))
    white = whiten(values)
    assert close(white.T @ white, values.T @ precision @ values)
    assert close(whiten(values[:, 0]), white[:, 0])
    assert close(whiten.precision_times(values), precision @ values)
    assert close(whiten.precision_times(values[:, 0]), precision @ values[:, 0])
    assert close(whiten.precision_diagonal, np.diagonal(precision))
    assert close(whiten.transposed(white.T), values.T @ precision)
    assert whiten.log_determinant == pytest.approx(np.linalg.slogdet(v)[1], rel=CLOSE, abs=CLOSE)


@settings(deadline=None, derandomize=True)
@given(designs(), st.integers(0, 2**16))
def test_the_restricted_likelihood_and_its_slope_are_those_of_one_matrix(data: Observations, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ln_p = rng.normal(0, 0.5, len(data.ions))
    gradient = data.gradient(ln_p)
    residual, design = data.potential_mV - data.predict(ln_p), rng.normal(0, 10, (data.size, min(3, data.size - 1)))
    names = (OFFSET, LN_P, BATCH, NOISE) if data.batch_names else (OFFSET, LN_P, NOISE)
    model = LinearModel(CovarianceComponents(data, gradient), residual, design)
    deviance = Deviance(model, names, components_of(data, rng), 1.0, restricted=True)
    point = deviance.point(components_of(data, rng))
    components = deviance.components(point)
    v, of_s = dense.covariance(data, gradient, components), dense.slopes(data, gradient, components)
    if not data.batch_names:
        del of_s[-2]
    value, slope = dense.with_prior(deviance, point, dense.likelihood(v, of_s, residual, design)[:2])
    found = deviance(point)
    assert found[0] == pytest.approx(value, rel=CLOSE, abs=CLOSE)
    assert close(found[1], slope)


FITTED = {
    "cells": Simulation().draw(3),
    "missing": Simulation(cells=12).draw(4).subset([i for i in range(72) if i % 7 and i % 11]),
    "one cell": Simulation(cells=1).draw(5),
    "one measurement a cell": Simulation(cells=48).draw(6).subset([i for i in range(288) if i % 6 == i // 6 % 6]),
}
FITTED["batches"] = replace(
    Simulation(cells=12).draw(7), batches=tuple(f"day {i // 6 % 4}" for i in range(72))
)  # cells of six baths each


@pytest.mark.parametrize("name", FITTED)
def test_a_fit_is_the_optimum_with_one_matrix(name: str) -> None:
    """One more step to the optimum with the matrix moves no estimate."""
    found = fit(FITTED[name], "Na", 1.0)
    data, working, free = found.data, found.working, list(found.free)
    gradient = data.gradient(found.ln_p)
    v, design = dense.covariance(data, gradient, found.components), gradient[:, free]
    residual = working.potential_mV - data.predict(found.ln_p)
    weighted = np.linalg.solve(v, design)
    step = np.linalg.solve(design.T @ weighted, weighted.T @ residual)
    assert np.abs(step).max() < 1e-7
    assert found.covariance == pytest.approx(np.linalg.inv(design.T @ weighted), rel=1e-7, abs=1e-12)
    if not found.estimated_components:
        return
    model = LinearModel(CovarianceComponents(working, gradient), residual, design)
    deviance = Deviance(model, found.estimated_components, found.components, 1.0, restricted=True)
    point, of_s = deviance.point(found.components), dense.slopes(data, gradient, found.components)
    of_s = of_s[:-1] if BATCH in found.estimated_components else of_s[:-2]
    value, slope, information = dense.likelihood(v, of_s, residual, design)
    slope = dense.with_prior(deviance, point, (value, slope))[1]
    jacobian = deviance.parameters.jacobian
    curvature = 2 * (jacobian.T @ information @ jacobian + deviance.parameters.precision_at(point))
    inside = (point > deviance.parameters.low) & (point < deviance.parameters.high)
    step = np.linalg.solve(curvature[np.ix_(inside, inside)], slope[inside])
    assert np.abs(step).max(initial=0.0) < 1e-7


def by_one_matrix(found: Fit, shared_mV: np.ndarray, free: list[int], start: np.ndarray) -> np.ndarray:
    """ln P of least squares with the covariance of the fit and shared errors as one matrix."""
    v = dense.covariance(found.data, found.gradient, found.components) + shared_mV @ shared_mV.T
    root = np.linalg.inv(np.linalg.cholesky(v))

    def residual(values: np.ndarray) -> np.ndarray:
        ln_p = start.copy()
        ln_p[free] = values
        return root @ (found.working.potential_mV - found.data.predict(ln_p))

    reached = start.copy()
    reached[free] = optimize.least_squares(residual, start[free], xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale=0.1).x
    return reached


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.integers(0, 2**16))
def test_refits_with_systematic_errors_are_those_with_one_matrix(seed: int) -> None:
    rng, data = np.random.default_rng(seed), Simulation().draw(seed)
    found = fit(data, "Na", 1.0)
    shared_mV = rng.normal(0, 1, (6, 4))[np.arange(data.size) % 6]  # of the baths
    start, free = found.ln_p.copy(), list(found.free)[1:]
    start[found.free[0]] += 0.1
    reached = minimize(found.working, start[None], free, whitening(found, shared_mV))[0][0]
    assert reached == pytest.approx(by_one_matrix(found, shared_mV, free, start), abs=1e-7)
