"""Time of a fit compared with plain lmfit, and of the bootstrap over cells.

The plain fit has one lmfit parameter for the offset of each cell, numerical derivatives, and calculates every potential
as a scalar root of the GHK current, without differences of ln P between cells. The fit of the project is complete:
ratios, both variance components by REML, degrees of freedom, offsets.

python benchmarks/fit.py [cells, 200 where not given]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import lmfit
import numpy as np
from scipy.optimize import brentq

from nernstfit.permeability.inference.bootstrap import bootstrap_ln_p
from nernstfit.permeability.mixed_model import fit
from nernstfit.permeability.observations import Observations
from nernstfit.physics.membrane import ghk

CELLS, BOOTSTRAP_CELLS, RESAMPLES = 200, 20, 2000
TEMPERATURE_C, SE_MV, SPREAD, OFFSET_MV = 22.0, 0.3, 0.1, 1.0
RT_F = 8.31446261815324 * (273.15 + TEMPERATURE_C) / 96485.3321233100184 * 1e3
IONS = ("Na", "K", "Cs", "NMDG", "Ca", "Cl")
VALENCE = np.array([1, 1, 1, 1, 2, -1])
LN_P = np.log([1.0, 1.12, 0.94, 0.08, 1.6, 0.22])
INSIDE = np.array([10.0, 135.0, 0.0, 0.0, 0.0, 32.0])
BATHS = np.array(
    [
        [145.0, 0, 0, 0, 0, 147],
        [0, 145.0, 0, 0, 0, 147],
        [0, 0, 145.0, 0, 0, 147],
        [0, 0, 0, 145.0, 0, 147],
        [0, 0, 0, 0, 110.0, 220],
        [45.0, 0, 0, 0, 0, 47],
    ]
)


def simulated(cells: int) -> Observations:
    rng = np.random.default_rng(1)
    own = LN_P + SPREAD * rng.standard_normal((cells, 1, len(IONS)))
    potential = ghk.reversal_mV(np.exp(own), VALENCE, INSIDE, BATHS, TEMPERATURE_C)
    potential += OFFSET_MV * rng.standard_normal((cells, 1)) + SE_MV * rng.standard_normal(potential.shape)
    n = potential.size
    return Observations(
        cells=tuple(f"c{cell:04d}" for cell in range(cells) for _ in BATHS),
        potential_mV=potential.ravel(),
        se_mV=np.full(n, SE_MV),
        temperature_C=np.full(n, TEMPERATURE_C),
        ions=IONS,
        valence=VALENCE,
        inside=np.tile(INSIDE, (n, 1)),
        outside=np.tile(BATHS, (cells, 1)),
        n_averaged=np.ones(n, int),
    )


def current(u: float, p: list[float], inside: list[float], outside: list[float]) -> float:
    total = 0.0
    for z, permeability, a_in, a_out in zip(VALENCE.tolist(), p, inside, outside, strict=True):
        w = z * u
        # z w (a_in - a_out exp(-w)) / (1 - exp(-w)), and its limit at 0
        total += permeability * z * (w * (a_in - a_out * math.exp(-w)) / -math.expm1(-w) if w else a_in - a_out)
    return total


def plainly(data: Observations) -> Any:
    parameters = lmfit.Parameters()
    for ion in IONS[1:]:
        parameters.add(f"ln_{ion}", 0.0)
    for cell in data.cell_names:
        parameters.add(f"offset_{cell}", 0.0)
    inside, outside = data.inside.tolist(), data.outside.tolist()

    def residual(values: lmfit.Parameters) -> np.ndarray:
        p = [1.0, *(math.exp(values[f"ln_{ion}"].value) for ion in IONS[1:])]
        out = []
        for i, cell in enumerate(data.cells):
            root = brentq(current, -12.0, 12.0, args=(p, inside[i], outside[i]))
            predicted = RT_F * root + values[f"offset_{cell}"].value
            out.append((data.potential_mV[i] - predicted) / data.se_mV[i])
        return np.array(out)

    return lmfit.minimize(residual, parameters)


def timed(what: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = what()
    return found, time.perf_counter() - start


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    data = simulated(cells)
    fit(simulated(2), "Na", 1.0)  # whatever is done once
    ours, own = timed(lambda: fit(data, "Na", 1.0))
    print(f"{cells} cells x {len(BATHS)} baths, calcium among them")
    print(f"  fit                 {own:9.3f} s", flush=True)
    theirs, plain = timed(lambda: plainly(data))
    print(f"  plain lmfit         {plain:9.3f} s, {theirs.nfev} evaluations: {plain / own:.0f} times as long")
    errors = np.sqrt(np.diag(ours.covariance))
    for i, ion in enumerate(IONS[1:]):
        other = theirs.params[f"ln_{ion}"].value
        own_ln_p, true = ours.ln_p[i + 1], LN_P[i + 1]
        print(f"  ln P({ion}/Na): {own_ln_p:+.3f} (SE {errors[i]:.3f}), plain {other:+.3f}, true {true:+.3f}")
    few = fit(simulated(BOOTSTRAP_CELLS), "Na", 1.0)
    values, took = timed(lambda: bootstrap_ln_p(few, RESAMPLES, 1))
    spread = np.nanstd(values, axis=0) / np.sqrt(np.diag(few.covariance))
    print(f"bootstrap, {RESAMPLES} resamples of {BOOTSTRAP_CELLS} cells: {took:.2f} s on one core")
    print(f"  SD of the resamples over standard error: {', '.join(f'{ratio:.2f}' for ratio in spread)}")


if __name__ == "__main__":
    main()
