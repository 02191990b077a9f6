"""Mass action under conservation: free amounts at which all species and solids add up to the totals."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MAX_ITERATIONS = 200
"""Iterations of the ionic strength, and of Newton's method within each, before an error. The solutions of the tests
need up to 11 and 19; half would do for them, double only delays the error."""
CONVERGED = 1e-13
"""Relative change at which the ionic strength, and error at which the amounts, have converged: some 100 roundings. At
half, rounding can prevent it; at double, a titrant changes by less than 1e-12 of itself."""
MAX_ERROR = 1e-9
"""Relative error of an amount that is accepted where rounding prevents convergence. At half or double only the error
message of an ill-conditioned solution changes."""
SATURATED = 1e-8
"""Saturation index that counts as equilibrium. At half rounding can prevent it; at double amounts change by 1e-7."""
# Longest Newton step in ln(free amount), a factor of 55. At half the first steps from the totals take twice as many; at
# double, a step can leave the range in which the slopes mean something, and damping takes over.
_MAX_LN_STEP = 4.0
# Damping of a step that needs none. Half or double is far below rounding of the steps.
_MIN_DAMPING = 1e-13


def conserve(ln_K: FloatArray, content: FloatArray, total: FloatArray, start: FloatArray) -> FloatArray:
    """Return the ln free amounts at which the species add up to the totals; shapes (species,), (species, n), (n,)."""

    def sums(ln_free: FloatArray) -> tuple[FloatArray, FloatArray]:
        amounts = np.exp(ln_K + content @ ln_free)
        return amounts, amounts @ content

    # Newton's method on the logarithms of the sums; where a step reduces no error, or the slopes are singular because
    # one complex binds nearly all of its parts, Levenberg's damping shortens it.
    ln_free, damping, identity = start, _MIN_DAMPING, np.eye(len(start))
    amounts, summed = sums(ln_free)
    error = np.log(summed / total)
    for _ in range(MAX_ITERATIONS):
        if np.abs(error).max() < CONVERGED or damping > 1:
            break
        slopes = (content.T * amounts) @ content / summed[:, None]
        step = np.linalg.solve(slopes + damping * identity, -error)
        step *= min(1.0, _MAX_LN_STEP / float(np.abs(step).max()))
        reached = sums(ln_free + step)
        reduced = np.log(reached[1] / total)
        if np.abs(reduced).max() < np.abs(error).max():
            ln_free, error, (amounts, summed) = ln_free + step, reduced, reached
            damping = max(damping / 100, _MIN_DAMPING)
        else:
            damping *= 10
    if not np.abs(error).max() < MAX_ERROR:
        worst = float(np.abs(error).max())
        raise ArithmeticError(f"the equilibria of a solution did not converge: relative error of an amount {worst:.1e}")
    return ln_free


def conserve_beside(
    ln_K: FloatArray, content: FloatArray, total: FloatArray, start: FloatArray, solid: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Find the free amounts beside solids, at which what is dissolved and the solids add up to the totals.

    The sum of the amounts less total x ln free is convex, and its minimum under the solubility products is the
    equilibrium; the amounts of the solids are the multipliers of these conditions.

    Parameters
    ----------
    ln_K, content, total, start
        As in `conserve`.
    solid : tuple of ndarray
        Content of the solids, shape (m, n), and ln of the ratio of ion product to solubility product where all free
        amounts are 1, shape (m,).

    Returns
    -------
    ln_free : ndarray, shape (n,)
    amounts : ndarray, shape (m,)
        Negative where a solid would have to give more than there is of it.
    """
    parts, excess = solid
    ln_free = start - np.linalg.pinv(parts) @ (parts @ start + excess)

    def sums(at: FloatArray) -> tuple[FloatArray, float]:
        with np.errstate(over="ignore"):
            amounts = np.exp(ln_K + content @ at)
        return amounts, float(amounts.sum() - total @ at)

    amounts, value = sums(ln_free)
    longest = math.inf
    for _ in range(MAX_ITERATIONS):
        before = longest
        step = _step(amounts, content, total, parts)
        longest = float(np.abs(step).max(initial=0.0))
        step *= _MAX_LN_STEP / max(_MAX_LN_STEP, longest)
        reached = sums(ln_free + step)
        while reached[1] > value and longest > SATURATED:  # below, rounding decides
            step, longest = step / 2, longest / 2
            reached = sums(ln_free + step)
        ln_free, (amounts, value) = ln_free + step, reached
        # Steps that small halve at least until they are rounding, which is larger for a scarce ion beside a solid.
        if longest < SATURATED**1.5 or before / 2 < longest < SATURATED:
            undissolved = 1 - amounts @ content / total  # as a part, so that a scarce ion weighs like the others
            return ln_free, np.asarray(np.linalg.lstsq((parts / total).T, undissolved, rcond=None)[0])
    raise ArithmeticError(f"the solids of a solution did not converge: last step {longest:.1e}")


def _step(amounts: FloatArray, content: FloatArray, total: FloatArray, parts: FloatArray) -> FloatArray:
    """Return Newton's step of the ln free amounts, shape (n,), which changes no ion product."""
    curvature = (content.T * amounts) @ content
    free = _directions(parts, np.sqrt(np.diagonal(curvature)))
    slope, curvature = free.T @ (amounts @ content - total), free.T @ curvature @ free
    scale = np.sqrt(np.diagonal(curvature))
    solved = np.linalg.lstsq(curvature / np.outer(scale, scale), -slope / scale, rcond=None)[0]
    return np.asarray(free @ (solved / scale))


def _directions(parts: FloatArray, sizes: FloatArray) -> FloatArray:
    """Return directions of the ln free amounts along which no ion product changes, shape (n, n - m).

    Each is that of an ion that abounds; the scarcest ion of each solid follows from these. Beside a sulfide 1e-40
    mol/l of the metal may be free: in directions that mix all ions its change would be lost by rounding.
    """
    rows, scarce = parts.copy(), list[int]()
    for k in range(len(rows)):
        scarcest = int((np.abs(rows[k]) / sizes).argmax())
        rows[k] /= rows[k, scarcest]
        others = np.arange(len(rows)) != k
        rows[others] -= np.outer(rows[others, scarcest], rows[k])
        scarce.append(scarcest)
    directions = np.eye(parts.shape[1])
    directions[scarce] = -rows
    return np.delete(directions, scarce, axis=1)
