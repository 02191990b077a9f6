"""Time of the activities of 10,000 solutions of 8 ions, by every model, and of their osmolalities.

python benchmarks/solutions.py
"""

from __future__ import annotations

import time

import numpy as np

from nernstfit.physics.solution import water
from nernstfit.physics.solution.coefficients import NAMES, status
from nernstfit.physics.solution.ions import IONS
from nernstfit.physics.solution.osmotic import ionic_osmolality

SOLUTIONS = 10_000
IONS_OF_EACH = ("Na", "K", "Ca", "Mg", "Cl", "SO4", "gluconate", "HEPES")


def main() -> None:
    ions = [IONS[name] for name in IONS_OF_EACH]
    content = np.random.default_rng(1).uniform(0, 150, (SOLUTIONS, len(ions)))
    volumes = np.array([water.ion_volume_cm3_per_mol(ion) for ion in ions])
    taken = content @ volumes / 1e6
    for model in NAMES:
        start = time.perf_counter()
        water.coefficients(model, content, ions, 25.0, taken)
        print(f"coefficients  {model:18} {time.perf_counter() - start:7.3f} s")
        start = time.perf_counter()
        status(model, content, ions, 25.0)
        print(f"status        {model:18} {time.perf_counter() - start:7.3f} s")
    start = time.perf_counter()
    ionic_osmolality(content / 1000, tuple(ions), 25.0)
    print(f"osmolality    {'pitzer':18} {time.perf_counter() - start:7.3f} s")


if __name__ == "__main__":
    main()
