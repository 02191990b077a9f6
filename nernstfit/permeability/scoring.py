"""Newton's method for the variance components of a linear mixed model, at given residuals and design."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nernstfit.permeability.covariance import VarianceComponents
from nernstfit.permeability.reml import Deviance

FloatArray = NDArray[np.float64]

_MAX_STEPS = 60
"""Newton steps of one estimate. From afar 4 to 9 are needed, from near by 2; half or twice of it changes none."""

_MAX_HALVINGS = 12
"""Halvings of a step that does not go downhill. With half of it a curved ridge may end the descent; twice as many
repeat what is lost in rounding."""

_MAX_LN_STEP = 1.5
"""Longest step of a ln standard deviation that cannot vanish, a factor of 4.5. At half of it far starts take more
steps; at twice as much more of them are halved."""

_NO_GAIN = 1e-8
"""Expected decrease of the deviance, relative to it, below which a step is taken unseen: its effect is lost in the
rounding of the deviance, not in that of the slope. Half or twice of it changes where the last steps are checked."""

_CONVERGED = 1e-5
"""Step of the ln standard deviations that is the last one: Newton's method leaves the square of it. Half or twice of it
costs or saves one step."""

_MIN_CURVATURE = 1e-8
"""Least curvature over the expected one of a single component. Components that data tell apart have 1e-5 and more;
half or twice of it shortens or lengthens steps along those that they do not."""

_MIN_INFORMATION = 1e-60
"""Least information on a component, in units of its logarithm, that scales its step. One that the data do not see has
1e-300 and a slope as small, whose quotient would overflow; half or twice of it changes nothing."""

_MIN_VARIANCE = 1e-24
"""Variance in place of 0 and less where its logarithm is taken; the bounds then raise it."""


def fit_variance_components(deviance: Deviance, start: VarianceComponents) -> VarianceComponents:
    """Estimate the variance components of a linear mixed model by (restricted) maximum likelihood.

    Newton's method, by Fisher scoring where the deviance is not convex. Standard deviations that may vanish are sought
    as variances, in which a scoring step is nearly exact; a vanishing one is exactly the lower bound.

    Parameters
    ----------
    deviance : Deviance
    start : VarianceComponents
    """
    low, high, as_variance = deviance.parameters.low, deviance.parameters.high, deviance.parameters.may_vanish
    if not low.size:
        return start
    point = deviance.point(start)
    value, slope = deviance(point)
    for _ in range(_MAX_STEPS):
        pushed = ((point <= low) & (slope > 0)) | ((point >= high) & (slope < 0))
        step, gain = _newton_step(deviance, point, slope, np.flatnonzero(~pushed))
        reached = np.clip(_moved(point, step, as_variance), low, high)
        is_unseen, change = gain < _NO_GAIN * (1 + abs(value)), float(np.abs(reached - point).max())
        if is_unseen and change < _CONVERGED:
            return deviance.components(reached)
        found, fresh = deviance(reached)
        for _ in range(0 if is_unseen else _MAX_HALVINGS):
            if found < value:
                break
            step = step / 2
            reached = np.clip(_moved(point, step, as_variance), low, high)
            found, fresh = deviance(reached)
        if not (found < value or is_unseen):
            break
        point, value, slope = reached, found, fresh
    return deviance.components(point)


def _newton_step(
    deviance: Deviance, point: FloatArray, slope: FloatArray, free: NDArray[np.intp]
) -> tuple[FloatArray, float]:
    """Return a step downhill of the parameters, or of their variances, and the decrease that it should bring."""
    as_variance = deviance.parameters.may_vanish
    inner = np.where(as_variance, np.exp(-2 * point) / 2, 1.0)  # d ln s / d s^2 = 1 / (2 s^2)
    observed, expected = deviance.curvature(point)
    observed = observed - np.diag(np.where(as_variance, 2 * slope, 0.0))  # d^2 ln s / d(s^2)^2 = -2 inner^2
    at, step = np.ix_(free, free), np.zeros(len(point))
    if not free.size:
        return step, 0.0
    scale = np.sqrt(np.maximum(np.diagonal(expected)[free], _MIN_INFORMATION))
    size, axes = np.linalg.eigh(observed[at] / np.outer(scale, scale))
    if size[0] < _MIN_CURVATURE:
        size, axes = np.linalg.eigh(expected[at] / np.outer(scale, scale))
    in_ln = -axes @ ((axes.T @ (slope[free] / scale)) / np.maximum(size, _MIN_CURVATURE)) / scale
    gain = -float(slope[free] @ in_ln) / 2
    with np.errstate(over="ignore"):  # of a component that the data do not see; its bounds hold the step
        step[free] = in_ln / inner[free]
    longest = float(np.abs(np.where(as_variance, 0.0, step)).max())
    return step * min(1.0, _MAX_LN_STEP / max(longest, _MAX_LN_STEP)), gain


def _moved(point: FloatArray, step: FloatArray, as_variance: NDArray[np.bool_]) -> FloatArray:
    """Return the point after a step of ln standard deviations or contrasts, or of variances."""
    variance = np.maximum(np.exp(2 * np.where(as_variance, point, 0.0)) + step, _MIN_VARIANCE)
    return np.where(as_variance, np.log(variance) / 2, point + step)
