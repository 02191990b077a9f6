"""Time of the activities of 10,000 solutions of 8 ions, by every model.

python benchmarks/solutions.py
"""

from __future__ import annotations

import time

import numpy as np

from nernstfit.physics.solution.coefficients import NAMES, coefficients, status
from nernstfit.physics.solution.ions import IONS

SOLUTIONS = 10_000
IONS_OF_EACH = ("Na", "K", "Ca", "Mg", "Cl", "SO4", "gluconate", "HEPES")


def main() -> None:
    ions = [IONS[name] for name in IONS_OF_EACH]
    content = np.random.default_rng(1).uniform(0, 150, (SOLUTIONS, len(ions)))
    for task in (coefficients, status):
        for model in NAMES:
            start = time.perf_counter()
            task(model, content, ions, 25.0)
            print(f"{task.__name__:13} {model:18} {time.perf_counter() - start:7.3f} s")


if __name__ == "__main__":
    main()
